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
        /// To about a minute.
        last_used_at -> Nullable<Timestamptz>,
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
        /// What the client asked for at /oauth/authorize; null for a code of the link flow.
        authorization_request -> Nullable<Jsonb>,
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
        /// The link session that the flow was started from; it may be gone.
        link_session_id -> Nullable<Uuid>,
        /// What was granted, while the end user chooses one of its accounts.
        sealed_choice -> Nullable<Bytea>,
    }
}

diesel::table! {
    /// Secrets that Keyway made for client backends; two of an app at most, so that one can replace the other.
    client_secrets (id) {
        id -> Uuid,
        account_id -> Uuid,
        oauth_app_id -> Uuid,
        secret_digest -> Bytea,
        created_at -> Timestamptz,
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
        name -> Nullable<Text>,
        metadata -> Jsonb,
        end_user_id -> Nullable<Text>,
        end_user_email -> Nullable<Text>,
        end_user_name -> Nullable<Text>,
        /// Counts the changes; the entity tag.
        revision -> Int8,
        health_status -> Text,
        health_notes -> Jsonb,
        health_at -> Timestamptz,
    }
}

diesel::table! {
    /// What happened to credentials and OAuth apps: the API's events, the timelines, and what webhooks carry. Never holds a secret.
    events (id) {
        id -> Uuid,
        /// The order. A reader goes on where it stopped.
        position -> Int8,
        /// Tells which events a reader may not have seen yet: those of transactions that still run.
        transaction_id -> Int8,
        account_id -> Uuid,
        kind -> Text,
        credential_id -> Nullable<Uuid>,
        oauth_app_id -> Nullable<Uuid>,
        data -> Jsonb,
        created_at -> Timestamptz,
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
        provider -> Text,
        /// In the provider's spelling.
        token_type -> Nullable<Text>,
        /// The granted scopes, space-separated.
        scope -> Nullable<Text>,
        /// When the background refreshes it; null if it cannot be, or must be reconnected.
        refresh_at -> Nullable<Timestamptz>,
        /// Failed refreshes since the last that succeeded.
        refresh_failures -> Int4,
        /// Nobody asks the provider before this; null without a failure.
        retry_at -> Nullable<Timestamptz>,
        refreshed_at -> Nullable<Timestamptz>,
        /// A refresh of this time was sent and its answer never came; null after one that succeeded.
        unanswered_at -> Nullable<Timestamptz>,
        /// Whoever holds it refreshes; nobody else may write the outcome.
        lease_id -> Nullable<Uuid>,
        leased_until -> Nullable<Timestamptz>,
        /// When to ask the provider to end it; null as long as it is in use.
        revoke_at -> Nullable<Timestamptz>,
        revoke_attempts -> Int4,
        /// The credential that it was under when it ended.
        ended_credential_id -> Nullable<Uuid>,
        ended_reason -> Nullable<Text>,
    }
}

diesel::table! {
    /// Answers of POST requests, kept for a day: a repeated request gets the same one.
    idempotency_keys (id) {
        id -> Uuid,
        account_id -> Uuid,
        key -> Text,
        /// Of method, path and body: one key is for one request.
        request_digest -> Bytea,
        created_at -> Timestamptz,
        /// Until then the first request is under way.
        leased_until -> Timestamptz,
        response_status -> Nullable<Int4>,
        sealed_response -> Nullable<Bytea>,
    }
}

diesel::table! {
    /// What admins ask of credentials in the console, which cannot open any: a gateway takes it.
    jobs (id) {
        id -> Uuid,
        account_id -> Uuid,
        kind -> Text,
        credential_id -> Uuid,
        admin_id -> Uuid,
        created_at -> Timestamptz,
        attempts -> Int4,
        lease_id -> Nullable<Uuid>,
        leased_until -> Nullable<Timestamptz>,
        finished_at -> Nullable<Timestamptz>,
        outcome -> Nullable<Text>,
        detail -> Nullable<Text>,
    }
}

diesel::table! {
    /// The providers that a link session offers.
    link_session_apps (link_session_id, oauth_app_id) {
        link_session_id -> Uuid,
        oauth_app_id -> Uuid,
    }
}

diesel::table! {
    /// Hosted pages that client backends ask for, each for one end user and one connection.
    link_sessions (id) {
        id -> Uuid,
        account_id -> Uuid,
        token_digest -> Bytea,
        /// Where the flow ends, as the client backend wrote it; null: on a hosted page.
        redirect_uri -> Nullable<Text>,
        sealed_state -> Nullable<Bytea>,
        scope -> Nullable<Text>,
        variables -> Jsonb,
        end_user_id -> Text,
        end_user_email -> Nullable<Text>,
        end_user_name -> Nullable<Text>,
        metadata -> Nullable<Jsonb>,
        /// The credential to reconnect, null for a new one; once the session is used, the one that was made of it.
        credential_id -> Nullable<Uuid>,
        created_at -> Timestamptz,
        expires_at -> Timestamptz,
        /// When a connection was made of it: it is good for one.
        used_at -> Nullable<Timestamptz>,
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
        metadata -> Jsonb,
        /// Counts the changes; the entity tag.
        revision -> Int8,
        /// Gone for everybody; the row stays until its grants are revoked.
        removed_at -> Nullable<Timestamptz>,
        /// The provider's variables that the admin sets.
        variables -> Jsonb,
        /// How its client backend proves itself at the OAuth endpoints, and what it gets there.
        settings -> Jsonb,
    }
}

diesel::table! {
    /// Providers that an account has described itself: each save is a row, and the newest version counts.
    provider_definitions (id) {
        id -> Uuid,
        account_id -> Uuid,
        slug -> Text,
        version -> Int4,
        /// TOML, as it was written.
        text -> Text,
        /// Why it was saved.
        note -> Nullable<Text>,
        created_at -> Timestamptz,
        /// The admin; null if it was the operator.
        created_by -> Nullable<Uuid>,
    }
}

diesel::table! {
    /// Authorization requests that client backends pushed (RFC 9126), each good for one start.
    pushed_requests (id) {
        id -> Uuid,
        account_id -> Uuid,
        oauth_app_id -> Uuid,
        uri_digest -> Bytea,
        sealed_parameters -> Bytea,
        created_at -> Timestamptz,
        expires_at -> Timestamptz,
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
    /// What Keyway itself granted to a client backend: all tokens that descend from one code.
    refresh_families (id) {
        id -> Uuid,
        account_id -> Uuid,
        oauth_app_id -> Uuid,
        credential_id -> Uuid,
        authorization_code_id -> Uuid,
        openid -> Bool,
        /// Thumbprint of the key that a public client must prove at every refresh.
        dpop_jkt -> Nullable<Text>,
        created_at -> Timestamptz,
        /// The end that no refresh moves; null if there is none.
        expires_at -> Nullable<Timestamptz>,
        revoked_at -> Nullable<Timestamptz>,
        revoked_reason -> Nullable<Text>,
    }
}

diesel::table! {
    /// Refresh tokens of Keyway's own; kept after use, so that a second use is noticed.
    refresh_tokens (id) {
        id -> Uuid,
        family_id -> Uuid,
        parent_id -> Nullable<Uuid>,
        token_digest -> Bytea,
        created_at -> Timestamptz,
        expires_at -> Timestamptz,
        used_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    /// The `jti` of assertions and DPoP proofs, each good once, until they would be too old anyway.
    seen_proofs (digest) {
        digest -> Bytea,
        expires_at -> Timestamptz,
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
    /// What Keyway signs its own tokens with. The newest that is due signs.
    signing_keys (id) {
        id -> Uuid,
        algorithm -> Text,
        public_jwk -> Jsonb,
        sealed_private_key -> Bytea,
        created_at -> Timestamptz,
        /// Published before, so that whoever verifies knows it in time.
        signs_from -> Timestamptz,
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

diesel::table! {
    /// One event on its way to one endpoint.
    webhook_deliveries (id) {
        id -> Uuid,
        account_id -> Uuid,
        endpoint_id -> Uuid,
        event_id -> Uuid,
        /// Of the event: deliveries of one subject go out in this order.
        position -> Int8,
        /// The credential, or else the OAuth app, that the event is about.
        subject_id -> Uuid,
        state -> Text,
        attempts -> Int4,
        /// While it is leased: the end of the lease. While an earlier one of the subject is pending: when to look again.
        next_attempt_at -> Timestamptz,
        first_attempt_at -> Nullable<Timestamptz>,
        last_attempt_at -> Nullable<Timestamptz>,
        last_status -> Nullable<Int4>,
        last_error -> Nullable<Text>,
        lease_id -> Nullable<Uuid>,
        leased_until -> Nullable<Timestamptz>,
        delivered_at -> Nullable<Timestamptz>,
        created_at -> Timestamptz,
    }
}

diesel::table! {
    /// Where an account hears of its events.
    webhook_endpoints (id) {
        id -> Uuid,
        account_id -> Uuid,
        url -> Text,
        description -> Nullable<Text>,
        /// Null: all but credential.refreshed.
        event_kinds -> Nullable<Array<Nullable<Text>>>,
        sealed_secret -> Bytea,
        /// Signs too, until it expires: the overlap of a rotation. Moved here as it is, so it opens in the place of `sealed_secret`.
        sealed_previous_secret -> Nullable<Bytea>,
        previous_secret_expires_at -> Nullable<Timestamptz>,
        disabled_at -> Nullable<Timestamptz>,
        /// 'gone': it answered 410.
        disabled_reason -> Nullable<Text>,
        revision -> Int8,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
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
diesel::joinable!(client_secrets -> accounts (account_id));
diesel::joinable!(client_secrets -> oauth_apps (oauth_app_id));
diesel::joinable!(console_sessions -> admins (admin_id));
diesel::joinable!(credentials -> accounts (account_id));
diesel::joinable!(credentials -> grants (grant_id));
diesel::joinable!(credentials -> oauth_apps (oauth_app_id));
diesel::joinable!(events -> accounts (account_id));
diesel::joinable!(grants -> accounts (account_id));
diesel::joinable!(grants -> oauth_apps (oauth_app_id));
diesel::joinable!(idempotency_keys -> accounts (account_id));
diesel::joinable!(jobs -> accounts (account_id));
diesel::joinable!(link_session_apps -> link_sessions (link_session_id));
diesel::joinable!(link_session_apps -> oauth_apps (oauth_app_id));
diesel::joinable!(link_sessions -> accounts (account_id));
diesel::joinable!(link_sessions -> credentials (credential_id));
diesel::joinable!(oauth_apps -> accounts (account_id));
diesel::joinable!(provider_definitions -> accounts (account_id));
diesel::joinable!(provider_definitions -> admins (created_by));
diesel::joinable!(pushed_requests -> accounts (account_id));
diesel::joinable!(pushed_requests -> oauth_apps (oauth_app_id));
diesel::joinable!(redirect_uris -> accounts (account_id));
diesel::joinable!(refresh_families -> accounts (account_id));
diesel::joinable!(refresh_families -> credentials (credential_id));
diesel::joinable!(refresh_families -> oauth_apps (oauth_app_id));
diesel::joinable!(refresh_tokens -> refresh_families (family_id));
diesel::joinable!(start_links -> accounts (account_id));
diesel::joinable!(start_links -> oauth_apps (oauth_app_id));
diesel::joinable!(webhook_deliveries -> accounts (account_id));
diesel::joinable!(webhook_deliveries -> events (event_id));
diesel::joinable!(webhook_deliveries -> webhook_endpoints (endpoint_id));
diesel::joinable!(webhook_endpoints -> accounts (account_id));

diesel::allow_tables_to_appear_in_same_query!(
    accounts,
    admins,
    api_tokens,
    audit_events,
    authorization_codes,
    authorization_sessions,
    client_secrets,
    console_sessions,
    credentials,
    events,
    grants,
    idempotency_keys,
    jobs,
    link_session_apps,
    link_sessions,
    oauth_apps,
    provider_definitions,
    pushed_requests,
    redirect_uris,
    refresh_families,
    refresh_tokens,
    seen_proofs,
    setup_links,
    signing_keys,
    start_links,
    vault_keys,
    webhook_deliveries,
    webhook_endpoints,
);
