CREATE TABLE jobs (
    id uuid PRIMARY KEY,
    account_id uuid NOT NULL REFERENCES accounts,
    kind text NOT NULL CHECK (kind IN ('refresh', 'revoke', 'delete')),
    credential_id uuid NOT NULL,
    admin_id uuid NOT NULL,
    created_at timestamptz NOT NULL,
    attempts int NOT NULL DEFAULT 0,
    lease_id uuid,
    leased_until timestamptz,
    finished_at timestamptz,
    outcome text CHECK (outcome IN ('done', 'failed')),
    detail text,
    CHECK ((lease_id IS NULL) = (leased_until IS NULL)),
    CHECK ((finished_at IS NULL) = (outcome IS NULL))
);
COMMENT ON TABLE jobs IS 'What admins ask of credentials in the console, which cannot open any: a gateway takes it.';
CREATE INDEX jobs_account_id ON jobs (account_id);
CREATE INDEX jobs_credential_id ON jobs (credential_id, id DESC);
CREATE INDEX jobs_open ON jobs (id) WHERE finished_at IS NULL;

CREATE TABLE idempotency_keys (
    id uuid PRIMARY KEY,
    account_id uuid NOT NULL REFERENCES accounts,
    key text NOT NULL CHECK (length(key) BETWEEN 1 AND 255),
    request_digest bytea NOT NULL CHECK (length(request_digest) = 32),
    created_at timestamptz NOT NULL,
    leased_until timestamptz NOT NULL,
    response_status int,
    sealed_response bytea,
    UNIQUE (account_id, key),
    CHECK ((response_status IS NULL) = (sealed_response IS NULL))
);
COMMENT ON TABLE idempotency_keys IS 'Answers of POST requests, kept for a day: a repeated request gets the same one.';
COMMENT ON COLUMN idempotency_keys.request_digest IS 'Of method, path and body: one key is for one request.';
COMMENT ON COLUMN idempotency_keys.leased_until IS 'Until then the first request is under way.';
CREATE INDEX idempotency_keys_created_at ON idempotency_keys (created_at);
