-- matching: events that match all that is given, newest first, with how far their newest deliveries are
-- Which deliveries count is what the event itself was for: not what somebody had sent to another URL.
select e.id, e.created_at
from events e
where e.account_id = %(account_id)s
  and e.created_at > %(oldest)s
  and (%(id)s::text is null or e.id = %(id)s::text)
  and (%(type)s::text is null or e.type = %(type)s::text)
  and (%(agent_email)s::text is null or e.agent_email = %(agent_email)s::text)
  and (%(message_id)s::text is null or e.message_id = %(message_id)s::text)
  and (%(since)s::timestamptz is null or e.created_at >= %(since)s::timestamptz)
  and (%(until)s::timestamptz is null or e.created_at < %(until)s::timestamptz)
  and (e.created_at, e.id) < (coalesce(%(before_at)s::timestamptz, 'infinity'), %(before_id)s::text)
  and (
    %(state)s::text is null
    or %(state)s::text = 'failed'
        -- Read once, from what has failed, which is little.
        and e.id in (
            select d.event_id from deliveries d
            where d.account_id = %(account_id)s and d.status = 'failed' and d.created_at > %(oldest)s
              and d.kind <> 'url' and d.event_id is not null)
        and exists (
            select
            from (
                select distinct on (n.endpoint) n.status
                from (
                    select * from deliveries
                    where account_id = %(account_id)s and event_id = e.id and replay_id is null
                    union all
                    select * from deliveries
                    where account_id = %(account_id)s and event_id = e.id and replay_id is not null
                ) n
                where n.kind <> 'url'
                order by n.endpoint, n.created_at desc, n.id desc
            ) newest
            where newest.status = 'failed')
    or %(state)s::text = 'pending'
        and e.id in (
            select d.event_id from deliveries d
            where d.account_id = %(account_id)s and d.status = 'pending' and d.kind <> 'url' and d.event_id is not null)
    or %(state)s::text = 'delivered'
        and exists (
            -- Asked of one event after the other on the way through the list, never of all.
            select from deliveries d
            where d.account_id = %(account_id)s and d.event_id = e.id and d.kind <> 'url' and d.replay_id is null
            offset 0)
        and not exists (
            select
            from (
                select distinct on (n.endpoint) n.status
                from (
                    select * from deliveries
                    where account_id = %(account_id)s and event_id = e.id and replay_id is null
                    union all
                    select * from deliveries
                    where account_id = %(account_id)s and event_id = e.id and replay_id is not null
                ) n
                where n.kind <> 'url'
                order by n.endpoint, n.created_at desc, n.id desc
            ) newest
            where newest.status <> 'delivered')
    or %(state)s::text = 'none'
        and not exists (
            select from deliveries d
            where d.account_id = %(account_id)s and d.event_id = e.id and d.kind <> 'url' and d.replay_id is null)
  )
order by e.created_at desc, e.id desc
limit %(limit)s;

-- summaries: these events, newest first, with how far they are: the newest delivery of each endpoint counts
with latest as (
    select distinct on (event_id, endpoint) event_id, status
    from (
        -- Each arm has an index of its own.
        select * from deliveries
        where account_id = %(account_id)s and event_id = any(%(ids)s::text[]) and replay_id is null
        union all
        select * from deliveries
        where account_id = %(account_id)s and event_id = any(%(ids)s::text[]) and replay_id is not null
    ) as every
    where kind <> 'url'
    order by event_id, endpoint, created_at desc, id desc
), counted as (
    select event_id,
           count(*) filter (where status = 'delivered') as delivered,
           count(*) filter (where status = 'pending') as pending,
           count(*) filter (where status = 'failed') as failed
    from latest
    group by event_id
)
select e.id, e.type, e.agent_email, e.message_id, e.created_at,
       coalesce(c.delivered, 0) as delivered, coalesce(c.pending, 0) as pending, coalesce(c.failed, 0) as failed
from events e
left join counted c on c.event_id = e.id
where e.account_id = %(account_id)s and e.id = any(%(ids)s::text[])
order by e.created_at desc, e.id desc;

-- endpoints: whom these events were for, and whether anything can be sent there now
select d.endpoint, d.kind, count(*) as events, coalesce(w.url, a.webhook_url, '') as url,
       w.id is not null or a.email is not null as known,
       coalesce(w.enabled, a.agent_mode = 'cloud' and a.webhook_url <> '', false) as enabled
from deliveries d
left join webhooks w on d.kind = 'webhook' and w.account_id = d.account_id and w.id = d.endpoint
left join agents a
    on d.kind = 'agent' and a.email = d.endpoint and a.account_id = d.account_id and a.deleted_at is null
where d.account_id = %(account_id)s and d.event_id = any(%(ids)s::text[]) and d.replay_id is null
group by d.endpoint, d.kind, w.id, w.url, w.enabled, a.email, a.webhook_url, a.agent_mode
order by d.kind desc, d.endpoint;

-- running: hold the account while a replay is added, and say how many of it are not done
with held as (
    select id from accounts where id = %(account_id)s for no key update
)
select count(*)
from held
join replays r on r.account_id = held.id and r.cancelled_at is null and r.created_at > now() - interval '3 days'
where exists (
    select from deliveries d where d.account_id = r.account_id and d.replay_id = r.id and d.status = 'pending');

-- begin: a replay with a delivery for each event and each endpoint; nothing where it was begun already or is too much
with chosen as (
    select id, type, message_id, created_at
    from events
    where account_id = %(account_id)s and id = any(%(event_ids)s::text[])
), meant as (
    select d.endpoint, d.kind, d.event_id, d.event_type, d.message_id, d.body, c.created_at
    from chosen c
    join deliveries d on d.account_id = %(account_id)s and d.event_id = c.id and d.replay_id is null
    left join webhooks w on d.kind = 'webhook' and w.account_id = d.account_id and w.id = d.endpoint
    left join agents a
        on d.kind = 'agent' and a.email = d.endpoint and a.account_id = d.account_id and a.deleted_at is null
    where %(target)s::text <> 'url'
      and (%(endpoint)s::text is null or d.endpoint = %(endpoint)s::text)
      and coalesce(w.enabled, a.agent_mode = 'cloud' and a.webhook_url <> '', false)
    union all
    -- One lane for all URLs of an account: however many are slow, they take no other account's room.
    select %(account_id)s::text, 'url', c.id, c.type, c.message_id, null, c.created_at
    from chosen c
    where %(target)s::text = 'url'
), counted as (
    select count(distinct event_id) as events, count(*) as deliveries from meant
), made as (
    insert into replays (account_id, id, target, endpoint, url, sealed_secret, filter, events, deliveries)
    select %(account_id)s, %(id)s, %(target)s, %(endpoint)s, %(url)s, %(sealed_secret)s, %(filter)s, events, deliveries
    from counted
    where deliveries between 1 and %(most)s::bigint
      -- It is held since `running`: nothing goes out of one that was closed before.
      and exists (select from accounts where id = %(account_id)s and closed_at is null)
    on conflict do nothing
    returning account_id, id
), added as (
    -- As it happened is how it is sent: a microsecond between them.
    insert into deliveries (
        account_id, id, endpoint, kind, event_id, event_type, message_id, body, replay_id, next_attempt_at)
    select made.account_id, 'whd_' || replace(gen_random_uuid()::text, '-', ''), m.endpoint, m.kind, m.event_id,
           m.event_type, m.message_id, m.body, made.id,
           now() - make_interval(secs => 1e-6 * row_number() over (order by m.created_at desc, m.event_id desc))
    from made, meant m
    returning account_id
), told as (
    -- No event id behind the colon: this wakes the workers, and no socket gets the events a second time.
    select pg_notify('e2ad_events', account_id || ':') from made
)
select counted.deliveries, exists (select from made) as is_new
from counted
where (select count(*) from told) + (select count(*) from added) >= 0;

-- page: an account's replays, newest first
select r.id, r.created_at, r.target, r.endpoint, r.url, r.filter, r.events, r.deliveries, r.cancelled_at,
       d.pending, d.delivered, d.failed
from (
    select * from replays
    where account_id = %(account_id)s
      and (created_at, id) < (coalesce(%(before_at)s::timestamptz, 'infinity'), %(before_id)s::text)
    order by created_at desc, id desc
    limit %(limit)s
) r
cross join lateral (
    select count(*) filter (where status = 'pending') as pending,
           count(*) filter (where status = 'delivered') as delivered,
           count(*) filter (where status = 'failed') as failed
    from deliveries
    where account_id = r.account_id and replay_id = r.id
) d
order by r.created_at desc, r.id desc;

-- find: one replay of the account, and how far it is
select r.id, r.created_at, r.target, r.endpoint, r.url, r.filter, r.events, r.deliveries, r.cancelled_at,
       d.pending, d.delivered, d.failed
from replays r
cross join lateral (
    select count(*) filter (where status = 'pending') as pending,
           count(*) filter (where status = 'delivered') as delivered,
           count(*) filter (where status = 'failed') as failed
    from deliveries
    where account_id = r.account_id and replay_id = r.id
) d
where r.account_id = %(account_id)s and r.id = %(id)s;

-- cancel: send nothing more of a replay; what is under way ends by itself. How many were still to come
with cancelled as (
    update replays set cancelled_at = coalesce(cancelled_at, now())
    where account_id = %(account_id)s and id = %(id)s
    returning account_id, id
), stopped as (
    update deliveries d
    set status = 'failed', last_error = 'the replay was cancelled'
    from cancelled
    where d.account_id = cancelled.account_id and d.replay_id = cancelled.id and d.status = 'pending'
      -- An attempt is under way while its lease lasts and nothing is written of it.
      and (d.attempts = 0 or d.next_attempt_at <= now()
           or exists (
               select from delivery_attempts t
               where t.account_id = d.account_id and t.delivery_id = d.id and t.number = d.attempts))
    returning d.id
)
select (select count(*) from stopped) from cancelled;
