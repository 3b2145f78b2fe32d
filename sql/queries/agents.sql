-- page: an account's agents, live or in the trash, newest first
select a.email, a.account_id, a.domain, a.registered_domain, d.verified as domain_verified, a.name,
       a.agent_mode, a.webhook_url, a.catch_all, a.created_at, a.deleted_at, a.protection
from agents a
join domains d on d.domain = a.registered_domain
where a.account_id = %(account_id)s
  and (a.deleted_at is not null) = %(deleted)s::boolean
  and (a.created_at, a.email) < (coalesce(%(before_at)s::timestamptz, 'infinity'), %(before_email)s::text)
order by a.created_at desc, a.email desc
limit %(limit)s;

-- find: one agent by its address, whoever owns it, also in the trash
select a.email, a.account_id, a.domain, a.registered_domain, d.verified as domain_verified, a.name,
       a.agent_mode, a.webhook_url, a.catch_all, a.created_at, a.deleted_at, a.protection
from agents a
join domains d on d.domain = a.registered_domain
where a.email = %(email)s;

-- survey: all that decides whether an address may become an agent of the account
select acc.account_class, acc.plan_code, acc.max_agents, acc.upgrade_url,
       (select count(*) from agents l where l.account_id = acc.id and l.deleted_at is null) as live_agents,
       (select coalesce(jsonb_agg(jsonb_build_object(
                   'domain', d.domain, 'account_id', d.account_id, 'verified', d.verified)), '[]')
        from domains d where d.domain = any(%(domains)s::text[])) as domains,
       (select jsonb_build_object('account_id', h.account_id, 'trashed', h.deleted_at is not null)
        from agents h where h.email = %(email)s) as holder
from accounts acc
where acc.id = %(account_id)s;

-- lock_account: let one transaction at a time count and add what an account may have only so many of
select id from accounts where id = %(account_id)s for no key update;

-- insert: an agent under a domain that is verified now, if the account has room and the address is free
with room as (
    select count(*) as live from agents where account_id = %(account_id)s and deleted_at is null
), authority as (
    select domain from domains where domain = %(registered_domain)s and verified for key share
), added as (
    insert into agents (email, account_id, domain, registered_domain, name, agent_mode, webhook_url, catch_all)
    select %(email)s, %(account_id)s, %(domain)s, authority.domain, %(name)s, %(agent_mode)s, %(webhook_url)s,
           %(catch_all)s
    from authority, room
    where room.live < %(max_agents)s::bigint
    on conflict (email) do nothing
    returning email, account_id, domain, registered_domain, name, agent_mode, webhook_url, catch_all, created_at,
              deleted_at, protection
)
select added.*, true as domain_verified
from added, lateral (select pg_notify('e2ad_agents', added.email)) as told;

-- update: change what is given of a live agent, unless it would be cloud without a URL
with changed as (
    update agents set
        name = coalesce(%(name)s::text, name),
        agent_mode = coalesce(%(agent_mode)s::text, agent_mode),
        webhook_url = coalesce(%(webhook_url)s::text, webhook_url),
        catch_all = coalesce(%(catch_all)s::boolean, catch_all)
    where account_id = %(account_id)s and email = %(email)s and deleted_at is null
      and (coalesce(%(agent_mode)s::text, agent_mode) = 'local'
           or coalesce(%(webhook_url)s::text, webhook_url) <> '')
    returning email, account_id, domain, registered_domain, name, agent_mode, webhook_url, catch_all, created_at,
              deleted_at, protection
)
select changed.*, d.verified as domain_verified
from changed
join domains d on d.domain = changed.registered_domain,
lateral (select pg_notify('e2ad_agents', changed.email)) as told;

-- trash: refuse its mail and hide it, all of it to be had back; what programs may do with it ends for good
with trashed as (
    update agents set deleted_at = now(), assertion_version = nextval('assertion_versions')
    where account_id = %(account_id)s and email = %(email)s and deleted_at is null
    returning email
), ended as (
    update oauth_grants g set revoked_at = now(), revoked_reason = 'agent_trashed'
    from trashed where g.agent_email = trashed.email and g.revoked_at is null
)
select trashed.email
from trashed, lateral (select pg_notify('e2ad_agents', trashed.email)) as told;

-- restore: bring an agent back from the trash, its holds with the time that they had left
-- A catch-all given to another meanwhile stays with that one; a domain that is another account's now has no use for it.
with trashed as (
    select deleted_at from agents
    where account_id = %(account_id)s and email = %(email)s and deleted_at is not null
), restored as (
    update agents a set
        deleted_at = null,
        catch_all = a.catch_all and not exists (
            select from agents o where o.domain = a.domain and o.catch_all and o.deleted_at is null)
    where a.account_id = %(account_id)s and a.email = %(email)s and a.deleted_at is not null
        and exists (
            select from domains d
            where d.domain = a.registered_domain and coalesce(d.account_id, a.account_id) = a.account_id)
    returning a.email, a.account_id, a.domain, a.registered_domain, a.name, a.agent_mode, a.webhook_url, a.catch_all,
              a.created_at, a.deleted_at, a.protection
), held_longer as (
    update messages m set review_expires_at = m.review_expires_at + (now() - trashed.deleted_at)
    from restored, trashed
    where m.account_id = %(account_id)s and m.agent_email || '' = restored.email and m.review_status = 'pending_review'
)
select restored.*, d.verified as domain_verified
from restored
join domains d on d.domain = restored.registered_domain,
lateral (select pg_notify('e2ad_agents', restored.email)) as told;

-- purge_messages: delete a batch of an agent's messages for good and give their bytes back to the account
with doomed as (
    select id from messages
    where account_id = %(account_id)s and agent_email = %(email)s
    limit %(batch)s
), gone as (
    delete from messages m using doomed
    where m.account_id = %(account_id)s and m.id = doomed.id
    returning m.size_bytes, m.content_sha256, m.created_at
), marks as (
    insert into metrics_stale (account_id, hour)
    select distinct %(account_id)s, date_trunc('hour', created_at, 'UTC')
    from gone
    where created_at < date_trunc('hour', now() - interval '5 minutes', 'UTC')
), given_back as (
    update account_usage set
        storage_bytes = greatest(0, storage_bytes - (select coalesce(sum(size_bytes), 0) from gone))
    where account_id = %(account_id)s and exists (select from gone)
)
select count(*) as messages,
       coalesce(array_agg(distinct content_sha256) filter (where content_sha256 is not null), '{}') as contents
from gone;

-- lock_contents: hold the raw mail that may have lost its last message, so that nobody refers to it anew
select sha256 from contents
where account_id = %(account_id)s and sha256 = any(%(contents)s::bytea[])
order by sha256
for update;

-- drop_contents: delete the raw mail that no message of the account refers to
delete from contents c
where c.account_id = %(account_id)s and c.sha256 = any(%(contents)s::bytea[])
  and not exists (
      select from messages m where m.account_id = c.account_id and m.content_sha256 = c.sha256);

-- purge: remove an agent for good, with the keys that were bound to it
with gone as (
    delete from agents where account_id = %(account_id)s and email = %(email)s returning email
), keys as (
    delete from api_keys where account_id = %(account_id)s and agent_email = %(email)s
)
select gone.email
from gone,
lateral (select pg_notify('e2ad_agents', gone.email), pg_notify('e2ad_accounts', %(account_id)s)) as told;

-- unowned: which of these addresses are no live agents of the account
select wanted.email
from unnest(%(emails)s::text[]) as wanted (email)
where not exists (
    select from agents a
    where a.email = wanted.email and a.account_id = %(account_id)s and a.deleted_at is null);

-- protect: what the owner of a live agent wants a person to decide; says what it was before
with before as materialized (
    select email, protection from agents
    where account_id = %(account_id)s and email = %(email)s and deleted_at is null
      and (%(seen_version)s::integer is null or protection_version = %(seen_version)s)
    for no key update
), changed as (
    update agents a set protection = %(protection)s, protection_version = a.protection_version + 1
    from before where a.email = before.email
    returning a.email, before.protection
)
select changed.protection
from changed, lateral (select pg_notify('e2ad_agents', changed.email)) as told;

-- protection: that of a live agent, with the version of it that was read
select protection, protection_version as version
from agents
where account_id = %(account_id)s and email = %(email)s and deleted_at is null;
