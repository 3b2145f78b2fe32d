-- append: rows of the ledger, with the fact they record; of older messages the hour is marked (storage.metrics)
with told as (
    insert into lifecycle (account_id, id, message_id, reason_code, recipient, evidence, correlation_ids, occurred_at)
    select account_id, id, message_id, reason_code, recipient, evidence::jsonb, correlation_ids::jsonb, occurred_at
    from unnest(
        (select %(account_ids)b::text[]), (select %(ids)b::text[]), (select %(message_ids)b::text[]), (select %(reason_codes)b::text[]),
        (select %(recipients)b::text[]), (select %(evidences)b::text[]), (select %(correlation_ids)b::text[]), (select %(occurred_ats)b::timestamptz[])
    ) as t (account_id, id, message_id, reason_code, recipient, evidence, correlation_ids, occurred_at)
    on conflict do nothing
    returning account_id, message_id
)
insert into metrics_stale (account_id, hour)
select distinct t.account_id, date_trunc('hour', m.created_at, 'UTC')
from (select distinct account_id, message_id from told) t
cross join lateral (
    select m.created_at
    from messages m
    where m.account_id = t.account_id and m.id = t.message_id
    limit 1
) m
where m.created_at < date_trunc('hour', now() - interval '5 minutes', 'UTC');

-- of_message: a page of a message's rows, oldest first, with what else is known of it; one row of nulls if there are none
select m.direction, m.created_at, m.entity_type, m.method, m.authentication,
       l.id, l.reason_code, l.recipient, l.evidence, l.correlation_ids, l.occurred_at
from messages m
join agents a on a.email = m.agent_email and a.deleted_at is null
left join lateral (
    select *
    from lifecycle l
    where l.account_id = m.account_id and l.message_id = m.id
        and (%(after_at)s::timestamptz is null or (l.occurred_at, l.id) > (%(after_at)s, %(after_id)s::text))
    order by l.occurred_at, l.id
    limit %(limit)s
) l on true
where m.account_id = %(account_id)s and m.id = %(id)s and m.agent_email || '' = %(agent_email)s
order by l.occurred_at, l.id;
