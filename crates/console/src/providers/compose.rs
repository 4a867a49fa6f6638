//! From the form's fields to the text of a definition.

use std::fmt::Write as _;

use chrono::NaiveDate;
use keyway_providers::finding::Finding;
use serde::Deserialize;

/// The form, as it is sent.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Form {
    pub(super) slug: String,
    pub(super) name: String,
    #[serde(default)]
    pub(super) category: String,
    #[serde(default)]
    pub(super) documentation: String,
    #[serde(default)]
    pub(super) authorize_url: String,
    #[serde(default)]
    pub(super) token_url: String,
    #[serde(default)]
    pub(super) client_authentication: String,
    #[serde(default)]
    pub(super) pkce: String,
    #[serde(default)]
    pub(super) scopes: String,
    #[serde(default)]
    pub(super) separator: String,
    #[serde(default)]
    pub(super) refresh: String,
    #[serde(default)]
    pub(super) identity_url: String,
    #[serde(default)]
    pub(super) id_path: String,
    #[serde(default)]
    pub(super) label_path: String,
}

/// The field that a finding is about, by the beginning of its words.
const FIELDS: [(&str, &str); 14] = [
    ("name", "name"),
    ("category", "category"),
    ("documentation", "documentation"),
    ("authorize.url", "authorize_url"),
    ("authorize.pkce", "pkce"),
    ("authorize.scope_separator", "separator"),
    ("authorize.default_scopes", "scopes"),
    ("token.url", "token_url"),
    ("token", "client_authentication"),
    ("refresh", "refresh"),
    ("identity.me", "identity_url"),
    ("credential.external_id", "id_path"),
    ("credential.external_label", "label_path"),
    ("credential", "id_path"),
];

/// The field that the form has for a finding.
pub(super) fn field_of(finding: &Finding) -> Option<&'static str> {
    FIELDS
        .iter()
        .find(|(path, _)| {
            let rest = finding.reason.strip_prefix(path);
            rest.is_some_and(|rest| rest.starts_with([':', '.', ' ']))
        })
        .map(|(_, field)| *field)
}

impl Form {
    /// What a fresh form holds.
    pub(super) fn fresh() -> Self {
        Self {
            category: "other".into(),
            client_authentication: "basic".into(),
            pkce: "supported".into(),
            separator: "space".into(),
            refresh: "renewed".into(),
            id_path: "id".into(),
            ..Self::default()
        }
    }

    /// The definition that the fields make, good or not.
    pub(super) fn compose(&self, today: NaiveDate) -> String {
        let mut text = String::new();
        let mut line = |key: &str, value: &str| {
            let value = quoted(value.trim());
            // Writing to a text does not fail.
            let _ = writeln!(text, "{key} = {value}");
        };
        line("name", &self.name);
        line("category", &self.category);
        line("documentation", &self.documentation);
        line("checked", &today.to_string());
        line("certainty", "single");
        line("\n[authorize]\nurl", &self.authorize_url);
        line("pkce", &self.pkce);
        if self.separator == "comma" {
            line("scope_separator", ",");
        }
        let scopes = self.scopes.split([' ', '\t', '\r', '\n', ',']);
        let scopes: Vec<String> = scopes.filter(|it| !it.is_empty()).map(quoted).collect();
        if !scopes.is_empty() {
            let _ = writeln!(text, "default_scopes = [{}]", scopes.join(", "));
        }
        let mut line = |key: &str, value: &str| {
            let value = quoted(value.trim());
            let _ = writeln!(text, "{key} = {value}");
        };
        line("\n[token]\nurl", &self.token_url);
        line("client_authentication", &self.client_authentication);
        if self.refresh != "none" {
            line("\n[refresh]\nrotation", &self.refresh);
        }
        if !self.identity_url.trim().is_empty() {
            line("\n[[identity]]\nname", "me");
            let url = quoted(self.identity_url.trim());
            let _ = writeln!(text, "request = {{ url = {url} }}");
            let id = quoted(&format!("identity.me.{}", self.id_path.trim()));
            let _ = writeln!(text, "\n[credential]\nexternal_id = [{id}]");
            if !self.label_path.trim().is_empty() {
                let label = quoted(&format!("identity.me.{}", self.label_path.trim()));
                let _ = writeln!(text, "external_label = [{label}]");
            }
        }
        text
    }
}

/// A text as a basic string of TOML: JSON's, but for DEL.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text)
        .to_string()
        .replace('\u{7f}', "\\u007f")
}

#[cfg(test)]
mod tests {
    use keyway_domain::provider::ProviderSlug;
    use keyway_providers::Provider;

    use super::*;

    fn filled() -> Form {
        Form {
            name: "A \"quoted\" \\ name".into(),
            documentation: "https://acme.example/docs".into(),
            authorize_url: "https://acme.example/authorize".into(),
            token_url: "https://acme.example/token".into(),
            scopes: "read, write\nadmin".into(),
            identity_url: "https://acme.example/me".into(),
            label_path: "name".into(),
            ..Form::fresh()
        }
    }

    fn read(form: &Form) -> Result<Provider, Vec<Finding>> {
        let today = NaiveDate::from_ymd_opt(2026, 11, 27).expect("a date");
        let slug = ProviderSlug::parse("acme").expect("a slug");
        Provider::read_own(&slug, &form.compose(today))
    }

    #[test]
    fn what_is_filled_in_makes_a_definition() {
        let provider = read(&filled()).expect("no finding");
        let definition = &provider.definition;
        assert_eq!(definition.name, "A \"quoted\" \\ name");
        let scopes = definition.default_scopes();
        assert_eq!(scopes.as_slice(), ["read", "write", "admin"]);
        assert!(definition.refresh.is_some());
        assert_eq!(definition.identity.len(), 1);
    }

    #[test]
    fn nothing_typed_can_add_a_line() {
        let mut form = filled();
        form.name = "A\"\ncertainty = \"verified".into();
        let provider = read(&form).expect("no finding");
        assert_eq!(provider.definition.name, form.name);
    }

    #[test]
    fn findings_are_about_fields() {
        let mut form = filled();
        form.token_url = "http://acme.example/token".into();
        let findings = read(&form).expect_err("http");
        assert_eq!(field_of(&findings[0]), Some("token_url"), "{findings:?}");
        assert!(findings[0].line.is_some());
    }
}
