-- facts: what happened to the messages of a window, by reason code: in all, and by day or hour and by agent where asked for
-- A message has one agent and one hour, so that distinct messages of parts add up to those of the whole: whole hours that
-- were counted come from metrics_hours, whole days of single agents from metrics_days, and the rest from the messages: the
-- edges of the window, what is not counted yet, and what is stale. Mail in was accepted and authenticated: that is not in
-- the ledger but follows from the message (contract: lifecycle).
-- Codes with = in front are not of the ledger: messages in all, those with any fact, and those where one of several
-- codes is enough. Of an agent that is not there, or not live, there is no row at all.
-- With by_hour it counts the messages alone, of each hour and agent.
with owned as materialized (
    select email
    from agents
    where account_id = %(account_id)s
      and (%(agent_email)s::text is null or (email = %(agent_email)s::text and deleted_at is null))
), counted as materialized (
    select first, greatest(first, case when %(by_hour)s::boolean then first else least(last, until) end) as last
    from (
        select date_trunc('hour', %(start)s::timestamptz + interval '1 hour - 1 microsecond', 'UTC') as first,
               date_trunc('hour', %(end)s::timestamptz, 'UTC') as last,
               coalesce((select counted_until from metrics_progress where account_id = %(account_id)s), 'epoch') as until
    ) hours
), days as materialized (
    select first, greatest(first, last) as last
    from (
        select date_trunc('day', first + interval '1 day - 1 microsecond', 'UTC') as first,
               date_trunc('day', last, 'UTC') as last
        from counted
    ) days
), stale as materialized (
    select distinct s.hour
    from counted, metrics_stale s
    where s.account_id = %(account_id)s and s.hour >= counted.first and s.hour < counted.last
), stale_days as materialized (
    select distinct date_trunc('day', hour, 'UTC') as day from stale
), live as materialized (
    select %(start)s::timestamptz as first, least(first, %(end)s::timestamptz) as last from counted
    union all
    select last, %(end)s::timestamptz from counted where last < %(end)s::timestamptz
    union all
    -- Hours that follow upon each other are one stretch.
    select min(hour), max(hour) + interval '1 hour'
    from (select hour, hour - row_number() over (order by hour) * interval '1 hour' as stretch from stale) numbered
    group by stretch
), cohort as materialized (
    select owned.email, m.id, m.direction, m.entity_type, m.dmarc, date_trunc('hour', m.created_at, 'UTC') as hour
    from owned
    cross join live
    cross join lateral (
        select m.id, m.direction, m.entity_type, m.authentication #>> '{dmarc,status}' as dmarc, m.created_at
        from messages m
        where m.account_id = %(account_id)s and m.agent_email = owned.email and m.deleted_at is null
          and m.created_at >= live.first and m.created_at < live.last
        union all
        select m.id, m.direction, m.entity_type, m.authentication #>> '{dmarc,status}', m.created_at
        from messages m
        where m.account_id = %(account_id)s and m.agent_email = owned.email and m.deleted_at is not null
          and m.created_at >= live.first and m.created_at < live.last
    ) m
), told as materialized (
    select c.email, c.hour, c.direction, c.id, l.reason_code, count(*) as observations
    from cohort c
    cross join lateral (
        -- Looked up for each message, also where the planner expects more of them than there are.
        select reason_code from lifecycle where account_id = %(account_id)s and message_id = c.id offset 0
    ) l
    group by c.email, c.hour, c.direction, c.id, l.reason_code
), sent as (
    select email, hour, direction,
           bool_or(reason_code in ('submission.upstream_accepted', 'submission.local_loopback_accepted')) as submitted,
           bool_or(reason_code in (
               'submission.provider_rejected', 'submission.local_retries_exhausted', 'submission.cancelled')) as failed,
           coalesce(bool_and(reason_code = 'submission.local_loopback_accepted')
               filter (where starts_with(reason_code, 'submission.')), false) as inside
    from told
    where direction = 'outbound'
    group by email, hour, direction, id
), came as (
    select email, hour, direction, entity_type, dmarc, count(*) as messages
    from cohort
    group by email, hour, direction, entity_type, dmarc
), parts as materialized (
    select email, hour, direction, code, sum(messages)::bigint as messages, sum(observations)::bigint as observations
    from (
        select email, hour, direction, reason_code as code, count(*) as messages, sum(observations) as observations
        from told
        group by email, hour, direction, reason_code
        union all
        select s.email, s.hour, s.direction, mark.code, mark.messages, 0
        from (
            select email, hour, direction, count(*) as told, count(*) filter (where submitted) as submitted,
                   count(*) filter (where failed) as failed, count(*) filter (where inside) as inside
            from sent
            group by email, hour, direction
        ) s
        cross join lateral (
            values ('=told', s.told), ('=submitted', s.submitted), ('=failed', s.failed), ('=loopback', s.inside)
        ) mark (code, messages)
        where mark.messages > 0
        union all
        select c.email, c.hour, c.direction, derived.code, c.messages, c.messages
        from came c
        cross join lateral (
            values ('=messages'),
                   (case when c.direction = 'inbound' then '=told' end),
                   (case when c.direction = 'inbound' then
                       case when c.entity_type = 'agent' then 'acceptance.local_loopback' else 'acceptance.inbound_smtp' end
                    end),
                   (case when c.direction = 'inbound' then
                       case c.dmarc
                           when 'pass' then 'authentication.dmarc_pass'
                           when 'fail' then 'authentication.dmarc_fail'
                           when 'none' then 'authentication.dmarc_none'
                           when 'permerror' then 'authentication.dmarc_permanent_error'
                           when 'temperror' then 'authentication.dmarc_temporary_error'
                       end
                    end)
        ) derived (code)
        where derived.code is not null
    ) found
    group by email, hour, direction, code
), whole as materialized (
    select date_trunc(%(unit)s::text, hour, 'UTC') as at, direction, code, messages, observations from parts
    union all
    select h.at, h.direction, c.code, c.messages, c.observations
    from (
        -- Once an hour and not once a code, of which there are many.
        select date_trunc(%(unit)s::text, h.hour, 'UTC') as at, h.direction, h.codes, h.messages, h.observations
        from counted, metrics_hours h
        where h.account_id = %(account_id)s and h.agent_email = coalesce(%(agent_email)s::text, '')
          and h.hour >= counted.first and h.hour < counted.last and h.hour not in (select hour from stale)
        offset 0
    ) h
    cross join lateral unnest(h.codes, h.messages, h.observations) as c (code, messages, observations)
), beside_days as (
    select counted.first, least(days.first, counted.last) as last from counted, days
    union all
    select days.last, counted.last from counted, days
    union all
    select stale_days.day, stale_days.day + interval '1 day'
    from stale_days, days
    where stale_days.day >= days.first and stale_days.day < days.last
), of_agents as materialized (
    select email, direction, code, messages, observations from parts where %(by_agent)s::boolean
    union all
    select d.agent_email, d.direction, c.code, c.messages, c.observations
    from days, metrics_days d
    cross join lateral unnest(d.codes, d.messages, d.observations) as c (code, messages, observations)
    where %(by_agent)s::boolean and d.account_id = %(account_id)s
      and d.day >= days.first::date and d.day < days.last::date
      and d.day not in (select day::date from stale_days)
    union all
    select owned.email, h.direction, c.code, c.messages, c.observations
    from owned
    cross join beside_days b
    cross join lateral (
        select *
        from metrics_hours h
        where h.account_id = %(account_id)s and h.agent_email = owned.email and h.hour >= b.first and h.hour < b.last
        -- Looked up for each stretch of each agent, also where the planner takes the table for small.
        offset 0
    ) h
    cross join lateral unnest(h.codes, h.messages, h.observations) as c (code, messages, observations)
    where %(by_agent)s::boolean and h.hour not in (select hour from stale)
), busiest as (
    select email
    from of_agents
    where code = '=messages'
    group by email
    order by sum(messages) desc, email
    limit %(agents)s
)
select null::text as agent_email, null::timestamptz as at, direction, code,
       sum(messages)::bigint as messages, sum(observations)::bigint as observations
from whole
where not %(by_hour)s::boolean
group by direction, code
union all
select null, at, direction, code, sum(messages)::bigint, sum(observations)::bigint
from whole
where %(by_day)s::boolean
group by at, direction, code
union all
select email, null, direction, code, sum(messages)::bigint, sum(observations)::bigint
from of_agents
where email in (select email from busiest)
group by email, direction, code
union all
select email, hour, direction, code, messages, observations
from parts
where %(by_hour)s::boolean
union all
select null, null, '', '=owned', count(*), 0 from owned;

-- webhooks: what became of the deliveries of a window, by endpoint
select w.id, w.url, w.enabled, w.auto_disabled_at, coalesce(w.auto_disabled_reason, '') as auto_disabled_reason,
       d.deliveries, d.delivered, d.pending, d.rejected, d.unanswered, l.last_status_code
from webhooks w
cross join lateral (
    select count(*) as deliveries,
           count(*) filter (where d.status = 'delivered') as delivered,
           count(*) filter (where d.status = 'pending') as pending,
           count(*) filter (where d.status = 'failed' and d.last_status_code > 0) as rejected,
           count(*) filter (where d.status = 'failed' and coalesce(d.last_status_code, 0) = 0) as unanswered
    from deliveries d
    where d.account_id = %(account_id)s and d.endpoint = w.id and d.kind = 'webhook'
      and d.created_at >= %(start)s and d.created_at < %(end)s
) d
left join lateral (
    -- Of the newest that was answered: along the index, since to sort all of them by their attempts costs the most here.
    select n.last_status_code
    from deliveries n
    where n.account_id = %(account_id)s and n.endpoint = w.id and n.kind = 'webhook' and n.last_status_code > 0
      and n.created_at >= %(start)s and n.created_at < %(end)s
    order by n.created_at desc, n.id desc
    limit 1
) l on true
where w.account_id = %(account_id)s
order by d.deliveries desc, w.id;

-- begin: accounts of which nothing was counted yet
insert into metrics_progress (account_id, counted_until)
select a.id, 'epoch'
from accounts a
where a.closed_at is null and not exists (select from metrics_progress p where p.account_id = a.id)
on conflict do nothing;

-- behind: accounts with hours that can be counted and are not
select p.account_id
from metrics_progress p
join accounts a on a.id = p.account_id and a.closed_at is null
where p.counted_until < date_trunc('hour', now() - make_interval(mins => %(margin_minutes)s::int), 'UTC')
order by p.counted_until
limit %(limit)s;

-- stale: hours that were counted and are to be counted anew
select distinct s.account_id, s.hour
from metrics_stale s
join metrics_progress p on p.account_id = s.account_id and s.hour < p.counted_until
join accounts a on a.id = p.account_id and a.closed_at is null
limit %(limit)s;

-- lock: keep other processes from counting an account until the transaction ends; nothing if one is at it
-- A statement of its own: what is counted after it is at least what the last one knew.
select counted_until from metrics_progress where account_id = %(account_id)s for update skip locked;

-- piece: until when the next hours are to be counted: as many as have so many messages, at least one; empty ones cost nothing
with until as (
    select date_trunc('hour', now() - make_interval(mins => %(margin_minutes)s::int), 'UTC') as hour
), coming as (
    select m.created_at
    from agents a
    cross join until
    cross join lateral (
        (
            select m.created_at
            from messages m
            where m.account_id = %(account_id)s and m.agent_email = a.email and m.deleted_at is null
              and m.created_at >= %(after)s and m.created_at < until.hour
            order by m.created_at
            limit %(messages)s
        )
        union all
        (
            select m.created_at
            from messages m
            where m.account_id = %(account_id)s and m.agent_email = a.email and m.deleted_at is not null
              and m.created_at >= %(after)s and m.created_at < until.hour
            order by m.created_at
            limit %(messages)s
        )
    ) m
    where a.account_id = %(account_id)s
    order by m.created_at
    limit %(messages)s
), bounds as (
    select date_trunc('hour', min(created_at), 'UTC') + interval '1 hour' as soonest,
           case when count(*) = %(messages)s then date_trunc('hour', max(created_at), 'UTC') end as last
    from coming
)
select case when b.last is null then u.hour else greatest(b.last, b.soonest) end from bounds b, until u;

-- forget: what is known of some hours, before they are counted: first the marks, for what they stand for is seen then
with marks as (
    delete from metrics_stale where account_id = %(account_id)s and hour >= %(first)s and hour < %(last)s
), sums as (
    delete from metrics_days
    where account_id = %(account_id)s
      and day >= (%(first)s::timestamptz at time zone 'UTC')::date
      and day < ((%(last)s::timestamptz + interval '1 day - 1 microsecond') at time zone 'UTC')::date
)
delete from metrics_hours where account_id = %(account_id)s and hour >= %(first)s and hour < %(last)s;

-- write: the facts of hours, of each agent and of all together
with found as (
    select *
    from unnest(
        (select %(agent_emails)b::text[]), (select %(hours)b::timestamptz[]), (select %(directions)b::text[]),
        (select %(codes)b::text[]), (select %(messages)b::int[]), (select %(observations)b::int[])
    ) as t (agent_email, hour, direction, code, messages, observations)
), levels as (
    select * from found
    union all
    select '', hour, direction, code, sum(messages), sum(observations) from found group by hour, direction, code
)
insert into metrics_hours (account_id, agent_email, hour, direction, codes, messages, observations)
select %(account_id)s, agent_email, hour, direction, array_agg(code order by code),
       array_agg(messages order by code), array_agg(observations order by code)
from levels
group by agent_email, hour, direction;

-- sum_days: the days that some hours are of, of each agent, as far as they are counted whole
with days as (
    select date_trunc('day', %(first)s::timestamptz, 'UTC') as first,
           least(
               date_trunc('day', %(last)s::timestamptz + interval '1 day - 1 microsecond', 'UTC'),
               date_trunc('day', %(counted_until)s::timestamptz, 'UTC')
           ) as last
), summed as (
    select h.agent_email, (h.hour at time zone 'UTC')::date as day, h.direction, c.code,
           sum(c.messages)::bigint as messages, sum(c.observations)::bigint as observations
    from days, metrics_hours h
    cross join lateral unnest(h.codes, h.messages, h.observations) as c (code, messages, observations)
    where h.account_id = %(account_id)s and h.hour >= days.first and h.hour < days.last and h.agent_email <> ''
    group by h.agent_email, (h.hour at time zone 'UTC')::date, h.direction, c.code
), kept as (
    insert into metrics_days (account_id, day, agent_email, direction, codes, messages, observations)
    select %(account_id)s, day, agent_email, direction, array_agg(code order by code),
           array_agg(messages order by code), array_agg(observations order by code)
    from summed
    group by day, agent_email, direction
)
update metrics_progress set counted_until = %(counted_until)s where account_id = %(account_id)s;
