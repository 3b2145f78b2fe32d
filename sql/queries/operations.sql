-- agents: the addresses of an account's living agents, newest first
select email from agents
where account_id = %(account_id)s and deleted_at is null
order by created_at desc, email desc
limit %(limit)s;

-- pushes: how many pushes began in each slot, and how many of them failed or wait; of the endpoints that are there now
-- All are counted along the index alone; those that failed and those that wait are few and have indexes of their own.
with endpoints as materialized (
    (
        select id as endpoint from webhooks
        where account_id = %(account_id)s
        order by created_at desc, id desc
        limit %(endpoints)s::bigint
    )
    union all
    (
        select email from agents
        where account_id = %(account_id)s and agent_mode = 'cloud' and deleted_at is null
        order by created_at desc, email desc
        limit %(endpoints)s::bigint
    )
), begun as (
    select slots.slot, 'all' as status, d.count
    from endpoints e
    cross join (
        select slot, start, finish
        from unnest(%(starts)s::timestamptz[], %(ends)s::timestamptz[]) with ordinality as s (start, finish, slot)
    ) slots
    cross join lateral (
        select count(*)
        from (
            select from deliveries
            where account_id = %(account_id)s and endpoint = e.endpoint
              and created_at >= slots.start and created_at < slots.finish
            limit %(most)s::bigint
        ) one
    ) d
    where d.count > 0
), failed as (
    select width_bucket(created_at, %(starts)s::timestamptz[]) as slot, 'failed' as status, 1 as count
    from (
        select endpoint, created_at from deliveries
        where account_id = %(account_id)s and status = 'failed' and created_at >= %(start)s and created_at < %(end)s
        order by created_at desc
        limit %(few)s::bigint
    ) d
    where endpoint in (select endpoint from endpoints)
), waiting as (
    select width_bucket(created_at, %(starts)s::timestamptz[]), 'pending', 1
    from (
        select account_id, endpoint, created_at from deliveries
        where status = 'pending'
        order by next_attempt_at
        limit %(few)s::bigint
    ) d
    where account_id = %(account_id)s and endpoint in (select endpoint from endpoints)
      and created_at >= %(start)s and created_at < %(end)s
)
select slot,
       greatest(0, sum(case when status = 'all' then count else -count end))::bigint as delivered,
       coalesce(sum(count) filter (where status = 'failed'), 0)::bigint as failed,
       coalesce(sum(count) filter (where status = 'pending'), 0)::bigint as pending
from (select * from begun union all select * from failed union all select * from waiting) found
group by slot;

-- pushes_of_agent: the same of what one agent's newest events caused
select width_bucket(d.created_at, %(starts)s::timestamptz[]) as slot,
       count(*) filter (where d.status = 'delivered') as delivered,
       count(*) filter (where d.status = 'failed') as failed,
       count(*) filter (where d.status = 'pending') as pending
from (
    select id from events
    where account_id = %(account_id)s and agent_email = %(agent_email)s
      and created_at >= %(start)s and created_at < %(end)s
    order by created_at desc, id desc
    limit %(most)s::bigint
) e
cross join lateral (
    select created_at, status from deliveries
    where account_id = %(account_id)s and event_id = e.id and replay_id is null and kind <> 'url'
    offset 0
) d
where d.created_at >= %(start)s and d.created_at < %(end)s
group by slot;

-- delays: how long mail waited until it was pushed, and how long endpoints took to answer; of each slot the newest mails
with slots as materialized (
    select slot, start, finish
    from unnest(%(starts)s::timestamptz[], %(ends)s::timestamptz[]) with ordinality as s (start, finish, slot)
), sample as (
    select slots.slot, e.id
    from slots
    cross join lateral (
        select id from events
        where account_id = %(account_id)s
          and created_at >= slots.start and created_at < slots.finish
        order by created_at desc, id desc
        limit %(sample)s::bigint
    ) e
    where %(agent_email)s::text is null
    union all
    select slots.slot, e.id
    from slots
    cross join lateral (
        select id from events
        where account_id = %(account_id)s and agent_email = %(agent_email)s::text
          and created_at >= slots.start and created_at < slots.finish
        order by created_at desc, id desc
        limit %(sample)s::bigint
    ) e
    where %(agent_email)s::text is not null
)
select sample.slot,
       percentile_disc(array[0.5, 0.95]) within group (
           order by greatest(0, extract(epoch from d.last_attempt_at - d.created_at))::float8
       ) filter (where d.event_type = 'email.received') as waited,
       percentile_disc(array[0.5, 0.95]) within group (order by t.took / 1000.0::float8) as answered
from sample
cross join lateral (
    select id, created_at, last_attempt_at, attempts, event_type from deliveries
    where account_id = %(account_id)s and event_id = sample.id and replay_id is null and status = 'delivered'
    limit 10
) d
left join lateral (
    select took from delivery_attempts
    where account_id = %(account_id)s and delivery_id = d.id and number = d.attempts
    offset 0
) t on true
group by sample.slot;

-- sendings: how long accepted mail took until the next server had it, by slot; of each slot the newest mails
with slots as materialized (
    select slot, start, finish
    from unnest(%(starts)s::timestamptz[], %(ends)s::timestamptz[]) with ordinality as s (start, finish, slot)
), sample as (
    select slots.slot, e.message_id
    from slots
    cross join lateral (
        select message_id from events
        where account_id = %(account_id)s and type = 'email.sent'
          and created_at >= slots.start and created_at < slots.finish
        order by created_at desc, id desc
        limit %(sample)s::bigint
    ) e
    where %(agent_email)s::text is null
    union all
    select slots.slot, m.id
    from slots
    cross join lateral (
        select id from messages
        where account_id = %(account_id)s and agent_email = %(agent_email)s::text
          and direction = 'outbound' and deleted_at is null
          and created_at >= slots.start and created_at < slots.finish
        order by created_at desc, id desc
        limit %(sample)s::bigint
    ) m
    where %(agent_email)s::text is not null
)
select sample.slot,
       percentile_disc(array[0.5, 0.95]) within group (
           order by greatest(0, extract(epoch from s.submitted_at - greatest(s.accepted_at, s.scheduled_at)))::float8
       ) as seconds
from sample
cross join lateral (
    select * from submissions s
    where s.account_id = %(account_id)s and s.message_id = sample.message_id and s.submitted_at is not null
    offset 0
) s
group by sample.slot;

-- depths: how deep the queues of an account were at most, by slot
select width_bucket(hour, %(starts)s::timestamptz[]) as slot, queue, max(most) as most
from queue_hours
where account_id = %(account_id)s and hour >= %(start)s and hour < %(end)s
group by slot, queue;

-- waiting: what an account's queues hold now
-- A queue has the work of all accounts in the order of its time: its head is read, up to a bound, and the rest of one
-- that is longer is not counted.
select q.*
from (
    select 'outbound' as queue,
           count(*) filter (where next_attempt_at <= now()) as waiting,
           count(*) filter (where status = 'sending' and leased_until > now()) as working,
           count(*) filter (where next_attempt_at > now() and not (status = 'sending' and leased_until > now())) as later,
           extract(epoch from now() - min(accepted_at) filter (where next_attempt_at <= now()))::float8 as oldest_seconds
    from (
        select account_id, status, accepted_at, next_attempt_at, leased_until from submissions
        where next_attempt_at is not null
        order by next_attempt_at
        limit %(most)s::bigint
    ) s
    where account_id = %(account_id)s
    union all
    select 'deliveries', count(*) filter (where next_attempt_at <= now()), 0,
           count(*) filter (where next_attempt_at > now()),
           extract(epoch from now() - min(created_at) filter (where next_attempt_at <= now()))::float8
    from (
        select account_id, created_at, next_attempt_at from deliveries
        where status = 'pending'
        order by next_attempt_at
        limit %(most)s::bigint
    ) d
    where account_id = %(account_id)s
    union all
    select 'notices', count(*) filter (where next_attempt_at <= now()), 0,
           count(*) filter (where next_attempt_at > now()),
           extract(epoch from now() - min(created_at) filter (where next_attempt_at <= now()))::float8
    from (
        select account_id, created_at, next_attempt_at from notices
        where next_attempt_at is not null
        order by next_attempt_at
        limit %(most)s::bigint
    ) n
    where account_id = %(account_id)s
    union all
    select 'search', count(*), 0, 0, extract(epoch from now() - min(created_at))::float8
    from (
        select account_id, created_at from search_queue order by created_at limit %(most)s::bigint
    ) s
    where account_id = %(account_id)s
    union all
    select 'screening', count(*) filter (where next_attempt_at <= now()), 0,
           count(*) filter (where next_attempt_at > now()),
           extract(epoch from now() - min(created_at) filter (where next_attempt_at <= now()))::float8
    from (
        select created_at, next_attempt_at from screenings where account_id = %(account_id)s limit %(most)s::bigint
    ) w
    union all
    select 'holds', count(*), 0, 0, extract(epoch from now() - min(created_at))::float8
    from (
        select m.created_at
        from messages m
        join agents a on a.email = m.agent_email and a.deleted_at is null
        where m.account_id = %(account_id)s and m.review_status = 'pending_review'
        limit %(most)s::bigint
    ) h
    union all
    select 'domains', count(*) filter (where next_check_at <= now()), 0, count(*) filter (where next_check_at > now()),
           extract(epoch from now() - min(next_check_at) filter (where next_check_at <= now()))::float8
    from (
        select next_check_at from domains
        where account_id = %(account_id)s
        order by created_at desc
        limit %(most)s::bigint
    ) d
) q;

-- counted: since when the messages of an account are not counted into whole hours yet
select extract(epoch from now() - counted_until)::float8 as behind_seconds
from metrics_progress
where account_id = %(account_id)s and counted_until > 'epoch';

-- failed_mail: the newest mails that did not arrive, of one agent or of all
-- Each type by its name, so that the index of rare types is seen to fit.
with newest as (
    (
        select id, type, agent_email, message_id, created_at
        from events
        where account_id = %(account_id)s and type = 'email.failed' and created_at >= %(start)s
        order by created_at desc, id desc
        limit %(most)s::bigint
    )
    union all
    (
        select id, type, agent_email, message_id, created_at
        from events
        where account_id = %(account_id)s and type = 'email.bounced' and created_at >= %(start)s
        order by created_at desc, id desc
        limit %(most)s::bigint
    )
    union all
    (
        select id, type, agent_email, message_id, created_at
        from events
        where account_id = %(account_id)s and type = 'email.complained' and created_at >= %(start)s
        order by created_at desc, id desc
        limit %(most)s::bigint
    )
), wanted as (
    select * from newest
    where %(agent_email)s::text is null or agent_email = %(agent_email)s
    order by created_at desc, id desc
    limit %(limit)s::bigint
)
select e.id, e.type, e.agent_email, e.message_id, e.created_at, m.subject, m.to_addresses, s.detail
from wanted e
join messages m on m.account_id = %(account_id)s and m.id = e.message_id and m.deleted_at is null
left join submissions s on s.account_id = %(account_id)s and s.message_id = e.message_id
order by e.created_at desc, e.id desc;

-- failing_endpoints: webhooks and agents' own URLs whose newest deliveries failed, and webhooks that were switched off
select e.id, e.kind, e.url, e.enabled, e.reason, d.failed, d.looked_at, d.last_status_code, d.last_error, d.failed_at
from (
    (
        select id, 'webhook' as kind, url, enabled, coalesce(auto_disabled_reason, '') as reason
        from webhooks
        where account_id = %(account_id)s
        order by created_at desc, id desc
        limit %(endpoints)s::bigint
    )
    union all
    (
        select email, 'agent', webhook_url, true, ''
        from agents
        where account_id = %(account_id)s and agent_mode = 'cloud' and deleted_at is null
        order by created_at desc, email desc
        limit %(endpoints)s::bigint
    )
) e
cross join lateral (
    select count(*) as looked_at, count(*) filter (where bad) as failed, max(created_at) filter (where bad) as failed_at,
           (array_agg(last_status_code order by created_at desc) filter (where bad))[1] as last_status_code,
           coalesce((array_agg(last_error order by created_at desc) filter (where bad))[1], '') as last_error
    from (
        select created_at, last_status_code, last_error,
               status = 'failed' or (status = 'pending' and last_error is not null) as bad
        from deliveries
        where account_id = %(account_id)s and endpoint = e.id
        order by created_at desc, id desc
        limit 20
    ) newest
) d
where (d.failed > 0 or (not e.enabled and e.reason <> ''))
  and (%(agent_email)s::text is null or e.kind = 'webhook' or e.id = %(agent_email)s)
order by d.failed desc, d.failed_at desc nulls last, e.id
limit %(limit)s;

-- usage: what an account may have and has besides what the account itself tells
select a.max_messages_day, a.max_webhooks, a.max_templates,
       case when u.day = (now() at time zone 'utc')::date then u.messages_day else 0 end as messages_day,
       (select count(*) from webhooks w where w.account_id = a.id) as webhooks,
       (select count(*) from templates t where t.account_id = a.id) as templates
from accounts a
left join account_usage u on u.account_id = a.id
where a.id = %(account_id)s;

-- rates: how much of their current windows subjects have used, the most used first
select r.subject, r.used
from unnest(%(subjects)s::text[], %(window_starts)s::timestamptz[]) as w (subject, window_start)
join rate_windows r on r.subject = w.subject and r.window_start = w.window_start
order by r.used desc, r.subject;

-- look: how deep the queues of all accounts are, if deeper than before in this hour
-- An account that is being deleted at this moment is left out: its rows would refer to nothing, and keep all others out.
with waits as (
    select account_id, 'outbound' as queue, count(*) as waiting
    from submissions where next_attempt_at <= now() group by account_id
    union all
    select account_id, 'deliveries', count(*)
    from deliveries where status = 'pending' and next_attempt_at <= now() group by account_id
    union all
    select account_id, 'search', count(*) from search_queue group by account_id
    union all
    select account_id, 'screening', count(*) from screenings group by account_id
), there as (
    select id from accounts
    where closed_at is null and id in (select account_id from waits)
    for key share skip locked
)
insert into queue_hours as q (account_id, hour, queue, most)
select there.id, date_trunc('hour', now(), 'UTC'), waits.queue, waits.waiting
from waits
join there on there.id = waits.account_id
on conflict (account_id, hour, queue) do update set most = excluded.most where q.most < excluded.most;

-- forget: what was seen of queues too long ago for any chart
delete from queue_hours where hour < now() - make_interval(days => %(days)s::int);
