-- messages: so many more of an inbox, older and older; nine of ten came in, the tenth went out; ten make a conversation
with pattern as (
    select * from messages where agent_email = %(agent)s and direction = 'inbound' and deleted_at is null
    order by created_at desc limit 1
)
insert into messages (
    account_id, id, agent_email, direction, method, created_at, delivered_to, header_from, sender_name, to_addresses,
    subject, message_id, message_id_key, conversation_id, threaded, body_text, new_text, attachments, content_sha256,
    size_bytes, unread, labels, message_type, sent_at
)
select
    p.account_id, 'msg_' || md5('m' || n), p.agent_email, case when n %% 10 = 0 then 'outbound' else 'inbound' end,
    'smtp', now() - n * interval '1 minute', p.delivered_to, 'ada' || n %% 977 || '@example.org', 'Ada',
    p.to_addresses, 'Report ' || n, '<m' || n || '@example.org>', 'm' || n || '@example.org',
    'conv_' || md5('c' || n / 10), true, p.body_text, p.new_text, p.attachments, p.content_sha256, p.size_bytes,
    n %% 10 <> 0 and n %% 100 = 1, case when n %% 50 = 0 then array['urgent'] else '{}' end,
    case when n %% 10 = 0 then 'send' end, case when n %% 10 = 0 then now() end
from pattern p, generate_series(1, %(count)s) as n;

-- events: one of each message
insert into events (account_id, id, type, agent_email, conversation_id, message_id, envelope, created_at, matched_endpoints)
select
    account_id, 'evt_' || md5('e' || id), case direction when 'inbound' then 'email.received' else 'email.sent' end,
    agent_email, conversation_id, id,
    '{"type":"email.received","id":"evt_' || md5('e' || id) || '","schema_version":"1","created_at":"x","data":{}}',
    now() - (now() - created_at) / 4, array[%(webhook)s::text]
from messages where id like 'msg_%%' and subject like 'Report %%';

-- deliveries: one of each event
insert into deliveries (
    account_id, id, endpoint, kind, event_id, event_type, message_id, status, attempts, created_at, last_attempt_at,
    last_status_code
)
select
    account_id, 'whd_' || md5('d' || id), %(webhook)s, 'webhook', id, type, message_id,
    case when hashtext(id) %% 100 = 0 then 'failed' else 'delivered' end, 1, created_at, created_at, 200
from events where message_id in (select id from messages where subject like 'Report %%');

-- lifecycle: two rows of each message
insert into lifecycle (account_id, id, message_id, reason_code, occurred_at)
select m.account_id, 'mlt_' || md5(r || m.id), m.id, r, m.created_at
from messages m, unnest(case m.direction
    when 'inbound' then array['acceptance.inbound_smtp', 'authentication.dmarc_pass']
    else array['acceptance.outbound_api', 'submission.upstream_accepted'] end) as r
where m.subject like 'Report %%';

-- submissions: of what went out
insert into submissions (
    account_id, message_id, agent_email, status, sent_as, signing_domain, return_path, return_token, submitted_at
)
select account_id, id, agent_email, 'sent', 'own_address', 'agents.localhost', 'bounces+' || md5(id) || '@x',
    md5(id), created_at
from messages where direction = 'outbound' and subject like 'Report %%';

-- recipients: of what went out
insert into recipients (account_id, message_id, address, place, route, status)
select account_id, id, 'ada' || hashtext(id) %% 977 || '@example.org', 'to', 'relay', 'sent'
from messages where direction = 'outbound' and subject like 'Report %%';

-- searchable: all messages have the words of the one that was indexed
insert into message_search (account_id, message_id, document)
select m.account_id, m.id, p.document
from (select document from message_search limit 1) as p, messages m
where m.subject like 'Report %%';

-- people: of each ten messages a contact with an engagement and a correspondent, of each hundred a suppression
with people as (
    select 'p' || n || '@example.net' as address, now() - n * interval '1 minute' as at
    from generate_series(1, %(count)s / 10) as n
), contact as (
    insert into contacts (account_id, address, source, etag, created_at)
    select %(account)s, address, 'manual', decode(md5(address), 'hex'), at from people
), engagement as (
    insert into engagements (account_id, agent_email, address, stage, etag, created_at)
    select %(account)s, %(agent)s, address, 'new', decode(md5(address), 'hex'), at from people
), suppressed as (
    insert into suppressions (account_id, agent_email, address, source, created_at)
    select %(account)s, a, address, 'manual', at from people, unnest(array['', %(agent)s]) as a
    where hashtext(address) %% 10 = 0
)
insert into correspondents (
    account_id, agent_email, address, skeleton, inbound_count, last_inbound_at, first_inbound_at
)
select %(account)s, %(agent)s, address, address, 1, at, at from people;

-- holds: of each hundred messages one that waits
with held as (
    update messages set review_status = 'pending_review', review_expires_at = now() + interval '7 days'
    where subject like 'Report %%' and hashtext(id) %% 100 = 1 and direction = 'inbound'
    returning account_id, id, agent_email, direction, created_at
)
insert into holds (account_id, message_id, agent_email, direction, reason, on_expiry, created_at)
select account_id, id, agent_email, direction, '{"type":"gate","code":"sender","summary":"Held."}', 'reject', created_at
from held;

-- trash: of each hundred messages one
update messages set deleted_at = now() where subject like 'Report %%' and hashtext(id) %% 100 = 2 and review_status is null;

-- keys: of each thousand messages a key, an agent, a domain and a template
with numbers as (
    select n, now() - n * interval '1 minute' as at from generate_series(1, %(count)s / 1000) as n
), keys as (
    insert into api_keys (account_id, id, name, key_hash, key_prefix, scope, created_at)
    select %(account)s, 'apk_' || md5('k' || n), 'k', decode(md5('a' || n) || md5('b' || n), 'hex'), 'e2a_acct_', 'account', at
    from numbers
), named as (
    insert into domains (domain, account_id, verified, verification_token, created_at)
    select 'd' || n || '.example.com', %(account)s, true, 'e2a-verify=x', at from numbers
), agent as (
    insert into agents (email, account_id, domain, registered_domain, created_at)
    select 'many' || n || '@agents.localhost', %(account)s, 'agents.localhost', 'agents.localhost', at from numbers
)
insert into templates (account_id, id, name, alias, subject, body_text, created_at)
select %(account)s, 'tmpl_' || md5('t' || n), 't', 'many' || n, 'Hi', 'Hello', at from numbers;
