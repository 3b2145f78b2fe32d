-- lock: the submissions that facts are about, each locked until the transaction ends, with what its events tell
select s.account_id, s.message_id, s.status, s.failure_source, s.provider_message_id, s.submitted_at,
       s.attempts, s.status = 'sending' as claimed,
       m.agent_email, m.method, m.message_type, m.header_from, m.subject, m.conversation_id,
       m.to_addresses, m.cc_addresses, m.bcc_addresses, m.message_id as email_message_id
from unnest((select %(account_ids)b::text[]), (select %(message_ids)b::text[])) as k (account_id, message_id)
join submissions s on s.account_id = k.account_id and s.message_id = k.message_id
join messages m on m.account_id = s.account_id and m.id = s.message_id
order by s.account_id, s.message_id
for no key update of s;

-- recipients: how far each recipient is, read after `lock` by a statement of its own, so that nothing newer is missed
select r.account_id, r.message_id, r.address, r.status, r.smtp_code, r.enhanced, r.detail
from unnest((select %(account_ids)b::text[]), (select %(message_ids)b::text[])) as k (account_id, message_id)
join recipients r on r.account_id = k.account_id and r.message_id = k.message_id
order by r.account_id, r.message_id, r.address;

-- write: the new states of recipients and of their submissions, all decided by the caller, who holds the locks
-- Whom the next server has taken the mail for is counted as written to, once for each mail.
with moved as (
    update recipients r
    set status = c.status, smtp_code = c.smtp_code, enhanced = c.enhanced, detail = c.detail, changed_at = %(at)s
    from unnest(
        (select %(account_ids)b::text[]), (select %(message_ids)b::text[]), (select %(addresses)b::text[]), (select %(statuses)b::text[]),
        (select %(smtp_codes)b::int[]), (select %(enhanceds)b::text[]), (select %(details)b::text[])
    ) as c (account_id, message_id, address, status, smtp_code, enhanced, detail)
    where r.account_id = c.account_id and r.message_id = c.message_id and r.address = c.address
),
written as (
    insert into correspondents as c (
        account_id, agent_email, address, skeleton, outbound_count, first_outbound_at, last_outbound_at,
        last_conversation_id, known
    )
    select
        t.account_id, m.agent_email, t.correspondent, min(t.look), count(*), %(at)s, %(at)s,
        (array_agg(m.conversation_id order by m.created_at desc))[1], true
    from unnest(
        (select %(taken_account_ids)b::text[]), (select %(taken_message_ids)b::text[]),
        (select %(correspondents)b::text[]), (select %(looks)b::text[])
    ) as t (account_id, message_id, correspondent, look)
    cross join lateral (
        select m.agent_email, m.conversation_id, m.created_at
        from messages m
        where m.account_id = t.account_id and m.id = t.message_id
        limit 1
    ) m
    where t.correspondent <> m.agent_email
    group by t.account_id, m.agent_email, t.correspondent
    order by t.account_id, t.correspondent, m.agent_email
    on conflict (account_id, address, agent_email) do update set
        outbound_count = c.outbound_count + excluded.outbound_count,
        first_outbound_at = coalesce(c.first_outbound_at, excluded.first_outbound_at),
        last_outbound_at = excluded.last_outbound_at,
        last_conversation_id = excluded.last_conversation_id,
        known = true
)
update submissions s
set status = c.status,
    failure_source = c.failure_source,
    detail = coalesce(c.detail, s.detail),
    provider_message_id = coalesce(c.provider_message_id, s.provider_message_id),
    submitted_at = c.submitted_at,
    counted_attempts = s.counted_attempts + c.counted::int,
    next_attempt_at = case
        when c.finished then null
        when c.wait_seconds is not null then now() + make_interval(secs => c.wait_seconds)
        else s.next_attempt_at
    end,
    leased_until = case when c.released then null else s.leased_until end,
    transmitting_at = case when c.released then null else s.transmitting_at end
from unnest(
    (select %(s_account_ids)b::text[]), (select %(s_message_ids)b::text[]), (select %(s_statuses)b::text[]), (select %(failure_sources)b::text[]),
    (select %(s_details)b::text[]), (select %(provider_message_ids)b::text[]), (select %(submitted_ats)b::timestamptz[]),
    (select %(counted)b::bool[]), (select %(finished)b::bool[]), (select %(wait_seconds)b::float8[]), (select %(released)b::bool[])
) as c (
    account_id, message_id, status, failure_source, detail, provider_message_id, submitted_at, counted, finished,
    wait_seconds, released
)
where s.account_id = c.account_id and s.message_id = c.message_id;

-- rearm: let the unknown recipients of one mail, locked by the caller, be tried again, because a person said so
with freed as (
    update recipients
    set status = 'pending', detail = 'sent again because a person decided so', changed_at = now()
    where account_id = %(account_id)s and message_id = %(message_id)s and status = 'outcome_unknown'
)
update submissions
set status = 'accepted', next_attempt_at = now(), counted_attempts = 0, accepted_at = now(), detail = null
where account_id = %(account_id)s and message_id = %(message_id)s;
