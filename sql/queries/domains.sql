-- page: an account's domains with their keys and the number of their live agents, newest first
select d.domain, d.account_id, d.verification_token, d.is_primary, d.created_at, d.verified, d.verified_at,
       d.claim_expires_at, d.failing_since, d.last_checked_at, d.next_check_at, d.sending_status,
       d.sending_failing_since, d.sending_error, d.sending_checked_at, d.bounce_verified, d.seen,
       (select count(*) from agents a where a.registered_domain = d.domain and a.deleted_at is null) as agent_count,
       (select coalesce(jsonb_agg(jsonb_build_object(
                   'selector', k.selector, 'algorithm', k.algorithm, 'record', k.record, 'state', k.state,
                   'created_at', k.created_at, 'retired_at', k.retired_at) order by k.created_at, k.selector), '[]')
        from domain_keys k where k.domain = d.domain) as keys,
       (select jsonb_build_object('state', r.state, 'active_days', r.active_days, 'day', r.day, 'used', r.used)
        from sending_ramps r where r.account_id = d.account_id and r.domain = d.domain) as ramp
from domains d
where d.account_id = %(account_id)s
  and (d.created_at, d.domain) < (coalesce(%(before_at)s::timestamptz, 'infinity'), %(before_domain)s::text)
order by d.created_at desc, d.domain desc
limit %(limit)s;

-- find: one domain of an account with its keys
select d.domain, d.account_id, d.verification_token, d.is_primary, d.created_at, d.verified, d.verified_at,
       d.claim_expires_at, d.failing_since, d.last_checked_at, d.next_check_at, d.sending_status,
       d.sending_failing_since, d.sending_error, d.sending_checked_at, d.bounce_verified, d.seen,
       (select count(*) from agents a where a.registered_domain = d.domain and a.deleted_at is null) as agent_count,
       (select coalesce(jsonb_agg(jsonb_build_object(
                   'selector', k.selector, 'algorithm', k.algorithm, 'record', k.record, 'state', k.state,
                   'created_at', k.created_at, 'retired_at', k.retired_at) order by k.created_at, k.selector), '[]')
        from domain_keys k where k.domain = d.domain) as keys,
       (select jsonb_build_object('state', r.state, 'active_days', r.active_days, 'day', r.day, 'used', r.used)
        from sending_ramps r where r.account_id = d.account_id and r.domain = d.domain) as ramp
from domains d
where d.domain = %(domain)s and d.account_id = %(account_id)s;

-- lock: keep others from changing a domain of an account until the end of the transaction
select domain from domains where domain = %(domain)s and account_id = %(account_id)s for update;

-- lock_account: let one transaction at a time count and add what an account may have only so many of
select id from accounts where id = %(account_id)s for no key update;

-- lock_names: one registration at a time for a name, and for the names above it none but those below
select case
           when name.alone then pg_advisory_xact_lock(name.key)
           else pg_advisory_xact_lock_shared(name.key)
       end
from (
    select hashtextextended('e2ad:domain:' || n.domain, 0) as key, bool_or(n.domain = %(domain)s::text) as alone
    from unnest(%(names)s::text[]) as n (domain)
    group by 1
    order by 1
    offset 0
) name;

-- quota: how many domains an account has and may have
select acc.plan_code, acc.upgrade_url, acc.max_domains,
       (select count(*) from domains d where d.account_id = acc.id) as domains
from accounts acc
where acc.id = %(account_id)s;

-- overlap: rows of the name itself and above it, and below it those of others; held until the end of the transaction
select d.domain, d.account_id, d.verified,
       d.claim_expires_at <= %(at)s::timestamptz
           and not exists (select from agents a where a.registered_domain = d.domain) as expired
from domains d
where d.domain = any(%(names)s::text[])
   or (
        reverse(d.domain) collate "C" > reverse('.' || %(domain)s::text)
        and reverse(d.domain) collate "C" < reverse('/' || %(domain)s::text)
        and d.account_id <> %(account_id)s::text
   )
order by d.domain
for update of d;

-- displace: claims make room for a name that is somebody else's; agents under them go to the trash
with moved as (
    update agents set
        registered_domain = %(domain)s,
        deleted_at = coalesce(deleted_at, now()),
        assertion_version = nextval('assertion_versions'),
        catch_all = false
    where registered_domain = any(%(displaced)s::text[]) and account_id <> %(account_id)s
    returning account_id, email
), told as (
    select pg_notify('e2ad_agents', '*') from (select from moved limit 1) first
)
select account_id, array_agg(email order by email) as emails
from moved
where (select count(*) from told) >= 0
group by account_id;

-- drop: claims that lost their name
with gone as (
    delete from domains where domain = any(%(displaced)s::text[]) and domain <> %(domain)s::text
    returning domain
)
select count(pg_notify('e2ad_domains', gone.domain)) from gone;

-- drop_keys: all keys of a domain
delete from domain_keys where domain = %(domain)s;

-- claim: a name for an account, in the place of the claim that had it
insert into domains (domain, account_id, verification_token, claim_expires_at, created_at)
values (%(domain)s, %(account_id)s, %(token)s, %(claim_expires_at)s, %(at)s)
on conflict (domain) do update set
    account_id = excluded.account_id,
    verification_token = excluded.verification_token,
    claim_expires_at = excluded.claim_expires_at,
    created_at = excluded.created_at,
    verified = false,
    verified_at = null,
    is_primary = false,
    last_checked_at = null,
    next_check_at = null,
    failing_since = null,
    sending_status = 'none',
    sending_failing_since = null,
    sending_error = null,
    sending_checked_at = null,
    bounce_verified = false,
    seen = '{}';

-- renew: give a claim of the account another term
update domains set claim_expires_at = %(claim_expires_at)s
where domain = %(domain)s and account_id = %(account_id)s and not verified;

-- add_key: a key of a domain
with added as (
    insert into domain_keys (domain, selector, algorithm, sealed_private_key, record, state, created_at, activated_at)
    values (%(domain)s, %(selector)s, %(algorithm)s, %(sealed_private_key)s, %(record)s, %(state)s::text, %(at)s,
            case when %(state)s::text = 'active' then %(at)s::timestamptz end)
    on conflict do nothing
    returning domain
)
select count(pg_notify('e2ad_domains', added.domain)) from added;

-- move_key: a key becomes active or retired
with moved as (
    update domain_keys set
        state = %(state)s::text,
        activated_at = case when %(state)s::text = 'active' then %(at)s::timestamptz else activated_at end,
        retired_at = case when %(state)s::text = 'retired' then %(at)s::timestamptz end
    where domain = %(domain)s and selector = %(selector)s
    returning domain
)
select count(pg_notify('e2ad_domains', moved.domain)) from moved;

-- drop_key: a key that nobody needs any more
delete from domain_keys where domain = %(domain)s and selector = %(selector)s;

-- save: what a look at the DNS made of a domain
with before as (
    select domain, verified from domains where domain = %(domain)s
), saved as (
    update domains set
        verified = %(verified)s,
        verified_at = %(verified_at)s,
        claim_expires_at = %(claim_expires_at)s,
        failing_since = %(failing_since)s,
        last_checked_at = %(last_checked_at)s,
        next_check_at = %(next_check_at)s,
        sending_status = %(sending_status)s,
        sending_failing_since = %(sending_failing_since)s,
        sending_error = %(sending_error)s,
        sending_checked_at = %(sending_checked_at)s,
        bounce_verified = %(bounce_verified)s,
        seen = %(seen)s
    where domain = %(domain)s
    returning domain, verified
)
select count(pg_notify('e2ad_agents', '*'))
from saved
join before on before.domain = saved.domain and before.verified <> saved.verified;

-- look_within: look at a domain that was verified once within so many seconds
update domains set next_check_at = least(next_check_at, now() + make_interval(secs => %(seconds)s::float8))
where domain = %(domain)s and verified_at is not null;

-- exempt: a domain that was verified while there is no ramp never ramps
insert into sending_ramps (account_id, domain, state) values (%(account_id)s, %(domain)s, 'exempt')
on conflict do nothing;

-- has_agents: whether any agent, live or trashed, hangs on a domain
select exists (select from agents where registered_domain = %(domain)s);

-- delete: a domain with its keys
with gone as (
    delete from domains where domain = %(domain)s and account_id = %(account_id)s
    returning domain
)
select gone.domain
from gone, lateral (select pg_notify('e2ad_domains', gone.domain)) as told;

-- set_primary: the one primary domain of an account
update domains set is_primary = (domain = %(domain)s::text)
where account_id = %(account_id)s and is_primary <> (domain = %(domain)s::text);

-- unset_primary: no primary domain
update domains set is_primary = false where account_id = %(account_id)s and domain = %(domain)s;

-- take_due: domains to look at now, put off so that one that cannot be looked at is not taken again at once
update domains set next_check_at = now() + make_interval(secs => %(lease_seconds)s::float8)
where domain in (
    select domain from domains
    where next_check_at <= now() and account_id is not null
    order by next_check_at
    limit %(limit)s
    for update skip locked
)
returning domain, account_id;

-- drop_expired: claims that ran out and have no agents
with gone as (
    delete from domains where domain in (
        select d.domain from domains d
        where d.claim_expires_at <= now() and not d.verified and d.account_id is not null
          and not exists (select from agents a where a.registered_domain = d.domain)
        order by d.claim_expires_at
        limit %(limit)s
        for update skip locked
    )
    returning domain, account_id
)
select gone.domain, gone.account_id
from gone, lateral (select pg_notify('e2ad_domains', gone.domain)) as told;

-- signing_keys: the keys that a domain signs with, rsa before ed25519
select selector, algorithm, sealed_private_key
from domain_keys
where domain = %(domain)s and state = 'active'
order by algorithm desc, selector;
