-- Each list goes by its key, so that a page costs the same wherever it starts. `place` is the key of a row without the
-- account, `after` that of the last row that was seen; no part of a key is smaller than ''.

-- profile: whose account it is
select id, email, name, created_at from accounts where id = %(account_id)s and closed_at is null;

-- domains: names that the account has registered, with the key to publish
select array[d.domain] as place,
       d.domain, d.account_id as user_id, d.verified, d.verification_token, d.created_at, d.is_primary as primary,
       d.sending_status, d.last_checked_at, d.sending_error, d.sending_checked_at as sending_last_checked_at,
       d.verified_at, k.selector as dkim_selector, substring(k.record from 'p=([A-Za-z0-9+/=]+)') as dkim_public_key,
       (select count(*) from agents a where a.registered_domain = d.domain and a.deleted_at is null) as agent_count
from domains d
left join lateral (
    select k.selector, k.record
    from domain_keys k
    where k.domain = d.domain and k.state = 'active'
    order by k.algorithm desc, k.selector
    limit 1
) k on true
where d.account_id = %(account_id)s and d.domain > (%(after)s::text[])[1]
order by d.domain
limit %(limit)s;

-- agents: live and trashed, with what they did in the last seven days
with sent as materialized (
    select s.agent_email, max(s.submitted_at) as last_delivery_at
    from submissions s
    where s.account_id = %(account_id)s
    group by s.agent_email
)
select array[a.email] as place,
       a.email, a.account_id as user_id, a.domain, a.registered_domain, a.name, d.verified as domain_verified,
       a.created_at, a.deleted_at, a.agent_mode, a.webhook_url, a.catch_all, a.protection, sent.last_delivery_at,
       week.inbound as inbound_7d, week.outbound as outbound_7d,
       (select count(*)
        from messages h
        where h.account_id = a.account_id and h.agent_email = a.email and h.review_status = 'pending_review'
       ) as pending_count
from agents a
join domains d on d.domain = a.registered_domain
left join sent on sent.agent_email = a.email
cross join lateral (
    select count(*) filter (where m.direction = 'inbound') as inbound,
           count(*) filter (where m.direction = 'outbound') as outbound
    from messages m
    where m.account_id = a.account_id and m.agent_email = a.email and m.deleted_at is null
      and m.created_at > now() - interval '7 days'
) week
where a.account_id = %(account_id)s and a.email > (%(after)s::text[])[1]
order by a.email
limit %(limit)s;

-- api_keys: what is known of keys; the keys themselves are stored nowhere
select array[id] as place, id, name, key_prefix, scope, agent_email, created_at, last_used_at, expires_at, revoked_at
from api_keys
where account_id = %(account_id)s and id > (%(after)s::text[])[1]
order by id
limit %(limit)s;

-- messages: as many as weigh what a page may weigh, at least one, with the mail as it came
with near as (
    select id,
           sum(size_bytes + octet_length(body_text) + coalesce(octet_length(body_html), 0)) over (order by id)
           - (size_bytes + octet_length(body_text) + coalesce(octet_length(body_html), 0)) as before
    from (
        select id, size_bytes, body_text, body_html
        from messages
        where account_id = %(account_id)s and id > (%(after)s::text[])[1]
        order by id
        limit %(limit)s
    ) next
)
select array[m.id] as place,
       m.id, m.agent_email, m.direction, m.header_from, m.envelope_from, m.verified_domain, m.authentication,
       m.delivered_to, m.subject, m.created_at, null::timestamptz as expires_at, m.sender_name,
       case when m.review_status = 'pending_review' then m.review_expires_at end as approval_expires_at,
       m.attachments, m.to_addresses as to, m.cc_addresses as cc, m.bcc_addresses as bcc,
       m.reply_to_addresses as reply_to, m.conversation_id, m.deleted_at, m.body_text as text, m.body_html as html,
       m.message_id as email_message_id, m.flagged, m.flag_reason, m.labels, m.method,
       m.message_type as type, m.size_bytes, m.review_status as status,
       case when m.direction = 'inbound' then case when m.unread then 'unread' else 'read' end else '' end as read_status,
       m.scan_action, round(m.scan_score::numeric, 4)::float8 as scan_score,
       s.status as delivery_status, s.detail as delivery_detail, s.sent_as, s.provider_message_id,
       coalesce(s.scheduled_at, h.scheduled_at) as scheduled_at,
       h.edited, h.reason ->> 'summary' as review_reason, h.rejection_reason, h.decided_at as reviewed_at,
       c.raw
from near
join messages m on m.account_id = %(account_id)s and m.id = near.id
left join contents c on c.account_id = m.account_id and c.sha256 = m.content_sha256
left join submissions s on s.account_id = m.account_id and s.message_id = m.id
left join holds h on h.account_id = m.account_id and h.message_id = m.id
where near.before < %(most_bytes)s
order by m.id;

-- suppressions: addresses that are not written to
select array[agent_email, address] as place,
       address, source, created_at, nullif(agent_email, '') as agent_email, reason
from suppressions
where account_id = %(account_id)s and (agent_email, address) > ((%(after)s::text[])[1], (%(after)s::text[])[2])
order by agent_email, address
limit %(limit)s;

-- protection_events: what the gate and the scan noticed
select array[id] as place, id, message_id, agent_email, direction, source, reason, action, created_at, detector,
       peer_address, round(scan_score::numeric, 4)::float8 as scan_score, categories, summary
from protection_events
where account_id = %(account_id)s and id > (%(after)s::text[])[1]
order by id
limit %(limit)s;

-- oauth_connections: programs that were let in, until when they may go on without asking again
select array[g.id] as place,
       g.client_id, c.name as client_name, coalesce(g.agent_email, '') as agent_email, g.scope, g.created_at as issued_at,
       g.revoked_at, (select max(t.expires_at)
                      from oauth_tokens t
                      where t.account_id = g.account_id and t.grant_id = g.id) as expires_at
from oauth_grants g
join oauth_clients c on c.id = g.client_id
where g.account_id = %(account_id)s and g.id > (%(after)s::text[])[1]
order by g.id
limit %(limit)s;

-- recipients: how far each mail came on its way to each recipient
select array[message_id, address] as place,
       message_id, address, place as field, route, provenance, status, smtp_code::int as smtp_code,
       enhanced as enhanced_code, detail, changed_at
from recipients
where account_id = %(account_id)s and (message_id, address) > ((%(after)s::text[])[1], (%(after)s::text[])[2])
order by message_id, address
limit %(limit)s;

-- transitions: the ledger of what happened to messages
select array[id] as place, id, message_id, reason_code, recipient, evidence, correlation_ids, occurred_at
from lifecycle
where account_id = %(account_id)s and id > (%(after)s::text[])[1]
order by id
limit %(limit)s;

-- reviews: mail that is or was held, and what was decided
select array[message_id] as place,
       message_id, agent_email, direction, reason, findings, on_expiry, revision, scheduled_at, created_at, decided_at,
       decided_via, decided_by, rejection_reason, edited
from holds
where account_id = %(account_id)s and message_id > (%(after)s::text[])[1]
order by message_id
limit %(limit)s;

-- templates: with their texts
select array[id] as place, id, name, alias, subject, body_text as text, body_html as html, from_starter_alias,
       from_starter_version, created_at, updated_at
from templates
where account_id = %(account_id)s and id > (%(after)s::text[])[1]
order by id
limit %(limit)s;

-- webhooks: without their secrets
select array[id] as place, id, surface, url, description, events, agent_emails, conversation_ids, labels, enabled,
       auto_disabled_at, auto_disabled_reason, last_delivered_at, created_at
from webhooks
where account_id = %(account_id)s and id > (%(after)s::text[])[1]
order by id
limit %(limit)s;

-- events: as they were told on every channel
select array[id] as place, envelope
from events
where account_id = %(account_id)s and id > (%(after)s::text[])[1]
order by id
limit %(limit)s;

-- deliveries: events on their way to endpoints
select array[id] as place, id, endpoint, kind, event_id, event_type, message_id, status, attempts, last_attempt_at,
       last_status_code, last_error, created_at
from deliveries
where account_id = %(account_id)s and id > (%(after)s::text[])[1]
order by id
limit %(limit)s;

-- contacts: whom the account deals with
select array[address] as place, address, display_name, metadata, source, import_batch_id, created_at, updated_at
from contacts
where account_id = %(account_id)s and address > (%(after)s::text[])[1]
order by address
limit %(limit)s;

-- engagements: how each agent stands with a contact
select array[agent_email, address] as place,
       agent_email, address, stage, next_action_at, metadata, import_batch_id, created_at, updated_at
from engagements
where account_id = %(account_id)s and (agent_email, address) > ((%(after)s::text[])[1], (%(after)s::text[])[2])
order by agent_email, address
limit %(limit)s;

-- correspondents: what each agent has seen of an address
select array[address, agent_email] as place,
       agent_email, address, inbound_count, verified_count, first_inbound_at, last_inbound_at, outbound_count,
       first_outbound_at, last_outbound_at, last_conversation_id
from correspondents
where account_id = %(account_id)s and (address, agent_email) > ((%(after)s::text[])[1], (%(after)s::text[])[2])
order by address, agent_email
limit %(limit)s;

-- sender_evidence: with what correspondents authenticated
select array[agent_email, address, mechanism, domain, selector] as place,
       agent_email, address, mechanism, domain, selector, count, first_at, last_at
from sender_evidence
where account_id = %(account_id)s
  and (agent_email, address, mechanism, domain, selector) > (
      (%(after)s::text[])[1], (%(after)s::text[])[2], (%(after)s::text[])[3], (%(after)s::text[])[4],
      (%(after)s::text[])[5])
order by agent_email, address, mechanism, domain, selector
limit %(limit)s;

-- sessions: browsers that are signed in
select array[encode(token_sha256, 'hex')] as place, signed_in_by, browser, network, created_at, last_seen_at,
       expires_at
from sessions
where account_id = %(account_id)s and encode(token_sha256, 'hex') > (%(after)s::text[])[1]
order by encode(token_sha256, 'hex')
limit %(limit)s;

-- identities: those at OpenID providers who sign in to the account
select array[issuer] as place, issuer, subject, email, created_at, last_used_at
from oidc_identities
where account_id = %(account_id)s and issuer > (%(after)s::text[])[1]
order by issuer
limit %(limit)s;

-- audit: who decided what on which evidence, as the digests are made of it
select array[lpad(number::text, 19, '0')] as place, number, to_char(at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as at,
       actor_kind, actor, action, subject, evidence::text as evidence, encode(previous, 'hex') as previous,
       encode(digest, 'hex') as digest
from audit_log
where account_id = %(account_id)s and number > coalesce(nullif((%(after)s::text[])[1], ''), '0')::bigint
order by number
limit %(limit)s;
