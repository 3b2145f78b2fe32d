-- newest: one page of an agent's messages, newest first; without any, one row of nulls if the agent lives
-- Never prepared: planned with its parameters, so that a condition whose parameter is null costs nothing and the
-- index of every other one is found.
select m.id, m.direction, m.created_at, m.delivered_to, m.envelope_from, m.header_from, m.verified_domain,
       m.to_addresses, m.cc_addresses, m.reply_to_addresses, m.subject, m.conversation_id, m.threaded, m.size_bytes,
       m.unread, m.labels, m.flagged, m.flag_reason, m.continuity, m.continuity_detail,
       m.resembles, m.review_status, m.deleted_at, m.thread_id,
       s.status as delivery_status, s.detail as delivery_detail, s.sent_as, s.scheduled_at,
       case when %(quoted_characters)s::int > 0 and m.id is not null then json_build_object(
               'name', m.sender_name, 'text', left(m.body_text, %(quoted_characters)s::int),
               'attachments', m.attachments)
       end as quoted
from agents a
left join lateral (
    select *
    from messages m
    where m.account_id = %(account_id)s
      and case
          -- Those that are named are found by their keys, wherever in the inbox they stand: written so that no index
          -- of an inbox fits.
          when %(found_ids)s::text[] is not null then
              m.id = any(%(found_ids)s::text[]) and m.agent_email || '' = %(agent_email)s
              and (coalesce(m.deleted_at, '-infinity') = '-infinity') <> %(deleted)s::boolean
          when %(deleted)s::boolean then m.agent_email = %(agent_email)s and m.deleted_at is not null
          else m.agent_email = %(agent_email)s and m.deleted_at is null
      end
      and (m.direction = 'outbound'
           or coalesce(m.review_status, '') not in ('pending_screening', 'pending_review', 'review_rejected', 'review_expired_rejected'))
      and (%(direction)s::text is null or m.direction = %(direction)s)
      and (%(unread)s::boolean is null or m.unread = %(unread)s
           or (%(direction)s::text is null and m.direction = 'outbound'))
      and (%(from_like)s::text is null or lower(m.header_from) like lower(%(from_like)s))
      and (%(subject_like)s::text is null or lower(m.subject) like lower(%(subject_like)s))
      and (%(conversation_id)s::text is null or m.conversation_id = %(conversation_id)s)
      and (cardinality(%(labels)s::text[]) = 0 or (m.labels <> '{}' and m.labels @> %(labels)s))
      and (%(since)s::timestamptz is null or m.created_at >= %(since)s)
      and (%(until)s::timestamptz is null or m.created_at < %(until)s)
      and (%(filter_from_like)s::text is null or lower(m.header_from) like lower(%(filter_from_like)s))
      and (%(filter_subject_like)s::text is null or lower(m.subject) like lower(%(filter_subject_like)s))
      and (%(filter_path)s::jsonpath is null or jsonb_path_match(
               jsonb_build_object(
                   's', m.subject, 'f', coalesce(m.header_from, ''), 'l', m.labels,
                   't', (extract(epoch from m.created_at) * 1000000)::bigint),
               %(filter_path)s::jsonpath))
      -- Asked of one mail after the other on the way through the list, never of all.
      and (%(found_query)s::text is null or (
               select w.document @@ %(found_query)s::tsquery
               from message_search w
               where w.account_id = m.account_id and w.message_id = m.id))
      and (%(cursor_at)s::timestamptz is null or (m.created_at, m.id) < (%(cursor_at)s, %(cursor_id)s::text))
    order by m.created_at desc, m.id desc
    limit %(limit)s
) m on true
left join lateral (
    select s.status, s.detail, s.sent_as, s.scheduled_at
    from submissions s
    where m.direction = 'outbound' and s.account_id = m.account_id and s.message_id = m.id
    limit 1
) s on true
where a.account_id = %(account_id)s and a.email = %(agent_email)s and a.deleted_at is null
order by m.created_at desc, m.id desc;

-- oldest: the same, oldest first
select m.id, m.direction, m.created_at, m.delivered_to, m.envelope_from, m.header_from, m.verified_domain,
       m.to_addresses, m.cc_addresses, m.reply_to_addresses, m.subject, m.conversation_id, m.threaded, m.size_bytes,
       m.unread, m.labels, m.flagged, m.flag_reason, m.continuity, m.continuity_detail,
       m.resembles, m.review_status, m.deleted_at, m.thread_id,
       s.status as delivery_status, s.detail as delivery_detail, s.sent_as, s.scheduled_at,
       case when %(quoted_characters)s::int > 0 and m.id is not null then json_build_object(
               'name', m.sender_name, 'text', left(m.body_text, %(quoted_characters)s::int),
               'attachments', m.attachments)
       end as quoted
from agents a
left join lateral (
    select *
    from messages m
    where m.account_id = %(account_id)s
      and case
          -- Those that are named are found by their keys, wherever in the inbox they stand: written so that no index
          -- of an inbox fits.
          when %(found_ids)s::text[] is not null then
              m.id = any(%(found_ids)s::text[]) and m.agent_email || '' = %(agent_email)s
              and (coalesce(m.deleted_at, '-infinity') = '-infinity') <> %(deleted)s::boolean
          when %(deleted)s::boolean then m.agent_email = %(agent_email)s and m.deleted_at is not null
          else m.agent_email = %(agent_email)s and m.deleted_at is null
      end
      and (m.direction = 'outbound'
           or coalesce(m.review_status, '') not in ('pending_screening', 'pending_review', 'review_rejected', 'review_expired_rejected'))
      and (%(direction)s::text is null or m.direction = %(direction)s)
      and (%(unread)s::boolean is null or m.unread = %(unread)s
           or (%(direction)s::text is null and m.direction = 'outbound'))
      and (%(from_like)s::text is null or lower(m.header_from) like lower(%(from_like)s))
      and (%(subject_like)s::text is null or lower(m.subject) like lower(%(subject_like)s))
      and (%(conversation_id)s::text is null or m.conversation_id = %(conversation_id)s)
      and (cardinality(%(labels)s::text[]) = 0 or (m.labels <> '{}' and m.labels @> %(labels)s))
      and (%(since)s::timestamptz is null or m.created_at >= %(since)s)
      and (%(until)s::timestamptz is null or m.created_at < %(until)s)
      and (%(filter_from_like)s::text is null or lower(m.header_from) like lower(%(filter_from_like)s))
      and (%(filter_subject_like)s::text is null or lower(m.subject) like lower(%(filter_subject_like)s))
      and (%(filter_path)s::jsonpath is null or jsonb_path_match(
               jsonb_build_object(
                   's', m.subject, 'f', coalesce(m.header_from, ''), 'l', m.labels,
                   't', (extract(epoch from m.created_at) * 1000000)::bigint),
               %(filter_path)s::jsonpath))
      -- Asked of one mail after the other on the way through the list, never of all.
      and (%(found_query)s::text is null or (
               select w.document @@ %(found_query)s::tsquery
               from message_search w
               where w.account_id = m.account_id and w.message_id = m.id))
      and (%(cursor_at)s::timestamptz is null or (m.created_at, m.id) > (%(cursor_at)s, %(cursor_id)s::text))
    order by m.created_at, m.id
    limit %(limit)s
) m on true
left join lateral (
    select s.status, s.detail, s.sent_as, s.scheduled_at
    from submissions s
    where m.direction = 'outbound' and s.account_id = m.account_id and s.message_id = m.id
    limit 1
) s on true
where a.account_id = %(account_id)s and a.email = %(agent_email)s and a.deleted_at is null
order by m.created_at, m.id;

-- One message is found by its key. The concatenation keeps the indexes that lead with the agent out of it: where
-- statistics are missing (much mail in a minute) they look as good as the key to the planner, and read a whole inbox.

-- read: one message with all that its reader gets, marked as read on the way where that is wanted
with marked as (
    update messages m set unread = false
    where m.account_id = %(account_id)s
      and m.id = %(id)s
      and m.agent_email || '' = %(agent_email)s
      and m.unread
      and %(mark_read)s::boolean
      and (m.direction = 'outbound'
            or coalesce(m.review_status, '') not in ('pending_screening', 'pending_review', 'review_rejected', 'review_expired_rejected'))
      and exists (select from agents a where a.email = m.agent_email and a.deleted_at is null)
)
select m.id, m.direction, m.created_at, m.delivered_to, m.envelope_from, m.header_from, m.verified_domain,
       m.to_addresses, m.cc_addresses, m.reply_to_addresses, m.subject, m.conversation_id, m.threaded, m.size_bytes,
       m.unread, m.labels, m.flagged, m.flag_reason, m.continuity, m.continuity_detail,
       m.resembles, m.review_status, m.deleted_at, m.thread_id,
       b.status as delivery_status, b.detail as delivery_detail, b.sent_as, b.scheduled_at, m.method,
       m.sender_name, m.authentication, m.automation, m.body_text, m.new_text, m.body_html, m.truncated, m.attachments,
       m.verified, m.entity_type, m.domain_check, m.delegation, m.content_sha256, c.raw,
       s.id as secret_id, s.sealed_secret
from messages m
join agents a on a.email = m.agent_email and a.deleted_at is null
left join contents c on c.account_id = m.account_id and c.sha256 = m.content_sha256
left join submissions b on b.account_id = m.account_id and b.message_id = m.id
left join lateral (
    select s.id, s.sealed_secret
    from signing_secrets s
    where s.account_id = m.account_id
    order by s.created_at desc, s.id desc
    limit 1
) s on true
where m.account_id = %(account_id)s
  and m.id = %(id)s
  and m.agent_email || '' = %(agent_email)s
  and (m.direction = 'outbound'
        or coalesce(m.review_status, '') not in ('pending_screening', 'pending_review', 'review_rejected', 'review_expired_rejected'));

-- raw: a message's bytes as they came; nothing is marked
select c.raw
from messages m
join agents a on a.email = m.agent_email and a.deleted_at is null
join contents c on c.account_id = m.account_id and c.sha256 = m.content_sha256
where m.account_id = %(account_id)s
  and m.id = %(id)s
  and m.agent_email || '' = %(agent_email)s
  and (m.direction = 'outbound'
        or coalesce(m.review_status, '') not in ('pending_screening', 'pending_review', 'review_rejected', 'review_expired_rejected'));

-- attachments: a message's index of attachments, with its bytes where the wanted one is small enough to go inline
select m.attachments,
       case
           when (m.attachments -> %(index)s::int ->> 'size_bytes')::bigint <= %(inline_bytes)s::bigint then c.raw
       end as raw
from messages m
join agents a on a.email = m.agent_email and a.deleted_at is null
left join contents c on c.account_id = m.account_id and c.sha256 = m.content_sha256
where m.account_id = %(account_id)s
  and m.id = %(id)s
  and m.agent_email || '' = %(agent_email)s
  and (m.direction = 'outbound'
        or coalesce(m.review_status, '') not in ('pending_screening', 'pending_review', 'review_rejected', 'review_expired_rejected'));

-- download: a message's bytes for the holder of a signed link, which names the agent and the message
select c.raw
from agents a
join messages m on m.account_id = a.account_id and m.id = %(id)s and m.agent_email || '' = a.email
join contents c on c.account_id = m.account_id and c.sha256 = m.content_sha256
where a.email = %(agent_email)s
  and a.deleted_at is null
  and (m.direction = 'outbound'
        or coalesce(m.review_status, '') not in ('pending_screening', 'pending_review', 'review_rejected', 'review_expired_rejected'));

-- update: add and remove labels and set the read state; nothing is written where nothing changes or too much would be
with target as materialized (
    select m.account_id, m.id, m.direction, m.unread,
           array(
               select distinct label
               from unnest(m.labels || %(add)s::text[]) as label
               where label <> all(%(remove)s::text[])
               order by label
           ) as labels
    from messages m
    where m.account_id = %(account_id)s
      and m.id = %(id)s
      and m.agent_email || '' = %(agent_email)s
      and (m.direction = 'outbound'
            or coalesce(m.review_status, '') not in ('pending_screening', 'pending_review', 'review_rejected', 'review_expired_rejected'))
      and exists (select from agents a where a.email = m.agent_email and a.deleted_at is null)
    for no key update of m
),
wanted as (
    select t.account_id, t.id, t.direction, t.labels,
           case when t.direction = 'inbound' then coalesce(%(unread)s::boolean, t.unread) else t.unread end as unread
    from target t
),
changed as (
    update messages m set labels = w.labels, unread = w.unread
    from wanted w
    where m.account_id = w.account_id
      and m.id = w.id
      and cardinality(w.labels) <= %(max_labels)s::int
      and (%(unread)s::boolean is null or w.direction = 'inbound')
      and (m.labels is distinct from w.labels or m.unread is distinct from w.unread)
)
select direction, labels, unread from wanted;

-- trash: move a message to the trash unless it is held or on its way; when it is there already nothing changes
-- The submission is locked first, as by those who record its outcome: whoever claims it now waits, or was first.
with submission as materialized (
    select s.status = 'sending' and s.leased_until > now() as in_progress
    from submissions s
    where s.account_id = %(account_id)s and s.message_id = %(id)s and s.agent_email = %(agent_email)s
    for no key update of s
),
target as materialized (
    select m.account_id, m.id, m.deleted_at,
           m.review_status is not null
           and (m.review_status in ('pending_screening', 'pending_review')
                or (m.direction = 'inbound' and m.review_status in ('review_rejected', 'review_expired_rejected')))
               as held,
           coalesce((select in_progress from submission), false) as in_progress
    from messages m
    where m.account_id = %(account_id)s
      and m.id = %(id)s
      and m.agent_email || '' = %(agent_email)s
      and exists (select from agents a where a.email = m.agent_email and a.deleted_at is null)
    for no key update of m
),
trashed as (
    update messages m set deleted_at = now()
    from target t
    where m.account_id = t.account_id and m.id = t.id and t.deleted_at is null and not t.held and not t.in_progress
)
select held, deleted_at is not null as in_trash, in_progress from target;

-- restore: bring a message back from the trash
with target as materialized (
    select m.account_id, m.id, m.deleted_at is not null as in_trash
    from messages m
    where m.account_id = %(account_id)s
      and m.id = %(id)s
      and m.agent_email || '' = %(agent_email)s
      and (m.direction = 'outbound'
            or coalesce(m.review_status, '') not in ('pending_screening', 'pending_review', 'review_rejected', 'review_expired_rejected'))
      and exists (select from agents a where a.email = m.agent_email and a.deleted_at is null)
    for no key update of m
),
restored as (
    update messages m set deleted_at = null
    from target t
    where m.account_id = t.account_id and m.id = t.id and t.in_trash
)
select in_trash from target;

-- purge: delete a trashed message for good and give its bytes back to the account
with submission as materialized (
    select s.status = 'sending' and s.leased_until > now() as in_progress
    from submissions s
    where s.account_id = %(account_id)s and s.message_id = %(id)s and s.agent_email = %(agent_email)s
    for update of s
),
target as materialized (
    select m.account_id, m.id, m.deleted_at is not null as in_trash, m.size_bytes, m.content_sha256,
           m.review_status is not null
           and (m.review_status in ('pending_screening', 'pending_review')
                or (m.direction = 'inbound' and m.review_status in ('review_rejected', 'review_expired_rejected')))
               as held,
           coalesce((select in_progress from submission), false) as in_progress
    from messages m
    where m.account_id = %(account_id)s
      and m.id = %(id)s
      and m.agent_email || '' = %(agent_email)s
      and exists (select from agents a where a.email = m.agent_email and a.deleted_at is null)
    for update of m
),
gone as (
    delete from messages m
    using target t
    where m.account_id = t.account_id and m.id = t.id and t.in_trash and not t.held and not t.in_progress
    returning m.account_id, m.size_bytes, m.created_at
),
marks as (
    insert into metrics_stale (account_id, hour)
    select account_id, date_trunc('hour', created_at, 'UTC')
    from gone
    where created_at < date_trunc('hour', now() - interval '5 minutes', 'UTC')
),
given_back as (
    update account_usage u set storage_bytes = greatest(0, u.storage_bytes - g.size_bytes)
    from gone g
    where u.account_id = g.account_id
)
select held, in_trash, in_progress, content_sha256 from target;
