-- Templates, contacts, what is known of correspondents, screening, search, sign-in and OAuth.

alter table accounts
    add column max_templates integer not null default 10,
    add column closed_at timestamptz;
comment on column accounts.closed_at is 'its owner deleted it: nobody can use it, its data is being deleted in steps';
create index accounts_closed on accounts (closed_at) where closed_at is not null;

create table templates (
    account_id text not null references accounts (id) on delete cascade,
    id text not null,
    name text not null,
    alias text,
    subject text not null,
    body_text text not null,
    body_html text,
    from_starter_alias text,
    from_starter_version text,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    primary key (account_id, id)
);
create unique index templates_by_alias on templates (account_id, alias) where alias is not null;
create index templates_by_account on templates (account_id, created_at desc, id desc);

-- Contacts: whom an account deals with; engagements: how one agent stands with one of them.

create table contacts (
    account_id text not null references accounts (id) on delete cascade,
    address text not null,
    display_name text not null default '',
    metadata jsonb not null default '{}',
    source text not null check (source in ('import', 'manual', 'inbound')),
    import_batch_id text,
    etag bytea not null,
    touched boolean not null default false,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    primary key (account_id, address)
);
comment on column contacts.etag is '16 random bytes, new with every change';
comment on column contacts.touched is 'changed since it was imported: the import cannot be undone for it';
create index contacts_by_age on contacts (account_id, created_at desc, address desc);
create index contacts_by_batch on contacts (account_id, import_batch_id) where import_batch_id is not null;

create table contact_imports (
    account_id text not null references accounts (id) on delete cascade,
    id text not null,
    created_at timestamptz not null default now(),
    primary key (account_id, id)
);

create table engagements (
    account_id text not null,
    agent_email text not null references agents (email) on delete cascade,
    address text not null,
    stage text not null default '',
    next_action_at timestamptz,
    announced_at timestamptz,
    metadata jsonb not null default '{}',
    import_batch_id text,
    etag bytea not null,
    touched boolean not null default false,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    primary key (account_id, agent_email, address),
    foreign key (account_id, address) references contacts (account_id, address) on delete cascade
);
comment on column engagements.announced_at is 'the next_action_at that contact.due was told for';
create index engagements_by_contact on engagements (account_id, address);
create index engagements_by_batch on engagements (account_id, import_batch_id) where import_batch_id is not null;
-- An agent is one account's: this also finds what goes with it.
create index engagements_by_age on engagements (agent_email, created_at desc, address desc);
create index engagements_due on engagements (next_action_at)
    where next_action_at is not null and next_action_at is distinct from announced_at;

-- What an agent has seen of an address: counted with each mail, so that nobody counts mails to know.

create table correspondents (
    account_id text not null,
    agent_email text not null references agents (email) on delete cascade,
    address text not null,
    skeleton text not null,
    inbound_count bigint not null default 0,
    verified_count bigint not null default 0,
    first_inbound_at timestamptz,
    last_inbound_at timestamptz,
    outbound_count bigint not null default 0,
    first_outbound_at timestamptz,
    last_outbound_at timestamptz,
    last_conversation_id text,
    known boolean not null default false,
    -- By address first: whether an account has mail with somebody is asked too.
    primary key (account_id, address, agent_email)
)
with (fillfactor = 70);
comment on table correspondents is 'Mail of one agent with one address: delivered in, and taken by the next server out';
comment on column correspondents.skeleton is 'the address as it looks (core.confusables): two that look alike have the same';
comment on column correspondents.verified_count is 'of the inbound mails those with a DMARC pass';
comment on column correspondents.known is 'proved itself once, or was written to: others may be mistaken for it';
-- Whoever merely claimed an address is not in it: a million made-up senders make no look-up longer.
create index correspondents_by_look on correspondents (account_id, agent_email, skeleton) where known;

create table sender_evidence (
    account_id text not null,
    agent_email text not null,
    address text not null,
    mechanism text not null check (mechanism in ('dkim', 'spf')),
    domain text not null,
    selector text not null default '',
    count bigint not null default 1,
    first_at timestamptz not null default now(),
    last_at timestamptz not null default now(),
    primary key (account_id, agent_email, address, mechanism, domain, selector),
    foreign key (account_id, agent_email, address)
        references correspondents (account_id, agent_email, address) on delete cascade
)
with (fillfactor = 70);
comment on table sender_evidence is 'With what a correspondent authenticated before: passes that align with the author''s domain';

-- Screening.

alter table messages
    add column thread_id text,
    add column thread_parent_id text,
    add column continuity text check (continuity in ('new', 'consistent', 'break')),
    add column continuity_detail text,
    add column resembles text,
    add column scan_score real,
    add column scan_action text check (scan_action in ('allow', 'flag', 'review', 'block')),
    drop constraint messages_review_status_check,
    add constraint messages_review_status_check check (
        review_status in (
            'pending_screening', 'pending_review', 'review_approved', 'review_rejected', 'review_expired_approved',
            'review_expired_rejected'
        )
    );
comment on column messages.continuity is 'how the sender''s authentication compares with what this agent knows of it';
comment on column messages.resembles is 'a known correspondent whom the sender looks like but is not';

create table protection_events (
    account_id text not null references accounts (id) on delete cascade,
    id text not null,
    agent_email text not null,
    message_id text not null,
    direction text not null check (direction in ('inbound', 'outbound')),
    source text not null check (source in ('gate', 'scan')),
    reason text not null,
    action text not null check (action in ('allow', 'flag', 'review', 'block')),
    detector text,
    peer_address text,
    scan_score real,
    categories jsonb not null default '[]',
    summary text not null default '',
    created_at timestamptz not null default now(),
    primary key (account_id, id)
);
comment on table protection_events is 'What the gate and the scan noticed of a message, also of one that was delivered or refused';
create index protection_events_by_message on protection_events (account_id, message_id);
create index protection_events_by_age on protection_events (account_id, created_at desc, id desc);

create table screenings (
    account_id text not null,
    message_id text not null,
    attempts integer not null default 0,
    next_attempt_at timestamptz not null default now(),
    noticed jsonb not null default '{}',
    created_at timestamptz not null default now(),
    primary key (account_id, message_id),
    foreign key (account_id, message_id) references messages (account_id, id) on delete cascade
);
comment on column screenings.noticed is 'what the heuristics said of it already';
comment on table screenings is 'Mail that waits, hidden, for the word of the model';
create index screenings_due on screenings (next_attempt_at);

-- Search.

create table message_search (
    account_id text not null,
    message_id text not null,
    document tsvector not null,
    primary key (account_id, message_id),
    foreign key (account_id, message_id) references messages (account_id, id) on delete cascade
);
comment on column message_search.document is 'made by core.search_words; one lexeme in it says whose inbox the mail is in';
-- In the table itself as far as a page holds it: moved out of it, all documents would look so cheap to read that the
-- planner would rather read them all than ask the index.
alter table message_search alter column document set storage main;
-- What is not merged yet is read from end to end by every search; the worker alone pays for the merging.
create index message_search_by_word on message_search using gin (document) with (gin_pending_list_limit = 512);

-- Without a key and without a reference: it is written with every mail, and a mail that is gone or there twice does no harm.
create table search_queue (
    created_at timestamptz not null,
    account_id text not null,
    message_id text not null
);
comment on table search_queue is 'Mail that is not in message_search yet, or changed since; the newest is taken first';
create index search_queue_by_age on search_queue (created_at);
-- A draft that nothing is composed of yet comes into the queue when it is accepted.
insert into search_queue (created_at, account_id, message_id)
select created_at, account_id, id from messages where direction = 'inbound' or content_sha256 is not null;

-- People signed in, and programs that they let in.

create table sessions (
    token_sha256 bytea primary key check (length(token_sha256) = 32),
    account_id text not null references accounts (id) on delete cascade,
    key_id text,
    created_at timestamptz not null default now(),
    last_seen_at timestamptz not null default now(),
    expires_at timestamptz not null
);
comment on column sessions.key_id is 'the API key that was shown to sign in: when it stops, so does the session';
create index sessions_by_account on sessions (account_id);
create index sessions_by_expiry on sessions (expires_at);

create table oauth_clients (
    id text primary key,
    name text not null,
    redirect_uris text[] not null,
    metadata_url text,
    registered_from text,
    created_at timestamptz not null default now(),
    last_used_at timestamptz
);
comment on column oauth_clients.metadata_url is 'of a client that is described by a document at its own URL, which then is its id';

create table oauth_grants (
    account_id text not null references accounts (id) on delete cascade,
    id text not null,
    client_id text not null references oauth_clients (id) on delete cascade,
    scope text not null check (scope in ('agent', 'account')),
    agent_email text references agents (email) on delete cascade,
    resource text,
    created_at timestamptz not null default now(),
    revoked_at timestamptz,
    revoked_reason text,
    primary key (account_id, id),
    check ((scope = 'agent') = (agent_email is not null))
);
create index oauth_grants_by_client on oauth_grants (client_id);
create index oauth_grants_by_agent on oauth_grants (agent_email) where agent_email is not null;
create index oauth_grants_by_age on oauth_grants (account_id, created_at desc, id desc);

create table oauth_codes (
    code_sha256 bytea primary key check (length(code_sha256) = 32),
    account_id text not null,
    grant_id text not null,
    client_id text not null,
    redirect_uri text not null,
    challenge text not null,
    expires_at timestamptz not null,
    used_at timestamptz,
    foreign key (account_id, grant_id) references oauth_grants (account_id, id) on delete cascade
);
create index oauth_codes_by_expiry on oauth_codes (expires_at);
create index oauth_codes_by_grant on oauth_codes (account_id, grant_id);

create table oauth_tokens (
    token_sha256 bytea primary key check (length(token_sha256) = 32),
    kind text not null check (kind in ('access', 'refresh')),
    account_id text not null,
    grant_id text not null,
    created_at timestamptz not null default now(),
    expires_at timestamptz not null,
    rotated_at timestamptz,
    parent_sha256 bytea,
    foreign key (account_id, grant_id) references oauth_grants (account_id, id) on delete cascade
);
comment on column oauth_tokens.rotated_at is 'of a refresh token that was used: a second use revokes the grant';
comment on column oauth_tokens.parent_sha256 is 'the refresh token that this one was given for';
-- A program that is used has two tokens more each hour: none of these looks at those that are over.
create index oauth_tokens_by_grant on oauth_tokens (account_id, grant_id, kind, expires_at);
create index oauth_tokens_by_parent on oauth_tokens (parent_sha256) where parent_sha256 is not null;
create index oauth_tokens_by_expiry on oauth_tokens (kind, expires_at);

-- No number comes twice: an inbox that is made anew at an old address does not honour the tokens of the old one.
create sequence assertion_versions;
alter table agents add column assertion_version bigint not null default nextval('assertion_versions');
comment on column agents.assertion_version is 'raised to make every identity token of the agent worthless';

create table feedback (
    id text primary key,
    kind text not null default '',
    body text not null,
    reply_to text,
    page text,
    created_at timestamptz not null default now()
);
comment on table feedback is 'What people told the operator of this deployment';

-- Metrics: what became of the messages of each hour that is over, counted once (storage.metrics tells how it stays true).

create table metrics_progress (
    account_id text primary key references accounts (id) on delete cascade,
    counted_until timestamptz not null
);
comment on table metrics_progress is 'All hours of an account before this one are in metrics_hours';
create index metrics_progress_by_age on metrics_progress (counted_until);

create table metrics_hours (
    account_id text not null references accounts (id) on delete cascade,
    agent_email text not null,
    hour timestamptz not null,
    direction text not null,
    codes text[] not null,
    messages bigint[] not null,
    observations bigint[] not null,
    primary key (account_id, agent_email, hour, direction)
);
comment on table metrics_hours is 'Messages that were created in an hour, by what became of them; no row: there were none';
comment on column metrics_hours.agent_email is 'empty: all agents of the account';
comment on column metrics_hours.messages is 'how many have the code in the same place of `codes`, and below how often it was seen';
create index metrics_hours_by_time on metrics_hours (account_id, hour);

create table metrics_days (
    account_id text not null references accounts (id) on delete cascade,
    day date not null,
    agent_email text not null,
    direction text not null,
    codes text[] not null,
    messages bigint[] not null,
    observations bigint[] not null,
    primary key (account_id, day, agent_email, direction)
);
comment on table metrics_days is 'The hours of each agent, summed up over days that are over';

-- Without a key and without a reference: writers never wait for each other, nor for whoever counts.
create table metrics_stale (
    account_id text not null,
    hour timestamptz not null
);
comment on table metrics_stale is 'Hours of which something became known, or went, since they may have been counted: counted anew, then gone';
create index metrics_stale_by_hour on metrics_stale (account_id, hour);
