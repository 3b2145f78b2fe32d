-- lock: a message that is or was held, kept from every other decision until the transaction ends
select m.account_id, m.id, m.agent_email, m.direction, m.conversation_id, m.review_status,
       a.deleted_at is not null as trashed
from messages m
join agents a on a.email = m.agent_email
where m.account_id = %(account_id)s and m.id = %(id)s
for update of m;

-- lock_due: the same for a hold that ran out, unless somebody else is at it or it is settled
select m.account_id, m.id, m.agent_email, m.direction, m.conversation_id, m.review_status,
       a.deleted_at is not null as trashed
from messages m
join agents a on a.email = m.agent_email
where m.account_id = %(account_id)s and m.id = %(id)s
    and m.review_status = 'pending_review' and m.review_expires_at <= %(at)s and a.deleted_at is null
for update of m skip locked;

-- hold: the draft that a decision is about, and what was noted when it was held
select h.reason, h.findings, h.on_expiry, h.revision, h.edited, r.draft, coalesce(r.sha256, m.content_sha256) as sha256,
       m.header_from, m.envelope_from, m.verified_domain, m.authentication
from holds h
join messages m on m.account_id = h.account_id and m.id = h.message_id
left join hold_revisions r
    on r.account_id = h.account_id and r.message_id = h.message_id and r.revision = h.revision
where h.account_id = %(account_id)s and h.message_id = %(id)s;

-- revise: another draft instead of the one that was held; what the message shows follows it
with revised as (
    update holds set revision = revision + 1, edited = true, scheduled_at = %(send_at)s
    where account_id = %(account_id)s and message_id = %(id)s
    returning revision
), shown as (
    update messages set
        subject = %(subject)s, to_addresses = %(to)s, cc_addresses = %(cc)s, bcc_addresses = %(bcc)s,
        body_text = %(text)s, body_html = %(html)s, delivered_to = %(delivered_to)s, method = %(method)s
    where account_id = %(account_id)s and id = %(id)s
)
insert into hold_revisions (account_id, message_id, revision, draft, sha256, editor, created_at)
select %(account_id)s, %(id)s, revision, %(draft)b, %(sha256)b, %(editor)s, %(at)s from revised
returning revision;

-- decide: the end of a hold, for exactly one of all who try
with moved as (
    update messages set review_status = %(status)s
    where account_id = %(account_id)s and id = %(id)s and review_status = 'pending_review'
    returning account_id, id
)
update holds h set
    decided_at = %(at)s, decided_via = %(via)s, decided_by = %(by)s, rejection_reason = %(rejection_reason)s
from moved
where h.account_id = moved.account_id and h.message_id = moved.id;

-- released: what the announcement of a mail says that a person let through
select m.created_at, m.envelope_from, m.header_from, m.verified_domain, m.to_addresses, m.cc_addresses,
       m.reply_to_addresses, m.authentication, m.subject, m.attachments, m.automation, m.conversation_id, m.threaded,
       m.continuity, m.continuity_detail, m.resembles
from messages m
where m.account_id = %(account_id)s and m.id = %(id)s;

-- due: holds that ran out, in the order in which they did
select m.account_id, m.id, m.review_expires_at as expired_at
from messages m
join agents a on a.email = m.agent_email and a.deleted_at is null
where m.review_status = 'pending_review'
    and m.direction = %(direction)s
    and m.review_expires_at <= %(at)s
    and (m.review_expires_at, m.id) > (%(after_at)s, %(after_id)s)
order by m.review_expires_at, m.id
limit %(limit)s;

-- page: an account's open holds, newest first
select m.id, m.agent_email, m.direction, m.header_from, m.envelope_from, m.verified_domain, m.to_addresses,
       m.cc_addresses, m.bcc_addresses, m.subject, m.created_at, m.conversation_id, m.threaded, m.flagged,
       m.flag_reason, m.message_type, m.review_status, m.review_expires_at, h.reason, h.revision, h.edited,
       h.scheduled_at, coalesce(r.sha256, m.content_sha256) as sha256
from (
    select m.*
    from messages m
    join agents a on a.email = m.agent_email and a.deleted_at is null
    where m.account_id = %(account_id)s
        and m.review_status = 'pending_review'
        and (m.created_at, m.id) < (coalesce(%(before_at)s::timestamptz, 'infinity'), %(before_id)s::text)
    order by m.created_at desc, m.id desc
    limit %(limit)s
) m
join holds h on h.account_id = m.account_id and h.message_id = m.id
left join hold_revisions r
    on r.account_id = h.account_id and r.message_id = h.message_id and r.revision = h.revision
order by m.created_at desc, m.id desc;

-- soonest: an account's held drafts, those first that run out first
select m.id, m.agent_email, m.direction, m.header_from, m.envelope_from, m.verified_domain, m.to_addresses,
       m.cc_addresses, m.bcc_addresses, m.subject, m.created_at, m.conversation_id, m.threaded, m.flagged,
       m.flag_reason, m.message_type, m.review_status, m.review_expires_at, h.reason, h.revision, h.edited,
       h.scheduled_at, coalesce(r.sha256, m.content_sha256) as sha256
from (
    select m.*
    from messages m
    join agents a on a.email = m.agent_email and a.deleted_at is null
    where m.account_id = %(account_id)s
        and m.review_status = 'pending_review'
        and m.direction = 'outbound'
    order by m.review_expires_at, m.id
    limit %(limit)s
) m
join holds h on h.account_id = m.account_id and h.message_id = m.id
left join hold_revisions r
    on r.account_id = h.account_id and r.message_id = h.message_id and r.revision = h.revision
order by m.review_expires_at, m.id;

-- agent_of: whose message it is, of a live agent of the account
select m.agent_email, m.direction
from messages m
join agents a on a.email = m.agent_email and a.deleted_at is null
where m.account_id = %(account_id)s and m.id = %(id)s;

-- show: a message of the account, held or not, with what was and is thought about it
select m.id, m.direction, m.created_at, m.delivered_to, m.envelope_from, m.header_from, m.verified_domain,
       m.to_addresses, m.cc_addresses, m.bcc_addresses, m.reply_to_addresses, m.subject, m.conversation_id, m.threaded,
       m.size_bytes, m.unread, m.labels, m.flagged, m.flag_reason, m.continuity, m.continuity_detail,
       m.resembles, m.review_status, m.deleted_at, m.agent_email,
       m.sender_name, m.authentication, m.automation, m.body_text, m.new_text, m.body_html, m.truncated, m.attachments,
       m.verified, m.entity_type, m.domain_check, m.delegation, m.content_sha256, c.raw, m.message_type, m.method,
       m.message_id as email_message_id, m.review_expires_at, s.id as secret_id, s.sealed_secret,
       b.status as delivery_status, b.detail as delivery_detail, b.sent_as, b.scheduled_at,
       h.reason, coalesce(h.findings, p.findings) as findings, h.revision, h.edited, h.scheduled_at as wished_at, h.decided_at, h.decided_via, h.decided_by,
       h.rejection_reason, r.draft, coalesce(r.sha256, m.content_sha256) as sha256, acc.name as account_name
from messages m
join agents a on a.email = m.agent_email and a.deleted_at is null
join accounts acc on acc.id = m.account_id
left join contents c on c.account_id = m.account_id and c.sha256 = m.content_sha256
left join submissions b on b.account_id = m.account_id and b.message_id = m.id
left join holds h on h.account_id = m.account_id and h.message_id = m.id
left join hold_revisions r
    on r.account_id = h.account_id and r.message_id = h.message_id and r.revision = h.revision
left join lateral (
    select s.id, s.sealed_secret
    from signing_secrets s
    where s.account_id = m.account_id
    order by s.created_at desc, s.id desc
    limit 1
) s on true
-- What was noticed of mail that was never held.
left join lateral (
    select jsonb_agg(
        jsonb_strip_nulls(jsonb_build_object(
            'source', p.source, 'action', p.action, 'detector', p.detector, 'summary', p.summary, 'address', p.peer_address,
            'score', p.scan_score, 'categories', nullif(p.categories, '[]')
        ))
        order by p.created_at, p.id
    ) as findings
    from protection_events p
    where p.account_id = m.account_id and p.message_id = m.id
) p on true
where m.account_id = %(account_id)s and m.id = %(id)s;

-- by_link: what a mailed link leads to, with the hash of every draft that such a link can have been made for
select h.account_id, m.review_status, a.deleted_at is not null as trashed,
       array(
           select r.sha256 from hold_revisions r
           where r.account_id = h.account_id and r.message_id = h.message_id
           order by r.revision
       ) as sha256s
from holds h
join messages m on m.account_id = h.account_id and m.id = h.message_id
join agents a on a.email = m.agent_email
where h.message_id = %(id)s;
