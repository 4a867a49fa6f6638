-- Nothing was released before this: it asks for gateways and consoles to be stopped, as no later one may.

-- Digests of API tokens were keyed, and are plain now (decision 10): those made before are known to
-- nobody any more.
DELETE FROM api_tokens;
ALTER TABLE api_tokens ADD COLUMN last_used_at timestamptz;
COMMENT ON COLUMN api_tokens.last_used_at IS 'To about a minute.';

ALTER TABLE oauth_apps
    ADD COLUMN metadata jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(metadata) = 'object'),
    ADD COLUMN revision bigint NOT NULL DEFAULT 1,
    ADD COLUMN removed_at timestamptz,
    DROP CONSTRAINT oauth_apps_account_id_provider_client_id_key;
COMMENT ON COLUMN oauth_apps.revision IS 'Counts the changes; the entity tag.';
COMMENT ON COLUMN oauth_apps.removed_at IS 'Gone for everybody; the row stays until its grants are revoked.';
CREATE UNIQUE INDEX oauth_apps_client ON oauth_apps (account_id, provider, client_id) WHERE removed_at IS NULL;
CREATE INDEX oauth_apps_account_id ON oauth_apps (account_id, id);
CREATE INDEX oauth_apps_metadata ON oauth_apps USING gin (metadata jsonb_path_ops);

ALTER TABLE grants
    ADD COLUMN provider text,
    ADD COLUMN token_type text,
    ADD COLUMN scope text,
    ADD COLUMN refresh_at timestamptz,
    ADD COLUMN refresh_failures int NOT NULL DEFAULT 0,
    ADD COLUMN retry_at timestamptz,
    ADD COLUMN refreshed_at timestamptz,
    ADD COLUMN unanswered_at timestamptz,
    ADD COLUMN lease_id uuid,
    ADD COLUMN leased_until timestamptz,
    ADD COLUMN revoke_at timestamptz,
    ADD COLUMN revoke_attempts int NOT NULL DEFAULT 0,
    ADD COLUMN ended_credential_id uuid,
    ADD COLUMN ended_reason text CHECK (ended_reason IN ('deleted', 'app_removed', 'unredeemed', 'not_the_same_account')),
    ADD CHECK ((lease_id IS NULL) = (leased_until IS NULL)),
    ADD CHECK ((revoke_at IS NULL) = (ended_reason IS NULL));
COMMENT ON COLUMN grants.token_type IS 'In the provider''s spelling.';
COMMENT ON COLUMN grants.scope IS 'The granted scopes, space-separated.';
COMMENT ON COLUMN grants.refresh_at IS 'When the background refreshes it; null if it cannot be, or must be reconnected.';
COMMENT ON COLUMN grants.refresh_failures IS 'Failed refreshes since the last that succeeded.';
COMMENT ON COLUMN grants.retry_at IS 'Nobody asks the provider before this; null without a failure.';
COMMENT ON COLUMN grants.unanswered_at IS 'A refresh of this time was sent and its answer never came; null after one that succeeded.';
COMMENT ON COLUMN grants.lease_id IS 'Whoever holds it refreshes; nobody else may write the outcome.';
COMMENT ON COLUMN grants.revoke_at IS 'When to ask the provider to end it; null as long as it is in use.';
COMMENT ON COLUMN grants.ended_credential_id IS 'The credential that it was under when it ended.';

UPDATE grants g SET provider = a.provider, scope = g.properties ->> 'scope' FROM oauth_apps a WHERE a.id = g.oauth_app_id;
ALTER TABLE grants ALTER COLUMN provider SET NOT NULL;
-- What has a refresh token is refreshed when its access token ends, and now if nobody knows when that
-- is: after that it is known.
UPDATE grants SET refresh_at = coalesce(expires_at, now())
WHERE secret_names ? 'refresh_token' AND id IN (SELECT grant_id FROM credentials);
CREATE INDEX grants_to_refresh ON grants (provider, refresh_at) WHERE refresh_at IS NOT NULL;
CREATE INDEX grants_to_revoke ON grants (revoke_at) WHERE revoke_at IS NOT NULL;

ALTER TABLE credentials
    ADD COLUMN name text CHECK (length(name) BETWEEN 1 AND 200),
    ADD COLUMN metadata jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(metadata) = 'object'),
    ADD COLUMN end_user_id text,
    ADD COLUMN end_user_email text,
    ADD COLUMN end_user_name text,
    ADD COLUMN revision bigint NOT NULL DEFAULT 1,
    ADD COLUMN health_status text NOT NULL DEFAULT 'ok' CHECK (health_status IN ('ok', 'warn', 'error')),
    ADD COLUMN health_notes jsonb NOT NULL DEFAULT '[]' CHECK (jsonb_typeof(health_notes) = 'array'),
    ADD COLUMN health_at timestamptz;
COMMENT ON COLUMN credentials.revision IS 'Counts the changes; the entity tag.';
UPDATE credentials SET health_at = created_at;
ALTER TABLE credentials ALTER COLUMN health_at SET NOT NULL;
CREATE INDEX credentials_account_id_provider ON credentials (account_id, provider, id DESC);
CREATE INDEX credentials_account_id_oauth_app_id ON credentials (account_id, oauth_app_id, id DESC);
CREATE INDEX credentials_unhealthy ON credentials (account_id, health_status, id DESC) WHERE health_status <> 'ok';
CREATE INDEX credentials_end_user ON credentials (account_id, end_user_id, id DESC) WHERE end_user_id IS NOT NULL;
CREATE INDEX credentials_metadata ON credentials USING gin (metadata jsonb_path_ops);
