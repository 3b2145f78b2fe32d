-- start: the database's clock and the account's newest signing secret, for a socket that joins
select now() as at, s.id as signing_secret_id, s.sealed_secret as sealed_signing_secret
from (select 1) as one
left join lateral (
    select id, sealed_secret
    from signing_secrets
    where account_id = %(account_id)s
    order by created_at desc, id desc
    limit 1
) s on true;

-- unread: an agent's unread mail that was announced, oldest first behind the position of a message
select
    e.account_id, e.agent_email, e.id as event_id, e.created_at, e.envelope,
    m.id as found_message_id, m.created_at as message_created_at, m.conversation_id, m.delivered_to,
    m.agent_email as message_agent, m.header_from, m.to_addresses, m.cc_addresses, m.reply_to_addresses, m.subject,
    m.verified, m.entity_type, m.domain_check, m.delegation, m.content_sha256, m.size_bytes
from messages m
join events e on e.account_id = m.account_id and e.message_id = m.id and e.type = 'email.received'
where m.account_id = %(account_id)s and m.agent_email = %(agent_email)s and m.deleted_at is null
    and m.direction = 'inbound'
    and m.unread
    and (m.created_at, m.id) > (%(after_at)s::timestamptz, %(after_id)s::text)
order by m.created_at, m.id
limit %(limit)s::bigint;

-- announced: all mail of an agent in the order in which it was announced, behind the position of an event
-- Mail that a person let through is announced later than it came.
select
    e.account_id, e.agent_email, e.id as event_id, e.created_at, e.envelope,
    m.id as found_message_id, m.created_at as message_created_at, m.conversation_id, m.delivered_to,
    m.agent_email as message_agent, m.header_from, m.to_addresses, m.cc_addresses, m.reply_to_addresses, m.subject,
    m.verified, m.entity_type, m.domain_check, m.delegation, m.content_sha256, m.size_bytes
from events e
join messages m on m.account_id = e.account_id and m.id = e.message_id and m.deleted_at is null
where e.account_id = %(account_id)s and e.agent_email = %(agent_email)s and e.type = 'email.received'
    and (e.created_at, e.id) > (%(after_at)s::timestamptz, %(after_id)s::text)
order by e.created_at, e.id
limit %(limit)s::bigint;

-- position: where in the announcements of an agent's mail an event stands
select e.created_at, e.id
from events e
where e.type = 'email.received' and e.account_id = %(account_id)s and e.id = %(event_id)s and e.agent_email || '' = %(agent_email)s;

-- by_ids: events that a notification named, for the agents that have a socket here
select
    e.account_id, e.agent_email, e.id as event_id, e.created_at, e.envelope,
    m.id as found_message_id, m.created_at as message_created_at, m.conversation_id, m.delivered_to,
    m.agent_email as message_agent, m.header_from, m.to_addresses, m.cc_addresses, m.reply_to_addresses, m.subject,
    m.verified, m.entity_type, m.domain_check, m.delegation, m.content_sha256, m.size_bytes
from unnest(%(account_ids)b::text[], %(event_ids)b::text[]) as wanted (account_id, id)
join events e on e.account_id = wanted.account_id and e.id = wanted.id and e.type = 'email.received'
join messages m on m.account_id = e.account_id and m.id = e.message_id
-- The key finds it; without statistics an index that leads with the agent would look as good to the planner.
where e.agent_email || '' = any (%(agent_emails)b::text[])
order by e.created_at, e.id;

-- recent_ids: events of agents that have a socket here, from a moment of each on; whether anybody has read the mail
select e.account_id, e.agent_email, e.id as event_id, e.created_at, coalesce(m.unread, false) as is_unread
from unnest(%(account_ids)b::text[], %(agent_emails)b::text[], %(sinces)b::timestamptz[])
    as wanted (account_id, agent_email, since)
cross join lateral (
    select account_id, agent_email, id, created_at, message_id
    from events
    where events.account_id = wanted.account_id and events.agent_email = wanted.agent_email
        and type = 'email.received' and created_at >= wanted.since
) e
left join messages m on m.account_id = e.account_id and m.id = e.message_id
order by e.created_at, e.id
limit %(limit)s::bigint;
