-- page: how an agent stands with its contacts, newest first; one empty row of an agent that has none, no row without an agent
-- An agent has at most as many as its account has contacts. Each is looked up by itself (limit 1), whatever the
-- planner knows of the tables.
with agent as (
    select email, account_id
    from agents
    where email = %(agent_email)s and account_id = %(account_id)s and deleted_at is null
)
select
    a.email as agent_email, p.address, p.stage, p.next_action_at, p.metadata, p.etag, p.created_at, p.updated_at,
    c.display_name, c.metadata as contact_metadata,
    p.first_outbound_at, p.last_outbound_at, p.last_inbound_at, p.outbound_count, p.inbound_count,
    p.last_conversation_id, p.suppression_source, p.suppression_reason
from agent a
left join lateral (
    select
        e.address, e.stage, e.next_action_at, e.metadata, e.etag, e.created_at, e.updated_at,
        m.first_outbound_at, m.last_outbound_at, m.last_inbound_at, coalesce(m.outbound_count, 0) as outbound_count,
        coalesce(m.verified_count, 0) as inbound_count, m.last_conversation_id,
        s.source as suppression_source, s.reason as suppression_reason
    from engagements e
    left join lateral (
        select *
        from correspondents o
        where o.account_id = e.account_id and o.agent_email = e.agent_email and o.address = e.address
        limit 1
    ) m on true
    left join lateral (
        select blocks.source, blocks.reason
        from (
            (
                select 1 as place, o.source, o.reason
                from suppressions o
                where o.account_id = e.account_id and o.agent_email = '' and o.address = e.address
                limit 1
            )
            union all
            (
                select 2, o.source, o.reason
                from suppressions o
                where o.account_id = e.account_id and o.agent_email = e.agent_email and o.address = e.address
                limit 1
            )
        ) blocks
        order by blocks.place
        limit 1
    ) s on true
    where e.agent_email = a.email
        and (%(stage)s::text is null or e.stage = %(stage)s::text)
        and (%(next_action_before)s::timestamptz is null or e.next_action_at <= %(next_action_before)s::timestamptz)
        and (
            %(last_outbound_before)s::timestamptz is null
            or coalesce(m.last_outbound_at < %(last_outbound_before)s::timestamptz, true)
        )
        and (
            %(replied)s::bool is null
            or coalesce(m.last_inbound_at > m.first_outbound_at, false) = %(replied)s::bool
        )
        and (%(suppressed)s::bool is null or (s.source is not null) = %(suppressed)s::bool)
        and (e.created_at, e.address) < (coalesce(%(before_at)s::timestamptz, 'infinity'), %(before_address)s::text)
    order by e.created_at desc, e.address desc
    limit %(limit)s
) p on true
left join lateral (
    select display_name, metadata
    from contacts o
    where o.account_id = a.account_id and o.address = p.address
    limit 1
) c on true
order by p.created_at desc, p.address desc;

-- find: how an agent stands with one contact; an empty row where it does not, no row without an agent
with agent as (
    select email, account_id
    from agents
    where email = %(agent_email)s and account_id = %(account_id)s and deleted_at is null
)
select
    a.email as agent_email, e.address, e.stage, e.next_action_at, e.metadata, e.etag, e.created_at, e.updated_at,
    c.display_name, c.metadata as contact_metadata,
    m.first_outbound_at, m.last_outbound_at, m.last_inbound_at, coalesce(m.outbound_count, 0) as outbound_count,
    coalesce(m.verified_count, 0) as inbound_count, m.last_conversation_id,
    s.source as suppression_source, s.reason as suppression_reason
from agent a
left join engagements e on e.account_id = a.account_id and e.agent_email = a.email and e.address = %(address)s
left join contacts c on c.account_id = e.account_id and c.address = e.address
left join correspondents m on m.account_id = e.account_id and m.agent_email = e.agent_email and m.address = e.address
left join lateral (
    select blocks.source, blocks.reason
    from (
        (
            select 1 as place, o.source, o.reason
            from suppressions o
            where o.account_id = e.account_id and o.agent_email = '' and o.address = e.address
            limit 1
        )
        union all
        (
            select 2, o.source, o.reason
            from suppressions o
            where o.account_id = e.account_id and o.agent_email = e.agent_email and o.address = e.address
            limit 1
        )
    ) blocks
    order by blocks.place
    limit 1
) s on true;

-- hold_agent: keep a live agent of the account from being purged until the transaction ends
select true
from agents
where email = %(agent_email)s and account_id = %(account_id)s and deleted_at is null
for key share;

-- insert: enrol a contact, unless it is
insert into engagements (account_id, agent_email, address, stage, next_action_at, metadata, etag, touched)
values (
    %(account_id)s, %(agent_email)s, %(address)s, coalesce(%(stage)s::text, ''), %(next_action_at)s::timestamptz,
    coalesce(%(metadata)s::jsonb, '{}'), %(etag)s, true
)
on conflict do nothing;

-- update: change what is given, if the engagement is still the one that the caller has seen
-- Whoever comes second waits for the first and is then compared with what the first wrote.
update engagements set
    stage = coalesce(%(stage)s::text, stage),
    next_action_at = case when %(reschedule)s::bool then %(next_action_at)s::timestamptz else next_action_at end,
    metadata = coalesce(%(metadata)s::jsonb, metadata),
    etag = %(etag)s,
    touched = true,
    updated_at = now()
where account_id = %(account_id)s
    and agent_email = %(agent_email)s
    and address = %(address)s
    and (%(seen)s::bytea[] is null or etag = any(%(seen)s::bytea[]));

-- delete: take a contact out of an agent's outreach
delete from engagements
where account_id = %(account_id)s and agent_email = %(agent_email)s and address = %(address)s;

-- enrol: the contacts of an import that the agent has no engagement with yet; which
insert into engagements (account_id, agent_email, address, stage, import_batch_id, etag)
select %(account_id)s, %(agent_email)s, r.address, %(stage)s, %(batch_id)s, r.etag
from unnest((select %(addresses)b::text[]), (select %(etags)b::bytea[])) as r (address, etag)
on conflict do nothing
returning address;

-- drop_batch: delete what an import enrolled and nobody touched or had mail with
delete from engagements e
where e.account_id = %(account_id)s
    and e.import_batch_id = %(batch_id)s
    and not e.touched
    and not exists (
        select
        from correspondents m
        where m.account_id = e.account_id and m.address = e.address and m.agent_email = e.agent_email
    );

-- take_due: mark engagements whose time has come as told of, and what is to be told
with due as (
    select e.account_id, e.agent_email, e.address
    from engagements e
    where e.next_action_at is not null
        and e.next_action_at is distinct from e.announced_at
        and e.next_action_at <= %(at)s
        and (select a.deleted_at is null from agents a where a.email = e.agent_email)
    order by e.next_action_at
    limit %(limit)s::bigint
    for no key update of e skip locked
),
taken as (
    update engagements e
    set announced_at = e.next_action_at
    from due
    where e.account_id = due.account_id and e.agent_email = due.agent_email and e.address = due.address
    returning e.account_id, e.agent_email, e.address, e.stage, e.next_action_at
)
select
    t.account_id, t.agent_email, t.address, t.stage, t.next_action_at, c.display_name, c.metadata as contact_metadata,
    m.first_outbound_at, m.last_outbound_at, m.last_inbound_at, coalesce(m.outbound_count, 0) as outbound_count,
    m.last_conversation_id
from taken t
cross join lateral (
    select display_name, metadata from contacts o where o.account_id = t.account_id and o.address = t.address limit 1
) c
left join lateral (
    select *
    from correspondents o
    where o.account_id = t.account_id and o.agent_email = t.agent_email and o.address = t.address
    limit 1
) m on true
order by t.next_action_at;
