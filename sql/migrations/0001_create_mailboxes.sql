-- The tables of mail in: accounts, agents, messages, events and their deliveries.
--
-- Every hot table leads with account_id, so that it can be distributed by it. Wire ids are random
-- and unique on their own; the account in the key is what keeps one account's rows together.

create extension if not exists pg_trgm;

create table accounts (
    id              text primary key,
    email           text not null unique check (email = lower(email)),
    name            text not null default '',
    account_class   text not null default 'standard' check (account_class in ('standard', 'internal', 'system', 'demo')),
    plan_code       text,
    max_agents      bigint,
    max_domains     bigint,
    max_messages_month bigint,
    max_storage_bytes  bigint,
    max_webhooks    integer not null default 50,
    upgrade_url     text not null default '',
    created_at      timestamptz not null default now()
);
comment on column accounts.max_agents is 'null: the deployment''s default';

create table account_usage (
    account_id      text primary key references accounts on delete cascade,
    storage_bytes   bigint not null default 0
) with (fillfactor = 50);

create table signing_secrets (
    account_id      text not null references accounts on delete cascade,
    id              text not null,
    name            text not null,
    sealed_secret   bytea not null,
    created_at      timestamptz not null default now(),
    last_signed_at  timestamptz,
    primary key (account_id, id)
);

create table api_keys (
    account_id      text not null references accounts on delete cascade,
    id              text not null,
    name            text not null default '',
    key_hash        bytea not null unique,
    key_prefix      text not null,
    scope           text not null default 'account' check (scope in ('account', 'agent')),
    agent_email     text,
    expires_at      timestamptz,
    revoked_at      timestamptz,
    last_used_at    timestamptz,
    created_at      timestamptz not null default now(),
    primary key (account_id, id),
    check ((scope = 'agent') = (agent_email is not null))
);

create table domains (
    domain          text primary key check (domain = lower(domain)),
    account_id      text references accounts on delete cascade,
    verified        boolean not null default false,
    verification_token text not null,
    is_primary      boolean not null default false,
    verified_at     timestamptz,
    last_checked_at timestamptz,
    created_at      timestamptz not null default now()
);
comment on column domains.account_id is 'null: the deployment''s own (the shared domain)';
create index domains_by_account on domains (account_id, created_at desc);

create table agents (
    email           text primary key check (email = lower(email)),
    account_id      text not null references accounts on delete cascade,
    domain          text not null,
    registered_domain text not null references domains on delete restrict,
    name            text not null default '',
    agent_mode      text not null default 'local' check (agent_mode in ('local', 'cloud')),
    webhook_url     text not null default '',
    catch_all       boolean not null default false,
    created_at      timestamptz not null default now(),
    deleted_at      timestamptz
);
create index agents_by_account on agents (account_id, created_at desc, email desc);
create index agents_by_domain on agents (registered_domain);
create unique index agents_catch_all on agents (domain) where catch_all and deleted_at is null;

create table contents (
    account_id      text not null references accounts on delete cascade,
    sha256          bytea not null check (length(sha256) = 32),
    raw             bytea not null,
    primary key (account_id, sha256)
);
comment on table contents is 'Mail as it came, once for all its recipients in an account. sha256 is the body hash that verdicts are bound to.';
-- Mail is mostly encoded already: the time that compression takes is worth more than the bytes.
alter table contents alter column raw set storage external;

create table messages (
    account_id      text not null references accounts on delete cascade,
    id              text not null,
    agent_email     text not null references agents on delete cascade,
    direction       text not null check (direction in ('inbound', 'outbound')),
    method          text not null check (method in ('smtp', 'loopback')),
    created_at      timestamptz not null default now(),
    delivered_to    text not null,
    forward_path    text,
    envelope_from   text,
    header_from     text,
    sender_name     text not null default '',
    to_addresses    jsonb not null default '[]',
    cc_addresses    jsonb not null default '[]',
    reply_to_addresses jsonb not null default '[]',
    subject         text not null default '',
    sent_at         timestamptz,
    message_id      text,
    message_id_key  text,
    reference_keys  text[] not null default '{}',
    conversation_id text not null,
    threaded        boolean not null default false,
    body_text       text not null default '',
    new_text        text,
    body_html       text,
    truncated       boolean not null default false,
    attachments     jsonb not null default '[]',
    automation      text,
    defects         jsonb not null default '[]',
    peer_address    text,
    helo            text,
    authentication  jsonb,
    verified        boolean not null default false,
    verified_domain text,
    entity_type     text not null default 'human' check (entity_type in ('human', 'agent')),
    domain_check    text not null default 'spf=none; dkim=none',
    delegation      text not null default '',
    content_sha256  bytea,
    size_bytes      integer not null default 0,
    unread          boolean not null default false,
    labels          text[] not null default '{}',
    flagged         boolean not null default false,
    flag_reason     text,
    review_status   text check (review_status in ('pending_review', 'review_approved', 'review_rejected', 'review_expired_approved', 'review_expired_rejected')),
    deleted_at      timestamptz,
    primary key (account_id, id)
);
comment on column messages.forward_path is 'what the peer wrote at RCPT: with its plus-tag, or an address that a catch-all took';
comment on column messages.new_text is 'what is new in a reply; null: all of body_text';
comment on column messages.threaded is 'another message belongs to the same conversation';
comment on column messages.verified is 'X-E2A-Auth-Verified: an aligned pass stands behind the author';
alter table messages alter column body_text set compression pglz;

create index messages_by_agent on messages (account_id, agent_email, created_at desc, id desc) where deleted_at is null;
create index messages_unread on messages (account_id, agent_email, created_at desc, id desc) where unread and deleted_at is null;
-- The rest of the inbox, and what was sent: a list must not walk over the mail that it leaves out.
create index messages_read on messages (account_id, agent_email, created_at desc, id desc)
    where direction = 'inbound' and not unread and deleted_at is null;
create index messages_outbound on messages (account_id, agent_email, created_at desc, id desc)
    where direction = 'outbound' and deleted_at is null;
create index messages_trash on messages (account_id, agent_email, created_at desc, id desc) where deleted_at is not null;
create index messages_by_key on messages (account_id, message_id_key) where message_id_key is not null;
create index messages_by_conversation on messages (account_id, agent_email, conversation_id, created_at desc);
create index messages_by_content on messages (account_id, content_sha256);
create index messages_labels on messages using gin (labels) where labels <> '{}';
-- A small pending list keeps the moment short in which one insert pays for many.
create index messages_search on messages using gin (lower(subject) gin_trgm_ops, lower(header_from) gin_trgm_ops)
    with (gin_pending_list_limit = 256);

create table intake_keys (
    account_id      text not null,
    agent_email     text not null references agents on delete cascade,
    key             bytea not null,
    message_id      text not null,
    created_at      timestamptz not null default now(),
    primary key (account_id, agent_email, key)
);
comment on table intake_keys is 'What came within the last 72 hours: same Message-ID and same bytes to the same agent is one message.';
create index intake_keys_by_age on intake_keys (created_at);

create table webhooks (
    account_id      text not null references accounts on delete cascade,
    id              text not null,
    surface         text not null default 'v1' check (surface in ('v1', 'classic')),
    url             text not null check (length(url) <= 2048),
    description     text not null default '',
    events          text[] not null check (cardinality(events) > 0),
    agent_emails    text[] not null default '{}',
    conversation_ids text[] not null default '{}',
    labels          text[] not null default '{}',
    sealed_secret   bytea not null,
    sealed_previous_secret bytea,
    previous_secret_expires_at timestamptz,
    enabled         boolean not null default true,
    auto_disabled_at timestamptz,
    auto_disabled_reason text,
    reenabled_at    timestamptz,
    last_delivered_at timestamptz,
    created_at      timestamptz not null default now(),
    primary key (account_id, id)
);

create table events (
    account_id      text not null references accounts on delete cascade,
    id              text not null,
    type            text not null,
    agent_email     text,
    conversation_id text,
    message_id      text,
    envelope        text not null,
    matched_endpoints text[] not null default '{}',
    created_at      timestamptz not null default now(),
    primary key (account_id, id)
);
comment on column events.envelope is 'The JSON text as it is signed and sent on every channel';
create index events_by_account on events (account_id, created_at desc, id desc);
create index events_by_agent on events (account_id, agent_email, created_at desc, id desc);
create index events_by_message on events (account_id, message_id) where message_id is not null;
create index events_rare_types on events (account_id, type, created_at desc, id desc) where type <> 'email.received';

create table deliveries (
    account_id      text not null references accounts on delete cascade,
    id              text not null,
    endpoint        text not null,
    kind            text not null check (kind in ('webhook', 'agent')),
    event_id        text,
    event_type      text not null,
    message_id      text,
    body            text,
    replay_id       text,
    status          text not null default 'pending' check (status in ('pending', 'delivered', 'failed')),
    attempts        integer not null default 0,
    next_attempt_at timestamptz not null default now(),
    last_attempt_at timestamptz,
    last_status_code integer,
    last_error      text,
    response_excerpt text,
    waits           integer not null default 0,
    created_at      timestamptz not null default now(),
    primary key (account_id, id)
) with (fillfactor = 80);
comment on column deliveries.endpoint is 'kind webhook: the webhook''s id; kind agent: the agent''s address, whose own URL it is';
comment on column deliveries.body is 'the exact text to send, where it is not the event''s envelope (tests of a webhook)';
comment on column deliveries.waits is 'how often the attempt was put off because the endpoint was disabled';
create unique index deliveries_once on deliveries (account_id, event_id, endpoint) where replay_id is null;
-- Few rows: what was sent again by hand. Found by event for its state; once for each request to replay.
create unique index deliveries_replayed on deliveries (account_id, event_id, endpoint, replay_id) where replay_id is not null;
create index deliveries_due on deliveries (next_attempt_at) where status = 'pending';
create index deliveries_by_endpoint on deliveries (account_id, endpoint, created_at desc, id desc);

create table idempotency_keys (
    account_id      text not null references accounts on delete cascade,
    key             text not null,
    fingerprint     bytea not null,
    status          integer,
    content_type    text,
    body            bytea,
    claimed_at      timestamptz not null default now(),
    created_at      timestamptz not null default now(),
    primary key (account_id, key)
);
comment on column idempotency_keys.status is 'null while the first request is running';
create index idempotency_keys_by_age on idempotency_keys (created_at);

create unlogged table rate_windows (
    subject         text not null,
    window_start    timestamptz not null,
    used            integer not null,
    primary key (subject, window_start)
) with (fillfactor = 50);
comment on table rate_windows is 'Counts of the current windows, shared by all processes; worthless after a crash, hence unlogged.';
