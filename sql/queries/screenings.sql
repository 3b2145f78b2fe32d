-- claim: mail that waits for the word of the model; attempt and next time are written before anybody is asked
-- That of agents in the trash waits on.
with due as (
    select s.account_id, s.message_id
    from screenings s
    join messages m on m.account_id = s.account_id and m.id = s.message_id
    join agents a on a.email = m.agent_email and a.deleted_at is null
    where s.next_attempt_at <= now()
    order by s.next_attempt_at
    limit %(limit)s::bigint
    for update of s skip locked
),
taken as (
    update screenings s
    set attempts = s.attempts + 1,
        next_attempt_at = now() + make_interval(
            secs => (%(waits)s::float8[])[least(s.attempts + 1, cardinality(%(waits)s::float8[]))]
        )
    from due d
    where s.account_id = d.account_id and s.message_id = d.message_id
    returning s.account_id, s.message_id, s.attempts, s.noticed
)
select t.account_id, t.message_id, t.attempts, t.noticed, m.agent_email, m.subject, m.sender_name, m.header_from,
       m.body_text, m.body_html, m.truncated, m.attachments, m.continuity, m.continuity_detail, m.resembles
from taken t
join messages m on m.account_id = t.account_id and m.id = t.message_id;

-- lock: a mail that still waits, for the one who settles it
select m.account_id, m.id, m.agent_email, m.conversation_id, a.protection, a.registered_domain
from messages m
join agents a on a.email = m.agent_email and a.deleted_at is null
where m.account_id = %(account_id)s and m.id = %(id)s and m.review_status = 'pending_screening'
for update of m;

-- settle: what became of it, with the hold where a person decides
with gone as (
    delete from screenings where account_id = %(account_id)s and message_id = %(id)s
),
held as (
    insert into holds (account_id, message_id, agent_email, direction, reason, findings, on_expiry, created_at)
    select %(account_id)s, %(id)s, %(agent_email)s, 'inbound', %(reason)s::jsonb, %(findings)s::jsonb, %(on_expiry)s, %(at)s
    where %(reason)s::jsonb is not null
)
update messages
set review_status = %(review_status)s,
    review_expires_at = %(review_expires_at)s,
    flagged = %(flag_reason)s::text is not null,
    flag_reason = %(flag_reason)s,
    scan_score = %(scan_score)s,
    scan_action = %(scan_action)s
where account_id = %(account_id)s and id = %(id)s;
