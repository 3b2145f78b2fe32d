-- page: an account's events that match all that is given, newest first, with the state of their deliveries
with page as materialized (
    select e.id, e.type, e.agent_email, e.conversation_id, e.message_id, e.envelope, e.matched_endpoints, e.created_at
    from events e
    where e.account_id = %(account_id)s
      and e.created_at > %(oldest)s
      and (%(types)s::text[] is null or e.type = any(%(types)s::text[]))
      and (%(agent_email)s::text is null or e.agent_email = %(agent_email)s::text)
      and (%(conversation_id)s::text is null or e.conversation_id = %(conversation_id)s::text)
      and (%(message_id)s::text is null or e.message_id = %(message_id)s::text)
      and (%(since)s::timestamptz is null or e.created_at >= %(since)s::timestamptz)
      and (%(until)s::timestamptz is null or e.created_at < %(until)s::timestamptz)
      and (e.created_at, e.id) < (coalesce(%(before_at)s::timestamptz, 'infinity'), %(before_id)s::text)
    order by e.created_at desc, e.id desc
    limit %(limit)s
), latest as (
    -- What counts for an endpoint is its newest delivery of the event; each arm has an index of its own.
    select distinct on (event_id, endpoint) event_id, status
    from (
        select d.event_id, d.endpoint, d.status, d.created_at
        from page join deliveries d on d.account_id = %(account_id)s and d.event_id = page.id
        where d.replay_id is null and d.kind = 'webhook'
        union all
        select d.event_id, d.endpoint, d.status, d.created_at
        from page join deliveries d on d.account_id = %(account_id)s and d.event_id = page.id
        where d.replay_id is not null and d.kind = 'webhook'
    ) as every
    order by event_id, endpoint, created_at desc
), counted as (
    select event_id,
           count(*) filter (where status = 'delivered') as delivered,
           count(*) filter (where status = 'pending') as pending,
           count(*) filter (where status = 'failed') as failed
    from latest
    group by event_id
)
select page.id, page.type, page.agent_email, page.conversation_id, page.message_id, page.envelope, page.created_at,
       cardinality(page.matched_endpoints) as matched,
       coalesce(counted.delivered, 0) as delivered,
       coalesce(counted.pending, 0) as pending,
       coalesce(counted.failed, 0) as failed
from page
left join counted on counted.event_id = page.id
order by page.created_at desc, page.id desc;

-- find: one event of the account with the state of its deliveries
with latest as (
    select distinct on (endpoint) status
    from (
        select endpoint, status, created_at from deliveries
        where account_id = %(account_id)s and event_id = %(id)s and replay_id is null and kind = 'webhook'
        union all
        select endpoint, status, created_at from deliveries
        where account_id = %(account_id)s and event_id = %(id)s and replay_id is not null and kind = 'webhook'
    ) as every
    order by endpoint, created_at desc
)
select e.id, e.type, e.agent_email, e.conversation_id, e.message_id, e.envelope, e.created_at,
       cardinality(e.matched_endpoints) as matched,
       (select count(*) from latest where status = 'delivered') as delivered,
       (select count(*) from latest where status = 'pending') as pending,
       (select count(*) from latest where status = 'failed') as failed
from events e
where e.account_id = %(account_id)s and e.id = %(id)s;

-- outlived: is there still a delivery of an event that the log no longer has?
select exists (select from deliveries where account_id = %(account_id)s and event_id = %(id)s and replay_id is null);

-- lock: hold an event while deliveries are added, so that two requests at once add one
select created_at, matched_endpoints from events
where account_id = %(account_id)s and id = %(id)s
for no key update;

-- redeliver: send an event again to those it was meant for, once in a while; says what became of each
with origin as (
    select d.account_id, d.endpoint, d.kind, d.event_id, d.event_type, d.message_id, d.body,
           w.id is not null as known, coalesce(w.enabled, false) as enabled
    from deliveries d
    left join webhooks w on d.kind = 'webhook' and w.account_id = d.account_id and w.id = d.endpoint
    where d.account_id = %(account_id)s and d.event_id = %(id)s and d.replay_id is null
      and (%(endpoint)s::text is null or d.endpoint = %(endpoint)s::text)
), target as (
    select o.account_id, o.endpoint, o.kind, o.event_id, o.event_type, o.message_id, o.body,
           o.known or a.email is not null as known,
           o.enabled or coalesce(a.agent_mode = 'cloud' and a.webhook_url <> '', false) as enabled,
           (select r.id from deliveries r
            where r.account_id = o.account_id and r.event_id = o.event_id and r.endpoint = o.endpoint
              and r.replay_id is not null
              and (r.replay_id = %(replay_id)s::text
                   or %(window_seconds)s::float8 > 0
                      and r.created_at > now() - make_interval(secs => %(window_seconds)s::float8))
            order by r.created_at desc
            limit 1) as recent_id
    from origin o
    left join agents a on o.kind = 'agent' and a.account_id = o.account_id and a.email = o.endpoint
        and a.deleted_at is null
), added as (
    insert into deliveries (account_id, id, endpoint, kind, event_id, event_type, message_id, body, replay_id)
    select account_id, 'whd_' || replace(gen_random_uuid()::text, '-', ''), endpoint, kind, event_id, event_type,
           message_id, body, %(replay_id)s::text
    from target
    where enabled and recent_id is null
    returning account_id, endpoint, id
), told as (
    -- No event id behind the colon: this wakes the workers, and no socket gets the event a second time.
    select pg_notify('e2ad_events', account_id || ':') from (select distinct account_id from added) as accounts
)
select target.endpoint, target.known, target.enabled, coalesce(added.id, target.recent_id) as delivery_id
from target
left join added on added.endpoint = target.endpoint
where (select count(*) from told) >= 0
order by target.kind desc, target.endpoint;
