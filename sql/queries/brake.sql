-- hops: the how manieth mail in a row from agent to agent one to these addresses would be; 0 when none of them is another agent
-- The addresses are resolved as RCPT does it, since a plus-tag or a catch-all leads to the same agent. What an agent
-- answers is the mail it names as the parent, and the newest that each of these agents sent it lately: a fresh mail
-- is an answer too. Only the newest, so that a person who let one pass has begun a new row.
with asked as (
    select *
    from unnest((select %(addresses)s::text[]), (select %(bases)s::text[]), (select %(domains)s::text[])) as a (address, base, domain)
), others as materialized (
    select distinct found.email
    from asked
    cross join lateral (
        select a.email
        from agents a
        where a.deleted_at is null
          and (a.email in (asked.address, asked.base) or (a.domain = asked.domain and a.catch_all))
        order by a.email = asked.address desc, a.email = asked.base desc
        limit 1
    ) found
), answered as (
    -- One mail is found by its key and a conversation by its own: `|| ''` keeps other indexes from fitting.
    select m.hops
    from messages m
    where m.account_id = %(account_id)s and m.id = %(parent_id)s and m.agent_email || '' = %(agent_email)s
      and m.direction = 'inbound' and m.entity_type || '' = 'agent'
    union all
    select recent.hops
    from others o
    cross join lateral (
        select both_ways.hops
        from (
            (select m.hops, m.created_at
             from messages m
             where m.account_id = %(account_id)s and m.agent_email = %(agent_email)s and m.header_from = o.email
               and m.direction = 'inbound' and m.entity_type = 'agent'
               and m.created_at > now() - %(window_seconds)s * interval '1 second'
             order by m.created_at desc
             limit 1)
            union all
            -- A mail in the deployment's name has another From; who stands behind it is in the delegation.
            (select m.hops, m.created_at
             from messages m
             where m.account_id = %(account_id)s and m.agent_email = %(agent_email)s and m.deleted_at is null
               and m.direction = 'inbound' and m.entity_type = 'agent'
               and starts_with(m.delegation, 'agent=' || o.email || ';')
               and m.created_at > now() - %(window_seconds)s * interval '1 second'
             order by m.created_at desc
             limit 1)
        ) both_ways
        order by both_ways.created_at desc
        limit 1
    ) recent
    where o.email <> %(agent_email)s
    union all
    select named.hops
    from others o
    cross join lateral (
        select m.hops
        from messages m
        where m.account_id = %(account_id)s and m.agent_email = %(agent_email)s
          and m.conversation_id = %(conversation_id)s
          and m.direction = 'inbound' and m.entity_type || '' = 'agent'
          and (m.header_from = o.email or starts_with(m.delegation, 'agent=' || o.email || ';'))
        order by m.created_at desc
        limit 1
    ) named
    where o.email <> %(agent_email)s and %(parent_id)s::text is null
)
select case
    when exists (select from others o where o.email <> %(agent_email)s) then 1 + coalesce(max(a.hops), 0)
    when max(a.hops) is not null then 1 + max(a.hops)
    else 0
end
from answered a;
