-- One grant may open several accounts: it waits, sealed, for the end user's choice.
ALTER TABLE authorization_sessions ADD COLUMN sealed_choice bytea;
COMMENT ON COLUMN authorization_sessions.sealed_choice IS 'What was granted, while the end user chooses one of its accounts.';

-- What is the same for all of an app's end users, such as the host of a self-hosted product.
ALTER TABLE oauth_apps ADD COLUMN variables jsonb NOT NULL DEFAULT '{}';
COMMENT ON COLUMN oauth_apps.variables IS 'The provider''s variables that the admin sets.';
