DROP TABLE start_links;
DROP TABLE authorization_codes;
DROP TABLE credentials;
DROP TABLE grants;
DROP TABLE authorization_sessions;
