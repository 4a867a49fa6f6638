//! The columns that the floors' statements name.

diesel::table! {
    floor.oauth_apps (id) {
        id -> Uuid,
        sealed_client_secret -> Binary,
    }
}

diesel::table! {
    floor.authorization_sessions (id) {
        id -> Uuid,
        account_id -> Uuid,
        oauth_app_id -> Nullable<Uuid>,
        provider -> Text,
        redirect_uri -> Nullable<Text>,
        state_digest -> Nullable<Binary>,
        sealed_secrets -> Nullable<Binary>,
        scope -> Text,
        scope_source -> Nullable<Text>,
        variables -> Jsonb,
        created_at -> Timestamptz,
        expires_at -> Timestamptz,
        claimed_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    floor.grants (id) {
        id -> Uuid,
        properties -> Jsonb,
        sealed_secrets -> Binary,
    }
}

diesel::table! {
    floor.authorization_codes (id) {
        id -> Uuid,
        oauth_app_id -> Uuid,
        grant_id -> Nullable<Uuid>,
        code_digest -> Binary,
        expires_at -> Timestamptz,
        redeemed_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    api_tokens (id) {
        id -> Uuid,
        account_id -> Uuid,
        token_digest -> Binary,
        scope -> Text,
        expires_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    credentials (id) {
        id -> Uuid,
        account_id -> Uuid,
        grant_id -> Uuid,
        health_status -> Text,
    }
}

diesel::table! {
    #[sql_name = "grants"]
    own_grants (id) {
        id -> Uuid,
        properties -> Jsonb,
        sealed_secrets -> Binary,
        token_type -> Nullable<Text>,
        scope -> Nullable<Text>,
        expires_at -> Nullable<Timestamptz>,
    }
}

diesel::allow_tables_to_appear_in_same_query!(api_tokens, credentials, own_grants);
