-- How the client backend of an app proves itself at the standard endpoints, and what it gets there.
ALTER TABLE oauth_apps ADD COLUMN settings jsonb NOT NULL DEFAULT '{}';
COMMENT ON COLUMN oauth_apps.settings IS 'How its client backend proves itself at the OAuth endpoints, and what it gets there.';

-- A code is redeemed at the door that it was asked for at.
ALTER TABLE authorization_codes ADD COLUMN authorization_request jsonb;
COMMENT ON COLUMN authorization_codes.authorization_request IS 'What the client asked for at /oauth/authorize; null for a code of the link flow.';

CREATE TABLE client_secrets (
    id uuid PRIMARY KEY,
    account_id uuid NOT NULL REFERENCES accounts,
    oauth_app_id uuid NOT NULL REFERENCES oauth_apps ON DELETE CASCADE,
    secret_digest bytea NOT NULL UNIQUE CHECK (length(secret_digest) = 32),
    created_at timestamptz NOT NULL
);
COMMENT ON TABLE client_secrets IS 'Secrets that Keyway made for client backends; two of an app at most, so that one can replace the other.';
CREATE INDEX client_secrets_account_id ON client_secrets (account_id);
CREATE INDEX client_secrets_oauth_app_id ON client_secrets (oauth_app_id);

CREATE TABLE pushed_requests (
    id uuid PRIMARY KEY,
    account_id uuid NOT NULL REFERENCES accounts,
    oauth_app_id uuid NOT NULL REFERENCES oauth_apps ON DELETE CASCADE,
    uri_digest bytea NOT NULL UNIQUE CHECK (length(uri_digest) = 32),
    sealed_parameters bytea NOT NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL
);
COMMENT ON TABLE pushed_requests IS 'Authorization requests that client backends pushed (RFC 9126), each good for one start.';
CREATE INDEX pushed_requests_account_id ON pushed_requests (account_id);
CREATE INDEX pushed_requests_oauth_app_id ON pushed_requests (oauth_app_id);
CREATE INDEX pushed_requests_expires_at ON pushed_requests (expires_at);

CREATE TABLE refresh_families (
    id uuid PRIMARY KEY,
    account_id uuid NOT NULL REFERENCES accounts,
    oauth_app_id uuid NOT NULL REFERENCES oauth_apps ON DELETE CASCADE,
    credential_id uuid NOT NULL REFERENCES credentials ON DELETE CASCADE,
    authorization_code_id uuid NOT NULL UNIQUE,
    openid boolean NOT NULL,
    dpop_jkt text,
    created_at timestamptz NOT NULL,
    expires_at timestamptz,
    revoked_at timestamptz,
    revoked_reason text CHECK (revoked_reason IN ('revoked', 'token_reused', 'code_reused')),
    CHECK ((revoked_at IS NULL) = (revoked_reason IS NULL))
);
COMMENT ON TABLE refresh_families IS 'What Keyway itself granted to a client backend: all tokens that descend from one code.';
COMMENT ON COLUMN refresh_families.dpop_jkt IS 'Thumbprint of the key that a public client must prove at every refresh.';
COMMENT ON COLUMN refresh_families.expires_at IS 'The end that no refresh moves; null if there is none.';
CREATE INDEX refresh_families_account_id ON refresh_families (account_id);
CREATE INDEX refresh_families_oauth_app_id ON refresh_families (oauth_app_id);
CREATE INDEX refresh_families_credential_id ON refresh_families (credential_id);

CREATE TABLE refresh_tokens (
    id uuid PRIMARY KEY,
    family_id uuid NOT NULL REFERENCES refresh_families ON DELETE CASCADE,
    parent_id uuid REFERENCES refresh_tokens ON DELETE CASCADE,
    token_digest bytea NOT NULL UNIQUE CHECK (length(token_digest) = 32),
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    used_at timestamptz
);
COMMENT ON TABLE refresh_tokens IS 'Refresh tokens of Keyway''s own; kept after use, so that a second use is noticed.';
CREATE INDEX refresh_tokens_family_id ON refresh_tokens (family_id);
CREATE INDEX refresh_tokens_parent_id ON refresh_tokens (parent_id);
CREATE INDEX refresh_tokens_expires_at ON refresh_tokens (expires_at);

CREATE TABLE seen_proofs (
    digest bytea PRIMARY KEY CHECK (length(digest) = 32),
    expires_at timestamptz NOT NULL
);
COMMENT ON TABLE seen_proofs IS 'The `jti` of assertions and DPoP proofs, each good once, until they would be too old anyway.';
CREATE INDEX seen_proofs_expires_at ON seen_proofs (expires_at);

CREATE TABLE signing_keys (
    id uuid PRIMARY KEY,
    algorithm text NOT NULL CHECK (algorithm IN ('ES256', 'RS256')),
    public_jwk jsonb NOT NULL,
    sealed_private_key bytea NOT NULL,
    created_at timestamptz NOT NULL,
    signs_from timestamptz NOT NULL
);
COMMENT ON TABLE signing_keys IS 'What Keyway signs its own tokens with. The newest that is due signs.';
COMMENT ON COLUMN signing_keys.signs_from IS 'Published before, so that whoever verifies knows it in time.';
