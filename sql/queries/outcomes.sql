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
with moved as (
    update recipients r
    set status = c.status, smtp_code = c.smtp_code, enhanced = c.enhanced, detail = c.detail, changed_at = %(at)s
    from unnest(
        (select %(account_ids)b::text[]), (select %(message_ids)b::text[]), (select %(addresses)b::text[]), (select %(statuses)b::text[]),
        (select %(smtp_codes)b::int[]), (select %(enhanceds)b::text[]), (select %(details)b::text[])
    ) as c (account_id, message_id, address, status, smtp_code, enhanced, detail)
    where r.account_id = c.account_id and r.message_id = c.message_id and r.address = c.address
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
