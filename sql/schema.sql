-- Generated from sql/migrations, to be read and compared; it is never applied.

CREATE EXTENSION IF NOT EXISTS pg_trgm WITH SCHEMA public;

COMMENT ON EXTENSION pg_trgm IS 'text similarity measurement and index searching based on trigrams';

CREATE FUNCTION public.audit_chain() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
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

COMMENT ON FUNCTION public.audit_chain() IS 'Numbers a row of audit_log, chains it to the one before, and moves the head of its account';

CREATE FUNCTION public.audit_refuse() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
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

COMMENT ON FUNCTION public.audit_refuse() IS 'Refuses whatever would change or remove what is in the audit log';

CREATE TABLE public.account_usage (
    account_id text NOT NULL,
    storage_bytes bigint DEFAULT 0 NOT NULL,
    month date,
    messages_month bigint DEFAULT 0 NOT NULL,
    day date,
    messages_day bigint DEFAULT 0 NOT NULL
)
WITH (fillfactor='50');

COMMENT ON COLUMN public.account_usage.messages_month IS 'distinct recipients of mail accepted in `month`; of another month it counts as 0';

CREATE TABLE public.accounts (
    id text NOT NULL,
    email text NOT NULL,
    name text DEFAULT ''::text NOT NULL,
    account_class text DEFAULT 'standard'::text NOT NULL,
    plan_code text,
    max_agents bigint,
    max_domains bigint,
    max_messages_month bigint,
    max_storage_bytes bigint,
    max_webhooks integer DEFAULT 50 NOT NULL,
    upgrade_url text DEFAULT ''::text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    max_messages_day bigint,
    max_templates integer DEFAULT 10 NOT NULL,
    closed_at timestamp with time zone,
    CONSTRAINT accounts_account_class_check CHECK ((account_class = ANY (ARRAY['standard'::text, 'internal'::text, 'system'::text, 'demo'::text]))),
    CONSTRAINT accounts_email_check CHECK ((email = lower(email)))
);

COMMENT ON COLUMN public.accounts.max_agents IS 'null: the deployment''s default';

COMMENT ON COLUMN public.accounts.closed_at IS 'its owner deleted it: nobody can use it, its data is being deleted in steps';

CREATE SEQUENCE public.assertion_versions
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;

CREATE TABLE public.agents (
    email text NOT NULL,
    account_id text NOT NULL,
    domain text NOT NULL,
    registered_domain text NOT NULL,
    name text DEFAULT ''::text NOT NULL,
    agent_mode text DEFAULT 'local'::text NOT NULL,
    webhook_url text DEFAULT ''::text NOT NULL,
    catch_all boolean DEFAULT false NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    deleted_at timestamp with time zone,
    protection jsonb DEFAULT '{}'::jsonb NOT NULL,
    protection_version integer DEFAULT 0 NOT NULL,
    assertion_version bigint DEFAULT nextval('public.assertion_versions'::regclass) NOT NULL,
    CONSTRAINT agents_agent_mode_check CHECK ((agent_mode = ANY (ARRAY['local'::text, 'cloud'::text]))),
    CONSTRAINT agents_email_check CHECK ((email = lower(email)))
);

COMMENT ON COLUMN public.agents.protection IS 'core.protection.Protection as JSON; an absent member has its default';

COMMENT ON COLUMN public.agents.assertion_version IS 'raised to make every identity token of the agent worthless';

CREATE TABLE public.api_keys (
    account_id text NOT NULL,
    id text NOT NULL,
    name text DEFAULT ''::text NOT NULL,
    key_hash bytea NOT NULL,
    key_prefix text NOT NULL,
    scope text DEFAULT 'account'::text NOT NULL,
    agent_email text,
    expires_at timestamp with time zone,
    revoked_at timestamp with time zone,
    last_used_at timestamp with time zone,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT api_keys_check CHECK (((scope = 'agent'::text) = (agent_email IS NOT NULL))),
    CONSTRAINT api_keys_scope_check CHECK ((scope = ANY (ARRAY['account'::text, 'agent'::text])))
);

CREATE TABLE public.audit_heads (
    account_id text NOT NULL,
    number bigint NOT NULL,
    digest bytea NOT NULL,
    CONSTRAINT audit_heads_digest_check CHECK ((length(digest) = 32)),
    CONSTRAINT audit_heads_number_check CHECK ((number >= 0))
);

COMMENT ON TABLE public.audit_heads IS 'The newest row of each account in audit_log: what was cut off at the end is missed here';

CREATE TABLE public.audit_log (
    account_id text NOT NULL,
    number bigint NOT NULL,
    at timestamp with time zone NOT NULL,
    actor_kind text NOT NULL,
    actor text NOT NULL,
    action text NOT NULL,
    subject text NOT NULL,
    evidence json NOT NULL,
    previous bytea NOT NULL,
    digest bytea NOT NULL,
    CONSTRAINT audit_log_action_check CHECK ((action ~ '^[a-z_]+\.[a-z_]+$'::text)),
    CONSTRAINT audit_log_actor_check CHECK ((POSITION(('
'::text) IN (actor)) = 0)),
    CONSTRAINT audit_log_actor_kind_check CHECK ((actor_kind = ANY (ARRAY['key'::text, 'session'::text, 'link'::text, 'program'::text, 'identity'::text, 'expiry'::text, 'system'::text]))),
    CONSTRAINT audit_log_at_check CHECK (((at >= '2000-01-01 00:00:00+00'::timestamp with time zone) AND (at < '10000-01-01 00:00:00+00'::timestamp with time zone))),
    CONSTRAINT audit_log_digest_check CHECK ((length(digest) = 32)),
    CONSTRAINT audit_log_evidence_check CHECK ((POSITION(('
'::text) IN ((evidence)::text)) = 0)),
    CONSTRAINT audit_log_previous_check CHECK ((length(previous) = 32)),
    CONSTRAINT audit_log_subject_check CHECK ((POSITION(('
'::text) IN (subject)) = 0))
);

COMMENT ON TABLE public.audit_log IS 'What was decided about mail and access. Without a reference to accounts: deleting an account row hides nothing';

COMMENT ON COLUMN public.audit_log.number IS 'per account from 1, without gaps; given by the database, as are previous and digest';

COMMENT ON COLUMN public.audit_log.evidence IS 'json and not jsonb: the digest is of the text as it was written';

CREATE TABLE public.contact_imports (
    account_id text NOT NULL,
    id text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL
);

CREATE TABLE public.contacts (
    account_id text NOT NULL,
    address text NOT NULL,
    display_name text DEFAULT ''::text NOT NULL,
    metadata jsonb DEFAULT '{}'::jsonb NOT NULL,
    source text NOT NULL,
    import_batch_id text,
    etag bytea NOT NULL,
    touched boolean DEFAULT false NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT contacts_source_check CHECK ((source = ANY (ARRAY['import'::text, 'manual'::text, 'inbound'::text])))
);

COMMENT ON COLUMN public.contacts.etag IS '16 random bytes, new with every change';

COMMENT ON COLUMN public.contacts.touched IS 'changed since it was imported: the import cannot be undone for it';

CREATE TABLE public.contents (
    account_id text NOT NULL,
    sha256 bytea NOT NULL,
    raw bytea NOT NULL,
    CONSTRAINT contents_sha256_check CHECK ((length(sha256) = 32))
);
ALTER TABLE ONLY public.contents ALTER COLUMN raw SET STORAGE EXTERNAL;

COMMENT ON TABLE public.contents IS 'Mail as it came, once for all its recipients in an account. sha256 is the body hash that verdicts are bound to.';

CREATE TABLE public.correspondents (
    account_id text NOT NULL,
    agent_email text NOT NULL,
    address text NOT NULL,
    skeleton text NOT NULL,
    inbound_count bigint DEFAULT 0 NOT NULL,
    verified_count bigint DEFAULT 0 NOT NULL,
    first_inbound_at timestamp with time zone,
    last_inbound_at timestamp with time zone,
    outbound_count bigint DEFAULT 0 NOT NULL,
    first_outbound_at timestamp with time zone,
    last_outbound_at timestamp with time zone,
    last_conversation_id text,
    known boolean DEFAULT false NOT NULL
)
WITH (fillfactor='70');

COMMENT ON TABLE public.correspondents IS 'Mail of one agent with one address: delivered in, and taken by the next server out';

COMMENT ON COLUMN public.correspondents.skeleton IS 'the address as it looks (core.confusables): two that look alike have the same';

COMMENT ON COLUMN public.correspondents.verified_count IS 'of the inbound mails those with a DMARC pass';

COMMENT ON COLUMN public.correspondents.known IS 'proved itself once, or was written to: others may be mistaken for it';

CREATE TABLE public.deliveries (
    account_id text NOT NULL,
    id text NOT NULL,
    endpoint text NOT NULL,
    kind text NOT NULL,
    event_id text,
    event_type text NOT NULL,
    message_id text,
    body text,
    replay_id text,
    status text DEFAULT 'pending'::text NOT NULL,
    attempts integer DEFAULT 0 NOT NULL,
    next_attempt_at timestamp with time zone DEFAULT now() NOT NULL,
    last_attempt_at timestamp with time zone,
    last_status_code integer,
    last_error text,
    response_excerpt text,
    waits integer DEFAULT 0 NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT deliveries_kind_check CHECK ((kind = ANY (ARRAY['webhook'::text, 'agent'::text, 'url'::text]))),
    CONSTRAINT deliveries_status_check CHECK ((status = ANY (ARRAY['pending'::text, 'delivered'::text, 'failed'::text])))
)
WITH (fillfactor='80');

COMMENT ON COLUMN public.deliveries.endpoint IS 'kind webhook: the webhook''s id; kind agent: the agent''s address, whose own URL it is; kind url: the account, whose replays share one place in the queue; the replay names the URL';

COMMENT ON COLUMN public.deliveries.body IS 'the exact text to send, where it is not the event''s envelope (tests of a webhook)';

COMMENT ON COLUMN public.deliveries.waits IS 'how often the attempt was put off because the endpoint was disabled';

CREATE TABLE public.delivery_attempts (
    account_id text NOT NULL,
    delivery_id text NOT NULL,
    number integer NOT NULL,
    at timestamp with time zone NOT NULL,
    took integer NOT NULL,
    status_code integer,
    error text,
    response_excerpt text,
    CONSTRAINT delivery_attempts_took_check CHECK ((took >= 0))
);

COMMENT ON COLUMN public.delivery_attempts.number IS 'as counted by its delivery; one that is missing ended with the process that made it';

COMMENT ON COLUMN public.delivery_attempts.took IS 'milliseconds until the answer was read, or until there was none';

CREATE TABLE public.domain_keys (
    domain text NOT NULL,
    selector text NOT NULL,
    algorithm text NOT NULL,
    sealed_private_key bytea NOT NULL,
    record text NOT NULL,
    state text DEFAULT 'active'::text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    activated_at timestamp with time zone,
    retired_at timestamp with time zone,
    CONSTRAINT domain_keys_algorithm_check CHECK ((algorithm = ANY (ARRAY['rsa-2048'::text, 'ed25519'::text]))),
    CONSTRAINT domain_keys_state_check CHECK ((state = ANY (ARRAY['next'::text, 'active'::text, 'retired'::text])))
);

COMMENT ON COLUMN public.domain_keys.record IS 'the TXT record to publish at <selector>._domainkey.<domain>';

CREATE TABLE public.domains (
    domain text NOT NULL,
    account_id text,
    verified boolean DEFAULT false NOT NULL,
    verification_token text NOT NULL,
    is_primary boolean DEFAULT false NOT NULL,
    verified_at timestamp with time zone,
    last_checked_at timestamp with time zone,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    claim_expires_at timestamp with time zone,
    failing_since timestamp with time zone,
    next_check_at timestamp with time zone,
    sending_status text DEFAULT 'none'::text NOT NULL,
    sending_failing_since timestamp with time zone,
    sending_error text,
    sending_checked_at timestamp with time zone,
    bounce_verified boolean DEFAULT false NOT NULL,
    seen jsonb DEFAULT '{}'::jsonb NOT NULL,
    CONSTRAINT domains_domain_check CHECK ((domain = lower(domain))),
    CONSTRAINT domains_sending_status_check CHECK ((sending_status = ANY (ARRAY['none'::text, 'pending'::text, 'verified'::text, 'failed'::text])))
);

COMMENT ON COLUMN public.domains.account_id IS 'null: the deployment''s own (the shared domain)';

COMMENT ON COLUMN public.domains.claim_expires_at IS 'of a claim without proof: when others may have the name';

COMMENT ON COLUMN public.domains.failing_since IS 'since when a verified domain has lost its proof; after the grace it lapses';

COMMENT ON COLUMN public.domains.bounce_verified IS 'the MX of bounce.<domain> leads here, so that reports come back to it';

COMMENT ON COLUMN public.domains.seen IS 'by purpose of record: what the last check found';

CREATE TABLE public.engagements (
    account_id text NOT NULL,
    agent_email text NOT NULL,
    address text NOT NULL,
    stage text DEFAULT ''::text NOT NULL,
    next_action_at timestamp with time zone,
    announced_at timestamp with time zone,
    metadata jsonb DEFAULT '{}'::jsonb NOT NULL,
    import_batch_id text,
    etag bytea NOT NULL,
    touched boolean DEFAULT false NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL
);

COMMENT ON COLUMN public.engagements.announced_at IS 'the next_action_at that contact.due was told for';

CREATE TABLE public.events (
    account_id text NOT NULL,
    id text NOT NULL,
    type text NOT NULL,
    agent_email text,
    conversation_id text,
    message_id text,
    envelope text NOT NULL,
    matched_endpoints text[] DEFAULT '{}'::text[] NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL
);

COMMENT ON COLUMN public.events.envelope IS 'The JSON text as it is signed and sent on every channel';

CREATE TABLE public.feedback (
    id text NOT NULL,
    kind text DEFAULT ''::text NOT NULL,
    body text NOT NULL,
    reply_to text,
    page text,
    created_at timestamp with time zone DEFAULT now() NOT NULL
);

COMMENT ON TABLE public.feedback IS 'What people told the operator of this deployment';

CREATE TABLE public.hold_revisions (
    account_id text NOT NULL,
    message_id text NOT NULL,
    revision integer NOT NULL,
    draft bytea NOT NULL,
    sha256 bytea NOT NULL,
    editor text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT hold_revisions_sha256_check CHECK ((length(sha256) = 32))
);
ALTER TABLE ONLY public.hold_revisions ALTER COLUMN draft SET STORAGE EXTERNAL;

COMMENT ON COLUMN public.hold_revisions.draft IS 'core.outbound.Draft as the exact JSON bytes that sha256, and with it an approval, is bound to';

CREATE TABLE public.holds (
    account_id text NOT NULL,
    message_id text NOT NULL,
    agent_email text NOT NULL,
    direction text NOT NULL,
    reason jsonb NOT NULL,
    findings jsonb DEFAULT '[]'::jsonb NOT NULL,
    on_expiry text NOT NULL,
    revision integer DEFAULT 1 NOT NULL,
    scheduled_at timestamp with time zone,
    notified_at timestamp with time zone,
    decided_at timestamp with time zone,
    decided_via text,
    decided_by text,
    rejection_reason text,
    edited boolean DEFAULT false NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT holds_decided_via_check CHECK ((decided_via = ANY (ARRAY['api'::text, 'link'::text, 'dashboard'::text, 'expiry'::text]))),
    CONSTRAINT holds_direction_check CHECK ((direction = ANY (ARRAY['inbound'::text, 'outbound'::text]))),
    CONSTRAINT holds_on_expiry_check CHECK ((on_expiry = ANY (ARRAY['approve'::text, 'reject'::text])))
);

COMMENT ON TABLE public.holds IS 'Why a message is or was held, and what was decided. The state itself is messages.review_status.';

CREATE TABLE public.idempotency_keys (
    account_id text NOT NULL,
    key text NOT NULL,
    fingerprint bytea NOT NULL,
    status integer,
    content_type text,
    body bytea,
    claimed_at timestamp with time zone DEFAULT now() NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL
);

COMMENT ON COLUMN public.idempotency_keys.status IS 'null while the first request is running';

CREATE TABLE public.intake_keys (
    account_id text NOT NULL,
    agent_email text NOT NULL,
    key bytea NOT NULL,
    message_id text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL
);

COMMENT ON TABLE public.intake_keys IS 'What came within the last 72 hours: same Message-ID and same bytes to the same agent is one message.';

CREATE TABLE public.lifecycle (
    account_id text NOT NULL,
    id text NOT NULL,
    message_id text NOT NULL,
    reason_code text NOT NULL,
    recipient text,
    evidence jsonb DEFAULT '{}'::jsonb NOT NULL,
    correlation_ids jsonb DEFAULT '{}'::jsonb NOT NULL,
    occurred_at timestamp with time zone DEFAULT now() NOT NULL
);

COMMENT ON TABLE public.lifecycle IS 'The ledger of what happened to a message: appended with the fact, never changed';

CREATE TABLE public.message_search (
    account_id text NOT NULL,
    message_id text NOT NULL,
    document tsvector NOT NULL
);
ALTER TABLE ONLY public.message_search ALTER COLUMN document SET STORAGE MAIN;

COMMENT ON COLUMN public.message_search.document IS 'made by core.search_words; one lexeme in it says whose inbox the mail is in';

CREATE TABLE public.messages (
    account_id text NOT NULL,
    id text NOT NULL,
    agent_email text NOT NULL,
    direction text NOT NULL,
    method text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    delivered_to text NOT NULL,
    forward_path text,
    envelope_from text,
    header_from text,
    sender_name text DEFAULT ''::text NOT NULL,
    to_addresses jsonb DEFAULT '[]'::jsonb NOT NULL,
    cc_addresses jsonb DEFAULT '[]'::jsonb NOT NULL,
    reply_to_addresses jsonb DEFAULT '[]'::jsonb NOT NULL,
    subject text DEFAULT ''::text NOT NULL,
    sent_at timestamp with time zone,
    message_id text,
    message_id_key text,
    reference_keys text[] DEFAULT '{}'::text[] NOT NULL,
    conversation_id text NOT NULL,
    threaded boolean DEFAULT false NOT NULL,
    body_text text DEFAULT ''::text NOT NULL,
    new_text text,
    body_html text,
    truncated boolean DEFAULT false NOT NULL,
    attachments jsonb DEFAULT '[]'::jsonb NOT NULL,
    automation text,
    defects jsonb DEFAULT '[]'::jsonb NOT NULL,
    peer_address text,
    helo text,
    authentication jsonb,
    verified boolean DEFAULT false NOT NULL,
    verified_domain text,
    entity_type text DEFAULT 'human'::text NOT NULL,
    domain_check text DEFAULT 'spf=none; dkim=none'::text NOT NULL,
    delegation text DEFAULT ''::text NOT NULL,
    content_sha256 bytea,
    size_bytes integer DEFAULT 0 NOT NULL,
    unread boolean DEFAULT false NOT NULL,
    labels text[] DEFAULT '{}'::text[] NOT NULL,
    flagged boolean DEFAULT false NOT NULL,
    flag_reason text,
    review_status text,
    deleted_at timestamp with time zone,
    bcc_addresses jsonb DEFAULT '[]'::jsonb NOT NULL,
    message_type text,
    hops smallint DEFAULT 0 NOT NULL,
    review_expires_at timestamp with time zone,
    thread_id text,
    thread_parent_id text,
    continuity text,
    continuity_detail text,
    resembles text,
    scan_score real,
    scan_action text,
    forwarded_id text,
    CONSTRAINT messages_continuity_check CHECK ((continuity = ANY (ARRAY['new'::text, 'consistent'::text, 'break'::text]))),
    CONSTRAINT messages_direction_check CHECK ((direction = ANY (ARRAY['inbound'::text, 'outbound'::text]))),
    CONSTRAINT messages_entity_type_check CHECK ((entity_type = ANY (ARRAY['human'::text, 'agent'::text]))),
    CONSTRAINT messages_message_type_check CHECK ((message_type = ANY (ARRAY['send'::text, 'reply'::text, 'forward'::text, 'test'::text]))),
    CONSTRAINT messages_method_check CHECK ((method = ANY (ARRAY['smtp'::text, 'loopback'::text]))),
    CONSTRAINT messages_review_status_check CHECK ((review_status = ANY (ARRAY['pending_screening'::text, 'pending_review'::text, 'review_approved'::text, 'review_rejected'::text, 'review_expired_approved'::text, 'review_expired_rejected'::text]))),
    CONSTRAINT messages_scan_action_check CHECK ((scan_action = ANY (ARRAY['allow'::text, 'flag'::text, 'review'::text, 'block'::text])))
);
ALTER TABLE ONLY public.messages ALTER COLUMN body_text SET COMPRESSION pglz;

COMMENT ON COLUMN public.messages.forward_path IS 'what the peer wrote at RCPT: with its plus-tag, or an address that a catch-all took';

COMMENT ON COLUMN public.messages.threaded IS 'another message belongs to the same conversation';

COMMENT ON COLUMN public.messages.new_text IS 'what is new in a reply; null: all of body_text';

COMMENT ON COLUMN public.messages.verified IS 'X-E2A-Auth-Verified: an aligned pass stands behind the author';

COMMENT ON COLUMN public.messages.hops IS 'the how manieth mail in a row from agent to agent, with no person between; 0 is mail of or to people';

COMMENT ON COLUMN public.messages.review_expires_at IS 'of a message in pending_review: when the hold runs out';

COMMENT ON COLUMN public.messages.continuity IS 'how the sender''s authentication compares with what this agent knows of it';

COMMENT ON COLUMN public.messages.resembles IS 'a known correspondent whom the sender looks like but is not';

COMMENT ON COLUMN public.messages.forwarded_id IS 'of a mail out: the mail that it hands on';

CREATE TABLE public.metrics_days (
    account_id text NOT NULL,
    day date NOT NULL,
    agent_email text NOT NULL,
    direction text NOT NULL,
    codes text[] NOT NULL,
    messages bigint[] NOT NULL,
    observations bigint[] NOT NULL
);

COMMENT ON TABLE public.metrics_days IS 'The hours of each agent, summed up over days that are over';

CREATE TABLE public.metrics_hours (
    account_id text NOT NULL,
    agent_email text NOT NULL,
    hour timestamp with time zone NOT NULL,
    direction text NOT NULL,
    codes text[] NOT NULL,
    messages bigint[] NOT NULL,
    observations bigint[] NOT NULL
);

COMMENT ON TABLE public.metrics_hours IS 'Messages that were created in an hour, by what became of them; no row: there were none';

COMMENT ON COLUMN public.metrics_hours.agent_email IS 'empty: all agents of the account';

COMMENT ON COLUMN public.metrics_hours.messages IS 'how many have the code in the same place of `codes`, and below how often it was seen';

CREATE TABLE public.metrics_progress (
    account_id text NOT NULL,
    counted_until timestamp with time zone NOT NULL
);

COMMENT ON TABLE public.metrics_progress IS 'All hours of an account before this one are in metrics_hours';

CREATE TABLE public.metrics_stale (
    account_id text NOT NULL,
    hour timestamp with time zone NOT NULL
);

COMMENT ON TABLE public.metrics_stale IS 'Hours of which something became known, or went, since they may have been counted: counted anew, then gone';

CREATE TABLE public.notices (
    id text NOT NULL,
    account_id text NOT NULL,
    kind text NOT NULL,
    message_id text,
    recipient text NOT NULL,
    content bytea NOT NULL,
    status text DEFAULT 'pending'::text NOT NULL,
    attempts integer DEFAULT 0 NOT NULL,
    next_attempt_at timestamp with time zone,
    transmitting_at timestamp with time zone,
    detail text,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    sent_at timestamp with time zone,
    expires_at timestamp with time zone,
    CONSTRAINT notices_status_check CHECK ((status = ANY (ARRAY['pending'::text, 'sent'::text, 'failed'::text, 'skipped'::text, 'outcome_unknown'::text])))
);

COMMENT ON TABLE public.notices IS 'Mail of the deployment itself to the owner of an account, such as a request to review';

COMMENT ON COLUMN public.notices.expires_at IS 'from then on nobody wants it: it is not sent any more';

CREATE TABLE public.oauth_clients (
    id text NOT NULL,
    name text NOT NULL,
    redirect_uris text[] NOT NULL,
    metadata_url text,
    registered_from text,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    last_used_at timestamp with time zone
);

COMMENT ON COLUMN public.oauth_clients.metadata_url IS 'of a client that is described by a document at its own URL, which then is its id';

CREATE TABLE public.oauth_codes (
    code_sha256 bytea NOT NULL,
    account_id text NOT NULL,
    grant_id text NOT NULL,
    client_id text NOT NULL,
    redirect_uri text NOT NULL,
    challenge text NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    used_at timestamp with time zone,
    CONSTRAINT oauth_codes_code_sha256_check CHECK ((length(code_sha256) = 32))
);

CREATE TABLE public.oauth_grants (
    account_id text NOT NULL,
    id text NOT NULL,
    client_id text NOT NULL,
    scope text NOT NULL,
    agent_email text,
    resource text,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    revoked_at timestamp with time zone,
    revoked_reason text,
    CONSTRAINT oauth_grants_check CHECK (((scope = 'agent'::text) = (agent_email IS NOT NULL))),
    CONSTRAINT oauth_grants_scope_check CHECK ((scope = ANY (ARRAY['agent'::text, 'account'::text])))
);

CREATE TABLE public.oauth_tokens (
    token_sha256 bytea NOT NULL,
    kind text NOT NULL,
    account_id text NOT NULL,
    grant_id text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    rotated_at timestamp with time zone,
    parent_sha256 bytea,
    CONSTRAINT oauth_tokens_kind_check CHECK ((kind = ANY (ARRAY['access'::text, 'refresh'::text]))),
    CONSTRAINT oauth_tokens_token_sha256_check CHECK ((length(token_sha256) = 32))
);

COMMENT ON COLUMN public.oauth_tokens.rotated_at IS 'of a refresh token that was used: a second use revokes the grant';

COMMENT ON COLUMN public.oauth_tokens.parent_sha256 IS 'the refresh token that this one was given for';

CREATE TABLE public.oidc_identities (
    issuer text NOT NULL,
    subject text NOT NULL,
    account_id text NOT NULL,
    email text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    last_used_at timestamp with time zone DEFAULT now() NOT NULL
);

COMMENT ON COLUMN public.oidc_identities.email IS 'the verified address by which the account was found; the subject is what counts since';

CREATE TABLE public.processes (
    id text NOT NULL,
    host text NOT NULL,
    pid integer NOT NULL,
    version text NOT NULL,
    roles text[] NOT NULL,
    tasks jsonb DEFAULT '[]'::jsonb NOT NULL,
    started_at timestamp with time zone DEFAULT now() NOT NULL,
    seen_at timestamp with time zone DEFAULT now() NOT NULL
);

COMMENT ON TABLE public.processes IS 'Each process says from time to time that it lives; a row that nobody renews is deleted by the others';

COMMENT ON COLUMN public.processes.tasks IS 'its supervised tasks: name, how often each was started again, and whether it runs';

CREATE TABLE public.protection_events (
    account_id text NOT NULL,
    id text NOT NULL,
    agent_email text NOT NULL,
    message_id text NOT NULL,
    direction text NOT NULL,
    source text NOT NULL,
    reason text NOT NULL,
    action text NOT NULL,
    detector text,
    peer_address text,
    scan_score real,
    categories jsonb DEFAULT '[]'::jsonb NOT NULL,
    summary text DEFAULT ''::text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT protection_events_action_check CHECK ((action = ANY (ARRAY['allow'::text, 'flag'::text, 'review'::text, 'block'::text]))),
    CONSTRAINT protection_events_direction_check CHECK ((direction = ANY (ARRAY['inbound'::text, 'outbound'::text]))),
    CONSTRAINT protection_events_source_check CHECK ((source = ANY (ARRAY['gate'::text, 'scan'::text])))
);

COMMENT ON TABLE public.protection_events IS 'What the gate and the scan noticed of a message, also of one that was delivered or refused';

CREATE TABLE public.provider_events (
    id text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL
);

COMMENT ON TABLE public.provider_events IS 'Feedback of a mail provider that was acted upon, so that a repeat is recognised';

CREATE TABLE public.queue_hours (
    account_id text NOT NULL,
    hour timestamp with time zone NOT NULL,
    queue text NOT NULL,
    most bigint NOT NULL,
    CONSTRAINT queue_hours_most_check CHECK ((most > 0))
);

COMMENT ON TABLE public.queue_hours IS 'How many waited at most, of what was looked at each minute of an hour; no row: none did';

CREATE UNLOGGED TABLE public.rate_windows (
    subject text NOT NULL,
    window_start timestamp with time zone NOT NULL,
    used integer NOT NULL
)
WITH (fillfactor='50');

COMMENT ON TABLE public.rate_windows IS 'Counts of the current windows, shared by all processes; worthless after a crash, hence unlogged.';

CREATE TABLE public.recipients (
    account_id text NOT NULL,
    message_id text NOT NULL,
    address text NOT NULL,
    place text NOT NULL,
    route text NOT NULL,
    provenance text,
    status text DEFAULT 'pending'::text NOT NULL,
    smtp_code smallint,
    enhanced text,
    detail text,
    changed_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT recipients_place_check CHECK ((place = ANY (ARRAY['to'::text, 'cc'::text, 'bcc'::text]))),
    CONSTRAINT recipients_route_check CHECK ((route = ANY (ARRAY['inside'::text, 'relay'::text]))),
    CONSTRAINT recipients_status_check CHECK ((status = ANY (ARRAY['pending'::text, 'sent'::text, 'deferred'::text, 'delivered'::text, 'bounced'::text, 'complained'::text, 'failed'::text, 'outcome_unknown'::text])))
)
WITH (fillfactor='80');

CREATE TABLE public.replays (
    account_id text NOT NULL,
    id text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    target text NOT NULL,
    endpoint text,
    url text,
    sealed_secret bytea,
    filter jsonb NOT NULL,
    events integer NOT NULL,
    deliveries integer NOT NULL,
    cancelled_at timestamp with time zone,
    CONSTRAINT replays_check CHECK (((endpoint IS NOT NULL) = (target = 'webhook'::text))),
    CONSTRAINT replays_check1 CHECK (((url IS NOT NULL) = (target = 'url'::text))),
    CONSTRAINT replays_check2 CHECK (((sealed_secret IS NOT NULL) = (target = 'url'::text))),
    CONSTRAINT replays_target_check CHECK ((target = ANY (ARRAY['endpoints'::text, 'webhook'::text, 'url'::text])))
);

COMMENT ON TABLE public.replays IS 'events that are sent again by one wish; its deliveries carry its id and say how far it is';

COMMENT ON COLUMN public.replays.filter IS 'which events were asked for; those that matched then have the deliveries';

CREATE TABLE public.schema_migrations (
    version integer NOT NULL,
    name text NOT NULL,
    sha256 text NOT NULL,
    applied_at timestamp with time zone DEFAULT now() NOT NULL
);

CREATE TABLE public.screenings (
    account_id text NOT NULL,
    message_id text NOT NULL,
    attempts integer DEFAULT 0 NOT NULL,
    next_attempt_at timestamp with time zone DEFAULT now() NOT NULL,
    noticed jsonb DEFAULT '{}'::jsonb NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL
);

COMMENT ON TABLE public.screenings IS 'Mail that waits, hidden, for the word of the model';

COMMENT ON COLUMN public.screenings.noticed IS 'what the heuristics said of it already';

CREATE TABLE public.search_queue (
    created_at timestamp with time zone NOT NULL,
    account_id text NOT NULL,
    message_id text NOT NULL
);

COMMENT ON TABLE public.search_queue IS 'Mail that is not in message_search yet, or changed since; the newest is taken first';

CREATE TABLE public.sender_evidence (
    account_id text NOT NULL,
    agent_email text NOT NULL,
    address text NOT NULL,
    mechanism text NOT NULL,
    domain text NOT NULL,
    selector text DEFAULT ''::text NOT NULL,
    count bigint DEFAULT 1 NOT NULL,
    first_at timestamp with time zone DEFAULT now() NOT NULL,
    last_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT sender_evidence_mechanism_check CHECK ((mechanism = ANY (ARRAY['dkim'::text, 'spf'::text])))
)
WITH (fillfactor='70');

COMMENT ON TABLE public.sender_evidence IS 'With what a correspondent authenticated before: passes that align with the author''s domain';

CREATE TABLE public.sending_ramps (
    account_id text NOT NULL,
    domain text NOT NULL,
    state text DEFAULT 'ramping'::text NOT NULL,
    active_days integer DEFAULT 0 NOT NULL,
    day date,
    used integer DEFAULT 0 NOT NULL,
    CONSTRAINT sending_ramps_state_check CHECK ((state = ANY (ARRAY['ramping'::text, 'complete'::text, 'exempt'::text])))
);

CREATE TABLE public.sessions (
    token_sha256 bytea NOT NULL,
    account_id text NOT NULL,
    key_id text,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    last_seen_at timestamp with time zone DEFAULT now() NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    id text DEFAULT ('ses_'::text || replace((gen_random_uuid())::text, '-'::text, ''::text)) NOT NULL,
    signed_in_by text DEFAULT 'key'::text NOT NULL,
    browser text DEFAULT ''::text NOT NULL,
    network text DEFAULT ''::text NOT NULL,
    renewal_seed bytea DEFAULT sha256(convert_to(((gen_random_uuid())::text || (gen_random_uuid())::text), 'UTF8'::name)) NOT NULL,
    token_since timestamp with time zone DEFAULT now() NOT NULL,
    next_sha256 bytea,
    previous_sha256 bytea,
    previous_until timestamp with time zone,
    CONSTRAINT sessions_next_sha256_check CHECK ((length(next_sha256) = 32)),
    CONSTRAINT sessions_previous_sha256_check CHECK ((length(previous_sha256) = 32)),
    CONSTRAINT sessions_renewal_seed_check CHECK ((length(renewal_seed) = 32)),
    CONSTRAINT sessions_signed_in_by_check CHECK ((signed_in_by = ANY (ARRAY['key'::text, 'link'::text, 'oidc'::text]))),
    CONSTRAINT sessions_token_sha256_check CHECK ((length(token_sha256) = 32))
);

COMMENT ON COLUMN public.sessions.key_id IS 'the API key that was shown to sign in: when it stops, so does the session';

COMMENT ON COLUMN public.sessions.id IS 'what a person names it by; it opens nothing';

COMMENT ON COLUMN public.sessions.network IS 'where it began, coarsely: a /24 or a /48';

COMMENT ON COLUMN public.sessions.renewal_seed IS 'with the token it makes the next one: whoever reads only one of the two has nothing';

COMMENT ON COLUMN public.sessions.next_sha256 IS 'a token that was offered and is not in use yet';

COMMENT ON COLUMN public.sessions.previous_sha256 IS 'the token before, good until previous_until for requests that were under way';

CREATE TABLE public.sign_in_links (
    token_sha256 bytea NOT NULL,
    account_id text NOT NULL,
    browser_sha256 bytea NOT NULL,
    onward text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    CONSTRAINT sign_in_links_browser_sha256_check CHECK ((length(browser_sha256) = 32)),
    CONSTRAINT sign_in_links_token_sha256_check CHECK ((length(token_sha256) = 32))
);

COMMENT ON TABLE public.sign_in_links IS 'links that were mailed to sign in; a row is gone once one of its account was used';

COMMENT ON COLUMN public.sign_in_links.browser_sha256 IS 'of the browser that asked: in another one the link opens nothing';

CREATE TABLE public.sign_in_states (
    state_sha256 bytea NOT NULL,
    browser_sha256 bytea NOT NULL,
    onward text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    CONSTRAINT sign_in_states_browser_sha256_check CHECK ((length(browser_sha256) = 32)),
    CONSTRAINT sign_in_states_state_sha256_check CHECK ((length(state_sha256) = 32))
);

COMMENT ON TABLE public.sign_in_states IS 'people on their way to an OpenID provider; a row is gone once they are back';

CREATE TABLE public.signing_secrets (
    account_id text NOT NULL,
    id text NOT NULL,
    name text NOT NULL,
    sealed_secret bytea NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    last_signed_at timestamp with time zone
);

CREATE TABLE public.submissions (
    account_id text NOT NULL,
    message_id text NOT NULL,
    agent_email text NOT NULL,
    status text DEFAULT 'accepted'::text NOT NULL,
    failure_source text,
    detail text,
    sent_as text NOT NULL,
    signing_domain text NOT NULL,
    return_path text NOT NULL,
    return_token text NOT NULL,
    smtputf8 boolean DEFAULT false NOT NULL,
    provider_message_id text,
    scheduled_at timestamp with time zone,
    accepted_at timestamp with time zone DEFAULT now() NOT NULL,
    attempts integer DEFAULT 0 NOT NULL,
    counted_attempts integer DEFAULT 0 NOT NULL,
    next_attempt_at timestamp with time zone,
    leased_until timestamp with time zone,
    transmitting_at timestamp with time zone,
    submitted_at timestamp with time zone,
    CONSTRAINT submissions_failure_source_check CHECK ((failure_source = ANY (ARRAY['local'::text, 'provider'::text]))),
    CONSTRAINT submissions_sent_as_check CHECK ((sent_as = ANY (ARRAY['own_address'::text, 'relay'::text]))),
    CONSTRAINT submissions_status_check CHECK ((status = ANY (ARRAY['accepted'::text, 'sending'::text, 'sent'::text, 'deferred'::text, 'delivered'::text, 'bounced'::text, 'complained'::text, 'failed'::text, 'outcome_unknown'::text])))
)
WITH (fillfactor='70');

COMMENT ON TABLE public.submissions IS 'The work of getting one message out, and how far it is. One row for each outbound message that was accepted.';

COMMENT ON COLUMN public.submissions.attempts IS 'how often it was claimed: the fence of the claim';

COMMENT ON COLUMN public.submissions.counted_attempts IS 'those that count against the schedule: not outages of the relay';

COMMENT ON COLUMN public.submissions.next_attempt_at IS 'null: nothing is left to do';

COMMENT ON COLUMN public.submissions.transmitting_at IS 'written before the content leaves for the relay; with no outcome after it the outcome is unknown';

CREATE TABLE public.suppressions (
    account_id text NOT NULL,
    agent_email text DEFAULT ''::text NOT NULL,
    address text NOT NULL,
    source text NOT NULL,
    reason text,
    message_id text,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT suppressions_source_check CHECK ((source = ANY (ARRAY['bounce'::text, 'complaint'::text, 'manual'::text, 'unsubscribe'::text])))
);

COMMENT ON COLUMN public.suppressions.agent_email IS 'empty: for all agents of the account. No foreign key: it outlives the agent.';

CREATE TABLE public.templates (
    account_id text NOT NULL,
    id text NOT NULL,
    name text NOT NULL,
    alias text,
    subject text NOT NULL,
    body_text text NOT NULL,
    body_html text,
    from_starter_alias text,
    from_starter_version text,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL
);

CREATE TABLE public.unsubscribe_tokens (
    token_sha256 bytea NOT NULL,
    account_id text NOT NULL,
    agent_email text NOT NULL,
    address text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT unsubscribe_tokens_token_sha256_check CHECK ((length(token_sha256) = 32))
);

CREATE TABLE public.webhooks (
    account_id text NOT NULL,
    id text NOT NULL,
    surface text DEFAULT 'v1'::text NOT NULL,
    url text NOT NULL,
    description text DEFAULT ''::text NOT NULL,
    events text[] NOT NULL,
    agent_emails text[] DEFAULT '{}'::text[] NOT NULL,
    conversation_ids text[] DEFAULT '{}'::text[] NOT NULL,
    labels text[] DEFAULT '{}'::text[] NOT NULL,
    sealed_secret bytea NOT NULL,
    sealed_previous_secret bytea,
    previous_secret_expires_at timestamp with time zone,
    enabled boolean DEFAULT true NOT NULL,
    auto_disabled_at timestamp with time zone,
    auto_disabled_reason text,
    reenabled_at timestamp with time zone,
    last_delivered_at timestamp with time zone,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT webhooks_events_check CHECK ((cardinality(events) > 0)),
    CONSTRAINT webhooks_surface_check CHECK ((surface = ANY (ARRAY['v1'::text, 'classic'::text]))),
    CONSTRAINT webhooks_url_check CHECK ((length(url) <= 2048))
);

ALTER TABLE ONLY public.account_usage
    ADD CONSTRAINT account_usage_pkey PRIMARY KEY (account_id);

ALTER TABLE ONLY public.accounts
    ADD CONSTRAINT accounts_email_key UNIQUE (email);

ALTER TABLE ONLY public.accounts
    ADD CONSTRAINT accounts_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.agents
    ADD CONSTRAINT agents_pkey PRIMARY KEY (email);

ALTER TABLE ONLY public.api_keys
    ADD CONSTRAINT api_keys_key_hash_key UNIQUE (key_hash);

ALTER TABLE ONLY public.api_keys
    ADD CONSTRAINT api_keys_pkey PRIMARY KEY (account_id, id);

ALTER TABLE ONLY public.audit_heads
    ADD CONSTRAINT audit_heads_pkey PRIMARY KEY (account_id);

ALTER TABLE ONLY public.audit_log
    ADD CONSTRAINT audit_log_pkey PRIMARY KEY (account_id, number);

ALTER TABLE ONLY public.contact_imports
    ADD CONSTRAINT contact_imports_pkey PRIMARY KEY (account_id, id);

ALTER TABLE ONLY public.contacts
    ADD CONSTRAINT contacts_pkey PRIMARY KEY (account_id, address);

ALTER TABLE ONLY public.contents
    ADD CONSTRAINT contents_pkey PRIMARY KEY (account_id, sha256);

ALTER TABLE ONLY public.correspondents
    ADD CONSTRAINT correspondents_pkey PRIMARY KEY (account_id, address, agent_email);

ALTER TABLE ONLY public.deliveries
    ADD CONSTRAINT deliveries_pkey PRIMARY KEY (account_id, id);

ALTER TABLE ONLY public.delivery_attempts
    ADD CONSTRAINT delivery_attempts_pkey PRIMARY KEY (account_id, delivery_id, number);

ALTER TABLE ONLY public.domain_keys
    ADD CONSTRAINT domain_keys_pkey PRIMARY KEY (domain, selector);

ALTER TABLE ONLY public.domains
    ADD CONSTRAINT domains_pkey PRIMARY KEY (domain);

ALTER TABLE ONLY public.engagements
    ADD CONSTRAINT engagements_pkey PRIMARY KEY (account_id, agent_email, address);

ALTER TABLE ONLY public.events
    ADD CONSTRAINT events_pkey PRIMARY KEY (account_id, id);

ALTER TABLE ONLY public.feedback
    ADD CONSTRAINT feedback_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.hold_revisions
    ADD CONSTRAINT hold_revisions_pkey PRIMARY KEY (account_id, message_id, revision);

ALTER TABLE ONLY public.holds
    ADD CONSTRAINT holds_pkey PRIMARY KEY (account_id, message_id);

ALTER TABLE ONLY public.idempotency_keys
    ADD CONSTRAINT idempotency_keys_pkey PRIMARY KEY (account_id, key);

ALTER TABLE ONLY public.intake_keys
    ADD CONSTRAINT intake_keys_pkey PRIMARY KEY (account_id, agent_email, key);

ALTER TABLE ONLY public.lifecycle
    ADD CONSTRAINT lifecycle_pkey PRIMARY KEY (account_id, id);

ALTER TABLE ONLY public.message_search
    ADD CONSTRAINT message_search_pkey PRIMARY KEY (account_id, message_id);

ALTER TABLE ONLY public.messages
    ADD CONSTRAINT messages_pkey PRIMARY KEY (account_id, id);

ALTER TABLE ONLY public.metrics_days
    ADD CONSTRAINT metrics_days_pkey PRIMARY KEY (account_id, day, agent_email, direction);

ALTER TABLE ONLY public.metrics_hours
    ADD CONSTRAINT metrics_hours_pkey PRIMARY KEY (account_id, agent_email, hour, direction);

ALTER TABLE ONLY public.metrics_progress
    ADD CONSTRAINT metrics_progress_pkey PRIMARY KEY (account_id);

ALTER TABLE ONLY public.notices
    ADD CONSTRAINT notices_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.oauth_clients
    ADD CONSTRAINT oauth_clients_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.oauth_codes
    ADD CONSTRAINT oauth_codes_pkey PRIMARY KEY (code_sha256);

ALTER TABLE ONLY public.oauth_grants
    ADD CONSTRAINT oauth_grants_pkey PRIMARY KEY (account_id, id);

ALTER TABLE ONLY public.oauth_tokens
    ADD CONSTRAINT oauth_tokens_pkey PRIMARY KEY (token_sha256);

ALTER TABLE ONLY public.oidc_identities
    ADD CONSTRAINT oidc_identities_account_id_issuer_key UNIQUE (account_id, issuer);

ALTER TABLE ONLY public.oidc_identities
    ADD CONSTRAINT oidc_identities_pkey PRIMARY KEY (issuer, subject);

ALTER TABLE ONLY public.processes
    ADD CONSTRAINT processes_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.protection_events
    ADD CONSTRAINT protection_events_pkey PRIMARY KEY (account_id, id);

ALTER TABLE ONLY public.provider_events
    ADD CONSTRAINT provider_events_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.queue_hours
    ADD CONSTRAINT queue_hours_pkey PRIMARY KEY (account_id, hour, queue);

ALTER TABLE ONLY public.rate_windows
    ADD CONSTRAINT rate_windows_pkey PRIMARY KEY (subject, window_start);

ALTER TABLE ONLY public.recipients
    ADD CONSTRAINT recipients_pkey PRIMARY KEY (account_id, message_id, address);

ALTER TABLE ONLY public.replays
    ADD CONSTRAINT replays_pkey PRIMARY KEY (account_id, id);

ALTER TABLE ONLY public.schema_migrations
    ADD CONSTRAINT schema_migrations_pkey PRIMARY KEY (version);

ALTER TABLE ONLY public.screenings
    ADD CONSTRAINT screenings_pkey PRIMARY KEY (account_id, message_id);

ALTER TABLE ONLY public.sender_evidence
    ADD CONSTRAINT sender_evidence_pkey PRIMARY KEY (account_id, agent_email, address, mechanism, domain, selector);

ALTER TABLE ONLY public.sending_ramps
    ADD CONSTRAINT sending_ramps_pkey PRIMARY KEY (account_id, domain);

ALTER TABLE ONLY public.sessions
    ADD CONSTRAINT sessions_pkey PRIMARY KEY (token_sha256);

ALTER TABLE ONLY public.sign_in_links
    ADD CONSTRAINT sign_in_links_pkey PRIMARY KEY (token_sha256);

ALTER TABLE ONLY public.sign_in_states
    ADD CONSTRAINT sign_in_states_pkey PRIMARY KEY (state_sha256);

ALTER TABLE ONLY public.signing_secrets
    ADD CONSTRAINT signing_secrets_pkey PRIMARY KEY (account_id, id);

ALTER TABLE ONLY public.submissions
    ADD CONSTRAINT submissions_pkey PRIMARY KEY (account_id, message_id);

ALTER TABLE ONLY public.submissions
    ADD CONSTRAINT submissions_return_token_key UNIQUE (return_token);

ALTER TABLE ONLY public.suppressions
    ADD CONSTRAINT suppressions_pkey PRIMARY KEY (account_id, agent_email, address);

ALTER TABLE ONLY public.templates
    ADD CONSTRAINT templates_pkey PRIMARY KEY (account_id, id);

ALTER TABLE ONLY public.unsubscribe_tokens
    ADD CONSTRAINT unsubscribe_tokens_pkey PRIMARY KEY (token_sha256);

ALTER TABLE ONLY public.webhooks
    ADD CONSTRAINT webhooks_pkey PRIMARY KEY (account_id, id);

CREATE INDEX accounts_closed ON public.accounts USING btree (closed_at) WHERE (closed_at IS NOT NULL);

CREATE INDEX agents_by_account ON public.agents USING btree (account_id, created_at DESC, email DESC);

CREATE INDEX agents_by_domain ON public.agents USING btree (registered_domain);

CREATE UNIQUE INDEX agents_catch_all ON public.agents USING btree (domain) WHERE (catch_all AND (deleted_at IS NULL));

CREATE INDEX audit_log_by_action ON public.audit_log USING btree (account_id, action, number);

CREATE INDEX audit_log_by_actor ON public.audit_log USING btree (account_id, actor, number);

CREATE INDEX audit_log_by_subject ON public.audit_log USING btree (account_id, subject, number);

CREATE INDEX contacts_by_age ON public.contacts USING btree (account_id, created_at DESC, address DESC);

CREATE INDEX contacts_by_batch ON public.contacts USING btree (account_id, import_batch_id) WHERE (import_batch_id IS NOT NULL);

CREATE INDEX correspondents_by_look ON public.correspondents USING btree (account_id, agent_email, skeleton) WHERE known;

CREATE INDEX deliveries_by_endpoint ON public.deliveries USING btree (account_id, endpoint, created_at DESC, id DESC);

CREATE INDEX deliveries_by_replay ON public.deliveries USING btree (account_id, replay_id, id) WHERE (replay_id IS NOT NULL);

CREATE INDEX deliveries_due ON public.deliveries USING btree (next_attempt_at) WHERE (status = 'pending'::text);

CREATE INDEX deliveries_failed ON public.deliveries USING btree (account_id, created_at) INCLUDE (endpoint) WHERE (status = 'failed'::text);

CREATE UNIQUE INDEX deliveries_once ON public.deliveries USING btree (account_id, event_id, endpoint) WHERE (replay_id IS NULL);

CREATE UNIQUE INDEX deliveries_replayed ON public.deliveries USING btree (account_id, event_id, endpoint, replay_id) WHERE (replay_id IS NOT NULL);

CREATE INDEX domains_by_account ON public.domains USING btree (account_id, created_at DESC);

CREATE INDEX domains_by_reversed_name ON public.domains USING btree (reverse(domain) COLLATE "C");

CREATE INDEX domains_due ON public.domains USING btree (next_check_at) WHERE (next_check_at IS NOT NULL);

CREATE INDEX engagements_by_age ON public.engagements USING btree (agent_email, created_at DESC, address DESC);

CREATE INDEX engagements_by_batch ON public.engagements USING btree (account_id, import_batch_id) WHERE (import_batch_id IS NOT NULL);

CREATE INDEX engagements_by_contact ON public.engagements USING btree (account_id, address);

CREATE INDEX engagements_due ON public.engagements USING btree (next_action_at) WHERE ((next_action_at IS NOT NULL) AND (next_action_at IS DISTINCT FROM announced_at));

CREATE INDEX events_by_account ON public.events USING btree (account_id, created_at DESC, id DESC);

CREATE INDEX events_by_agent ON public.events USING btree (account_id, agent_email, created_at DESC, id DESC);

CREATE INDEX events_by_message ON public.events USING btree (account_id, message_id) WHERE (message_id IS NOT NULL);

CREATE INDEX events_rare_types ON public.events USING btree (account_id, type, created_at DESC, id DESC) WHERE (type <> 'email.received'::text);

CREATE INDEX holds_by_message ON public.holds USING btree (message_id);

CREATE INDEX holds_decided ON public.holds USING btree (account_id, decided_at DESC, message_id DESC) WHERE (decided_at IS NOT NULL);

CREATE INDEX idempotency_keys_by_age ON public.idempotency_keys USING btree (created_at);

CREATE INDEX intake_keys_by_age ON public.intake_keys USING btree (created_at);

CREATE INDEX lifecycle_by_message ON public.lifecycle USING btree (account_id, message_id, occurred_at, id);

CREATE INDEX message_search_by_word ON public.message_search USING gin (document) WITH (gin_pending_list_limit='512');

CREATE INDEX messages_between_agents ON public.messages USING btree (account_id, agent_email, header_from, created_at DESC) WHERE ((direction = 'inbound'::text) AND (entity_type = 'agent'::text));

CREATE INDEX messages_by_agent ON public.messages USING btree (account_id, agent_email, created_at DESC, id DESC) WHERE (deleted_at IS NULL);

CREATE INDEX messages_by_content ON public.messages USING btree (account_id, content_sha256);

CREATE INDEX messages_by_conversation ON public.messages USING btree (account_id, agent_email, conversation_id, created_at DESC);

CREATE INDEX messages_by_key ON public.messages USING btree (account_id, message_id_key) WHERE (message_id_key IS NOT NULL);

CREATE INDEX messages_held ON public.messages USING btree (account_id, review_expires_at, id) WHERE (review_status = 'pending_review'::text);

CREATE INDEX messages_held_by_age ON public.messages USING btree (account_id, created_at DESC, id DESC) WHERE (review_status = 'pending_review'::text);

CREATE INDEX messages_holds_due ON public.messages USING btree (review_expires_at) WHERE (review_status = 'pending_review'::text);

CREATE INDEX messages_labels ON public.messages USING gin (labels) WHERE (labels <> '{}'::text[]);

CREATE INDEX messages_outbound ON public.messages USING btree (account_id, agent_email, created_at DESC, id DESC) WHERE ((direction = 'outbound'::text) AND (deleted_at IS NULL));

CREATE INDEX messages_read ON public.messages USING btree (account_id, agent_email, created_at DESC, id DESC) WHERE ((direction = 'inbound'::text) AND (NOT unread) AND (deleted_at IS NULL));

CREATE INDEX messages_search ON public.messages USING gin (lower(subject) public.gin_trgm_ops, lower(header_from) public.gin_trgm_ops) WITH (gin_pending_list_limit='256');

CREATE INDEX messages_trash ON public.messages USING btree (account_id, agent_email, created_at DESC, id DESC) WHERE (deleted_at IS NOT NULL);

CREATE INDEX messages_unread ON public.messages USING btree (account_id, agent_email, created_at DESC, id DESC) WHERE (unread AND (deleted_at IS NULL));

CREATE INDEX messages_verified_senders ON public.messages USING btree (account_id, agent_email, lower(header_from)) WHERE ((direction = 'inbound'::text) AND verified);

CREATE INDEX metrics_hours_by_time ON public.metrics_hours USING btree (account_id, hour);

CREATE INDEX metrics_progress_by_age ON public.metrics_progress USING btree (counted_until);

CREATE INDEX metrics_stale_by_hour ON public.metrics_stale USING btree (account_id, hour);

CREATE INDEX notices_by_account ON public.notices USING btree (account_id, created_at DESC);

CREATE INDEX notices_by_expiry ON public.notices USING btree (expires_at) WHERE (expires_at IS NOT NULL);

CREATE INDEX notices_due ON public.notices USING btree (next_attempt_at) WHERE (next_attempt_at IS NOT NULL);

CREATE INDEX oauth_codes_by_expiry ON public.oauth_codes USING btree (expires_at);

CREATE INDEX oauth_codes_by_grant ON public.oauth_codes USING btree (account_id, grant_id);

CREATE INDEX oauth_grants_by_age ON public.oauth_grants USING btree (account_id, created_at DESC, id DESC);

CREATE INDEX oauth_grants_by_agent ON public.oauth_grants USING btree (agent_email) WHERE (agent_email IS NOT NULL);

CREATE INDEX oauth_grants_by_client ON public.oauth_grants USING btree (client_id);

CREATE INDEX oauth_tokens_by_expiry ON public.oauth_tokens USING btree (kind, expires_at);

CREATE INDEX oauth_tokens_by_grant ON public.oauth_tokens USING btree (account_id, grant_id, kind, expires_at);

CREATE INDEX oauth_tokens_by_parent ON public.oauth_tokens USING btree (parent_sha256) WHERE (parent_sha256 IS NOT NULL);

CREATE INDEX protection_events_by_age ON public.protection_events USING btree (account_id, created_at DESC, id DESC);

CREATE INDEX protection_events_by_message ON public.protection_events USING btree (account_id, message_id);

CREATE INDEX provider_events_by_age ON public.provider_events USING btree (created_at);

CREATE INDEX queue_hours_by_age ON public.queue_hours USING btree (hour);

CREATE INDEX replays_by_time ON public.replays USING btree (account_id, created_at DESC, id DESC);

CREATE INDEX screenings_due ON public.screenings USING btree (next_attempt_at);

CREATE INDEX search_queue_by_age ON public.search_queue USING btree (created_at);

CREATE INDEX sessions_by_account ON public.sessions USING btree (account_id);

CREATE INDEX sessions_by_expiry ON public.sessions USING btree (expires_at);

CREATE UNIQUE INDEX sessions_by_id ON public.sessions USING btree (id);

CREATE UNIQUE INDEX sessions_by_next ON public.sessions USING btree (next_sha256) WHERE (next_sha256 IS NOT NULL);

CREATE UNIQUE INDEX sessions_by_previous ON public.sessions USING btree (previous_sha256) WHERE (previous_sha256 IS NOT NULL);

CREATE INDEX sign_in_links_by_account ON public.sign_in_links USING btree (account_id);

CREATE INDEX sign_in_links_by_expiry ON public.sign_in_links USING btree (expires_at);

CREATE INDEX sign_in_states_by_expiry ON public.sign_in_states USING btree (expires_at);

CREATE INDEX submissions_by_provider ON public.submissions USING btree (provider_message_id) WHERE (provider_message_id IS NOT NULL);

CREATE INDEX submissions_due ON public.submissions USING btree (next_attempt_at) WHERE (next_attempt_at IS NOT NULL);

CREATE INDEX templates_by_account ON public.templates USING btree (account_id, created_at DESC, id DESC);

CREATE UNIQUE INDEX templates_by_alias ON public.templates USING btree (account_id, alias) WHERE (alias IS NOT NULL);

CREATE INDEX unsubscribe_tokens_by_account ON public.unsubscribe_tokens USING btree (account_id);

CREATE TRIGGER audit_chain BEFORE INSERT ON public.audit_log FOR EACH ROW EXECUTE FUNCTION public.audit_chain();

CREATE TRIGGER audit_refuse BEFORE INSERT OR DELETE OR UPDATE ON public.audit_heads FOR EACH ROW EXECUTE FUNCTION public.audit_refuse();

CREATE TRIGGER audit_refuse BEFORE DELETE OR UPDATE ON public.audit_log FOR EACH ROW EXECUTE FUNCTION public.audit_refuse();

CREATE TRIGGER audit_refuse_truncate BEFORE TRUNCATE ON public.audit_heads FOR EACH STATEMENT EXECUTE FUNCTION public.audit_refuse();

CREATE TRIGGER audit_refuse_truncate BEFORE TRUNCATE ON public.audit_log FOR EACH STATEMENT EXECUTE FUNCTION public.audit_refuse();

ALTER TABLE ONLY public.account_usage
    ADD CONSTRAINT account_usage_account_id_fkey FOREIGN KEY (account_id) REFERENCES public.accounts(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.agents
    ADD CONSTRAINT agents_account_id_fkey FOREIGN KEY (account_id) REFERENCES public.accounts(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.agents
    ADD CONSTRAINT agents_registered_domain_fkey FOREIGN KEY (registered_domain) REFERENCES public.domains(domain) ON DELETE RESTRICT;

ALTER TABLE ONLY public.api_keys
    ADD CONSTRAINT api_keys_account_id_fkey FOREIGN KEY (account_id) REFERENCES public.accounts(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.contact_imports
    ADD CONSTRAINT contact_imports_account_id_fkey FOREIGN KEY (account_id) REFERENCES public.accounts(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.contacts
    ADD CONSTRAINT contacts_account_id_fkey FOREIGN KEY (account_id) REFERENCES public.accounts(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.contents
    ADD CONSTRAINT contents_account_id_fkey FOREIGN KEY (account_id) REFERENCES public.accounts(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.correspondents
    ADD CONSTRAINT correspondents_agent_email_fkey FOREIGN KEY (agent_email) REFERENCES public.agents(email) ON DELETE CASCADE;

ALTER TABLE ONLY public.deliveries
    ADD CONSTRAINT deliveries_account_id_fkey FOREIGN KEY (account_id) REFERENCES public.accounts(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.delivery_attempts
    ADD CONSTRAINT delivery_attempts_account_id_delivery_id_fkey FOREIGN KEY (account_id, delivery_id) REFERENCES public.deliveries(account_id, id) ON DELETE CASCADE;

ALTER TABLE ONLY public.domain_keys
    ADD CONSTRAINT domain_keys_domain_fkey FOREIGN KEY (domain) REFERENCES public.domains(domain) ON DELETE CASCADE;

ALTER TABLE ONLY public.domains
    ADD CONSTRAINT domains_account_id_fkey FOREIGN KEY (account_id) REFERENCES public.accounts(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.engagements
    ADD CONSTRAINT engagements_account_id_address_fkey FOREIGN KEY (account_id, address) REFERENCES public.contacts(account_id, address) ON DELETE CASCADE;

ALTER TABLE ONLY public.engagements
    ADD CONSTRAINT engagements_agent_email_fkey FOREIGN KEY (agent_email) REFERENCES public.agents(email) ON DELETE CASCADE;

ALTER TABLE ONLY public.events
    ADD CONSTRAINT events_account_id_fkey FOREIGN KEY (account_id) REFERENCES public.accounts(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.hold_revisions
    ADD CONSTRAINT hold_revisions_account_id_message_id_fkey FOREIGN KEY (account_id, message_id) REFERENCES public.holds(account_id, message_id) ON DELETE CASCADE;

ALTER TABLE ONLY public.holds
    ADD CONSTRAINT holds_account_id_message_id_fkey FOREIGN KEY (account_id, message_id) REFERENCES public.messages(account_id, id) ON DELETE CASCADE;

ALTER TABLE ONLY public.idempotency_keys
    ADD CONSTRAINT idempotency_keys_account_id_fkey FOREIGN KEY (account_id) REFERENCES public.accounts(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.intake_keys
    ADD CONSTRAINT intake_keys_agent_email_fkey FOREIGN KEY (agent_email) REFERENCES public.agents(email) ON DELETE CASCADE;

ALTER TABLE ONLY public.lifecycle
    ADD CONSTRAINT lifecycle_account_id_message_id_fkey FOREIGN KEY (account_id, message_id) REFERENCES public.messages(account_id, id) ON DELETE CASCADE;

ALTER TABLE ONLY public.message_search
    ADD CONSTRAINT message_search_account_id_message_id_fkey FOREIGN KEY (account_id, message_id) REFERENCES public.messages(account_id, id) ON DELETE CASCADE;

ALTER TABLE ONLY public.messages
    ADD CONSTRAINT messages_account_id_fkey FOREIGN KEY (account_id) REFERENCES public.accounts(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.messages
    ADD CONSTRAINT messages_agent_email_fkey FOREIGN KEY (agent_email) REFERENCES public.agents(email) ON DELETE CASCADE;

ALTER TABLE ONLY public.metrics_days
    ADD CONSTRAINT metrics_days_account_id_fkey FOREIGN KEY (account_id) REFERENCES public.accounts(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.metrics_hours
    ADD CONSTRAINT metrics_hours_account_id_fkey FOREIGN KEY (account_id) REFERENCES public.accounts(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.metrics_progress
    ADD CONSTRAINT metrics_progress_account_id_fkey FOREIGN KEY (account_id) REFERENCES public.accounts(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.notices
    ADD CONSTRAINT notices_account_id_fkey FOREIGN KEY (account_id) REFERENCES public.accounts(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.oauth_codes
    ADD CONSTRAINT oauth_codes_account_id_grant_id_fkey FOREIGN KEY (account_id, grant_id) REFERENCES public.oauth_grants(account_id, id) ON DELETE CASCADE;

ALTER TABLE ONLY public.oauth_grants
    ADD CONSTRAINT oauth_grants_account_id_fkey FOREIGN KEY (account_id) REFERENCES public.accounts(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.oauth_grants
    ADD CONSTRAINT oauth_grants_agent_email_fkey FOREIGN KEY (agent_email) REFERENCES public.agents(email) ON DELETE CASCADE;

ALTER TABLE ONLY public.oauth_grants
    ADD CONSTRAINT oauth_grants_client_id_fkey FOREIGN KEY (client_id) REFERENCES public.oauth_clients(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.oauth_tokens
    ADD CONSTRAINT oauth_tokens_account_id_grant_id_fkey FOREIGN KEY (account_id, grant_id) REFERENCES public.oauth_grants(account_id, id) ON DELETE CASCADE;

ALTER TABLE ONLY public.oidc_identities
    ADD CONSTRAINT oidc_identities_account_id_fkey FOREIGN KEY (account_id) REFERENCES public.accounts(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.protection_events
    ADD CONSTRAINT protection_events_account_id_fkey FOREIGN KEY (account_id) REFERENCES public.accounts(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.queue_hours
    ADD CONSTRAINT queue_hours_account_id_fkey FOREIGN KEY (account_id) REFERENCES public.accounts(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.recipients
    ADD CONSTRAINT recipients_account_id_message_id_fkey FOREIGN KEY (account_id, message_id) REFERENCES public.messages(account_id, id) ON DELETE CASCADE;

ALTER TABLE ONLY public.replays
    ADD CONSTRAINT replays_account_id_fkey FOREIGN KEY (account_id) REFERENCES public.accounts(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.screenings
    ADD CONSTRAINT screenings_account_id_message_id_fkey FOREIGN KEY (account_id, message_id) REFERENCES public.messages(account_id, id) ON DELETE CASCADE;

ALTER TABLE ONLY public.sender_evidence
    ADD CONSTRAINT sender_evidence_account_id_agent_email_address_fkey FOREIGN KEY (account_id, agent_email, address) REFERENCES public.correspondents(account_id, agent_email, address) ON DELETE CASCADE;

ALTER TABLE ONLY public.sending_ramps
    ADD CONSTRAINT sending_ramps_account_id_fkey FOREIGN KEY (account_id) REFERENCES public.accounts(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.sessions
    ADD CONSTRAINT sessions_account_id_fkey FOREIGN KEY (account_id) REFERENCES public.accounts(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.sign_in_links
    ADD CONSTRAINT sign_in_links_account_id_fkey FOREIGN KEY (account_id) REFERENCES public.accounts(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.signing_secrets
    ADD CONSTRAINT signing_secrets_account_id_fkey FOREIGN KEY (account_id) REFERENCES public.accounts(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.submissions
    ADD CONSTRAINT submissions_account_id_message_id_fkey FOREIGN KEY (account_id, message_id) REFERENCES public.messages(account_id, id) ON DELETE CASCADE;

ALTER TABLE ONLY public.suppressions
    ADD CONSTRAINT suppressions_account_id_fkey FOREIGN KEY (account_id) REFERENCES public.accounts(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.templates
    ADD CONSTRAINT templates_account_id_fkey FOREIGN KEY (account_id) REFERENCES public.accounts(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.unsubscribe_tokens
    ADD CONSTRAINT unsubscribe_tokens_account_id_fkey FOREIGN KEY (account_id) REFERENCES public.accounts(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.webhooks
    ADD CONSTRAINT webhooks_account_id_fkey FOREIGN KEY (account_id) REFERENCES public.accounts(id) ON DELETE CASCADE;
