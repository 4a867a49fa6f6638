// @generated automatically by Diesel CLI.

diesel::table! {
    /// Tenants.
    accounts (id) {
        id -> Uuid,
        /// Short name for commands.
        slug -> Text,
        name -> Text,
        created_at -> Timestamptz,
    }
}

diesel::table! {
    /// People who sign in to the console.
    admins (id) {
        id -> Uuid,
        account_id -> Uuid,
        email -> Text,
        /// PHC string.
        password_hash -> Text,
        created_at -> Timestamptz,
    }
}

diesel::table! {
    /// Tokens for the management API.
    api_tokens (id) {
        id -> Uuid,
        account_id -> Uuid,
        name -> Text,
        token_digest -> Bytea,
        /// Space-separated.
        scope -> Text,
        created_at -> Timestamptz,
        expires_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    /// Who did what, when. Never holds a secret.
    audit_events (id) {
        id -> Uuid,
        account_id -> Nullable<Uuid>,
        actor_kind -> Text,
        actor_id -> Nullable<Uuid>,
        action -> Text,
        subject_id -> Nullable<Uuid>,
        detail -> Jsonb,
        created_at -> Timestamptz,
    }
}

diesel::table! {
    /// Codes that we issued; kept after use, so that a second use is noticed.
    authorization_codes (id) {
        id -> Uuid,
        account_id -> Uuid,
        session_id -> Uuid,
        oauth_app_id -> Uuid,
        grant_id -> Nullable<Uuid>,
        code_digest -> Bytea,
        code_challenge -> Nullable<Text>,
        /// The client's state, for the token response.
        sealed_state -> Nullable<Bytea>,
        created_at -> Timestamptz,
        expires_at -> Timestamptz,
        redeemed_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    /// Runs of the link flow, and the flow log. Secrets are erased when a run ends.
    authorization_sessions (id) {
        id -> Uuid,
        account_id -> Uuid,
        oauth_app_id -> Nullable<Uuid>,
        provider -> Text,
        /// Proven and expanded; null if the attempt failed before that.
        redirect_uri -> Nullable<Text>,
        /// Keyed digest of our state; null while the end user fills in variables.
        state_digest -> Nullable<Bytea>,
        /// The client's state, our PKCE verifier and nonce.
        sealed_secrets -> Nullable<Bytea>,
        /// A `form_post` answer between two requests.
        sealed_response -> Nullable<Bytea>,
        code_challenge -> Nullable<Text>,
        scope -> Text,
        scope_source -> Nullable<Text>,
        variables -> Jsonb,
        external_label -> Nullable<Text>,
        created_at -> Timestamptz,
        expires_at -> Timestamptz,
        claimed_at -> Nullable<Timestamptz>,
        completed_at -> Nullable<Timestamptz>,
        failed_at -> Nullable<Timestamptz>,
        failed_step -> Nullable<Text>,
        error -> Nullable<Text>,
        error_description -> Nullable<Text>,
        /// The provider's own words, redacted.
        error_detail -> Nullable<Text>,
    }
}

diesel::table! {
    /// Browsers in which an admin is signed in.
    console_sessions (id) {
        id -> Uuid,
        admin_id -> Uuid,
        token_digest -> Bytea,
        created_at -> Timestamptz,
        last_seen_at -> Timestamptz,
        expires_at -> Timestamptz,
    }
}

diesel::table! {
    /// One per external account and OAuth app; points at its newest grant.
    credentials (id) {
        id -> Uuid,
        account_id -> Uuid,
        oauth_app_id -> Uuid,
        provider -> Text,
        kind -> Text,
        external_id -> Text,
        grant_id -> Uuid,
        /// The grant that the newest one replaced, erased in the same statement.
        superseded_grant_id -> Nullable<Uuid>,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
    }
}

diesel::table! {
    /// What providers granted: the tokens under a credential, or under a code that nobody has redeemed yet.
    grants (id) {
        id -> Uuid,
        account_id -> Uuid,
        oauth_app_id -> Uuid,
        kind -> Text,
        external_id -> Text,
        external_label -> Nullable<Text>,
        /// The properties that may be shown.
        properties -> Jsonb,
        /// Names of the sealed properties.
        secret_names -> Jsonb,
        /// The tokens and the other secret properties.
        sealed_secrets -> Bytea,
        /// The provider's variables that the flow was made with.
        variables -> Jsonb,
        expires_at -> Nullable<Timestamptz>,
        refresh_expires_at -> Nullable<Timestamptz>,
        created_at -> Timestamptz,
    }
}

diesel::table! {
    /// The accounts' clients at providers. The id is the `client_id` of every Keyway URL.
    oauth_apps (id) {
        id -> Uuid,
        account_id -> Uuid,
        provider -> Text,
        name -> Text,
        /// The provider's client id.
        client_id -> Text,
        /// The provider's client secret.
        sealed_client_secret -> Bytea,
        /// Space-separated scopes to ask for; null means the catalogue's default.
        scope -> Nullable<Text>,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
    }
}

diesel::table! {
    /// Where flows may end, for all OAuth apps of an account.
    redirect_uris (id) {
        id -> Uuid,
        account_id -> Uuid,
        /// May hold :provider in path and query.
        uri -> Text,
        created_at -> Timestamptz,
    }
}

diesel::table! {
    /// One-time links to the first-run set-up.
    setup_links (token_digest) {
        token_digest -> Bytea,
        created_at -> Timestamptz,
        expires_at -> Timestamptz,
    }
}

diesel::table! {
    /// One-time start links made by client backends.
    start_links (id) {
        id -> Uuid,
        token_digest -> Bytea,
        account_id -> Uuid,
        oauth_app_id -> Uuid,
        redirect_uri -> Text,
        sealed_state -> Nullable<Bytea>,
        scope -> Nullable<Text>,
        variables -> Jsonb,
        created_at -> Timestamptz,
        expires_at -> Timestamptz,
    }
}

diesel::table! {
    /// Fingerprints of the keys that sealed what lies in this database; a key ring that lacks one is refused.
    vault_keys (key) {
        key -> Text,
        fingerprint -> Bytea,
        created_at -> Timestamptz,
    }
}

diesel::joinable!(admins -> accounts (account_id));
diesel::joinable!(api_tokens -> accounts (account_id));
diesel::joinable!(audit_events -> accounts (account_id));
diesel::joinable!(authorization_codes -> accounts (account_id));
diesel::joinable!(authorization_codes -> authorization_sessions (session_id));
diesel::joinable!(authorization_codes -> grants (grant_id));
diesel::joinable!(authorization_codes -> oauth_apps (oauth_app_id));
diesel::joinable!(authorization_sessions -> accounts (account_id));
diesel::joinable!(authorization_sessions -> oauth_apps (oauth_app_id));
diesel::joinable!(console_sessions -> admins (admin_id));
diesel::joinable!(credentials -> accounts (account_id));
diesel::joinable!(credentials -> grants (grant_id));
diesel::joinable!(credentials -> oauth_apps (oauth_app_id));
diesel::joinable!(grants -> accounts (account_id));
diesel::joinable!(grants -> oauth_apps (oauth_app_id));
diesel::joinable!(oauth_apps -> accounts (account_id));
diesel::joinable!(redirect_uris -> accounts (account_id));
diesel::joinable!(start_links -> accounts (account_id));
diesel::joinable!(start_links -> oauth_apps (oauth_app_id));

diesel::allow_tables_to_appear_in_same_query!(
    accounts,
    admins,
    api_tokens,
    audit_events,
    authorization_codes,
    authorization_sessions,
    console_sessions,
    credentials,
    grants,
    oauth_apps,
    redirect_uris,
    setup_links,
    start_links,
    vault_keys,
);
