ALTER TABLE authorization_sessions DROP CONSTRAINT ends_somewhere;
ALTER TABLE authorization_sessions DROP COLUMN link_session_id;
ALTER TABLE authorization_sessions ADD CONSTRAINT authorization_sessions_check5 CHECK (redirect_uri IS NOT NULL OR failed_step = 'start');
DROP TABLE link_session_apps;
DROP TABLE link_sessions;
