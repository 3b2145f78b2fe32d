-- People signed in: how, with what, and a token that changes; links by mail; identities of an OpenID provider.

alter table sessions
    add column id text not null default 'ses_' || replace(gen_random_uuid()::text, '-', ''),
    add column signed_in_by text not null default 'key' check (signed_in_by in ('key', 'link', 'oidc')),
    add column browser text not null default '',
    add column network text not null default '',
    add column renewal_seed bytea not null
        default sha256(convert_to(gen_random_uuid()::text || gen_random_uuid()::text, 'UTF8'))
        check (length(renewal_seed) = 32),
    add column token_since timestamptz not null default now(),
    add column next_sha256 bytea check (length(next_sha256) = 32),
    add column previous_sha256 bytea check (length(previous_sha256) = 32),
    add column previous_until timestamptz;
comment on column sessions.id is 'what a person names it by; it opens nothing';
comment on column sessions.network is 'where it began, coarsely: a /24 or a /48';
comment on column sessions.renewal_seed is 'with the token it makes the next one: whoever reads only one of the two has nothing';
comment on column sessions.next_sha256 is 'a token that was offered and is not in use yet';
comment on column sessions.previous_sha256 is 'the token before, good until previous_until for requests that were under way';
create unique index sessions_by_id on sessions (id);
create unique index sessions_by_next on sessions (next_sha256) where next_sha256 is not null;
create unique index sessions_by_previous on sessions (previous_sha256) where previous_sha256 is not null;

create table sign_in_links (
    token_sha256 bytea primary key check (length(token_sha256) = 32),
    account_id text not null references accounts (id) on delete cascade,
    browser_sha256 bytea not null check (length(browser_sha256) = 32),
    onward text not null,
    created_at timestamptz not null default now(),
    expires_at timestamptz not null
);
comment on table sign_in_links is 'links that were mailed to sign in; a row is gone once one of its account was used';
comment on column sign_in_links.browser_sha256 is 'of the browser that asked: in another one the link opens nothing';
create index sign_in_links_by_account on sign_in_links (account_id);
create index sign_in_links_by_expiry on sign_in_links (expires_at);

create table sign_in_states (
    state_sha256 bytea primary key check (length(state_sha256) = 32),
    browser_sha256 bytea not null check (length(browser_sha256) = 32),
    onward text not null,
    created_at timestamptz not null default now(),
    expires_at timestamptz not null
);
comment on table sign_in_states is 'people on their way to an OpenID provider; a row is gone once they are back';
create index sign_in_states_by_expiry on sign_in_states (expires_at);

create table oidc_identities (
    issuer text not null,
    subject text not null,
    account_id text not null references accounts (id) on delete cascade,
    email text not null,
    created_at timestamptz not null default now(),
    last_used_at timestamptz not null default now(),
    primary key (issuer, subject),
    unique (account_id, issuer)
);
comment on column oidc_identities.email is 'the verified address by which the account was found; the subject is what counts since';

alter table notices add column expires_at timestamptz;
comment on column notices.expires_at is 'from then on nobody wants it: it is not sent any more';
create index notices_by_expiry on notices (expires_at) where expires_at is not null;

-- Who decided what on which evidence: rows that are only ever appended, each chained to the one before (core.audit).

create table audit_heads (
    account_id text primary key,
    number bigint not null check (number >= 0),
    digest bytea not null check (length(digest) = 32)
);
comment on table audit_heads is 'The newest row of each account in audit_log: what was cut off at the end is missed here';

create table audit_log (
    account_id text not null,
    number bigint not null,
    at timestamptz not null check (at >= '2000-01-01T00:00:00Z' and at < '10000-01-01T00:00:00Z'),
    actor_kind text not null check (actor_kind in ('key', 'session', 'link', 'program', 'identity', 'expiry', 'system')),
    actor text not null check (position(e'\n' in actor) = 0),
    action text not null check (action ~ '^[a-z_]+\.[a-z_]+$'),
    subject text not null check (position(e'\n' in subject) = 0),
    evidence json not null check (position(e'\n' in evidence::text) = 0),
    previous bytea not null check (length(previous) = 32),
    digest bytea not null check (length(digest) = 32),
    primary key (account_id, number)
);
comment on table audit_log is 'What was decided about mail and access. Without a reference to accounts: deleting an account row hides nothing';
comment on column audit_log.number is 'per account from 1, without gaps; given by the database, as are previous and digest';
comment on column audit_log.evidence is 'json and not jsonb: the digest is of the text as it was written';
create index audit_log_by_subject on audit_log (account_id, subject, number);
create index audit_log_by_actor on audit_log (account_id, actor, number);
create index audit_log_by_action on audit_log (account_id, action, number);

create function audit_chain() returns trigger language plpgsql as $$
declare
    lines text[];
begin
    perform from accounts where id = new.account_id for key share;
    if not found then
        raise foreign_key_violation using message = 'audit_log: there is no account ' || new.account_id;
    end if;
    -- The row of the head is locked from here on until COMMIT; whoever appends takes no other lock after it.
    select h.number + 1, h.digest into new.number, new.previous
    from audit_heads h where h.account_id = new.account_id for update;
    if not found then
        insert into audit_heads (account_id, number, digest)
        values (new.account_id, 0, decode(repeat('00', 32), 'hex'))
        on conflict (account_id) do nothing;
        select h.number + 1, h.digest into new.number, new.previous
        from audit_heads h where h.account_id = new.account_id for update;
    end if;
    lines := array[
        'e2ad audit 1',
        new.account_id,
        new.number::text,
        encode(new.previous, 'hex'),
        to_char(new.at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
        new.actor_kind,
        new.actor,
        new.action,
        new.subject,
        new.evidence::text
    ];
    new.digest := sha256(convert_to(array_to_string(lines, e'\n'), 'UTF8'));
    update audit_heads set number = new.number, digest = new.digest where account_id = new.account_id;
    return new;
end
$$;
comment on function audit_chain() is 'Numbers a row of audit_log, chains it to the one before, and moves the head of its account';
create trigger audit_chain before insert on audit_log for each row execute function audit_chain();

create function audit_refuse() returns trigger language plpgsql as $$
begin
    -- The head moves with the insert of a row, which is a trigger itself; nothing else moves it.
    if tg_op in ('INSERT', 'UPDATE') and tg_table_name = 'audit_heads' and pg_trigger_depth() > 1 then
        return new;
    end if;
    -- The log of an account that was deleted goes some time after it (gateway.closing): that is the only way out.
    if tg_op = 'DELETE' and not exists (select from accounts where id = old.account_id and closed_at is null) then
        return old;
    end if;
    raise insufficient_privilege using message = tg_table_name || ' is only ever appended to: ' || tg_op || ' is refused';
end
$$;
comment on function audit_refuse() is 'Refuses whatever would change or remove what is in the audit log';
create trigger audit_refuse before update or delete on audit_log for each row execute function audit_refuse();
create trigger audit_refuse_truncate before truncate on audit_log for each statement execute function audit_refuse();
create trigger audit_refuse before insert or update or delete on audit_heads for each row execute function audit_refuse();
create trigger audit_refuse_truncate before truncate on audit_heads for each statement execute function audit_refuse();

-- Every attempt at a delivery with its answer, and what people asked to be sent again.

create table delivery_attempts (
    account_id text not null,
    delivery_id text not null,
    number integer not null,
    at timestamptz not null,
    took integer not null check (took >= 0),
    status_code integer,
    error text,
    response_excerpt text,
    primary key (account_id, delivery_id, number),
    foreign key (account_id, delivery_id) references deliveries (account_id, id) on delete cascade
);
comment on column delivery_attempts.number is 'as counted by its delivery; one that is missing ended with the process that made it';
comment on column delivery_attempts.took is 'milliseconds until the answer was read, or until there was none';

create table replays (
    account_id text not null references accounts (id) on delete cascade,
    id text not null,
    created_at timestamptz not null default now(),
    target text not null check (target in ('endpoints', 'webhook', 'url')),
    endpoint text check ((endpoint is not null) = (target = 'webhook')),
    url text check ((url is not null) = (target = 'url')),
    sealed_secret bytea check ((sealed_secret is not null) = (target = 'url')),
    filter jsonb not null,
    events integer not null,
    deliveries integer not null,
    cancelled_at timestamptz,
    primary key (account_id, id)
);
comment on table replays is 'events that are sent again by one wish; its deliveries carry its id and say how far it is';
comment on column replays.filter is 'which events were asked for; those that matched then have the deliveries';
create index replays_by_time on replays (account_id, created_at desc, id desc);

alter table deliveries
    drop constraint deliveries_kind_check,
    add constraint deliveries_kind_check check (kind in ('webhook', 'agent', 'url'));
comment on column deliveries.endpoint is 'kind webhook: the webhook''s id; kind agent: the agent''s address, whose own URL it is; kind url: the account, whose replays share one place in the queue; the replay names the URL';
create index deliveries_by_replay on deliveries (account_id, replay_id, id) where replay_id is not null;
create index deliveries_failed on deliveries (account_id, created_at) include (endpoint) where status = 'failed';

-- How the deployment is doing: which processes run, and how deep the queues were.

create table processes (
    id text primary key,
    host text not null,
    pid integer not null,
    version text not null,
    roles text[] not null,
    tasks jsonb not null default '[]',
    started_at timestamptz not null default now(),
    seen_at timestamptz not null default now()
);
comment on table processes is 'Each process says from time to time that it lives; a row that nobody renews is deleted by the others';
comment on column processes.tasks is 'its supervised tasks: name, how often each was started again, and whether it runs';

create table queue_hours (
    account_id text not null references accounts (id) on delete cascade,
    hour timestamptz not null,
    queue text not null,
    most bigint not null check (most > 0),
    primary key (account_id, hour, queue)
);
comment on table queue_hours is 'How many waited at most, of what was looked at each minute of an hour; no row: none did';
create index queue_hours_by_age on queue_hours (hour);

alter table messages add column forwarded_id text;
comment on column messages.forwarded_id is 'of a mail out: the mail that it hands on';

-- Holds that have ended, the last decided first: what people look back at.
create index holds_decided on holds (account_id, decided_at desc, message_id desc) where decided_at is not null;
