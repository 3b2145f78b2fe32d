-- The tables of mail out, of the gate, and of domains with keys of their own.

alter table accounts add column max_messages_day bigint;
alter table account_usage
    add column month date,
    add column messages_month bigint not null default 0,
    add column day date,
    add column messages_day bigint not null default 0;
comment on column account_usage.messages_month is 'distinct recipients of mail accepted in `month`; of another month it counts as 0';

alter table agents
    add column protection jsonb not null default '{}',
    add column protection_version integer not null default 0;
comment on column agents.protection is 'core.protection.Protection as JSON; an absent member has its default';

alter table messages
    add column bcc_addresses jsonb not null default '[]',
    add column message_type text check (message_type in ('send', 'reply', 'forward', 'test')),
    add column hops smallint not null default 0,
    add column review_expires_at timestamptz;
comment on column messages.hops is 'the how manieth mail in a row from agent to agent, with no person between; 0 is mail of or to people';
comment on column messages.review_expires_at is 'of a message in pending_review: when the hold runs out';
create index messages_held on messages (account_id, review_expires_at, id) where review_status = 'pending_review';
create index messages_held_by_age on messages (account_id, created_at desc, id desc)
    where review_status = 'pending_review';
create index messages_holds_due on messages (review_expires_at) where review_status = 'pending_review';
create index messages_between_agents on messages (account_id, agent_email, header_from, created_at desc)
    where direction = 'inbound' and entity_type = 'agent';
create index messages_verified_senders on messages (account_id, agent_email, lower(header_from))
    where direction = 'inbound' and verified;

-- What is narrow and changes often stands apart from what is wide and indexed ten times.
create table submissions (
    account_id      text not null,
    message_id      text not null,
    agent_email     text not null,
    status          text not null default 'accepted' check (status in (
        'accepted', 'sending', 'sent', 'deferred', 'delivered', 'bounced', 'complained', 'failed', 'outcome_unknown'
    )),
    failure_source  text check (failure_source in ('local', 'provider')),
    detail          text,
    sent_as         text not null check (sent_as in ('own_address', 'relay')),
    signing_domain  text not null,
    return_path     text not null,
    return_token    text not null unique,
    smtputf8        boolean not null default false,
    provider_message_id text,
    scheduled_at    timestamptz,
    accepted_at     timestamptz not null default now(),
    attempts        integer not null default 0,
    counted_attempts integer not null default 0,
    next_attempt_at timestamptz,
    leased_until    timestamptz,
    transmitting_at timestamptz,
    submitted_at    timestamptz,
    primary key (account_id, message_id),
    foreign key (account_id, message_id) references messages on delete cascade
) with (fillfactor = 70);
comment on table submissions is 'The work of getting one message out, and how far it is. One row for each outbound message that was accepted.';
comment on column submissions.attempts is 'how often it was claimed: the fence of the claim';
comment on column submissions.counted_attempts is 'those that count against the schedule: not outages of the relay';
comment on column submissions.next_attempt_at is 'null: nothing is left to do';
comment on column submissions.transmitting_at is 'written before the content leaves for the relay; with no outcome after it the outcome is unknown';
create index submissions_due on submissions (next_attempt_at) where next_attempt_at is not null;
create index submissions_by_provider on submissions (provider_message_id) where provider_message_id is not null;

create table recipients (
    account_id      text not null,
    message_id      text not null,
    address         text not null,
    place           text not null check (place in ('to', 'cc', 'bcc')),
    route           text not null check (route in ('inside', 'relay')),
    provenance      text,
    status          text not null default 'pending' check (status in (
        'pending', 'sent', 'deferred', 'delivered', 'bounced', 'complained', 'failed', 'outcome_unknown'
    )),
    smtp_code       smallint,
    enhanced        text,
    detail          text,
    changed_at      timestamptz not null default now(),
    primary key (account_id, message_id, address),
    foreign key (account_id, message_id) references messages on delete cascade
) with (fillfactor = 80);

create table lifecycle (
    account_id      text not null,
    id              text not null,
    message_id      text not null,
    reason_code     text not null,
    recipient       text,
    evidence        jsonb not null default '{}',
    correlation_ids jsonb not null default '{}',
    occurred_at     timestamptz not null default now(),
    primary key (account_id, id),
    foreign key (account_id, message_id) references messages on delete cascade
);
comment on table lifecycle is 'The ledger of what happened to a message: appended with the fact, never changed';
create index lifecycle_by_message on lifecycle (account_id, message_id, occurred_at, id);

create table suppressions (
    account_id      text not null references accounts on delete cascade,
    agent_email     text not null default '',
    address         text not null,
    source          text not null check (source in ('bounce', 'complaint', 'manual', 'unsubscribe')),
    reason          text,
    message_id      text,
    created_at      timestamptz not null default now(),
    primary key (account_id, agent_email, address)
);
comment on column suppressions.agent_email is 'empty: for all agents of the account. No foreign key: it outlives the agent.';

create table unsubscribe_tokens (
    token_sha256    bytea primary key check (length(token_sha256) = 32),
    account_id      text not null references accounts on delete cascade,
    agent_email     text not null,
    address         text not null,
    created_at      timestamptz not null default now()
);
create index unsubscribe_tokens_by_account on unsubscribe_tokens (account_id);

create table holds (
    account_id      text not null,
    message_id      text not null,
    agent_email     text not null,
    direction       text not null check (direction in ('inbound', 'outbound')),
    reason          jsonb not null,
    findings        jsonb not null default '[]',
    on_expiry       text not null check (on_expiry in ('approve', 'reject')),
    revision        integer not null default 1,
    scheduled_at    timestamptz,
    notified_at     timestamptz,
    decided_at      timestamptz,
    decided_via     text check (decided_via in ('api', 'link', 'dashboard', 'expiry')),
    decided_by      text,
    rejection_reason text,
    edited          boolean not null default false,
    created_at      timestamptz not null default now(),
    primary key (account_id, message_id),
    foreign key (account_id, message_id) references messages on delete cascade
);
-- A mailed link names the message alone.
create index holds_by_message on holds (message_id);
comment on table holds is 'Why a message is or was held, and what was decided. The state itself is messages.review_status.';

create table hold_revisions (
    account_id      text not null,
    message_id      text not null,
    revision        integer not null,
    draft           bytea not null,
    sha256          bytea not null check (length(sha256) = 32),
    editor          text not null,
    created_at      timestamptz not null default now(),
    primary key (account_id, message_id, revision),
    foreign key (account_id, message_id) references holds on delete cascade
);
comment on column hold_revisions.draft is 'core.outbound.Draft as the exact JSON bytes that sha256, and with it an approval, is bound to';
alter table hold_revisions alter column draft set storage external;

create table notices (
    id              text primary key,
    account_id      text not null references accounts on delete cascade,
    kind            text not null,
    message_id      text,
    recipient       text not null,
    content         bytea not null,
    status          text not null default 'pending' check (status in ('pending', 'sent', 'failed', 'skipped', 'outcome_unknown')),
    attempts        integer not null default 0,
    next_attempt_at timestamptz,
    transmitting_at timestamptz,
    detail          text,
    created_at      timestamptz not null default now(),
    sent_at         timestamptz
);
comment on table notices is 'Mail of the deployment itself to the owner of an account, such as a request to review';
create index notices_due on notices (next_attempt_at) where next_attempt_at is not null;
create index notices_by_account on notices (account_id, created_at desc);

alter table domains
    add column claim_expires_at timestamptz,
    add column failing_since timestamptz,
    add column next_check_at timestamptz,
    add column sending_status text not null default 'none' check (sending_status in ('none', 'pending', 'verified', 'failed')),
    add column sending_failing_since timestamptz,
    add column sending_error text,
    add column sending_checked_at timestamptz,
    add column bounce_verified boolean not null default false,
    add column seen jsonb not null default '{}';
comment on column domains.claim_expires_at is 'of a claim without proof: when others may have the name';
comment on column domains.failing_since is 'since when a verified domain has lost its proof; after the grace it lapses';
comment on column domains.bounce_verified is 'the MX of bounce.<domain> leads here, so that reports come back to it';
comment on column domains.seen is 'by purpose of record: what the last check found';
create index domains_due on domains (next_check_at) where next_check_at is not null;
create index domains_by_reversed_name on domains (reverse(domain) collate "C");

create table domain_keys (
    domain          text not null references domains on delete cascade,
    selector        text not null,
    algorithm       text not null check (algorithm in ('rsa-2048', 'ed25519')),
    sealed_private_key bytea not null,
    record          text not null,
    state           text not null default 'active' check (state in ('next', 'active', 'retired')),
    created_at      timestamptz not null default now(),
    activated_at    timestamptz,
    retired_at      timestamptz,
    primary key (domain, selector)
);
comment on column domain_keys.record is 'the TXT record to publish at <selector>._domainkey.<domain>';

create table sending_ramps (
    account_id      text not null references accounts on delete cascade,
    domain          text not null,
    state           text not null default 'ramping' check (state in ('ramping', 'complete', 'exempt')),
    active_days     integer not null default 0,
    day             date,
    used            integer not null default 0,
    primary key (account_id, domain)
);

create table provider_events (
    id              text primary key,
    created_at      timestamptz not null default now()
);
comment on table provider_events is 'Feedback of a mail provider that was acted upon, so that a repeat is recognised';
create index provider_events_by_age on provider_events (created_at);
