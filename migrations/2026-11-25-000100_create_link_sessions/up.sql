CREATE TABLE link_sessions (
    id uuid PRIMARY KEY,
    account_id uuid NOT NULL REFERENCES accounts,
    token_digest bytea NOT NULL UNIQUE CHECK (length(token_digest) = 32),
    redirect_uri text,
    sealed_state bytea,
    scope text,
    variables jsonb NOT NULL DEFAULT '{}',
    end_user_id text NOT NULL CHECK (length(end_user_id) BETWEEN 1 AND 200),
    end_user_email text,
    end_user_name text,
    metadata jsonb CHECK (jsonb_typeof(metadata) = 'object'),
    credential_id uuid REFERENCES credentials ON DELETE CASCADE,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    used_at timestamptz
);
COMMENT ON TABLE link_sessions IS 'Hosted pages that client backends ask for, each for one end user and one connection.';
COMMENT ON COLUMN link_sessions.redirect_uri IS 'Where the flow ends, as the client backend wrote it; null: on a hosted page.';
COMMENT ON COLUMN link_sessions.credential_id IS 'The credential to reconnect, null for a new one; once the session is used, the one that was made of it.';
COMMENT ON COLUMN link_sessions.used_at IS 'When a connection was made of it: it is good for one.';
CREATE INDEX link_sessions_account_id ON link_sessions (account_id);
CREATE INDEX link_sessions_credential_id ON link_sessions (credential_id);
CREATE INDEX link_sessions_expires_at ON link_sessions (expires_at);

CREATE TABLE link_session_apps (
    link_session_id uuid NOT NULL REFERENCES link_sessions ON DELETE CASCADE,
    oauth_app_id uuid NOT NULL REFERENCES oauth_apps ON DELETE CASCADE,
    PRIMARY KEY (link_session_id, oauth_app_id)
);
COMMENT ON TABLE link_session_apps IS 'The providers that a link session offers.';
CREATE INDEX link_session_apps_oauth_app_id ON link_session_apps (oauth_app_id);

-- No foreign key: the flow log outlives link sessions.
ALTER TABLE authorization_sessions ADD COLUMN link_session_id uuid;
COMMENT ON COLUMN authorization_sessions.link_session_id IS 'The link session that the flow was started from; it may be gone.';

-- A flow of a link session may end on a hosted page.
ALTER TABLE authorization_sessions DROP CONSTRAINT authorization_sessions_check5;
ALTER TABLE authorization_sessions ADD CONSTRAINT ends_somewhere
    CHECK (redirect_uri IS NOT NULL OR link_session_id IS NOT NULL OR failed_step = 'start') NOT VALID;
ALTER TABLE authorization_sessions VALIDATE CONSTRAINT ends_somewhere;
