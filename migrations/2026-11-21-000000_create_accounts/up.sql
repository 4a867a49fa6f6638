CREATE TABLE accounts (
    id uuid PRIMARY KEY,
    slug text NOT NULL UNIQUE CHECK (slug ~ '^[a-z0-9]+(-[a-z0-9]+)*$'),
    name text NOT NULL CHECK (length(name) BETWEEN 1 AND 100),
    created_at timestamptz NOT NULL
);
COMMENT ON TABLE accounts IS 'Tenants.';
COMMENT ON COLUMN accounts.slug IS 'Short name for commands.';

CREATE TABLE admins (
    id uuid PRIMARY KEY,
    account_id uuid NOT NULL REFERENCES accounts,
    email text NOT NULL UNIQUE CHECK (email = lower(email)),
    password_hash text NOT NULL CHECK (password_hash LIKE '$argon2id$%'),
    created_at timestamptz NOT NULL
);
COMMENT ON TABLE admins IS 'People who sign in to the console.';
COMMENT ON COLUMN admins.password_hash IS 'PHC string.';
CREATE INDEX admins_account_id ON admins (account_id);

CREATE TABLE setup_links (
    token_digest bytea PRIMARY KEY CHECK (length(token_digest) = 32),
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL
);
COMMENT ON TABLE setup_links IS 'One-time links to the first-run set-up.';

CREATE TABLE console_sessions (
    id uuid PRIMARY KEY,
    admin_id uuid NOT NULL REFERENCES admins ON DELETE CASCADE,
    token_digest bytea NOT NULL UNIQUE CHECK (length(token_digest) = 32),
    created_at timestamptz NOT NULL,
    last_seen_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL
);
COMMENT ON TABLE console_sessions IS 'Browsers in which an admin is signed in.';
CREATE INDEX console_sessions_admin_id ON console_sessions (admin_id);

CREATE TABLE api_tokens (
    id uuid PRIMARY KEY,
    account_id uuid NOT NULL REFERENCES accounts,
    name text NOT NULL CHECK (length(name) BETWEEN 1 AND 100),
    token_digest bytea NOT NULL UNIQUE CHECK (length(token_digest) = 32),
    scope text NOT NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz
);
COMMENT ON TABLE api_tokens IS 'Tokens for the management API.';
COMMENT ON COLUMN api_tokens.scope IS 'Space-separated.';
CREATE INDEX api_tokens_account_id ON api_tokens (account_id);

CREATE TABLE vault_keys (
    key text PRIMARY KEY,
    fingerprint bytea NOT NULL CHECK (length(fingerprint) = 16),
    created_at timestamptz NOT NULL
);
COMMENT ON TABLE vault_keys IS 'Fingerprints of the keys that sealed what lies in this database; a key ring that lacks one is refused.';
