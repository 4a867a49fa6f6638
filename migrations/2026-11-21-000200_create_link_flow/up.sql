CREATE TABLE authorization_sessions (
    id uuid PRIMARY KEY,
    account_id uuid NOT NULL REFERENCES accounts,
    oauth_app_id uuid REFERENCES oauth_apps ON DELETE SET NULL,
    provider text NOT NULL,
    redirect_uri text,
    state_digest bytea CHECK (length(state_digest) = 32),
    sealed_secrets bytea,
    sealed_response bytea,
    code_challenge text,
    scope text NOT NULL DEFAULT '',
    scope_source text CHECK (scope_source IN ('request', 'app', 'catalogue')),
    variables jsonb NOT NULL DEFAULT '{}',
    external_label text,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    claimed_at timestamptz,
    completed_at timestamptz,
    failed_at timestamptz,
    failed_step text CHECK (failed_step IN ('start', 'callback', 'exchange', 'identity', 'complete')),
    error text,
    error_description text,
    error_detail text,
    CHECK (claimed_at IS NULL OR state_digest IS NOT NULL),
    CHECK (completed_at IS NULL OR claimed_at IS NOT NULL),
    CHECK (completed_at IS NULL OR failed_at IS NULL),
    CHECK ((failed_at IS NULL) = (failed_step IS NULL)),
    CHECK ((failed_at IS NULL) = (error IS NULL)),
    CONSTRAINT ends_somewhere CHECK (redirect_uri IS NOT NULL OR failed_step = 'start')
);
COMMENT ON TABLE authorization_sessions IS 'Runs of the link flow, and the flow log. Secrets are erased when a run ends.';
COMMENT ON COLUMN authorization_sessions.redirect_uri IS 'Proven and expanded; null if the attempt failed before that.';
COMMENT ON COLUMN authorization_sessions.state_digest IS 'Keyed digest of our state; null while the end user fills in variables.';
COMMENT ON COLUMN authorization_sessions.sealed_secrets IS 'The client''s state, our PKCE verifier and nonce.';
COMMENT ON COLUMN authorization_sessions.sealed_response IS 'A `form_post` answer between two requests.';
COMMENT ON COLUMN authorization_sessions.error_detail IS 'The provider''s own words, redacted.';
CREATE INDEX authorization_sessions_account_id ON authorization_sessions (account_id, id DESC);
CREATE INDEX authorization_sessions_oauth_app_id ON authorization_sessions (oauth_app_id);
CREATE INDEX authorization_sessions_to_erase ON authorization_sessions (expires_at) WHERE sealed_secrets IS NOT NULL;

CREATE TABLE grants (
    id uuid PRIMARY KEY,
    account_id uuid NOT NULL REFERENCES accounts,
    oauth_app_id uuid NOT NULL REFERENCES oauth_apps,
    provider text NOT NULL,
    kind text NOT NULL,
    external_id text NOT NULL,
    external_label text,
    properties jsonb NOT NULL,
    secret_names jsonb NOT NULL,
    sealed_secrets bytea NOT NULL,
    variables jsonb NOT NULL,
    token_type text,
    scope text,
    expires_at timestamptz,
    refresh_expires_at timestamptz,
    created_at timestamptz NOT NULL,
    refresh_at timestamptz,
    refresh_failures int NOT NULL DEFAULT 0,
    retry_at timestamptz,
    refreshed_at timestamptz,
    unanswered_at timestamptz,
    lease_id uuid,
    leased_until timestamptz,
    revoke_at timestamptz,
    revoke_attempts int NOT NULL DEFAULT 0,
    ended_credential_id uuid,
    ended_reason text CHECK (ended_reason IN ('deleted', 'app_removed', 'unredeemed', 'not_the_same_account')),
    CHECK ((lease_id IS NULL) = (leased_until IS NULL)),
    CHECK ((revoke_at IS NULL) = (ended_reason IS NULL))
);
COMMENT ON TABLE grants IS 'What providers granted: the tokens under a credential, or under a code that nobody has redeemed yet.';
COMMENT ON COLUMN grants.secret_names IS 'Names of the sealed properties.';
COMMENT ON COLUMN grants.properties IS 'The properties that may be shown.';
COMMENT ON COLUMN grants.sealed_secrets IS 'The tokens and the other secret properties.';
COMMENT ON COLUMN grants.variables IS 'The provider''s variables that the flow was made with.';
COMMENT ON COLUMN grants.token_type IS 'In the provider''s spelling.';
COMMENT ON COLUMN grants.scope IS 'The granted scopes, space-separated.';
COMMENT ON COLUMN grants.refresh_at IS 'When the background refreshes it; null if it cannot be, or must be reconnected.';
COMMENT ON COLUMN grants.refresh_failures IS 'Failed refreshes since the last that succeeded.';
COMMENT ON COLUMN grants.retry_at IS 'Nobody asks the provider before this; null without a failure.';
COMMENT ON COLUMN grants.unanswered_at IS 'A refresh of this time was sent and its answer never came; null after one that succeeded.';
COMMENT ON COLUMN grants.lease_id IS 'Whoever holds it refreshes; nobody else may write the outcome.';
COMMENT ON COLUMN grants.revoke_at IS 'When to ask the provider to end it; null as long as it is in use.';
COMMENT ON COLUMN grants.ended_credential_id IS 'The credential that it was under when it ended.';
CREATE INDEX grants_account_id ON grants (account_id);
CREATE INDEX grants_oauth_app_id ON grants (oauth_app_id);
CREATE INDEX grants_to_refresh ON grants (provider, refresh_at) WHERE refresh_at IS NOT NULL;
CREATE INDEX grants_to_revoke ON grants (revoke_at) WHERE revoke_at IS NOT NULL;

CREATE TABLE credentials (
    id uuid PRIMARY KEY,
    account_id uuid NOT NULL REFERENCES accounts,
    oauth_app_id uuid NOT NULL REFERENCES oauth_apps,
    provider text NOT NULL,
    kind text NOT NULL,
    external_id text NOT NULL,
    grant_id uuid NOT NULL UNIQUE REFERENCES grants,
    superseded_grant_id uuid,
    name text CHECK (length(name) BETWEEN 1 AND 200),
    metadata jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(metadata) = 'object'),
    end_user_id text,
    end_user_email text,
    end_user_name text,
    revision bigint NOT NULL DEFAULT 1,
    health_status text NOT NULL DEFAULT 'ok' CHECK (health_status IN ('ok', 'warn', 'error')),
    health_notes jsonb NOT NULL DEFAULT '[]' CHECK (jsonb_typeof(health_notes) = 'array'),
    health_at timestamptz NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    UNIQUE (oauth_app_id, kind, external_id)
);
COMMENT ON TABLE credentials IS 'One per external account and OAuth app; points at its newest grant.';
COMMENT ON COLUMN credentials.superseded_grant_id IS 'The grant that the newest one replaced, erased in the same statement.';
COMMENT ON COLUMN credentials.revision IS 'Counts the changes; the entity tag.';
CREATE INDEX credentials_account_id ON credentials (account_id, id DESC);
CREATE INDEX credentials_account_id_provider ON credentials (account_id, provider, id DESC);
CREATE INDEX credentials_account_id_oauth_app_id ON credentials (account_id, oauth_app_id, id DESC);
CREATE INDEX credentials_unhealthy ON credentials (account_id, health_status, id DESC) WHERE health_status <> 'ok';
CREATE INDEX credentials_end_user ON credentials (account_id, end_user_id, id DESC) WHERE end_user_id IS NOT NULL;
CREATE INDEX credentials_metadata ON credentials USING gin (metadata jsonb_path_ops);

CREATE TABLE authorization_codes (
    id uuid PRIMARY KEY,
    account_id uuid NOT NULL REFERENCES accounts,
    session_id uuid NOT NULL UNIQUE REFERENCES authorization_sessions ON DELETE CASCADE,
    oauth_app_id uuid NOT NULL REFERENCES oauth_apps ON DELETE CASCADE,
    grant_id uuid REFERENCES grants ON DELETE SET NULL,
    code_digest bytea NOT NULL UNIQUE CHECK (length(code_digest) = 32),
    code_challenge text,
    sealed_state bytea,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    redeemed_at timestamptz
);
COMMENT ON TABLE authorization_codes IS 'Codes that we issued; kept after use, so that a second use is noticed.';
COMMENT ON COLUMN authorization_codes.sealed_state IS 'The client''s state, for the token response.';
CREATE INDEX authorization_codes_account_id ON authorization_codes (account_id);
CREATE INDEX authorization_codes_oauth_app_id ON authorization_codes (oauth_app_id);
CREATE INDEX authorization_codes_grant_id ON authorization_codes (grant_id);
CREATE INDEX authorization_codes_to_erase ON authorization_codes (expires_at) WHERE redeemed_at IS NULL AND grant_id IS NOT NULL;

CREATE TABLE start_links (
    id uuid PRIMARY KEY,
    token_digest bytea NOT NULL UNIQUE CHECK (length(token_digest) = 32),
    account_id uuid NOT NULL REFERENCES accounts,
    oauth_app_id uuid NOT NULL REFERENCES oauth_apps ON DELETE CASCADE,
    redirect_uri text NOT NULL,
    sealed_state bytea,
    scope text,
    variables jsonb NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL
);
COMMENT ON TABLE start_links IS 'One-time start links made by client backends.';
CREATE INDEX start_links_account_id ON start_links (account_id);
CREATE INDEX start_links_oauth_app_id ON start_links (oauth_app_id);
CREATE INDEX start_links_expires_at ON start_links (expires_at);
