-- Generated from sql/migrations, to be read and compared; it is never applied.

CREATE EXTENSION IF NOT EXISTS pg_trgm WITH SCHEMA public;

COMMENT ON EXTENSION pg_trgm IS 'text similarity measurement and index searching based on trigrams';

CREATE TABLE public.account_usage (
    account_id text NOT NULL,
    storage_bytes bigint DEFAULT 0 NOT NULL
)
WITH (fillfactor='50');

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
    CONSTRAINT accounts_account_class_check CHECK ((account_class = ANY (ARRAY['standard'::text, 'internal'::text, 'system'::text, 'demo'::text]))),
    CONSTRAINT accounts_email_check CHECK ((email = lower(email)))
);

COMMENT ON COLUMN public.accounts.max_agents IS 'null: the deployment''s default';

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
    CONSTRAINT agents_agent_mode_check CHECK ((agent_mode = ANY (ARRAY['local'::text, 'cloud'::text]))),
    CONSTRAINT agents_email_check CHECK ((email = lower(email)))
);

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

CREATE TABLE public.contents (
    account_id text NOT NULL,
    sha256 bytea NOT NULL,
    raw bytea NOT NULL,
    CONSTRAINT contents_sha256_check CHECK ((length(sha256) = 32))
);
ALTER TABLE ONLY public.contents ALTER COLUMN raw SET STORAGE EXTERNAL;

COMMENT ON TABLE public.contents IS 'Mail as it came, once for all its recipients in an account. sha256 is the body hash that verdicts are bound to.';

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
    CONSTRAINT deliveries_kind_check CHECK ((kind = ANY (ARRAY['webhook'::text, 'agent'::text]))),
    CONSTRAINT deliveries_status_check CHECK ((status = ANY (ARRAY['pending'::text, 'delivered'::text, 'failed'::text])))
)
WITH (fillfactor='80');

COMMENT ON COLUMN public.deliveries.endpoint IS 'kind webhook: the webhook''s id; kind agent: the agent''s address, whose own URL it is';

COMMENT ON COLUMN public.deliveries.body IS 'the exact text to send, where it is not the event''s envelope (tests of a webhook)';

COMMENT ON COLUMN public.deliveries.waits IS 'how often the attempt was put off because the endpoint was disabled';

CREATE TABLE public.domains (
    domain text NOT NULL,
    account_id text,
    verified boolean DEFAULT false NOT NULL,
    verification_token text NOT NULL,
    is_primary boolean DEFAULT false NOT NULL,
    verified_at timestamp with time zone,
    last_checked_at timestamp with time zone,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT domains_domain_check CHECK ((domain = lower(domain)))
);

COMMENT ON COLUMN public.domains.account_id IS 'null: the deployment''s own (the shared domain)';

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
    CONSTRAINT messages_direction_check CHECK ((direction = ANY (ARRAY['inbound'::text, 'outbound'::text]))),
    CONSTRAINT messages_entity_type_check CHECK ((entity_type = ANY (ARRAY['human'::text, 'agent'::text]))),
    CONSTRAINT messages_method_check CHECK ((method = ANY (ARRAY['smtp'::text, 'loopback'::text]))),
    CONSTRAINT messages_review_status_check CHECK ((review_status = ANY (ARRAY['pending_review'::text, 'review_approved'::text, 'review_rejected'::text, 'review_expired_approved'::text, 'review_expired_rejected'::text])))
);
ALTER TABLE ONLY public.messages ALTER COLUMN body_text SET COMPRESSION pglz;

COMMENT ON COLUMN public.messages.forward_path IS 'what the peer wrote at RCPT: with its plus-tag, or an address that a catch-all took';

COMMENT ON COLUMN public.messages.threaded IS 'another message belongs to the same conversation';

COMMENT ON COLUMN public.messages.new_text IS 'what is new in a reply; null: all of body_text';

COMMENT ON COLUMN public.messages.verified IS 'X-E2A-Auth-Verified: an aligned pass stands behind the author';

CREATE UNLOGGED TABLE public.rate_windows (
    subject text NOT NULL,
    window_start timestamp with time zone NOT NULL,
    used integer NOT NULL
)
WITH (fillfactor='50');

COMMENT ON TABLE public.rate_windows IS 'Counts of the current windows, shared by all processes; worthless after a crash, hence unlogged.';

CREATE TABLE public.schema_migrations (
    version integer NOT NULL,
    name text NOT NULL,
    sha256 text NOT NULL,
    applied_at timestamp with time zone DEFAULT now() NOT NULL
);

CREATE TABLE public.signing_secrets (
    account_id text NOT NULL,
    id text NOT NULL,
    name text NOT NULL,
    sealed_secret bytea NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    last_signed_at timestamp with time zone
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

ALTER TABLE ONLY public.contents
    ADD CONSTRAINT contents_pkey PRIMARY KEY (account_id, sha256);

ALTER TABLE ONLY public.deliveries
    ADD CONSTRAINT deliveries_pkey PRIMARY KEY (account_id, id);

ALTER TABLE ONLY public.domains
    ADD CONSTRAINT domains_pkey PRIMARY KEY (domain);

ALTER TABLE ONLY public.events
    ADD CONSTRAINT events_pkey PRIMARY KEY (account_id, id);

ALTER TABLE ONLY public.idempotency_keys
    ADD CONSTRAINT idempotency_keys_pkey PRIMARY KEY (account_id, key);

ALTER TABLE ONLY public.intake_keys
    ADD CONSTRAINT intake_keys_pkey PRIMARY KEY (account_id, agent_email, key);

ALTER TABLE ONLY public.messages
    ADD CONSTRAINT messages_pkey PRIMARY KEY (account_id, id);

ALTER TABLE ONLY public.rate_windows
    ADD CONSTRAINT rate_windows_pkey PRIMARY KEY (subject, window_start);

ALTER TABLE ONLY public.schema_migrations
    ADD CONSTRAINT schema_migrations_pkey PRIMARY KEY (version);

ALTER TABLE ONLY public.signing_secrets
    ADD CONSTRAINT signing_secrets_pkey PRIMARY KEY (account_id, id);

ALTER TABLE ONLY public.webhooks
    ADD CONSTRAINT webhooks_pkey PRIMARY KEY (account_id, id);

CREATE INDEX agents_by_account ON public.agents USING btree (account_id, created_at DESC, email DESC);

CREATE INDEX agents_by_domain ON public.agents USING btree (registered_domain);

CREATE UNIQUE INDEX agents_catch_all ON public.agents USING btree (domain) WHERE (catch_all AND (deleted_at IS NULL));

CREATE INDEX deliveries_by_endpoint ON public.deliveries USING btree (account_id, endpoint, created_at DESC, id DESC);

CREATE INDEX deliveries_due ON public.deliveries USING btree (next_attempt_at) WHERE (status = 'pending'::text);

CREATE UNIQUE INDEX deliveries_once ON public.deliveries USING btree (account_id, event_id, endpoint) WHERE (replay_id IS NULL);

CREATE UNIQUE INDEX deliveries_replayed ON public.deliveries USING btree (account_id, event_id, endpoint, replay_id) WHERE (replay_id IS NOT NULL);

CREATE INDEX domains_by_account ON public.domains USING btree (account_id, created_at DESC);

CREATE INDEX events_by_account ON public.events USING btree (account_id, created_at DESC, id DESC);

CREATE INDEX events_by_agent ON public.events USING btree (account_id, agent_email, created_at DESC, id DESC);

CREATE INDEX events_by_message ON public.events USING btree (account_id, message_id) WHERE (message_id IS NOT NULL);

CREATE INDEX events_rare_types ON public.events USING btree (account_id, type, created_at DESC, id DESC) WHERE (type <> 'email.received'::text);

CREATE INDEX idempotency_keys_by_age ON public.idempotency_keys USING btree (created_at);

CREATE INDEX intake_keys_by_age ON public.intake_keys USING btree (created_at);

CREATE INDEX messages_by_agent ON public.messages USING btree (account_id, agent_email, created_at DESC, id DESC) WHERE (deleted_at IS NULL);

CREATE INDEX messages_by_content ON public.messages USING btree (account_id, content_sha256);

CREATE INDEX messages_by_conversation ON public.messages USING btree (account_id, agent_email, conversation_id, created_at DESC);

CREATE INDEX messages_by_key ON public.messages USING btree (account_id, message_id_key) WHERE (message_id_key IS NOT NULL);

CREATE INDEX messages_labels ON public.messages USING gin (labels) WHERE (labels <> '{}'::text[]);

CREATE INDEX messages_outbound ON public.messages USING btree (account_id, agent_email, created_at DESC, id DESC) WHERE ((direction = 'outbound'::text) AND (deleted_at IS NULL));

CREATE INDEX messages_read ON public.messages USING btree (account_id, agent_email, created_at DESC, id DESC) WHERE ((direction = 'inbound'::text) AND (NOT unread) AND (deleted_at IS NULL));

CREATE INDEX messages_search ON public.messages USING gin (lower(subject) public.gin_trgm_ops, lower(header_from) public.gin_trgm_ops) WITH (gin_pending_list_limit='256');

CREATE INDEX messages_trash ON public.messages USING btree (account_id, agent_email, created_at DESC, id DESC) WHERE (deleted_at IS NOT NULL);

CREATE INDEX messages_unread ON public.messages USING btree (account_id, agent_email, created_at DESC, id DESC) WHERE (unread AND (deleted_at IS NULL));

ALTER TABLE ONLY public.account_usage
    ADD CONSTRAINT account_usage_account_id_fkey FOREIGN KEY (account_id) REFERENCES public.accounts(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.agents
    ADD CONSTRAINT agents_account_id_fkey FOREIGN KEY (account_id) REFERENCES public.accounts(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.agents
    ADD CONSTRAINT agents_registered_domain_fkey FOREIGN KEY (registered_domain) REFERENCES public.domains(domain) ON DELETE RESTRICT;

ALTER TABLE ONLY public.api_keys
    ADD CONSTRAINT api_keys_account_id_fkey FOREIGN KEY (account_id) REFERENCES public.accounts(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.contents
    ADD CONSTRAINT contents_account_id_fkey FOREIGN KEY (account_id) REFERENCES public.accounts(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.deliveries
    ADD CONSTRAINT deliveries_account_id_fkey FOREIGN KEY (account_id) REFERENCES public.accounts(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.domains
    ADD CONSTRAINT domains_account_id_fkey FOREIGN KEY (account_id) REFERENCES public.accounts(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.events
    ADD CONSTRAINT events_account_id_fkey FOREIGN KEY (account_id) REFERENCES public.accounts(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.idempotency_keys
    ADD CONSTRAINT idempotency_keys_account_id_fkey FOREIGN KEY (account_id) REFERENCES public.accounts(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.intake_keys
    ADD CONSTRAINT intake_keys_agent_email_fkey FOREIGN KEY (agent_email) REFERENCES public.agents(email) ON DELETE CASCADE;

ALTER TABLE ONLY public.messages
    ADD CONSTRAINT messages_account_id_fkey FOREIGN KEY (account_id) REFERENCES public.accounts(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.messages
    ADD CONSTRAINT messages_agent_email_fkey FOREIGN KEY (agent_email) REFERENCES public.agents(email) ON DELETE CASCADE;

ALTER TABLE ONLY public.signing_secrets
    ADD CONSTRAINT signing_secrets_account_id_fkey FOREIGN KEY (account_id) REFERENCES public.accounts(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.webhooks
    ADD CONSTRAINT webhooks_account_id_fkey FOREIGN KEY (account_id) REFERENCES public.accounts(id) ON DELETE CASCADE;
