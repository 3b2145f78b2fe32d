-- find_key: the live API key with this hash, with what decides over its caller
select k.id, k.account_id, k.scope, k.agent_email, k.expires_at, a.account_class
from api_keys k
join accounts a on a.id = k.account_id
where k.key_hash = %(key_hash)s
  and a.closed_at is null
  and k.revoked_at is null
  and (k.expires_at is null or k.expires_at > %(at)s)
  and (k.scope = 'account' or exists (
        select from agents g
        where g.email = k.agent_email and g.account_id = k.account_id and g.deleted_at is null));

-- touch_keys: note the last use of many keys at once
update api_keys k set last_used_at = %(at)s
from unnest(%(account_ids)s::text[], %(ids)s::text[]) as used(account_id, id)
where k.account_id = used.account_id and k.id = used.id
  and (k.last_used_at is null or k.last_used_at < %(at)s);

-- owns_agent: does this address belong to the account, live or in the trash
select exists (select from agents where email = %(email)s and account_id = %(account_id)s);

-- has_live_agent: does the account have this agent, out of the trash
select exists (
    select from agents where email = %(email)s and account_id = %(account_id)s and deleted_at is null);

-- overview: an account with its caps and what it uses
select a.id, a.email, a.plan_code, a.upgrade_url,
       a.max_agents, a.max_domains, a.max_messages_month, a.max_storage_bytes,
       (select count(*) from agents g where g.account_id = a.id and g.deleted_at is null) as agents,
       (select count(*) from domains d where d.account_id = a.id) as domains,
       coalesce(u.storage_bytes, 0) as storage_bytes,
       case when u.month = date_trunc('month', now())::date then u.messages_month else 0 end as messages_month
from accounts a
left join account_usage u on u.account_id = a.id
where a.id = %(account_id)s;

-- page_keys: an account's keys that are not revoked, newest first
select id, name, key_prefix, scope, agent_email, expires_at, last_used_at, created_at
from api_keys
where account_id = %(account_id)s
  and revoked_at is null
  and (created_at, id) < (coalesce(%(before_at)s::timestamptz, 'infinity'), %(before_id)s::text)
order by created_at desc, id desc
limit %(limit)s;

-- insert_key: a new API key of an account
insert into api_keys (account_id, id, name, key_hash, key_prefix, scope, agent_email, expires_at)
values (%(account_id)s, %(id)s, %(name)s, %(key_hash)s, %(key_prefix)s, %(scope)s, %(agent_email)s, %(expires_at)s)
returning id, name, key_prefix, scope, agent_email, expires_at, last_used_at, created_at;

-- revoke_key: stop a key for good, in every process, and with an inbox's key the identity tokens of that inbox
with revoked as (
    update api_keys set revoked_at = %(at)s
    where account_id = %(account_id)s and id = %(id)s and revoked_at is null
    returning account_id, agent_email
), ended as (
    update agents g set assertion_version = nextval('assertion_versions')
    from revoked where g.email = revoked.agent_email and g.account_id = revoked.account_id
    returning pg_notify('e2ad_agents', g.email)
)
select pg_notify('e2ad_accounts', account_id), (select count(*) from ended) from revoked;

-- find_account: an account by the address of its owner
select id, email, name, account_class from accounts where email = %(email)s;

-- insert_account: a new account with its row of usage; nothing where the address has one
with added as (
    insert into accounts (id, email, name, account_class)
    values (%(id)s, %(email)s, %(name)s, %(account_class)s)
    on conflict (email) do nothing
    returning id
), usage as (
    insert into account_usage (account_id) select id from added
)
select id from added;

-- announce: what is known of an account is not true any more
select pg_notify('e2ad_accounts', %(account_id)s::text);
