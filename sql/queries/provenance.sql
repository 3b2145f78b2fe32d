-- known: which mails made these addresses known: as a verified sender, or in the header section of a mail that is answered
-- What is held for review, or was rejected, made nobody known: neither mail that came nor mail that the agent wrote.
-- Lists of addresses are given where the header section is as true as its author, and up to a budget: one mail may name
-- thousands.
select 'sender' as kind, s.id, s.header_from,
       '[]'::jsonb as to_addresses, '[]'::jsonb as cc_addresses, '[]'::jsonb as bcc_addresses,
       '[]'::jsonb as reply_to_addresses
from unnest(%(forms)s::text[]) as a (form)
cross join lateral (
    (select m.id, m.header_from
     from messages m
     where m.account_id = %(account_id)s and m.agent_email = %(agent_email)s and lower(m.header_from) = a.form
       and m.direction = 'inbound' and m.verified
       and coalesce(m.review_status, '') not in ('pending_screening', 'pending_review', 'review_rejected', 'review_expired_rejected')
     limit %(per_sender)s)
    union all
    (select m.id, m.header_from
     from messages m
     where m.account_id = %(account_id)s and m.agent_email = %(agent_email)s and m.header_from = a.form
       and m.direction = 'inbound' and m.entity_type = 'agent'
       and coalesce(m.review_status, '') not in ('pending_screening', 'pending_review', 'review_rejected', 'review_expired_rejected')
     limit 1)
) s
union all
select 'member', p.id, p.header_from,
       case when p.is_given then p.to_addresses else '[]' end, case when p.is_given then p.cc_addresses else '[]' end,
       case when p.is_given then p.bcc_addresses else '[]' end, case when p.is_given then p.reply_to_addresses else '[]' end
from (
    select b.*, b.believed and coalesce(sum(
        octet_length(concat(b.to_addresses, b.cc_addresses, b.bcc_addresses, b.reply_to_addresses))
    ) filter (where b.believed) over (
        order by b.id = %(parent_id)s desc, b.created_at desc, b.id rows between unbounded preceding and 1 preceding
    ), 0) < %(octets)s as is_given
    from (
        select m.*, m.verified or m.entity_type = 'agent' or m.direction = 'outbound' as believed
        from (
            select m.id
            from messages m
            where m.account_id = %(account_id)s and m.id = %(parent_id)s and m.agent_email || '' = %(agent_email)s
            union
            (select m.id
             from messages m
             where m.account_id = %(account_id)s and m.agent_email = %(agent_email)s
               and m.conversation_id = %(conversation_id)s
             order by m.created_at desc
             limit %(members)s)
        ) c
        join messages m on m.account_id = %(account_id)s and m.id = c.id
        where coalesce(m.review_status, '') not in ('pending_screening', 'pending_review', 'review_rejected', 'review_expired_rejected')
    ) b
) p;

-- passages: what stands in the mails that the agent may have read last: the answered one, its conversation, the newest
-- Trashed mail counts: an agent may be told to delete what it was told. Texts and lists are given up to budgets, nearest first.
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
           - octet_length(m.body_text) - coalesce(octet_length(m.body_html), 0) as octets_before,
           coalesce(sum(
               octet_length(concat(m.to_addresses, m.cc_addresses, m.reply_to_addresses, m.attachments))
           ) over (order by c.place rows between unbounded preceding and 1 preceding), 0) < %(list_octets)s as is_given
    from chosen c
    join messages m on m.account_id = %(account_id)s and m.id = c.id
    where m.direction = 'inbound'
)
select s.id, s.header_from, s.sender_name, s.verified or s.entity_type = 'agent' as believed,
       case when s.is_given then s.to_addresses else '[]' end as to_addresses,
       case when s.is_given then s.cc_addresses else '[]' end as cc_addresses,
       case when s.is_given then s.reply_to_addresses else '[]' end as reply_to_addresses, s.subject,
       case when s.is_given then s.attachments else '[]' end as attachments,
       case when s.octets_before < %(octets)s and s.place <= %(texts)s
            then left(s.body_text, (%(octets)s - s.octets_before)::integer) else '' end as text,
       case when s.octets_before + octet_length(s.body_text) < %(octets)s and s.place <= %(texts)s
            then left(s.body_html, (%(octets)s - s.octets_before - octet_length(s.body_text))::integer) end as html
from sized s
order by s.place;
