DELETE FROM grants WHERE ended_reason IS NOT NULL;
DROP INDEX credentials_account_id_provider, credentials_account_id_oauth_app_id;
ALTER TABLE credentials
    DROP COLUMN name,
    DROP COLUMN metadata,
    DROP COLUMN end_user_id,
    DROP COLUMN end_user_email,
    DROP COLUMN end_user_name,
    DROP COLUMN revision,
    DROP COLUMN health_status,
    DROP COLUMN health_notes,
    DROP COLUMN health_at;
ALTER TABLE grants
    DROP COLUMN provider,
    DROP COLUMN token_type,
    DROP COLUMN scope,
    DROP COLUMN refresh_at,
    DROP COLUMN refresh_failures,
    DROP COLUMN retry_at,
    DROP COLUMN refreshed_at,
    DROP COLUMN unanswered_at,
    DROP COLUMN lease_id,
    DROP COLUMN leased_until,
    DROP COLUMN revoke_at,
    DROP COLUMN revoke_attempts,
    DROP COLUMN ended_credential_id,
    DROP COLUMN ended_reason;
DROP INDEX oauth_apps_client, oauth_apps_account_id;
DELETE FROM oauth_apps WHERE removed_at IS NOT NULL;
ALTER TABLE oauth_apps
    DROP COLUMN metadata,
    DROP COLUMN revision,
    DROP COLUMN removed_at,
    ADD UNIQUE (account_id, provider, client_id);
DELETE FROM api_tokens;
ALTER TABLE api_tokens DROP COLUMN last_used_at;
