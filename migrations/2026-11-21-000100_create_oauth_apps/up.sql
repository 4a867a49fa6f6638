CREATE TABLE oauth_apps (
    id uuid PRIMARY KEY,
    account_id uuid NOT NULL REFERENCES accounts,
    provider text NOT NULL CHECK (provider ~ '^[a-z0-9][a-z0-9_-]{0,63}$'),
    name text NOT NULL CHECK (length(name) BETWEEN 1 AND 100),
    client_id text NOT NULL CHECK (length(client_id) BETWEEN 1 AND 500),
    sealed_client_secret bytea NOT NULL,
    scope text,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    UNIQUE (account_id, provider, client_id)
);
COMMENT ON TABLE oauth_apps IS 'The accounts'' clients at providers. The id is the `client_id` of every Keyway URL.';
COMMENT ON COLUMN oauth_apps.client_id IS 'The provider''s client id.';
COMMENT ON COLUMN oauth_apps.sealed_client_secret IS 'The provider''s client secret.';
COMMENT ON COLUMN oauth_apps.scope IS 'Space-separated scopes to ask for; null means the catalogue''s default.';

CREATE TABLE redirect_uris (
    id uuid PRIMARY KEY,
    account_id uuid NOT NULL REFERENCES accounts,
    uri text NOT NULL CHECK (length(uri) BETWEEN 1 AND 2000),
    created_at timestamptz NOT NULL,
    UNIQUE (account_id, uri)
);
COMMENT ON TABLE redirect_uris IS 'Where flows may end, for all OAuth apps of an account.';
COMMENT ON COLUMN redirect_uris.uri IS 'May hold :provider in path and query.';
