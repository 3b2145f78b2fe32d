-- counts: what the frame of every page says: unread mail, and mail that waits for review
-- Neither is counted further than a person reads. The order has an inbox walked along its index, also an empty one.
select
    (select count(*)
     from (
        select
        from agents a
        cross join lateral (
            select
            from messages m
            where m.account_id = %(account_id)s and m.agent_email = a.email and m.unread and m.deleted_at is null
              and coalesce(m.review_status, '')
                  not in ('pending_screening', 'pending_review', 'review_rejected', 'review_expired_rejected')
            order by m.created_at desc, m.id desc
            limit 100
        ) m
        where a.account_id = %(account_id)s and a.deleted_at is null
        limit 100
     ) one) as unread,
    (select count(*)
     from (
        select
        from messages m
        join agents a on a.email = m.agent_email and a.deleted_at is null
        where m.account_id = %(account_id)s and m.review_status = 'pending_review'
        limit 100
     ) one) as held;

-- agents: an account's living agents with the unread mail of each, newest agent first
select a.email, a.name, a.agent_mode,
       (select count(*)
        from (
            select
            from messages m
            where m.account_id = %(account_id)s and m.agent_email = a.email and m.unread and m.deleted_at is null
              and coalesce(m.review_status, '')
                  not in ('pending_screening', 'pending_review', 'review_rejected', 'review_expired_rejected')
            order by m.created_at desc, m.id desc
            limit 100
        ) one) as unread
from agents a
where a.account_id = %(account_id)s and a.deleted_at is null
order by a.created_at desc, a.email desc
limit %(limit)s;

-- threads: conversations of one agent or of all, by their newest message, with that message
-- Each inbox is walked from its newest message, keeping those that are the newest of their conversation.
select newest.*, whole.message_count, whole.has_unread, s.status as delivery_status
from (
    select m.id, m.agent_email, m.direction, m.created_at, m.conversation_id, m.header_from, m.sender_name,
           m.to_addresses, m.subject, left(coalesce(m.new_text, m.body_text), 300) as snippet, m.verified, m.flagged,
           m.continuity, m.labels, m.unread, m.review_status, jsonb_array_length(m.attachments) as attachment_count
    from agents a
    cross join lateral (
        select m.*
        from messages m
        cross join lateral (
            select o.id
            from messages o
            where o.account_id = %(account_id)s
              and o.agent_email = a.email
              and o.conversation_id = m.conversation_id
              -- Written so that no index of an inbox fits, which would be walked for each conversation.
              and coalesce(o.deleted_at, '-infinity') = '-infinity'
              and (o.direction = 'outbound'
                   or coalesce(o.review_status, '')
                      not in ('pending_screening', 'pending_review', 'review_rejected', 'review_expired_rejected'))
            order by o.created_at desc, o.id desc
            limit 1
        ) latest
        where m.account_id = %(account_id)s
          and m.agent_email = a.email
          and m.deleted_at is null
          and (m.direction = 'outbound'
               or coalesce(m.review_status, '')
                  not in ('pending_screening', 'pending_review', 'review_rejected', 'review_expired_rejected'))
          and latest.id = m.id
          and (%(cursor_at)s::timestamptz is null or (m.created_at, m.id) < (%(cursor_at)s, %(cursor_id)s::text))
        order by m.created_at desc, m.id desc
        limit %(limit)s
    ) m
    where a.account_id = %(account_id)s
      and a.deleted_at is null
      and (%(agent_email)s::text is null or a.email = %(agent_email)s)
    order by m.created_at desc, m.id desc
    limit %(limit)s
) newest
cross join lateral (
    select count(*) as message_count, coalesce(bool_or(w.unread), false) as has_unread
    from messages w
    where w.account_id = %(account_id)s
      and w.agent_email = newest.agent_email
      and w.conversation_id = newest.conversation_id
      and coalesce(w.deleted_at, '-infinity') = '-infinity'
      and (w.direction = 'outbound'
           or coalesce(w.review_status, '')
              not in ('pending_screening', 'pending_review', 'review_rejected', 'review_expired_rejected'))
) whole
left join lateral (
    select s.status
    from submissions s
    where newest.direction = 'outbound' and s.account_id = %(account_id)s and s.message_id = newest.id
    limit 1
) s on true
order by newest.created_at desc, newest.id desc;

-- with_mail: which of these inboxes have any mail, in the trash or outside of it
-- The newest of each is asked for, so that an inbox without any is seen to be empty at its index.
select wanted.email
from unnest(%(emails)s::text[]) as wanted (email)
cross join lateral (
    (
        select
        from messages m
        where not %(deleted)s::boolean
          and m.account_id = %(account_id)s and m.agent_email = wanted.email and m.deleted_at is null
        order by m.created_at desc, m.id desc
        limit 1
    )
    union all
    (
        select
        from messages m
        where %(deleted)s::boolean
          and m.account_id = %(account_id)s and m.agent_email = wanted.email and m.deleted_at is not null
        order by m.created_at desc, m.id desc
        limit 1
    )
) newest;

-- rows: what a list shows of messages that an operation has found, beside what that says
select m.id, m.agent_email, m.sender_name, left(coalesce(m.new_text, m.body_text), 300) as snippet, m.verified,
       jsonb_array_length(m.attachments) as attachment_count
from unnest(%(ids)s::text[]) as wanted (id)
cross join lateral (
    select * from messages m where m.account_id = %(account_id)s and m.id = wanted.id offset 0
) m;

-- noticed: what the gate and the scan noticed of a message, why it was held, and how that ended
select h.reason, h.decided_at, h.decided_via, h.rejection_reason, m.bcc_addresses, m.review_expires_at,
       coalesce(h.findings, p.findings, '[]') as findings
from messages m
left join holds h on h.account_id = m.account_id and h.message_id = m.id
left join lateral (
    select jsonb_agg(
        jsonb_strip_nulls(jsonb_build_object(
            'source', p.source, 'action', p.action, 'detector', p.detector, 'summary', p.summary,
            'address', p.peer_address, 'score', p.scan_score, 'categories', nullif(p.categories, '[]')
        ))
        order by p.created_at, p.id
    ) as findings
    from protection_events p
    where p.account_id = m.account_id and p.message_id = m.id
) p on true
where m.account_id = %(account_id)s and m.id = %(id)s and m.agent_email || '' = %(agent_email)s;

-- pushed: the deliveries of a message's events to webhooks and to the agent's own URL, oldest first
select d.id, d.endpoint, d.kind, d.event_type, d.status, d.attempts, d.created_at, d.last_attempt_at,
       d.next_attempt_at, d.last_status_code, d.last_error, coalesce(w.url, '') as url
from (
    select id from events where account_id = %(account_id)s and message_id = %(message_id)s offset 0
) e
cross join lateral (
    -- Each arm has an index of its own.
    select * from deliveries where account_id = %(account_id)s and event_id = e.id and replay_id is null
    union all
    select * from deliveries where account_id = %(account_id)s and event_id = e.id and replay_id is not null
) d
left join webhooks w on w.account_id = d.account_id and w.id = d.endpoint
order by d.created_at, d.id
limit %(limit)s;
