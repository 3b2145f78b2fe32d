-- known: which mails made these addresses known: as a verified sender, or in the header section of a mail that is answered
-- What is held for review, or was rejected, made nobody known: neither mail that came nor mail that the agent wrote.
select 'sender' as kind, a.form as asked, s.id, s.direction, true as believed, s.header_from,
       '[]'::jsonb as to_addresses, '[]'::jsonb as cc_addresses, '[]'::jsonb as bcc_addresses,
       '[]'::jsonb as reply_to_addresses
from unnest(%(forms)s::text[]) as a (form)
cross join lateral (
    (select m.id, m.direction, m.header_from
     from messages m
     where m.account_id = %(account_id)s and m.agent_email = %(agent_email)s and lower(m.header_from) = a.form
       and m.direction = 'inbound' and m.verified
       and coalesce(m.review_status, '') not in ('pending_review', 'review_rejected', 'review_expired_rejected')
     limit %(per_sender)s)
    union all
    (select m.id, m.direction, m.header_from
     from messages m
     where m.account_id = %(account_id)s and m.agent_email = %(agent_email)s and m.header_from = a.form
       and m.direction = 'inbound' and m.entity_type = 'agent'
       and coalesce(m.review_status, '') not in ('pending_review', 'review_rejected', 'review_expired_rejected')
     limit 1)
) s
union all
select 'member', '', p.id, p.direction, p.verified or p.entity_type = 'agent' or p.direction = 'outbound', p.header_from,
       p.to_addresses, p.cc_addresses, p.bcc_addresses, p.reply_to_addresses
from (
    select m.*
    from messages m
    where m.account_id = %(account_id)s and m.id = %(parent_id)s and m.agent_email || '' = %(agent_email)s
    union
    (select m.*
     from messages m
     where m.account_id = %(account_id)s and m.agent_email = %(agent_email)s
       and m.conversation_id = %(conversation_id)s
     order by m.created_at desc
     limit %(members)s)
) p
where coalesce(p.review_status, '') not in ('pending_review', 'review_rejected', 'review_expired_rejected');

-- passages: what stands in the mails that the agent may have read last: the answered one, its conversation, the newest
-- Trashed mail counts: an agent may be told to delete what it was told. Texts are given up to a budget, newest first.
with candidates as (
    select m.id, m.created_at, 0 as nearness
    from messages m
    where m.account_id = %(account_id)s and m.id = %(parent_id)s and m.agent_email || '' = %(agent_email)s
    union all
    (select m.id, m.created_at, 1
     from messages m
     where m.account_id = %(account_id)s and m.agent_email = %(agent_email)s
       and m.conversation_id = %(conversation_id)s and m.direction = 'inbound'
     order by m.created_at desc
     limit %(members)s)
    union all
    (select m.id, m.created_at, 2
     from messages m
     where m.account_id = %(account_id)s and m.agent_email = %(agent_email)s and m.deleted_at is null
       and m.direction = 'inbound'
     order by m.created_at desc, m.id desc
     limit %(newest)s)
    union all
    (select m.id, m.created_at, 2
     from messages m
     where m.account_id = %(account_id)s and m.agent_email = %(agent_email)s and m.deleted_at is not null
       and m.direction = 'inbound'
     order by m.created_at desc, m.id desc
     limit %(newest)s)
), chosen as materialized (
    select c.id, row_number() over (order by min(c.nearness), max(c.created_at) desc, c.id) as place
    from candidates c
    group by c.id
    order by place
    limit %(newest)s
), sized as (
    select m.*, c.place,
           sum(octet_length(m.body_text) + coalesce(octet_length(m.body_html), 0)) over (order by c.place)
           - octet_length(m.body_text) - coalesce(octet_length(m.body_html), 0) as octets_before
    from chosen c
    join messages m on m.account_id = %(account_id)s and m.id = c.id
    where m.direction = 'inbound'
)
select s.id, s.header_from, s.sender_name, s.verified or s.entity_type = 'agent' as believed,
       s.to_addresses, s.cc_addresses, s.reply_to_addresses, s.subject, s.attachments,
       case when s.octets_before < %(octets)s and s.place <= %(texts)s
            then left(s.body_text, (%(octets)s - s.octets_before)::integer) else '' end as text,
       case when s.octets_before + octet_length(s.body_text) < %(octets)s and s.place <= %(texts)s
            then left(s.body_html, (%(octets)s - s.octets_before - octet_length(s.body_text))::integer) end as html
from sized s
order by s.place;
