//! Settings of an OAuth app, as the document describes them.

use keyway_domain::client_settings::ClientSettings;
use keyway_vault::jws::KeySet;
use serde::Deserialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::api::problems::Problems;

/// How your backend proves itself at the OAuth endpoints, and what it gets there. What is left out is
/// at its default.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "what the document says; `ClientSettings` is read")]
pub(crate) struct OauthAppSettings {
    /// How it may prove itself: `client_secret_basic`, `client_secret_post`, `private_key_jwt`,
    /// `tls_client_auth`, `self_signed_tls_client_auth`, or `none` alone for a public client, which
    /// must use PKCE.
    #[schema(required = false, example = json!(["client_secret_basic", "client_secret_post"]))]
    token_endpoint_auth_methods: Vec<OauthAppAuthenticationMethod>,
    /// The public keys of `private_key_jwt` (RFC 7517): P-256, Ed25519, or RSA of 2,048 to 4,096 bits.
    #[schema(required = false, value_type = Option<Object>)]
    jwks: Option<Map<String, Value>>,
    /// The subject of the certificate of `tls_client_auth` (RFC 4514).
    #[schema(required = false, example = "CN=client,O=Acme")]
    tls_client_auth_subject_dn: Option<String>,
    /// SHA-256 of the certificates of `self_signed_tls_client_auth`, in base64url.
    #[schema(required = false, max_items = 4)]
    tls_client_certificate_thumbprints: Vec<String>,
    /// Whether every token request must prove a key (RFC 9449).
    #[schema(required = false, default = false)]
    dpop_bound_access_tokens: bool,
    /// Whether tokens are bound to the client's certificate (RFC 8705).
    #[schema(required = false, default = false)]
    tls_client_certificate_bound_access_tokens: bool,
    /// Whether authorization requests must be pushed (RFC 9126).
    #[schema(required = false, default = false)]
    require_pushed_authorization_requests: bool,
    /// `provider`: the provider's access token, as it is. `gateway`: one of Keyway's own (RFC 9068),
    /// for the proxy, `/userinfo` and `/v1/credentials/{id}/token`.
    #[schema(required = false)]
    access_token: OauthAppAccessToken,
    /// What signs id tokens.
    #[schema(required = false)]
    id_token_signed_response_alg: OauthAppIdTokenAlgorithm,
    /// Seconds from the code to the end that no refresh moves; left out: there is none.
    #[schema(required = false, minimum = 3600, maximum = 4_294_967_295_u32)]
    refresh_token_lifetime: Option<u32>,
    /// Seconds for which an unused refresh token is good.
    #[schema(required = false, minimum = 3600, maximum = 315_360_000)]
    refresh_token_idle_lifetime: u32,
    /// Seconds for which the refresh token that was used last is taken once more.
    #[schema(required = false, maximum = 300)]
    refresh_token_leeway: u32,
    /// Whose tokens stand for end users, when they are exchanged (RFC 8693).
    #[schema(required = false, max_items = 4)]
    subject_token_issuers: Vec<OauthAppSubjectTokenIssuer>,
}

/// How a client proves itself.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum OauthAppAuthenticationMethod {
    ClientSecretBasic,
    ClientSecretPost,
    PrivateKeyJwt,
    TlsClientAuth,
    SelfSignedTlsClientAuth,
    None,
}

/// Whose access token a client gets.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum OauthAppAccessToken {
    Provider,
    Gateway,
}

/// ECDSA with P-256, or RSA for clients that know nothing else.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum OauthAppIdTokenAlgorithm {
    Es256,
    Rs256,
}

/// An identity provider of your own. The `sub` of its tokens is the `end_user.id` of credentials.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(
    dead_code,
    reason = "what the document says; `SubjectTokenIssuer` is read"
)]
pub(crate) struct OauthAppSubjectTokenIssuer {
    /// Its `iss`.
    #[schema(min_length = 1)]
    issuer: String,
    /// What its tokens must be for: their `aud`.
    #[schema(min_length = 1)]
    audience: String,
    /// Its public keys (RFC 7517).
    #[schema(value_type = Object)]
    jwks: Map<String, Value>,
}

/// Tells what is wrong with settings.
pub(super) fn check(problems: &mut Problems, settings: &ClientSettings) {
    for (field, why) in settings.problems() {
        problems.take(&format!("settings.{field}"), Err::<(), _>(why));
    }
    for issuer in &settings.subject_token_issuers {
        problems.take(
            "settings.subject_token_issuers",
            KeySet::parse(&issuer.jwks),
        );
    }
    if let Some(keys) = &settings.jwks {
        problems.take("settings.jwks", KeySet::parse(keys));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use std::collections::BTreeSet;
    use utoipa::PartialSchema as _;

    #[test]
    fn every_setting_is_described_and_nothing_else() {
        let all = ClientSettings {
            jwks: Some(json!({})),
            tls_client_auth_subject_dn: Some(String::new()),
            refresh_token_lifetime: Some(1),
            ..ClientSettings::default()
        };
        let names = |value: &Value| -> BTreeSet<String> {
            value
                .as_object()
                .expect("members")
                .keys()
                .cloned()
                .collect()
        };
        let schema = serde_json::to_value(OauthAppSettings::schema()).expect("JSON");
        let read = serde_json::to_value(all).expect("JSON");
        assert_eq!(names(&schema["properties"]), names(&read));
    }
}
