-- account: the account of an e-mail address, made when it is new
with added as (
    insert into accounts (id, email, name) values (%(id)s, %(email)s, %(name)s)
    on conflict (email) do nothing
    returning id, email
), metered as (
    insert into account_usage (account_id) select id from added
)
select id, email, true as founded from added
union all
select id, email, false from accounts where email = %(email)s and not exists (select from added);

-- key: an API key of account scope; only its hash is kept
with added as (
    insert into api_keys (account_id, id, name, key_hash, key_prefix)
    values (%(account_id)s, %(id)s, %(name)s, %(key_hash)s, %(key_prefix)s)
    returning account_id
)
select added.account_id
from added, lateral (select pg_notify('e2ad_accounts', added.account_id)) as told;

-- shared_domain: the deployment's own domain, verified and nobody's; says whose it is
with kept as (
    insert into domains (domain, account_id, verified, verification_token, verified_at)
    values (%(domain)s, null, true, '', now())
    on conflict (domain) do update set verified = true
        where domains.account_id is null and not domains.verified
    returning domain
)
select d.account_id from domains d where d.domain = %(domain)s;
