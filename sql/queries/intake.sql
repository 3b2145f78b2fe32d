-- look_up: what is known of each new message: the conversation that it continues (newest hit wins), threads, and its sender
with hits as materialized (
    select r.position, r.place, m.conversation_id, m.thread_id, m.created_at, m.id
    from unnest(%(positions)b::int[], %(account_ids)b::text[], %(agent_emails)b::text[], %(keys)b::text[])
        with ordinality as r (position, account_id, agent_email, key, place)
    join messages m
        on m.account_id = r.account_id
        and m.message_id_key = r.key
        -- Found by its key, also where the planner has no statistics yet and an index that leads with the agent looks as good.
        and m.agent_email || '' = r.agent_email
),
referred as (
    select distinct on (position) position, conversation_id from hits order by position, created_at desc, id desc
),
-- By the place of its key the thread that its mails are in; where they are in several, two of these say so.
threads as (
    select position, array_agg(place || ' ' || concat_ws(' ', lowest, nullif(highest, lowest))) as threads
    from (
        select position, place, min(thread_id) as lowest, max(thread_id) as highest
        from hits
        where thread_id is not null
        group by position, place
    ) k
    group by position
),
sought as (
    select *
    from unnest(
        %(sender_positions)b::int[], %(sender_account_ids)b::text[], %(sender_agent_emails)b::text[], %(senders)b::text[],
        %(looks)b::text[]
    ) as s (position, account_id, agent_email, address, look)
)
select
    s.position, null as conversation_id, null::text[] as threads, coalesce(c.inbound_count, 0) as inbound_count,
    coalesce(c.verified_count, 0) as verified_count, coalesce(c.outbound_count, 0) as outbound_count,
    e.evidence, l.lookalikes
from sought s
left join lateral (
    select *
    from correspondents c
    where c.account_id = s.account_id and c.address = s.address and c.agent_email = s.agent_email
    limit 1
) c on true
left join lateral (
    select array_agg(mechanism || ' ' || domain || ' ' || selector) as evidence
    from (
        select e.mechanism, e.domain, e.selector
        from sender_evidence e
        where e.account_id = s.account_id and e.agent_email = s.agent_email and e.address = s.address
            and c.inbound_count > 0
        order by e.mechanism, e.domain, e.selector
        limit 32
    ) e
) e on true
left join lateral (
    select array_agg(address order by known_at, address) as lookalikes
    from (
        -- Bounded before it is sorted: whoever owns a look-alike domain may fill it with addresses.
        select a.address, least(a.first_inbound_at, a.first_outbound_at) as known_at
        from correspondents a
        where a.account_id = s.account_id and a.agent_email = s.agent_email and a.skeleton = s.look and s.look <> ''
            and a.known and a.address <> s.address
        limit 100
    ) a
    where known_at < coalesce(least(c.first_inbound_at, c.first_outbound_at), 'infinity')
) l on true
union all
select r.position, r.conversation_id, t.threads, null, null, null, null, null
from referred r
left join threads t on t.position = r.position;

-- store: one batch of mail with everything that follows from it, in one statement and so in one transaction
-- Whatever is long stays in its parameter and is fetched by position where it is stored: each step between
-- would keep a copy of its own, on disk once the copies outgrow work_mem.
with batch as (
    select *
    from unnest(
        %(ids)b::text[], %(account_ids)b::text[], %(agent_emails)b::text[], %(dedupe_keys)b::bytea[],
        %(created_ats)b::timestamptz[], %(forward_paths)b::text[], %(envelope_froms)b::text[],
        %(header_froms)b::text[], %(sender_names)b::text[], %(subjects)b::text[],
        %(sent_ats)b::timestamptz[], %(message_ids)b::text[], %(message_id_keys)b::text[],
        %(conversation_ids)b::text[], %(threadeds)b::bool[], %(truncateds)b::bool[], %(automations)b::text[],
        %(peer_addresses)b::text[], %(helos)b::text[], %(verifieds)b::bool[],
        %(verified_domains)b::text[], %(domain_checks)b::text[], %(entity_types)b::text[],
        %(delegations)b::text[], %(content_sha256s)b::bytea[], %(sizes)b::int[], %(event_ids)b::text[],
        %(hops)b::int[], %(event_types)b::text[], %(review_statuses)b::text[],
        %(review_expires_ats)b::timestamptz[], %(flag_reasons)b::text[], %(flag_event_ids)b::text[],
        %(senders)b::text[], %(looks)b::text[], %(continuities)b::text[], %(continuity_details)b::text[],
        %(resembleds)b::text[], %(scan_scores)b::float8[], %(scan_actions)b::text[], %(thread_ids)b::text[]
    ) with ordinality as b (
        id, account_id, agent_email, dedupe_key, created_at, forward_path, envelope_from, header_from,
        sender_name, subject, sent_at, message_id, message_id_key, conversation_id,
        threaded, truncated, automation, peer_address,
        helo, verified, verified_domain, domain_check, entity_type, delegation,
        content_sha256, size_bytes, event_id, hops, event_type, review_status, review_expires_at, flag_reason,
        flag_event_id, sender, look, continuity, continuity_detail, resembles, scan_score, scan_action, thread_id, place
    )
),
live as (
    select b.*, a.agent_mode = 'cloud' and a.webhook_url <> '' as to_agent_url
    from batch b
    join agents a on a.email = b.agent_email and a.account_id = b.account_id and a.deleted_at is null
),
fresh as (
    insert into intake_keys (account_id, agent_email, key, message_id, created_at)
    select account_id, agent_email, dedupe_key, id, created_at from live
    -- Rows are locked in one order by all processes, here and below, so that no two batches wait for each other.
    order by account_id, agent_email, dedupe_key
    on conflict (account_id, agent_email, key) do update
        set message_id = excluded.message_id, created_at = excluded.created_at
        where intake_keys.created_at < excluded.created_at - interval '72 hours'
    returning message_id
),
kept as (
    select l.* from live l join fresh f on f.message_id = l.id
),
new_contents as (
    insert into contents (account_id, sha256, raw)
    select account_id, sha256, (%(raws)b::bytea[])[place]
    from (
        select c.account_id, c.sha256, c.place
        from unnest(%(raw_account_ids)b::text[], %(raw_sha256s)b::bytea[])
            with ordinality as c (account_id, sha256, place)
        where exists (select 1 from kept k where k.account_id = c.account_id and k.content_sha256 = c.sha256)
        order by c.account_id, c.sha256
    ) sorted
    -- A lock on the row that is there, so that a purge cannot take it away under this batch.
    on conflict (account_id, sha256) do update set sha256 = excluded.sha256
),
new_messages as (
    insert into messages (
        account_id, id, agent_email, direction, method, created_at, delivered_to, forward_path, envelope_from,
        header_from, sender_name, to_addresses, cc_addresses, reply_to_addresses, subject, sent_at, message_id,
        message_id_key, reference_keys, conversation_id, threaded, body_text, new_text, body_html, truncated,
        attachments, automation, defects, peer_address, helo, authentication, verified, verified_domain,
        domain_check, entity_type, delegation, content_sha256, size_bytes, unread, hops, review_status,
        review_expires_at, flagged, flag_reason, continuity, continuity_detail, resembles, scan_score, scan_action,
        thread_id
    )
    select
        account_id, id, agent_email, 'inbound', 'smtp', created_at, agent_email, forward_path, envelope_from,
        header_from, sender_name, ((%(addresses)b::text[])[place]::jsonb)->'to',
        ((%(addresses)b::text[])[place]::jsonb)->'cc', ((%(addresses)b::text[])[place]::jsonb)->'reply_to',
        subject, sent_at, message_id, message_id_key,
        coalesce(string_to_array((%(reference_keys)b::text[])[place], ' '), '{}'), conversation_id, threaded,
        (%(texts)b::text[])[place], (%(new_texts)b::text[])[place], (%(htmls)b::text[])[place], truncated,
        (%(attachments)b::text[])[place]::jsonb, automation, (%(defects)b::text[])[place]::jsonb, peer_address, helo,
        (%(authentications)b::text[])[place]::jsonb, verified, verified_domain, domain_check, entity_type, delegation,
        content_sha256, size_bytes, true, hops, review_status, review_expires_at, flag_reason is not null, flag_reason,
        continuity, continuity_detail, resembles, scan_score, scan_action, thread_id
    from kept
),
new_search as (
    insert into search_queue (created_at, account_id, message_id) select created_at, account_id, id from kept
),
new_holds as (
    insert into holds (account_id, message_id, agent_email, direction, reason, findings, on_expiry, created_at)
    select
        account_id, id, agent_email, 'inbound', hold->'reason', hold->'findings', hold->>'on_expiry', created_at
    from (select *, (%(holds)b::text[])[place]::jsonb as hold from kept where review_status = 'pending_review') h
),
new_transitions as (
    insert into lifecycle (account_id, id, message_id, reason_code, evidence, correlation_ids, occurred_at)
    select
        account_id, hold->>'transition_id', id, 'review.hold_created', hold->'evidence',
        jsonb_build_object('event_id', event_id), created_at
    from (select *, (%(holds)b::text[])[place]::jsonb as hold from kept where review_status = 'pending_review') h
),
joined_conversations as (
    -- Of mail in alone it is ever asked, and whoever approves a draft has that and waits for mail in.
    update messages m
    set threaded = true
    from (
        select i.account_id, i.id
        from (select distinct account_id, agent_email, conversation_id from kept where threaded) k
        join messages i
            on i.account_id = k.account_id
            and i.agent_email = k.agent_email
            and i.conversation_id = k.conversation_id
            and i.direction = 'inbound'
            and not i.threaded
        order by i.account_id, i.id
        for no key update of i
    ) i
    where m.account_id = i.account_id and m.id = i.id and not m.threaded
    returning m.id
),
-- Behind the conversations: whoever releases a held mail has its message first and its sender then.
counted as (
    insert into correspondents as c (
        account_id, agent_email, address, skeleton, inbound_count, verified_count, first_inbound_at, last_inbound_at,
        last_conversation_id, known
    )
    select
        account_id, agent_email, sender, min(look), count(*), count(verified_domain), min(created_at),
        max(created_at) filter (where verified_domain is not null),
        (array_agg(conversation_id order by created_at desc) filter (where verified_domain is not null))[1],
        count(verified_domain) > 0
    from kept
    -- Mail that waits for a person counts when it is released.
    where sender is not null and event_type = 'email.received'
    group by account_id, agent_email, sender
    order by account_id, sender, agent_email
    on conflict (account_id, address, agent_email) do update set
        inbound_count = c.inbound_count + excluded.inbound_count,
        verified_count = c.verified_count + excluded.verified_count,
        first_inbound_at = coalesce(c.first_inbound_at, excluded.first_inbound_at),
        last_inbound_at = greatest(c.last_inbound_at, excluded.last_inbound_at),
        last_conversation_id = coalesce(excluded.last_conversation_id, c.last_conversation_id),
        known = c.known or excluded.known
),
vouched as (
    insert into sender_evidence as s (
        account_id, agent_email, address, mechanism, domain, selector, count, first_at, last_at
    )
    select
        k.account_id, k.agent_email, k.sender, e.mechanism, e.domain, e.selector, count(*), min(k.created_at),
        max(k.created_at)
    from unnest(
        %(evidence_places)b::int[], %(mechanisms)b::text[], %(domains)b::text[], %(selectors)b::text[]
    ) as e (place, mechanism, domain, selector)
    join kept k on k.place = e.place
    where k.sender is not null and k.event_type = 'email.received'
    group by k.account_id, k.agent_email, k.sender, e.mechanism, e.domain, e.selector
    order by k.account_id, k.sender, k.agent_email, e.mechanism, e.domain, e.selector
    on conflict (account_id, agent_email, address, mechanism, domain, selector) do update set
        count = s.count + excluded.count,
        last_at = greatest(s.last_at, excluded.last_at)
),
noticed as (
    insert into protection_events (
        account_id, id, agent_email, message_id, direction, source, reason, action, detector, peer_address, scan_score,
        categories, summary, created_at
    )
    select
        k.account_id, f.id, k.agent_email, k.id, 'inbound', f.source, f.reason, f.action, f.detector, f.peer_address,
        f.scan_score, f.categories, f.summary, k.created_at
    from (select * from kept where (%(notices)b::text[])[place] is not null) k
    cross join lateral jsonb_to_recordset((%(notices)b::text[])[k.place]::jsonb) as f (
        id text, source text, reason text, action text, detector text, peer_address text, scan_score real,
        categories jsonb, summary text
    )
    on conflict do nothing
),
waiting as (
    insert into screenings (account_id, message_id, noticed, created_at)
    select account_id, id, (%(noticeds)b::text[])[place]::jsonb, created_at
    from kept
    where review_status = 'pending_screening'
),
new_usage as (
    insert into account_usage as u (account_id, storage_bytes)
    select account_id, sum(size_bytes)
    from kept
    -- Behind the conversations: an answer on its way out has them first and counts then (sending.accept).
    where (select count(*) from joined_conversations) >= 0
    group by account_id
    order by account_id
    on conflict (account_id) do update set storage_bytes = u.storage_bytes + excluded.storage_bytes
    returning account_id, storage_bytes
),
new_events as (
    insert into events (
        account_id, id, type, agent_email, conversation_id, message_id, envelope, matched_endpoints, created_at
    )
    select
        k.account_id, k.event_id, k.event_type, k.agent_email, k.conversation_id, k.id, k.envelope,
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
    from (
        select account_id, event_id, event_type, agent_email, conversation_id, id, created_at,
               (%(envelopes)b::text[])[place] as envelope
        from kept
        -- Mail that waits for the word of the model is told of when that is there.
        where event_type <> ''
        union all
        select account_id, flag_event_id, 'email.flagged', agent_email, conversation_id, id, created_at,
               (%(flag_envelopes)b::text[])[place]
        from kept
        where flag_event_id is not null
    ) k
    on conflict do nothing
    returning account_id, id, type, message_id, matched_endpoints, created_at
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
        select k.account_id, k.event_id, k.event_type, k.id, k.created_at, 'agent', k.agent_email
        from kept k
        where k.to_agent_url and k.event_type = 'email.received'
    ) e
    on conflict do nothing
    returning message_id
),
notified as (
    select pg_notify('e2ad_events', string_agg(line, E'\n')) as sent
    from (select account_id || ':' || string_agg(id, ',') as line from new_events group by account_id) lines
    having count(*) > 0
)
select
    b.id,
    l.id is not null as live,
    f.message_id is not null as stored,
    k.message_id as original_id,
    coalesce(d.count, 0) as deliveries,
    u.storage_bytes
from batch b
left join live l on l.id = b.id
left join fresh f on f.message_id = b.id
left join intake_keys k
    on f.message_id is null
    and k.account_id = b.account_id
    and k.agent_email = b.agent_email
    and k.key = b.dedupe_key
left join (select message_id, count(*) from new_deliveries group by message_id) d on d.message_id = b.id
left join new_usage u on u.account_id = b.account_id
where (select count(*) from notified) >= 0;
