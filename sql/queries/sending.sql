-- survey: all that decides whether an agent may send to these addresses, how they are reached and in whose name
with asked as (
    select *
    from unnest((select %(addresses)b::text[]), (select %(bases)b::text[]), (select %(domains)b::text[])) as t (address, base, domain)
)
select
    acc.id as account_id, acc.email as account_email, acc.account_class, acc.plan_code, acc.upgrade_url,
    acc.max_messages_month, acc.max_messages_day, acc.max_storage_bytes,
    a.email as agent_email, a.name as agent_name, a.domain, a.registered_domain, a.protection,
    d.verified as domain_verified, d.sending_status, d.bounce_verified,
    coalesce(u.storage_bytes, 0) as storage_bytes,
    case when u.month = date_trunc('month', now())::date then u.messages_month else 0 end as messages_month,
    case when u.day = now()::date then u.messages_day else 0 end as messages_day,
    array(
        select q.address
        from asked q
        where exists (select from domains h where h.domain = q.domain and h.verified)
            or exists (
                select
                from agents n
                join domains h on h.domain = n.registered_domain and h.verified
                where n.deleted_at is null
                    and (n.email in (q.address, q.base) or (n.domain = q.domain and n.catch_all))
            )
    ) as inside,
    array(
        select array[s.address, s.agent_email]
        from suppressions s
        where s.account_id = acc.id
            and s.agent_email in ('', a.email)
            and s.address = any((select %(addresses)b::text[])::text[])
        order by s.address, s.agent_email
    ) as suppressed
from agents a
join accounts acc on acc.id = a.account_id
join domains d on d.domain = a.registered_domain
left join account_usage u on u.account_id = a.account_id
where a.account_id = %(account_id)s and a.email = %(agent_email)s and a.deleted_at is null;

-- parent: what a reply or a forward takes from the mail that it answers, and whether that has left
select m.id, m.direction, m.header_from, m.sender_name, m.to_addresses, m.cc_addresses, m.reply_to_addresses,
       m.subject, m.message_id, m.conversation_id, m.body_text, m.body_html, m.attachments, m.automation,
       m.entity_type, m.sent_at, m.created_at, m.thread_id,
       case when %(octets)s::int is null then case when m.attachments <> '[]' then c.raw end
            else substring(c.raw from 1 for %(octets)s::int) end as raw,
       s.submitted_at is not null as submitted
from messages m
join agents a on a.email = m.agent_email and a.deleted_at is null
left join contents c on c.account_id = m.account_id and c.sha256 = m.content_sha256
left join submissions s on s.account_id = m.account_id and s.message_id = m.id
where m.account_id = %(account_id)s
    and m.id = %(id)s
    and m.agent_email || '' = %(agent_email)s
    -- Written so that no index of what is not in the trash fits: one mail is found by its key.
    and coalesce(m.deleted_at, '-infinity') = '-infinity'
    and coalesce(m.review_status, '') not in ('pending_screening', 'pending_review', 'review_rejected', 'review_expired_rejected');

-- only_agent: the one live agent of an account, or nothing when there are several
select min(email)
from agents
where account_id = %(account_id)s and deleted_at is null
having count(*) = 1;

-- accept: one mail with all that follows from it, in one statement and so in one transaction
-- What does not fit into a quota becomes a null that account_usage refuses: then nothing of it has happened, and of two
-- sends at once only one gets the last place. That row is locked last, since every mail in needs it too.
-- Nobody is notified here: a transaction that notifies makes all others that do wait for its COMMIT.
-- An array that the planner can see makes it plan anew for each number of rows; behind a subquery it is one plan.
with live as (
    select email from agents
    where account_id = %(account_id)s and email = %(agent_email)s and deleted_at is null
    for key share
),
new_content as (
    insert into contents (account_id, sha256, raw)
    select %(account_id)s, %(sha256)s, %(raw)b from live
    -- A lock on the row that is there, so that a purge cannot take it away.
    on conflict (account_id, sha256) do update set sha256 = excluded.sha256
),
adopted as (
    -- A mail from before there were threads gets one by its first answer; of two at once the second takes the first's.
    -- One statement writes a row once, so that what the conversation has to say of it is written here as well.
    update messages p
    set thread_id = coalesce(p.thread_id, %(thread_id)s),
        threaded = p.threaded or p.conversation_id = %(conversation_id)s
    from live
    where %(adopts)s
        and p.account_id = %(account_id)s
        and p.id = %(thread_parent_id)s
        and p.agent_email || '' = live.email
        and not exists (
            select from messages h where h.account_id = %(account_id)s and h.id = %(id)s and h.thread_id is not null
        )
    returning p.id, p.thread_id
),
new_message as (
    insert into messages as m (
        account_id, id, agent_email, direction, method, created_at, delivered_to, envelope_from, header_from,
        sender_name, to_addresses, cc_addresses, bcc_addresses, reply_to_addresses, subject, sent_at, message_id,
        message_id_key, reference_keys, conversation_id, threaded, body_text, body_html, attachments,
        content_sha256, size_bytes, message_type, hops, flagged, flag_reason, entity_type, thread_id, thread_parent_id,
        forwarded_id
    )
    select
        %(account_id)s, %(id)s, live.email, 'outbound', %(method)s, %(at)s, %(delivered_to)s, %(envelope_from)s,
        %(header_from)s, %(sender_name)s, %(to)s::jsonb, %(cc)s::jsonb, %(bcc)s::jsonb, %(reply_to)s::jsonb,
        %(subject)s, %(sent_at)s, %(email_message_id)s, %(message_id_key)s, %(reference_keys)b::text[],
        %(conversation_id)s,
        %(threaded)s or %(continues)s and exists (
            select from messages o
            where o.account_id = %(account_id)s and o.agent_email = %(agent_email)s
                and o.conversation_id = %(conversation_id)s and o.id <> %(id)s
        ),
        %(text)s, %(html)s, %(attachments)s::jsonb, %(sha256)s, %(size_bytes)s, %(message_type)s,
        %(hops)s, %(flag_reason)s::text is not null, %(flag_reason)s, 'agent',
        coalesce((select thread_id from adopted), %(thread_id)s), %(thread_parent_id)s, %(forwarded_id)s
    from live
    on conflict (account_id, id) do update set
        method = excluded.method, delivered_to = excluded.delivered_to, envelope_from = excluded.envelope_from,
        header_from = excluded.header_from, sender_name = excluded.sender_name, to_addresses = excluded.to_addresses,
        cc_addresses = excluded.cc_addresses, bcc_addresses = excluded.bcc_addresses,
        reply_to_addresses = excluded.reply_to_addresses, subject = excluded.subject, sent_at = excluded.sent_at,
        message_id = excluded.message_id, message_id_key = excluded.message_id_key,
        reference_keys = excluded.reference_keys, conversation_id = excluded.conversation_id,
        threaded = m.threaded or excluded.threaded, body_text = excluded.body_text, body_html = excluded.body_html,
        attachments = excluded.attachments, content_sha256 = excluded.content_sha256,
        size_bytes = excluded.size_bytes, hops = excluded.hops,
        thread_id = coalesce(m.thread_id, excluded.thread_id),
        thread_parent_id = coalesce(m.thread_parent_id, excluded.thread_parent_id),
        forwarded_id = coalesce(m.forwarded_id, excluded.forwarded_id)
        where %(held)s
    returning m.account_id, m.id, m.created_at
),
new_search as (
    insert into search_queue (created_at, account_id, message_id) select %(at)s, account_id, id from new_message
),
new_submission as (
    insert into submissions (
        account_id, message_id, agent_email, sent_as, signing_domain, return_path, return_token, smtputf8,
        provider_message_id, scheduled_at, accepted_at, next_attempt_at
    )
    select
        account_id, id, %(agent_email)s, %(sent_as)s, %(signing_domain)s, %(return_path)s, %(return_token)s,
        %(smtputf8)s, %(provider_message_id)s, %(scheduled_at)s, %(at)s, coalesce(%(scheduled_at)s, %(at)s)
    from new_message
    returning message_id
),
new_recipients as (
    insert into recipients (account_id, message_id, address, place, route, provenance, changed_at)
    select n.account_id, n.id, r.address, r.place, r.route, r.provenance, %(at)s
    from new_message n, unnest(
        (select %(addresses)b::text[]), (select %(places)b::text[]), (select %(routes)b::text[]), (select %(provenances)b::text[])
    ) as r (address, place, route, provenance)
),
new_token as (
    insert into unsubscribe_tokens (token_sha256, account_id, agent_email, address)
    select %(token_sha256)s, account_id, %(agent_email)s, %(delivered_to)s
    from new_message
    where %(token_sha256)s::bytea is not null
    on conflict do nothing
),
new_transitions as (
    insert into lifecycle (account_id, id, message_id, reason_code, evidence, correlation_ids, occurred_at)
    -- A microsecond apart: the ledger is read in the order of time.
    select n.account_id, t.id, n.id, t.reason_code, %(evidence)s::jsonb, %(correlation_ids)s::jsonb,
        %(at)s::timestamptz + (t.place - 1) * interval '1 microsecond'
    from new_message n,
        unnest((select %(transition_ids)b::text[]), (select %(reason_codes)b::text[])) with ordinality as t (id, reason_code, place)
    on conflict do nothing
),
new_mark as (
    -- A draft that was held is of another hour than this one (storage.metrics).
    insert into metrics_stale (account_id, hour)
    select account_id, date_trunc('hour', created_at, 'UTC')
    from new_message
    where created_at < date_trunc('hour', now() - interval '5 minutes', 'UTC')
),
joined_conversation as (
    -- Mail in alone says whether it is in a conversation. What else waits for review is locked by whoever decides about
    -- it, who comes here as well: of two who waited for each other's drafts none would get anywhere. In one order.
    update messages o
    set threaded = true
    from new_message n, (
        select i.id
        from messages i
        where %(continues)s
            and i.account_id = %(account_id)s
            and i.agent_email = %(agent_email)s
            and i.conversation_id = %(conversation_id)s
            and i.direction = 'inbound'
            and not i.threaded
        order by i.id
        for no key update
    ) i
    where o.account_id = n.account_id
        and o.id = i.id
        and o.id <> n.id
        and o.id not in (select id from adopted)
        and not o.threaded
    returning o.id
),
new_usage as (
    insert into account_usage as u (account_id, storage_bytes, month, messages_month, day, messages_day)
    select
        account_id,
        case when %(size_bytes)s <= %(max_storage_bytes)s::bigint then %(size_bytes)s end,
        date_trunc('month', %(at)s::timestamptz)::date,
        case when cardinality(%(addresses)b::text[]) <= %(max_messages_month)s::bigint
            then cardinality(%(addresses)b::text[]) end,
        %(at)s::timestamptz::date,
        case when cardinality(%(addresses)b::text[]) <= coalesce(%(max_messages_day)s::bigint, 9000000000000000000)
            then cardinality(%(addresses)b::text[]) end
    from new_message
    where (select count(*) from joined_conversation) >= 0
    on conflict (account_id) do update set
        storage_bytes = case
            when u.storage_bytes + excluded.storage_bytes <= %(max_storage_bytes)s::bigint
            then u.storage_bytes + excluded.storage_bytes end,
        month = excluded.month,
        messages_month = case
            when case when u.month = excluded.month then u.messages_month else 0 end + excluded.messages_month
                <= %(max_messages_month)s::bigint
            then case when u.month = excluded.month then u.messages_month else 0 end + excluded.messages_month end,
        day = excluded.day,
        messages_day = case
            when case when u.day = excluded.day then u.messages_day else 0 end + excluded.messages_day
                <= coalesce(%(max_messages_day)s::bigint, 9000000000000000000)
            then case when u.day = excluded.day then u.messages_day else 0 end + excluded.messages_day end
    returning account_id
)
select id from new_message
where (select count(*) from new_usage) >= 0;

-- state: how far one accepted mail is
select status, detail, sent_as, provider_message_id
from submissions
where account_id = %(account_id)s and message_id = %(id)s;
