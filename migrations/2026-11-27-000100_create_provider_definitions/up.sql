CREATE TABLE provider_definitions (
    id uuid PRIMARY KEY,
    account_id uuid NOT NULL REFERENCES accounts,
    slug text NOT NULL CHECK (slug ~ '^[a-z0-9][a-z0-9_-]{0,63}$'),
    version int NOT NULL CHECK (version > 0),
    text text NOT NULL CHECK (length(text) <= 65536),
    note text CHECK (length(note) BETWEEN 1 AND 500),
    created_at timestamptz NOT NULL,
    created_by uuid REFERENCES admins,
    UNIQUE (account_id, slug, version)
);
COMMENT ON TABLE provider_definitions IS 'Providers that an account has described itself: each save is a row, and the newest version counts.';
COMMENT ON COLUMN provider_definitions.text IS 'TOML, as it was written.';
COMMENT ON COLUMN provider_definitions.note IS 'Why it was saved.';
COMMENT ON COLUMN provider_definitions.created_by IS 'The admin; null if it was the operator.';
CREATE INDEX provider_definitions_slug ON provider_definitions (slug);
CREATE INDEX provider_definitions_created_by ON provider_definitions (created_by);
