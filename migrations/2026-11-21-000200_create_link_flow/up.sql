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
    CHECK (redirect_uri IS NOT NULL OR failed_step = 'start')
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
    kind text NOT NULL,
    external_id text NOT NULL,
    external_label text,
    properties jsonb NOT NULL,
    secret_names jsonb NOT NULL,
    sealed_secrets bytea NOT NULL,
    variables jsonb NOT NULL,
    expires_at timestamptz,
    refresh_expires_at timestamptz,
    created_at timestamptz NOT NULL
);
COMMENT ON TABLE grants IS 'What providers granted: the tokens under a credential, or under a code that nobody has redeemed yet.';
COMMENT ON COLUMN grants.secret_names IS 'Names of the sealed properties.';
COMMENT ON COLUMN grants.properties IS 'The properties that may be shown.';
COMMENT ON COLUMN grants.sealed_secrets IS 'The tokens and the other secret properties.';
COMMENT ON COLUMN grants.variables IS 'The provider''s variables that the flow was made with.';
CREATE INDEX grants_account_id ON grants (account_id);
CREATE INDEX grants_oauth_app_id ON grants (oauth_app_id);

CREATE TABLE credentials (
    id uuid PRIMARY KEY,
    account_id uuid NOT NULL REFERENCES accounts,
    oauth_app_id uuid NOT NULL REFERENCES oauth_apps,
    provider text NOT NULL,
    kind text NOT NULL,
    external_id text NOT NULL,
    grant_id uuid NOT NULL UNIQUE REFERENCES grants,
    superseded_grant_id uuid,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    UNIQUE (oauth_app_id, kind, external_id)
);
COMMENT ON TABLE credentials IS 'One per external account and OAuth app; points at its newest grant.';
COMMENT ON COLUMN credentials.superseded_grant_id IS 'The grant that the newest one replaced, erased in the same statement.';
CREATE INDEX credentials_account_id ON credentials (account_id, id DESC);

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
