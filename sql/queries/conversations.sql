-- page: an agent's conversations by their newest message; without any, one row of nulls if the agent lives
-- Walks the inbox from its newest message and keeps those that are the newest of their conversation, so that a page
-- costs what it shows and not what is stored.
select c.*
from agents a
left join lateral (
    select newest.conversation_id, newest.created_at as last_message_at, newest.id as last_message_id,
           newest.subject as latest_subject, newest.header_from as latest_from,
           newest.reply_to_addresses as latest_reply_to,
           whole.first_message_at, whole.message_count, whole.inbound_count, whole.has_unread
    from (
        select m.conversation_id, m.created_at, m.id, m.subject, m.header_from, m.reply_to_addresses
        from messages m
        cross join lateral (
            select o.id
            from messages o
            where o.account_id = %(account_id)s
              and o.agent_email = %(agent_email)s
              and o.conversation_id = m.conversation_id
              and o.deleted_at is null
              and (o.direction = 'outbound'
                   or coalesce(o.review_status, '')
                      not in ('pending_screening', 'pending_review', 'review_rejected', 'review_expired_rejected'))
            order by o.created_at desc, o.id desc
            limit 1
        ) latest
        where m.account_id = %(account_id)s
          and m.agent_email = %(agent_email)s
          and m.deleted_at is null
          and (m.direction = 'outbound'
               or coalesce(m.review_status, '')
                  not in ('pending_screening', 'pending_review', 'review_rejected', 'review_expired_rejected'))
          and latest.id = m.id
          and (%(since)s::timestamptz is null or m.created_at >= %(since)s)
          and (%(until)s::timestamptz is null or m.created_at < %(until)s)
          and (%(cursor_at)s::timestamptz is null or (m.created_at, m.id) < (%(cursor_at)s, %(cursor_id)s::text))
        order by m.created_at desc, m.id desc
        limit %(limit)s
    ) newest
    cross join lateral (
        select min(w.created_at) as first_message_at,
               count(*) as message_count,
               count(*) filter (where w.direction = 'inbound') as inbound_count,
               coalesce(bool_or(w.unread), false) as has_unread
        from messages w
        where w.account_id = %(account_id)s
          and w.agent_email = %(agent_email)s
          and w.conversation_id = newest.conversation_id
          and w.deleted_at is null
          and (w.direction = 'outbound'
               or coalesce(w.review_status, '')
                  not in ('pending_screening', 'pending_review', 'review_rejected', 'review_expired_rejected'))
    ) whole
) c on true
where a.account_id = %(account_id)s and a.email = %(agent_email)s and a.deleted_at is null
order by c.last_message_at desc, c.last_message_id desc;

-- members: the newest messages of one conversation, oldest first, with what is known of all of it
with members as materialized (
    select m.id, m.direction, m.created_at, m.delivered_to, m.envelope_from, m.header_from, m.verified_domain,
           m.to_addresses, m.cc_addresses, m.reply_to_addresses, m.subject, m.conversation_id, m.threaded,
           m.size_bytes, m.unread, m.labels, m.flagged, m.flag_reason, m.continuity, m.continuity_detail,
       m.resembles, m.review_status, m.deleted_at,
           s.status as delivery_status, s.detail as delivery_detail, s.sent_as, s.scheduled_at
    from messages m
    join agents a on a.email = m.agent_email and a.deleted_at is null
    left join submissions s on s.account_id = m.account_id and s.message_id = m.id
    where m.account_id = %(account_id)s
      and m.agent_email = %(agent_email)s
      and m.conversation_id = %(conversation_id)s
      and m.deleted_at is null
      and (m.direction = 'outbound'
           or coalesce(m.review_status, '') not in ('pending_screening', 'pending_review', 'review_rejected', 'review_expired_rejected'))
), whole as (
    select min(created_at) as first_message_at,
           count(*) as message_count,
           count(*) filter (where direction = 'inbound') as inbound_count,
           coalesce(bool_or(unread), false) as has_unread
    from members
), shown as (
    select * from members order by created_at desc, id desc limit %(limit)s
)
select shown.*, whole.first_message_at, whole.message_count, whole.inbound_count, whole.has_unread
from shown, whole
order by shown.created_at, shown.id;
