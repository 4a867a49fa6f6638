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
