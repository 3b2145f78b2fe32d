-- claim: take due deliveries for this process; attempt number and lease are written before anything is tried
-- `due` locks a few more rows than may be taken: an endpoint gets its room and no more, in every batch.
with due as materialized (
    select account_id, id, endpoint, next_attempt_at
    from deliveries
    where status = 'pending' and next_attempt_at <= now() and endpoint <> all (%(excluded)s::text[])
    order by next_attempt_at
    limit %(limit)s::bigint
    for update skip locked
), ranked as (
    select due.*, row_number() over (partition by endpoint order by next_attempt_at, id) as place
    from due
), mine as (
    select ranked.account_id, ranked.id
    from ranked
    left join unnest(%(endpoints)s::text[], %(rooms)s::int[]) as known (endpoint, room) using (endpoint)
    where place <= coalesce(known.room, %(room)s::int)
), claimed as (
    update deliveries d
    set attempts = d.attempts + 1,
        last_attempt_at = now(),
        next_attempt_at = now() + make_interval(secs => %(lease_seconds)s::float8)
    from mine
    where d.account_id = mine.account_id and d.id = mine.id
    returning d.*
)
select
    d.account_id, d.id, d.kind, d.endpoint as endpoint_key, d.event_id, d.event_type, d.message_id,
    d.attempts as number, d.waits, d.next_attempt_at as leased_until, d.created_at,
    coalesce(d.body, e.envelope) as body,
    w.id as webhook_id, w.url as webhook_url, w.surface, w.enabled, w.sealed_secret,
    case when w.previous_secret_expires_at > now() then w.sealed_previous_secret end as sealed_previous_secret,
    a.email as agent, a.webhook_url as agent_url, a.agent_mode,
    m.id as found_message_id, m.created_at as message_created_at, m.conversation_id, m.delivered_to,
    m.agent_email as message_agent, m.header_from, m.to_addresses, m.cc_addresses, m.reply_to_addresses, m.subject,
    m.verified, m.entity_type, m.domain_check, m.delegation, m.content_sha256, m.size_bytes,
    c.raw,
    s.id as signing_secret_id, s.sealed_secret as sealed_signing_secret,
    p.url as replay_url, p.sealed_secret as sealed_replay_secret, p.cancelled_at is not null as is_cancelled,
    (select count(*) from due) as seen
from claimed d
left join replays p on p.account_id = d.account_id and p.id = d.replay_id
left join webhooks w on d.kind = 'webhook' and w.account_id = d.account_id and w.id = d.endpoint
left join agents a
    on d.kind = 'agent' and a.email = d.endpoint and a.account_id = d.account_id and a.deleted_at is null
left join events e on e.account_id = d.account_id and e.id = d.event_id
left join messages m on m.account_id = d.account_id and m.id = d.message_id
left join contents c
    on c.account_id = d.account_id and c.sha256 = m.content_sha256
    and m.size_bytes <= %(inline_bytes)s::int
    and (d.kind = 'agent' or (w.surface = 'classic' and d.event_type = 'email.received'))
left join lateral (
    select id, sealed_secret
    from signing_secrets
    where account_id = d.account_id
    order by created_at desc, id desc
    limit 1
) s on true
order by d.created_at, d.id;

-- next_due_seconds: how long until the next pending delivery becomes due, leases of others included
select extract(epoch from min(next_attempt_at) - now())::float8
from deliveries
where status = 'pending' and next_attempt_at > now();

-- record: write the outcomes of a batch of attempts, and each attempt that was made
-- A success is a fact whoever claimed the row since; any other outcome counts only for the newest attempt.
with outcomes as (
    -- Of two attempts of one delivery, such as one that ended while the database was away and the next, one decides.
    select *,
        row_number() over (partition by account_id, id order by outcome = 'delivered' desc, number desc) = 1 as decides
    from unnest(
        %(account_ids)b::text[], %(ids)b::text[], %(numbers)b::int[], %(outcomes)b::text[], %(wait_seconds)b::float8[],
        %(status_codes)b::int[], %(errors)b::text[], %(excerpts)b::text[], %(ages)b::float8[], %(took)b::int[]
    ) as o (account_id, id, number, outcome, wait_seconds, status_code, error, excerpt, age, took)
), recorded as (
    update deliveries d
    set status = case
            when o.outcome = 'delivered' then 'delivered'
            when o.outcome in ('failed', 'given_up') then 'failed'
            else 'pending'
        end,
        attempts = case when o.outcome in ('put_off', 'put_back', 'given_up') then o.number - 1 else d.attempts end,
        waits = d.waits + (o.outcome = 'put_off')::int,
        next_attempt_at = case
            when o.outcome in ('delivered', 'failed', 'given_up') then d.next_attempt_at
            else now() + make_interval(secs => o.wait_seconds)
        end,
        last_status_code = case when o.outcome = 'put_back' then d.last_status_code else o.status_code end,
        last_error = case when o.outcome = 'put_back' then d.last_error else o.error end,
        response_excerpt = case when o.outcome = 'put_back' then d.response_excerpt else o.excerpt end
    from outcomes o
    where o.decides and d.account_id = o.account_id and d.id = o.id and d.status = 'pending'
        and (d.attempts = o.number or o.outcome = 'delivered')
    returning d.account_id, d.id, d.endpoint, d.kind, d.status, o.number, o.outcome, o.status_code, o.error, o.excerpt,
        o.age, o.took
), uncounted as (
    -- It came too late to decide anything, and was made all the same. The lock keeps the row it refers to.
    select o.account_id, o.id, o.number, o.outcome, o.status_code, o.error, o.excerpt, o.age, o.took
    from outcomes o
    join deliveries d on d.account_id = o.account_id and d.id = o.id
    where o.decides and not (d.status = 'pending' and (d.attempts = o.number or o.outcome = 'delivered'))
    for key share of d
), logged as (
    insert into delivery_attempts (account_id, delivery_id, number, at, took, status_code, error, response_excerpt)
    select account_id, id, number, now() - make_interval(secs => age), took, status_code, error, excerpt
    from (
        select account_id, id, number, outcome, status_code, error, excerpt, age, took from recorded
        union all
        select account_id, id, number, outcome, status_code, error, excerpt, age, took from uncounted
        union all
        select account_id, id, number, outcome, status_code, error, excerpt, age, took
        from outcomes o
        where not o.decides and exists (
            select
            from (select account_id, id from recorded union all select account_id, id from uncounted) there
            where there.account_id = o.account_id and there.id = o.id)
    ) as made
    where outcome not in ('put_off', 'put_back', 'given_up')
    on conflict do nothing
), praised as (
    update webhooks w
    set last_delivered_at = now()
    from (
        select distinct account_id, endpoint from recorded where kind = 'webhook' and status = 'delivered'
    ) r
    where w.account_id = r.account_id and w.id = r.endpoint
)
select account_id, id from recorded;

-- disable_webhook: switch off a webhook whose endpoint asked for nothing more
with stopped as (
    update webhooks
    set enabled = false, auto_disabled_at = now(), auto_disabled_reason = %(reason)s
    where account_id = %(account_id)s and id = %(id)s and enabled
    returning account_id, id
)
select stopped.id
from stopped, lateral (select pg_notify('e2ad_webhooks', stopped.account_id)) as told;

-- disable_failing: switch off webhooks that failed again and again and delivered nothing
-- Evidence from before the webhook was switched on again does not count against it.
with failing as (
    select w.account_id, w.id, count(*) filter (where d.status = 'failed') as failed
    from webhooks w
    join deliveries d
        on d.account_id = w.account_id and d.endpoint = w.id and d.kind = 'webhook'
        and d.created_at > greatest(
            now() - make_interval(secs => %(window_seconds)s::float8), coalesce(w.reenabled_at, '-infinity')
        )
    where w.enabled
    group by w.account_id, w.id
    having count(*) filter (where d.status = 'failed') >= %(failures)s::bigint
        and count(*) filter (where d.status = 'delivered') = 0
    limit %(limit)s::bigint
), stopped as (
    update webhooks w
    set enabled = false, auto_disabled_at = now(), auto_disabled_reason = %(reason)s
    from failing f
    where w.account_id = f.account_id and w.id = f.id and w.enabled
    returning w.account_id, w.id, f.failed
)
select stopped.account_id, stopped.id, stopped.failed
from stopped, lateral (select pg_notify('e2ad_webhooks', stopped.account_id)) as told;

-- clear_old_secrets: forget previous secrets whose grace is over
update webhooks
set sealed_previous_secret = null, previous_secret_expires_at = null
where previous_secret_expires_at <= now();

-- content: the raw mail of one message
select raw from contents where account_id = %(account_id)s and sha256 = %(sha256)s;
