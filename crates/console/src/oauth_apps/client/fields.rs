//! The settings as a form has them, and back.

use std::collections::BTreeMap;

use keyway_domain::client_settings::{
    AccessTokenMode, AuthenticationMethod, ClientSettings, IdTokenAlgorithm,
};
use serde::Deserialize;

const DAY: u32 = 24 * 3600;

/// The ways of proof: value of the field, words.
pub(super) const METHODS: [(&str, &str); 6] = [
    ("client_secret_basic", "A secret, in a header"),
    ("client_secret_post", "A secret, in the form"),
    ("private_key_jwt", "A signature of its key"),
    ("tls_client_auth", "A certificate, by its subject"),
    (
        "self_signed_tls_client_auth",
        "A certificate of its own making",
    ),
    ("none", "Not at all: a public client, with PKCE"),
];

/// The fields as a browser sends them: each ticked method is one of the same name.
#[derive(Debug, Default, Deserialize)]
#[serde(from = "Vec<(String, String)>")]
pub(crate) struct Form {
    methods: Vec<String>,
    fields: BTreeMap<String, String>,
}

impl From<Vec<(String, String)>> for Form {
    fn from(sent: Vec<(String, String)>) -> Self {
        let mut form = Self::default();
        for (name, value) in sent {
            if name == "method" {
                form.methods.push(value);
            } else {
                form.fields.insert(name, value);
            }
        }
        form
    }
}

/// What is wrong with each field.
#[derive(Debug, Default)]
pub(crate) struct Problems(BTreeMap<&'static str, String>);

impl Problems {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What is wrong with a field, by the name of its setting.
    pub(super) fn of(&self, field: &str) -> Option<&String> {
        self.0.get(field)
    }

    fn add(&mut self, field: &'static str, why: &str) {
        self.0.entry(field).or_insert_with(|| why.to_owned());
    }
}

impl Form {
    /// The form that shows these settings.
    pub(super) fn of(settings: &ClientSettings) -> Self {
        let mut fields = BTreeMap::new();
        let mut set = |name: &str, value: String| fields.insert(name.to_owned(), value);
        let keys = settings.jwks.as_ref();
        set(
            "jwks",
            keys.map_or_else(String::new, |keys| format!("{keys:#}")),
        );
        let subject = settings.tls_client_auth_subject_dn.clone();
        set("subject", subject.unwrap_or_default());
        let thumbprints = settings.tls_client_certificate_thumbprints.join("\n");
        set("thumbprints", thumbprints);
        let mode = match settings.access_token {
            AccessTokenMode::Provider => "provider",
            AccessTokenMode::Gateway => "gateway",
        };
        set("access_token", mode.to_owned());
        let algorithm = match settings.id_token_signed_response_alg {
            IdTokenAlgorithm::Es256 => "ES256",
            IdTokenAlgorithm::Rs256 => "RS256",
        };
        set("algorithm", algorithm.to_owned());
        for (name, ticked) in [
            ("dpop", settings.dpop_bound_access_tokens),
            ("bound", settings.tls_client_certificate_bound_access_tokens),
            ("par", settings.require_pushed_authorization_requests),
        ] {
            if ticked {
                set(name, "on".to_owned());
            }
        }
        let idle = settings.refresh_token_idle_lifetime.div_ceil(DAY);
        set("idle", idle.to_string());
        let life = settings.refresh_token_lifetime;
        set(
            "life",
            life.map_or_else(String::new, |life| life.div_ceil(DAY).to_string()),
        );
        set("leeway", settings.refresh_token_leeway.to_string());
        let methods = settings.token_endpoint_auth_methods.iter();
        Self {
            methods: methods.map(|method| method.as_str().to_owned()).collect(),
            fields,
        }
    }

    /// What a field holds.
    pub(super) fn value(&self, name: &str) -> &str {
        self.fields.get(name).map_or("", String::as_str)
    }

    pub(super) fn is_ticked(&self, method: &str) -> bool {
        self.methods.iter().any(|ticked| ticked == method)
    }

    /// The settings that it asks for; what it does not show stays as it was.
    ///
    /// # Errors
    /// [`Problems`] by field.
    pub(super) fn read(&self, before: &ClientSettings) -> Result<ClientSettings, Problems> {
        let mut problems = Problems::default();
        let methods = AuthenticationMethod::ALL.into_iter();
        let text = |name| Some(self.value(name).trim()).filter(|text| !text.is_empty());
        let jwks = text("jwks").map(serde_json::from_str).transpose();
        if jwks.is_err() {
            problems.add("jwks", "this is not JSON");
        }
        let days = |field, name: &'static str, problems: &mut Problems| {
            let days = text(field).map(str::parse::<u32>).transpose();
            let seconds = days.map(|days| days.map(|days| days.checked_mul(DAY)));
            match seconds {
                Ok(None) => None,
                Ok(Some(Some(seconds))) => Some(seconds),
                _ => {
                    problems.add(name, "a number of days");
                    None
                }
            }
        };
        let idle = days("idle", "refresh_token_idle_lifetime", &mut problems);
        let life = days("life", "refresh_token_lifetime", &mut problems);
        let leeway = text("leeway").map_or(Ok(0), str::parse);
        if leeway.is_err() {
            problems.add("refresh_token_leeway", "a number of seconds");
        }
        let settings = ClientSettings {
            token_endpoint_auth_methods: methods
                .filter(|method| self.is_ticked(method.as_str()))
                .collect(),
            jwks: jwks.unwrap_or_default(),
            tls_client_auth_subject_dn: text("subject").map(str::to_owned),
            tls_client_certificate_thumbprints: self
                .value("thumbprints")
                .split_whitespace()
                .map(str::to_owned)
                .collect(),
            dpop_bound_access_tokens: text("dpop").is_some(),
            tls_client_certificate_bound_access_tokens: text("bound").is_some(),
            require_pushed_authorization_requests: text("par").is_some(),
            access_token: if self.value("access_token") == "gateway" {
                AccessTokenMode::Gateway
            } else {
                AccessTokenMode::Provider
            },
            id_token_signed_response_alg: if self.value("algorithm") == "RS256" {
                IdTokenAlgorithm::Rs256
            } else {
                IdTokenAlgorithm::Es256
            },
            refresh_token_lifetime: life,
            refresh_token_idle_lifetime: idle.unwrap_or(before.refresh_token_idle_lifetime),
            refresh_token_leeway: leeway.unwrap_or_default(),
            subject_token_issuers: before.subject_token_issuers.clone(),
        };
        for (field, why) in settings.problems() {
            problems.add(field, why);
        }
        if problems.is_empty() {
            Ok(settings)
        } else {
            Err(problems)
        }
    }
}
