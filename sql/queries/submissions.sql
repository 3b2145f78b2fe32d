-- claim: take due submissions for this process; attempt number, state and lease are written before anything is tried
-- A row that says transmitting was given up in mid-air by whoever had it; the caller is told and sends nothing.
with queue as materialized (
    select account_id, message_id
    from submissions
    where next_attempt_at <= now()
    order by next_attempt_at
    limit %(limit)s::bigint
    for update skip locked
), named as materialized (
    select account_id, message_id
    from submissions
    where account_id = %(account_id)s::text and message_id = %(message_id)s::text and next_attempt_at <= now()
    for update skip locked
), claimed as (
    update submissions s
    set attempts = s.attempts + 1,
        status = 'sending',
        leased_until = now() + make_interval(secs => %(lease_seconds)s::float8),
        next_attempt_at = now() + make_interval(secs => %(lease_seconds)s::float8)
    from (select * from queue union all select * from named) due
    where s.account_id = due.account_id and s.message_id = due.message_id
    returning s.*
)
select
    s.account_id, s.message_id, s.agent_email, s.attempts as number, s.counted_attempts, s.accepted_at, s.scheduled_at,
    s.sent_as, s.signing_domain, s.return_path, s.smtputf8, s.transmitting_at is not null as lost,
    m.deleted_at is not null or a.email is null as cancelled,
    m.hops, m.content_sha256, m.size_bytes, m.thread_id, c.raw, r.recipients
from claimed s
join messages m on m.account_id = s.account_id and m.id = s.message_id
left join agents a on a.email = s.agent_email and a.account_id = s.account_id and a.deleted_at is null
left join contents c
    on c.account_id = s.account_id and c.sha256 = m.content_sha256 and m.size_bytes <= %(inline_bytes)s::int
left join lateral (
    select jsonb_agg(
        jsonb_build_object(
            'address', r.address,
            'route', r.route,
            'suppressed', exists (
                select from suppressions p
                where p.account_id = s.account_id
                    and p.agent_email in ('', s.agent_email)
                    and p.address in (r.address, lower(r.address))
            )
        )
        order by r.address
    ) as recipients
    from recipients r
    where r.account_id = s.account_id and r.message_id = s.message_id and r.status = 'pending'
) r on true
order by s.accepted_at, s.message_id;

-- next_due_seconds: how long until the next submission becomes due, leases of others included
select extract(epoch from min(next_attempt_at) - now())::float8
from submissions
where next_attempt_at > now();

-- mark: say of claims that their content is about to leave; those that are still held and wanted
-- The last moment at which the trash can stop a mail: what was thrown away since the claim is not marked.
update submissions s
set transmitting_at = now()
from unnest((select %(account_ids)b::text[]), (select %(message_ids)b::text[]), (select %(numbers)b::int[])) as k (account_id, message_id, number)
where s.account_id = k.account_id and s.message_id = k.message_id
    and s.attempts = k.number and s.status = 'sending' and s.leased_until > now()
    and exists (
        select
        from messages m
        join agents a on a.email = m.agent_email and a.deleted_at is null
        where m.account_id = s.account_id and m.id = s.message_id and m.deleted_at is null
    )
returning s.account_id, s.message_id;

-- claim_notices: take due notices for this process
-- One whose message waits for nobody any more, or whose time is over, is not sent: `wanted` says so. Its conditions
-- are written so that no partial index fits: one mail is found by its key.
with due as materialized (
    select id
    from notices
    where next_attempt_at <= now()
    order by next_attempt_at
    limit %(limit)s::bigint
    for update skip locked
), claimed as (
    update notices n
    set attempts = n.attempts + 1, next_attempt_at = now() + make_interval(secs => %(lease_seconds)s::float8)
    from due
    where n.id = due.id
    returning n.*
)
select n.id, n.account_id, n.recipient, n.content, n.attempts as number, n.created_at,
       n.transmitting_at is not null as lost,
       (n.message_id is null or m.id is not null) and coalesce(n.expires_at, 'infinity') > now() as wanted
from claimed n
left join messages m
    on m.account_id = n.account_id and m.id = n.message_id and m.review_status || '' = 'pending_review'
    and coalesce(m.deleted_at, '-infinity') = '-infinity'
order by n.created_at, n.id;

-- next_notice_seconds: how long until the next notice becomes due
select extract(epoch from min(next_attempt_at) - now())::float8
from notices
where next_attempt_at > now();

-- mark_notices: say of claimed notices that their content is about to leave; those that are still held
update notices n
set transmitting_at = now()
from unnest((select %(ids)b::text[]), (select %(numbers)b::int[])) as k (id, number)
where n.id = k.id and n.attempts = k.number and n.status = 'pending' and n.next_attempt_at > now()
returning n.id;

-- record_notices: write what became of claimed notices; a claim that was lost writes nothing
update notices n
set status = c.status,
    detail = c.detail,
    transmitting_at = null,
    sent_at = case when c.status = 'sent' then now() end,
    next_attempt_at = case when c.status = 'pending' then now() + make_interval(secs => c.wait_seconds) end
from unnest(
    (select %(ids)b::text[]), (select %(numbers)b::int[]), (select %(statuses)b::text[]), (select %(details)b::text[]), (select %(wait_seconds)b::float8[])
) as c (id, number, status, detail, wait_seconds)
where n.id = c.id and n.attempts = c.number and n.status = 'pending';

-- reserve_ramp: take so many of today's sendings of an own domain; none where the day's cap does not have them
-- A day counts when half of its cap was used. No row: the ramp of this domain has not begun.
with today as materialized (
    select r.account_id, r.domain, r.state,
           case when r.day = (now() at time zone 'utc')::date then r.used else 0 end as used,
           r.active_days + case
               when r.day < (now() at time zone 'utc')::date and 2 * r.used >= round(
                   %(start_daily)s::int
                   + (%(target_daily)s::int - %(start_daily)s::int)::numeric
                   * least(r.active_days, %(ramp_days)s::int) / %(ramp_days)s::int
               ) then 1
               else 0
           end as active_days
    from sending_ramps r
    where r.account_id = %(account_id)s and r.domain = %(domain)s
    for update
), granted as (
    select t.*,
           t.state <> 'ramping' or t.active_days >= %(ramp_days)s::int or t.used + %(count)s::int <= greatest(
               %(count)s::int * (t.used = 0)::int,
               round(
                   %(start_daily)s::int
                   + (%(target_daily)s::int - %(start_daily)s::int)::numeric
                   * least(t.active_days, %(ramp_days)s::int) / %(ramp_days)s::int
               )
           ) as allowed
    from today t
), kept as (
    update sending_ramps r
    set day = (now() at time zone 'utc')::date,
        active_days = g.active_days,
        used = g.used + %(count)s::int * g.allowed::int,
        state = case when r.state = 'ramping' and g.active_days >= %(ramp_days)s::int then 'complete' else r.state end
    from granted g
    where r.account_id = g.account_id and r.domain = g.domain
)
select allowed from granted;

-- begin_ramp: the first sending of an own domain
insert into sending_ramps (account_id, domain, day)
values (%(account_id)s, %(domain)s, (now() at time zone 'utc')::date)
on conflict do nothing;

-- in_progress: whether mail of an agent is being sent at this moment
select exists (
    select
    from submissions
    where account_id = %(account_id)s and agent_email = %(agent_email)s
        and next_attempt_at is not null and status = 'sending' and leased_until > now()
);

-- announce: tell all processes that something is due
select pg_notify('e2ad_submissions', '');
