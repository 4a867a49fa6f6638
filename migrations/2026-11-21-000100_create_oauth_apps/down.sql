DROP TABLE redirect_uris;
DROP TABLE oauth_apps;
