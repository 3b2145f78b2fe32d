-- shared_domain: the deployment's own domain, verified and nobody's; says whose it is, null for the deployment's
with kept as (
    insert into domains (domain, account_id, verified, verification_token, verified_at)
    values (%(domain)s, null, true, '', now())
    on conflict (domain) do update set verified = true
        where domains.account_id is null and not domains.verified
    returning domain
)
select d.account_id from domains d where d.domain = %(domain)s;

-- from_domain: a row for the domain of mail in the deployment's own name, nobody's; says whose it is, null for nobody's
-- It is not verified: that would make every address of it one of ours, and people may have theirs there.
with kept as (
    insert into domains (domain, account_id, verified, verification_token)
    values (%(domain)s, null, false, '')
    on conflict (domain) do nothing
    returning account_id
)
select account_id from kept
union all
select account_id from domains where domain = %(domain)s;
