-- emit: events with their deliveries to every webhook that wants them, told to all processes
with batch as (
    select *
    from unnest(
        (select %(account_ids)b::text[]), (select %(ids)b::text[]), (select %(types)b::text[]), (select %(agent_emails)b::text[]),
        (select %(conversation_ids)b::text[]), (select %(message_ids)b::text[]), (select %(envelopes)b::text[]), (select %(created_ats)b::timestamptz[])
    ) as b (account_id, event_id, event_type, agent_email, conversation_id, message_id, envelope, created_at)
),
new_events as (
    insert into events (
        account_id, id, type, agent_email, conversation_id, message_id, envelope, matched_endpoints, created_at
    )
    select
        k.account_id, k.event_id, k.event_type, k.agent_email, k.conversation_id, k.message_id, k.envelope,
        coalesce(
            (
                select array_agg(w.id order by w.id)
                from webhooks w
                where %(outbox)b::bool
                    and w.account_id = k.account_id
                    and w.enabled
                    and k.event_type = any(w.events)
                    and (w.agent_emails = '{}' or k.agent_email = any(w.agent_emails))
                    and (w.conversation_ids = '{}' or k.conversation_id = any(w.conversation_ids))
                    and w.labels = '{}'
            ),
            '{}'
        ),
        k.created_at
    from batch k
    on conflict do nothing
    returning account_id, id, type, agent_email, message_id, matched_endpoints, created_at
),
new_deliveries as (
    insert into deliveries (
        account_id, id, endpoint, kind, event_id, event_type, message_id, next_attempt_at, created_at
    )
    select
        e.account_id, 'whd_' || replace(gen_random_uuid()::text, '-', ''), endpoint, kind, e.id,
        e.type, e.message_id, now(), e.created_at
    from (
        select account_id, id, type, message_id, created_at, 'webhook' as kind, unnest(matched_endpoints) as endpoint
        from new_events
        union all
        select n.account_id, n.id, n.type, n.message_id, n.created_at, 'agent', n.agent_email
        from new_events n
        join agents a on a.email = n.agent_email and a.account_id = n.account_id
        where n.type = 'email.received' and a.agent_mode = 'cloud' and a.webhook_url <> '' and a.deleted_at is null
    ) e
    on conflict do nothing
)
select pg_notify('e2ad_events', string_agg(line, E'\n'))
from (select account_id || ':' || string_agg(id, ',') as line from new_events group by account_id) lines
having count(*) > 0;
