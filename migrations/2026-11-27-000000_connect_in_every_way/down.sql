ALTER TABLE oauth_apps DROP COLUMN variables;
ALTER TABLE authorization_sessions DROP COLUMN sealed_choice;
