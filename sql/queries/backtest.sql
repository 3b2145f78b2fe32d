-- agent: a live agent with what the gate has to know of it
select a.email, a.name, a.domain, a.registered_domain,
       (select count(*) from messages m where m.account_id = a.account_id and m.agent_email = a.email) as stored
from agents a
where a.account_id = %(account_id)s and a.email = %(agent_email)s and a.deleted_at is null;

-- places: which mails there are before and after two places, newest first, with the octets of what is read of them
-- Of the trash as well: it was judged like all other mail. Two walks, each by the index of its half.
select n.id, n.created_at,
       octet_length(m.body_text) + coalesce(octet_length(m.body_html), 0)
           + coalesce(
               (select octet_length(r.draft) from hold_revisions r
                where r.account_id = %(account_id)s and r.message_id = n.id and r.revision = 1),
               0
           ) as octets
from (
    (select m.id, m.created_at
     from messages m
     where m.account_id = %(account_id)s and m.agent_email = %(agent_email)s and m.deleted_at is null
       and (m.created_at, m.id) < (%(before_at)s::timestamptz, %(before_id)s::text)
       and (m.created_at, m.id) > (%(after_at)s::timestamptz, %(after_id)s::text)
     order by m.created_at desc, m.id desc
     limit %(limit)s)
    union all
    (select m.id, m.created_at
     from messages m
     where m.account_id = %(account_id)s and m.agent_email = %(agent_email)s and m.deleted_at is not null
       and (m.created_at, m.id) < (%(before_at)s::timestamptz, %(before_id)s::text)
       and (m.created_at, m.id) > (%(after_at)s::timestamptz, %(after_id)s::text)
     order by m.created_at desc, m.id desc
     limit %(limit)s)
) n
join messages m on m.account_id = %(account_id)s and m.id = n.id
order by n.created_at desc, n.id desc
limit %(limit)s;

-- mails: all of these mails that the gate looks at, oldest first; texts where somebody looks at them
select m.id, m.direction, m.created_at, m.message_type, m.header_from, m.sender_name, m.to_addresses, m.cc_addresses,
       m.bcc_addresses, m.reply_to_addresses, m.subject, m.conversation_id,
       coalesce(m.thread_parent_id, m.forwarded_id) as parent_id, m.hops, m.attachments, m.truncated,
       m.verified, m.verified_domain, m.authentication, m.flagged, m.flag_reason, m.review_status,
       case when (m.direction = 'inbound' and %(reads_inbound)s) or (m.direction = 'outbound' and %(reads_outbound)s)
            then left(m.body_text, %(most)s::integer) else '' end as text,
       case when (m.direction = 'inbound' and %(reads_inbound)s) or (m.direction = 'outbound' and %(reads_outbound)s)
            then left(m.body_html, %(most)s::integer) end as html,
       h.reason ->> 'summary' as hold_summary, h.message_id is not null as was_held,
       case when octet_length(r.draft) <= %(draft_octets)s then r.draft end as draft,
       array(
           select x.address from recipients x
           where x.account_id = m.account_id and x.message_id = m.id
             and x.status in ('sent', 'deferred', 'delivered', 'bounced', 'complained')
       ) as taken_by
from messages m
left join holds h on h.account_id = m.account_id and h.message_id = m.id
left join hold_revisions r on r.account_id = m.account_id and r.message_id = m.id and r.revision = 1
where m.account_id = %(account_id)s and m.id = any(%(ids)s::text[]) and m.agent_email || '' = %(agent_email)s
order by m.created_at, m.id;

-- acquaintances: what the agent knew at a time of these addresses, and of those that look like them
select c.address, c.skeleton,
       case when c.first_inbound_at < %(at)s then c.inbound_count else 0 end as inbound_count,
       case when c.first_outbound_at < %(at)s then c.outbound_count else 0 end as outbound_count,
       least(c.first_inbound_at, c.first_outbound_at) as since,
       c.known and (coalesce(c.first_outbound_at < %(at)s, false) or e.evidence is not null) as is_proven,
       coalesce(e.evidence, '{}') as evidence
from (
    select f.* from correspondents f
    where f.account_id = %(account_id)s and f.agent_email = %(agent_email)s and f.address = any(%(addresses)s::text[])
    union
    select f.* from correspondents f
    where f.account_id = %(account_id)s and f.agent_email = %(agent_email)s and f.skeleton = any(%(looks)s::text[])
      and f.known
) c
left join lateral (
    select array_agg(s.mechanism || ' ' || s.domain || ' ' || s.selector) as evidence
    from sender_evidence s
    where s.account_id = c.account_id and s.agent_email = c.agent_email and s.address = c.address
      and s.first_at < %(at)s
) e on true
where least(c.first_inbound_at, c.first_outbound_at) < %(at)s
limit 20000;

-- senders: who wrote those of these mails that came in
select distinct m.header_from
from messages m
where m.account_id = %(account_id)s and m.id = any(%(ids)s::text[]) and m.agent_email || '' = %(agent_email)s
  and m.direction = 'inbound' and m.header_from is not null;

-- known: as in provenance, at the time of a mail, where some mails since a place were kept back and all others were not
select 'sender' as kind, s.id, s.header_from,
       '[]'::jsonb as to_addresses, '[]'::jsonb as cc_addresses, '[]'::jsonb as bcc_addresses,
       '[]'::jsonb as reply_to_addresses
from unnest(%(forms)s::text[]) as a (form)
cross join lateral (
    (select m.id, m.header_from
     from messages m
     where m.account_id = %(account_id)s and m.agent_email = %(agent_email)s and lower(m.header_from) = a.form
       and m.direction = 'inbound' and m.verified
       and (m.created_at, m.id) < (%(at)s::timestamptz, %(id)s::text)
       and case when (m.created_at, m.id) < (%(start_at)s::timestamptz, %(start_id)s::text)
                then coalesce(m.review_status, '') not in ('pending_screening', 'pending_review', 'review_rejected', 'review_expired_rejected')
                else m.id <> all(%(kept_back)s::text[]) end
     limit %(per_sender)s)
    union all
    (select m.id, m.header_from
     from messages m
     where m.account_id = %(account_id)s and m.agent_email = %(agent_email)s and m.header_from = a.form
       and m.direction = 'inbound' and m.entity_type = 'agent'
       and (m.created_at, m.id) < (%(at)s::timestamptz, %(id)s::text)
       and case when (m.created_at, m.id) < (%(start_at)s::timestamptz, %(start_id)s::text)
                then coalesce(m.review_status, '') not in ('pending_screening', 'pending_review', 'review_rejected', 'review_expired_rejected')
                else m.id <> all(%(kept_back)s::text[]) end
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
               and (m.created_at, m.id) < (%(at)s::timestamptz, %(id)s::text)
               and m.id <> all(%(never)s::text[])
             order by m.created_at desc
             limit %(members)s)
        ) c
        join messages m on m.account_id = %(account_id)s and m.id = c.id
        where (m.created_at, m.id) < (%(at)s::timestamptz, %(id)s::text)
          and case when (m.created_at, m.id) < (%(start_at)s::timestamptz, %(start_id)s::text)
                   then coalesce(m.review_status, '') not in ('pending_screening', 'pending_review', 'review_rejected', 'review_expired_rejected')
                   else m.id <> all(%(kept_back)s::text[]) end
    ) b
) p;

-- passages: as in provenance, at the time of a mail; what was kept back counts there as well
with candidates as (
    select m.id, m.created_at, 0 as nearness
    from messages m
    where m.account_id = %(account_id)s and m.id = %(parent_id)s and m.agent_email || '' = %(agent_email)s
    union all
    (select m.id, m.created_at, 1
     from messages m
     where m.account_id = %(account_id)s and m.agent_email = %(agent_email)s
       and m.conversation_id = %(conversation_id)s and m.direction = 'inbound'
       and (m.created_at, m.id) < (%(at)s::timestamptz, %(id)s::text)
     order by m.created_at desc
     limit %(members)s)
    union all
    (select m.id, m.created_at, 2
     from messages m
     where m.account_id = %(account_id)s and m.agent_email = %(agent_email)s and m.deleted_at is null
       and m.direction = 'inbound'
       and (m.created_at, m.id) < (%(at)s::timestamptz, %(id)s::text)
     order by m.created_at desc, m.id desc
     limit %(newest)s)
    union all
    (select m.id, m.created_at, 2
     from messages m
     where m.account_id = %(account_id)s and m.agent_email = %(agent_email)s and m.deleted_at is not null
       and m.direction = 'inbound'
       and (m.created_at, m.id) < (%(at)s::timestamptz, %(id)s::text)
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
