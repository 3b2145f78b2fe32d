-- match: ids of an inbox's mail that a query finds, one more than the caller takes at most
select array(
    select message_id from message_search where document @@ %(query)s::tsquery limit %(limit)s::int
) as ids;

-- claim: take the newest mail that is not searchable yet, with what is searched of it; nulls where it is gone
-- Whoever rolls back puts it back; what another process has in hand is left to it.
with taken as (
    delete from search_queue q
    where q.ctid = any(array(
        select ctid from search_queue order by created_at desc limit %(limit)s::int for update skip locked
    ))
    returning account_id, message_id
)
select
    t.account_id, t.message_id, m.agent_email, m.subject, m.sender_name, m.header_from,
    left(m.body_text, %(characters)s::int) as body_text, m.attachments
from taken t
left join lateral (
    select * from messages m where m.account_id = t.account_id and m.id = t.message_id offset 0
) m on true;

-- store: make mail searchable; what was purged meanwhile is left out
insert into message_search (account_id, message_id, document)
select m.account_id, m.id, t.document::tsvector
from unnest(
    (select %(account_ids)b::text[]), (select %(message_ids)b::text[]), (select %(documents)b::text[])
) as t (account_id, message_id, document)
cross join lateral (
    select account_id, id from messages m
    where m.account_id = t.account_id and m.id = t.message_id
    for key share
) m
on conflict (account_id, message_id) do update set document = excluded.document;
