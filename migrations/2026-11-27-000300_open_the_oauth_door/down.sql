DROP TABLE signing_keys;
DROP TABLE seen_proofs;
DROP TABLE refresh_tokens;
DROP TABLE refresh_families;
DROP TABLE pushed_requests;
DROP TABLE client_secrets;
ALTER TABLE authorization_codes DROP COLUMN authorization_request;
ALTER TABLE oauth_apps DROP COLUMN settings;
