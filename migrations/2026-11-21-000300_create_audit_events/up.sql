CREATE TABLE audit_events (
    id uuid PRIMARY KEY,
    account_id uuid REFERENCES accounts,
    actor_kind text NOT NULL CHECK (actor_kind IN ('operator', 'admin', 'client', 'api_token', 'system')),
    actor_id uuid,
    action text NOT NULL CHECK (action ~ '^[a-z_]+\.[a-z_]+$'),
    subject_id uuid,
    detail jsonb NOT NULL,
    created_at timestamptz NOT NULL
);
COMMENT ON TABLE audit_events IS 'Who did what, when. Never holds a secret.';
CREATE INDEX audit_events_account_id ON audit_events (account_id, id DESC);
