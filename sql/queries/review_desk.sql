-- waiting: an account's open holds as a person's list shows them, of one agent or of all, newest first
select m.id, m.agent_email, m.direction, m.created_at, m.header_from, m.sender_name, m.verified, m.to_addresses,
       m.cc_addresses, m.bcc_addresses, m.subject, left(coalesce(m.new_text, m.body_text), 300) as snippet,
       m.review_expires_at as expires_at, h.reason, h.on_expiry, h.revision, h.scheduled_at,
       coalesce(r.sha256, m.content_sha256) as sha256
from (
    select m.*
    from messages m
    join agents a on a.email = m.agent_email and a.deleted_at is null
    where m.account_id = %(account_id)s
        and m.review_status = 'pending_review'
        and (%(agent_email)s::text is null or m.agent_email = %(agent_email)s)
        and (m.created_at, m.id) < (coalesce(%(before_at)s::timestamptz, 'infinity'), %(before_id)s::text)
    order by m.created_at desc, m.id desc
    limit %(limit)s
) m
join holds h on h.account_id = m.account_id and h.message_id = m.id
left join hold_revisions r
    on r.account_id = h.account_id and r.message_id = h.message_id and r.revision = h.revision
order by m.created_at desc, m.id desc;

-- decided: an account's holds that have ended, of one agent or of all, the last decided first
select m.id, m.agent_email, m.direction, m.header_from, m.sender_name, m.to_addresses, m.subject, m.review_status,
       h.decided_at, h.decided_via, h.decided_by, h.rejection_reason, h.edited
from holds h
join messages m on m.account_id = h.account_id and m.id = h.message_id
join agents a on a.email = m.agent_email and a.deleted_at is null
where h.account_id = %(account_id)s
    and h.decided_at is not null
    and (%(agent_email)s::text is null or m.agent_email = %(agent_email)s)
    and (h.decided_at, h.message_id) < (coalesce(%(before_at)s::timestamptz, 'infinity'), %(before_id)s::text)
order by h.decided_at desc, h.message_id desc
limit %(limit)s;

-- revisions: the drafts of a hold, the first first
select r.revision, r.draft, r.sha256, r.editor, r.created_at
from hold_revisions r
where r.account_id = %(account_id)s and r.message_id = %(id)s
order by r.revision;

-- listed: to whom the owner of an agent lets it write in any case
select protection from agents where account_id = %(account_id)s and email = %(agent_email)s;
