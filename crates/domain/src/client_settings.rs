//! How the client backend of an app proves itself at the OAuth endpoints, and what it gets there:
//! by the names of client metadata (RFC 7591, RFC 8705, RFC 9126, RFC 9449), where there are some.

use chrono::TimeDelta;
use serde::{Deserialize, Deserializer, Serialize, de::Error as _};
use serde_json::{Map, Number, Value};

/// The longest that a gateway's access token is good for.
pub const ACCESS_TOKEN_LIFETIME: TimeDelta = TimeDelta::minutes(10);

/// How a client proves itself (RFC 7591 section 2, RFC 8705 section 2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AuthenticationMethod {
    /// A secret in the `Authorization` header.
    ClientSecretBasic,
    /// A secret in the form.
    ClientSecretPost,
    /// An assertion that its key signed (RFC 7523).
    PrivateKeyJwt,
    /// A certificate that the edge has verified, by its subject.
    TlsClientAuth,
    /// A certificate of its own making, by its thumbprint.
    SelfSignedTlsClientAuth,
    /// Not at all: a public client, which must use PKCE.
    None,
}

impl AuthenticationMethod {
    /// All of them, as metadata lists them.
    pub const ALL: [Self; 6] = [
        Self::ClientSecretBasic,
        Self::ClientSecretPost,
        Self::PrivateKeyJwt,
        Self::TlsClientAuth,
        Self::SelfSignedTlsClientAuth,
        Self::None,
    ];

    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ClientSecretBasic => "client_secret_basic",
            Self::ClientSecretPost => "client_secret_post",
            Self::PrivateKeyJwt => "private_key_jwt",
            Self::TlsClientAuth => "tls_client_auth",
            Self::SelfSignedTlsClientAuth => "self_signed_tls_client_auth",
            Self::None => "none",
        }
    }
}

/// What a client gets as its access token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AccessTokenMode {
    /// The provider's, as it is.
    #[default]
    Provider,
    /// One of Keyway's, for Keyway alone (RFC 9068): the provider's never leaves the vault.
    Gateway,
}

/// What signs a client's id tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum IdTokenAlgorithm {
    /// ECDSA with P-256.
    #[default]
    #[serde(rename = "ES256")]
    Es256,
    /// RSA, for clients that know nothing else.
    #[serde(rename = "RS256")]
    Rs256,
}

/// Whose tokens stand for end users, when they are exchanged (RFC 8693): the account's own identity
/// provider.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SubjectTokenIssuer {
    /// Its `iss`.
    pub issuer: String,
    /// What its tokens must be for: their `aud`.
    pub audience: String,
    /// Its public keys (RFC 7517).
    pub jwks: Value,
}

/// The settings of one app. What is left out is as [`ClientSettings::default`] has it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ClientSettings {
    /// How it may prove itself.
    pub token_endpoint_auth_methods: Vec<AuthenticationMethod>,
    /// The keys of its assertions (RFC 7517).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jwks: Option<Value>,
    /// The subject of its certificate (RFC 4514).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls_client_auth_subject_dn: Option<String>,
    /// SHA-256 of its own certificates, in base64url (`x5t#S256`).
    pub tls_client_certificate_thumbprints: Vec<String>,
    /// Whether it must prove a key with every request (RFC 9449).
    pub dpop_bound_access_tokens: bool,
    /// Whether its tokens are bound to its certificate (RFC 8705 section 3).
    pub tls_client_certificate_bound_access_tokens: bool,
    /// Whether it must push its authorization requests (RFC 9126).
    pub require_pushed_authorization_requests: bool,
    /// What it gets as its access token.
    pub access_token: AccessTokenMode,
    /// What signs its id tokens.
    pub id_token_signed_response_alg: IdTokenAlgorithm,
    /// Seconds from the code to the end that no refresh moves; none: there is no such end.
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "maybe_whole"
    )]
    pub refresh_token_lifetime: Option<u32>,
    /// Seconds for which an unused refresh token is good.
    #[serde(deserialize_with = "whole")]
    pub refresh_token_idle_lifetime: u32,
    /// Seconds for which the refresh token that was used last is taken once more, for a client whose
    /// answer was lost.
    #[serde(deserialize_with = "whole")]
    pub refresh_token_leeway: u32,
    /// Whose tokens it may exchange for those of an end user.
    #[serde(deserialize_with = "issuers")]
    pub subject_token_issuers: Vec<SubjectTokenIssuer>,
}

impl Default for ClientSettings {
    fn default() -> Self {
        Self {
            token_endpoint_auth_methods: vec![
                AuthenticationMethod::ClientSecretBasic,
                AuthenticationMethod::ClientSecretPost,
            ],
            jwks: None,
            tls_client_auth_subject_dn: None,
            tls_client_certificate_thumbprints: Vec::new(),
            dpop_bound_access_tokens: false,
            tls_client_certificate_bound_access_tokens: false,
            require_pushed_authorization_requests: false,
            access_token: AccessTokenMode::Provider,
            id_token_signed_response_alg: IdTokenAlgorithm::Es256,
            refresh_token_lifetime: None,
            // 90 days: a client that has not asked in a quarter is gone.
            refresh_token_idle_lifetime: 90 * 24 * 3600,
            refresh_token_leeway: 0,
            subject_token_issuers: Vec::new(),
        }
    }
}

impl ClientSettings {
    /// What contradicts itself or leads nowhere: each field with the sentence to show.
    pub fn problems(&self) -> Vec<(&'static str, &'static str)> {
        let mut problems = Vec::new();
        let mut check = |wrong: bool, field, why| {
            if wrong {
                problems.push((field, why));
            }
        };
        let methods = &self.token_endpoint_auth_methods;
        let has = |method| methods.contains(&method);
        let is_twice = |method: &AuthenticationMethod| {
            methods.iter().filter(|other| *other == method).count() > 1
        };
        let field = "token_endpoint_auth_methods";
        check(
            methods.is_empty() || methods.iter().any(is_twice),
            field,
            "name at least one method, each once",
        );
        check(
            has(AuthenticationMethod::None) && methods.len() > 1,
            field,
            "none stands alone: whoever can prove itself otherwise need not be believed without",
        );
        check(
            has(AuthenticationMethod::PrivateKeyJwt) && self.jwks.is_none(),
            "jwks",
            "private_key_jwt needs the public keys of the client",
        );
        check(
            self.jwks
                .as_ref()
                .is_some_and(|keys| !are_public_keys(keys)),
            "jwks",
            "a key set is {\"keys\": [...]} with 1 to 10 keys, the public half of each alone",
        );
        check(
            has(AuthenticationMethod::TlsClientAuth) && self.tls_client_auth_subject_dn.is_none(),
            "tls_client_auth_subject_dn",
            "tls_client_auth needs the subject of the certificate",
        );
        let thumbprints = &self.tls_client_certificate_thumbprints;
        let field = "tls_client_certificate_thumbprints";
        check(
            has(AuthenticationMethod::SelfSignedTlsClientAuth) && thumbprints.is_empty(),
            field,
            "self_signed_tls_client_auth needs the thumbprint of the certificate",
        );
        check(
            thumbprints.len() > 4 || !thumbprints.iter().all(|text| crate::opaque::is_token(text)),
            field,
            "at most four, each the SHA-256 of a certificate in base64url",
        );
        check(
            self.tls_client_certificate_bound_access_tokens
                && !has(AuthenticationMethod::TlsClientAuth)
                && !has(AuthenticationMethod::SelfSignedTlsClientAuth),
            "tls_client_certificate_bound_access_tokens",
            "a certificate must be among the client's methods",
        );
        check(
            self.refresh_token_lifetime
                .is_some_and(|seconds| seconds < 3600),
            "refresh_token_lifetime",
            "at least an hour",
        );
        check(
            !(3600..=10 * 365 * 24 * 3600).contains(&self.refresh_token_idle_lifetime),
            "refresh_token_idle_lifetime",
            "an hour to ten years",
        );
        check(
            self.refresh_token_leeway > 300,
            "refresh_token_leeway",
            "at most five minutes",
        );
        let issuers = &self.subject_token_issuers;
        let is_named_twice = |one: &SubjectTokenIssuer| {
            issuers
                .iter()
                .filter(|other| other.issuer == one.issuer)
                .count()
                > 1
        };
        check(
            issuers.len() > 4
                || issuers.iter().any(is_named_twice)
                || issuers
                    .iter()
                    .any(|one| one.issuer.is_empty() || one.audience.is_empty()),
            "subject_token_issuers",
            "at most four, each with another issuer, and none empty",
        );
        check(
            !issuers.is_empty() && self.is_public(),
            "subject_token_issuers",
            "a public client exchanges no tokens: anybody could be it",
        );
        problems
    }

    /// Whether the client cannot prove who it is.
    pub fn is_public(&self) -> bool {
        self.token_endpoint_auth_methods
            .contains(&AuthenticationMethod::None)
    }
}

/// An integer in the sense of JSON Schema: `7.0` is one too.
fn whole<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    let number = Number::deserialize(deserializer)?;
    let float = number.as_f64().filter(|float| float.fract() == 0.0);
    let read = number.as_u64().and_then(|whole| u32::try_from(whole).ok());
    read.or_else(|| format!("{:.0}", float?).parse().ok())
        .ok_or_else(|| D::Error::custom("not a number of seconds"))
}

fn maybe_whole<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u32>, D::Error> {
    struct Seconds(u32);
    impl<'de> Deserialize<'de> for Seconds {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            whole(deserializer).map(Self)
        }
    }
    let read = Option::<Seconds>::deserialize(deserializer)?;
    Ok(read.map(|seconds| seconds.0))
}

/// Objects: serde would take arrays as well.
fn issuers<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<SubjectTokenIssuer>, D::Error> {
    let objects = Vec::<Map<String, Value>>::deserialize(deserializer)?;
    let read = |members| serde_json::from_value(Value::Object(members));
    let all: Result<_, _> = objects.into_iter().map(read).collect();
    all.map_err(|_| D::Error::custom("not the documented members"))
}

/// Whether this has the form of a set of public keys (RFC 7517): whoever checks signatures looks closer.
fn are_public_keys(set: &Value) -> bool {
    let is_public = |key: &Value| {
        let members = key.as_object();
        members.is_some_and(|members| {
            members.contains_key("kty") && !members.contains_key("d") && !members.contains_key("k")
        })
    };
    let keys = set.get("keys").and_then(Value::as_array);
    keys.is_some_and(|keys| (1..=10).contains(&keys.len()) && keys.iter().all(is_public))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn problems(settings: Value) -> Vec<&'static str> {
        let read: ClientSettings = serde_json::from_value(settings).expect("settings");
        read.problems()
            .into_iter()
            .map(|(field, _)| field)
            .collect()
    }

    #[test]
    fn nothing_said_is_good() {
        assert!(problems(json!({})).is_empty());
        let again = serde_json::to_value(ClientSettings::default()).expect("JSON");
        assert_eq!(
            serde_json::from_value::<ClientSettings>(again).expect("settings"),
            ClientSettings::default()
        );
        for wrong in [
            json!({"x": 1}),
            json!({"refresh_token_leeway": 7.5}),
            json!({"refresh_token_leeway": -1}),
            json!({"refresh_token_lifetime": 1e300}),
            json!({"subject_token_issuers": [["https://id.example", "a", {}]]}),
        ] {
            assert!(serde_json::from_value::<ClientSettings>(wrong).is_err());
        }
        assert!(problems(json!({"refresh_token_lifetime": 7200.0})).is_empty());
        assert!(problems(json!({"refresh_token_lifetime": null})).is_empty());
    }

    #[test]
    fn what_leads_nowhere_is_named() {
        for (settings, field) in [
            (
                json!({"token_endpoint_auth_methods": []}),
                "token_endpoint_auth_methods",
            ),
            (
                json!({"token_endpoint_auth_methods": ["none", "client_secret_post"]}),
                "token_endpoint_auth_methods",
            ),
            (
                json!({"token_endpoint_auth_methods": ["private_key_jwt"]}),
                "jwks",
            ),
            (
                json!({"token_endpoint_auth_methods": ["tls_client_auth"]}),
                "tls_client_auth_subject_dn",
            ),
            (
                json!({"token_endpoint_auth_methods": ["self_signed_tls_client_auth"]}),
                "tls_client_certificate_thumbprints",
            ),
            (
                json!({"tls_client_certificate_thumbprints": ["AA"]}),
                "tls_client_certificate_thumbprints",
            ),
            (
                json!({"tls_client_certificate_bound_access_tokens": true}),
                "tls_client_certificate_bound_access_tokens",
            ),
            (json!({"jwks": {"keys": []}}), "jwks"),
            (json!({"jwks": {"keys": [{"kty": "EC", "d": "x"}]}}), "jwks"),
            (
                json!({"refresh_token_lifetime": 60}),
                "refresh_token_lifetime",
            ),
            (
                json!({"refresh_token_idle_lifetime": 60}),
                "refresh_token_idle_lifetime",
            ),
            (json!({"refresh_token_leeway": 301}), "refresh_token_leeway"),
            (
                json!({"subject_token_issuers": [{"issuer": "", "audience": "a", "jwks": {}}]}),
                "subject_token_issuers",
            ),
            (
                json!({
                    "subject_token_issuers": [{"issuer": "https://id.example", "audience": "a", "jwks": {}}],
                    "token_endpoint_auth_methods": ["none"],
                }),
                "subject_token_issuers",
            ),
        ] {
            assert_eq!(problems(settings.clone()), [field], "{settings}");
        }
    }
}
