DROP TABLE vault_keys;
DROP TABLE api_tokens;
DROP TABLE console_sessions;
DROP TABLE setup_links;
DROP TABLE admins;
DROP TABLE accounts;
