-- shared_domain: the deployment's own domain, verified and nobody's; says whose it is, null for the deployment's
with kept as (
    insert into domains (domain, account_id, verified, verification_token, verified_at)
    values (%(domain)s, null, true, '', now())
    on conflict (domain) do update set verified = true
        where domains.account_id is null and not domains.verified
    returning domain
)
select d.account_id from domains d where d.domain = %(domain)s;
