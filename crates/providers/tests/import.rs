//! What an import refuses, field by field.
#![expect(clippy::expect_used, reason = "tests")]

use std::{collections::BTreeMap, sync::Arc};

use chrono::{DateTime, Utc};
use keyway_domain::{provider::ProviderSlug, random::OsRandom};
use keyway_providers::{Catalogue, Provider, import::Imported};
use serde_json::{Value, json};

const DEFINITION: &str = r#"
name = "Example"
category = "testing"
documentation = "https://example.com/docs"
checked = "2026-11-21"
certainty = "single"
hosts = ["*.example.com", "{installation}"]
[variables.tenant]
label = "Tenant"
example = "acme"
pattern = '[a-z]+'
lowercase = true
[variables.installation]
label = "Installation"
pattern = '[a-z.]+'
lowercase = true
set_by = "admin"
[variables.region]
label = "Region"
default = "us"
[[variables.region.choices]]
value = "us"
label = "US"
set = { region_host = "us.example.com" }
[[variables.region.choices]]
value = "eu"
label = "EU"
set = { region_host = "eu.example.com" }
[authorize]
url = "https://{tenant}.example.com/authorize"
pkce = "none"
[callback.parameters.realm]
pattern = '[0-9]+'
[token]
url = "https://{region_host}/{tenant}/token"
client_authentication = "post"
[refresh]
rotation = "static"
[credential]
kind = "example_oauth2"
external_id = ["callback.realm"]
external_label = ["token.name"]
[credential.properties]
access_token = { from = ["granted.access_token"], secret = true }
refresh_token = { from = ["granted.refresh_token"], secret = true, optional = true }
expires_at = { from = ["granted.expires_at"] }
refresh_expires_at = { from = ["granted.refresh_expires_at"], optional = true }
token_type = { from = ["granted.token_type"], optional = true }
scope = { from = ["granted.scope"] }
tenant = { from = ["variable.tenant"] }
region = { from = ["variable.region"] }
host = { from = ["variable.region_host"] }
installation = { from = ["variable.installation"] }
european = { from = ["variable.region"], matches = 'eu' }
realm = { from = ["callback.realm"] }
name = { from = ["token.name"], as = "string", optional = true }
seats = { from = ["token.seats"], as = "integer", optional = true }
trial = { from = ["token.trial"], as = "boolean", optional = true }
teams = { from = ["token.teams"], as = "list", optional = true }
extra = { from = ["token.extra"], optional = true }
other_key = { from = ["token.key"], secret = true, optional = true }
"#;

fn now() -> DateTime<Utc> {
    "2026-11-21T12:00:00Z".parse().expect("moment")
}

fn provider(definition: &str) -> Arc<Provider> {
    let mut catalogue = Catalogue::default();
    catalogue.add("example", definition).expect("a definition");
    let slug = ProviderSlug::parse("example").expect("slug");
    Arc::clone(catalogue.find(&slug).expect("added"))
}

/// What the admin registered the app with.
fn registered() -> BTreeMap<String, String> {
    BTreeMap::from([("installation".to_owned(), "id.example.org".to_owned())])
}

fn good() -> Value {
    json!({
        "kind": "example_oauth2",
        "access_token": "at-secret",
        "refresh_token": "rt-secret",
        "expires_at": "2026-11-21T13:00:00.5+00:00",
        "scope": "read write",
        "tenant": "acme",
        "realm": "42",
    })
}

/// The good properties with these instead; `null` takes one away.
fn with(changes: &Value) -> Value {
    let mut all = good();
    let (members, changes) = (all.as_object_mut(), changes.as_object());
    members
        .expect("an object")
        .extend(changes.expect("an object").clone());
    all
}

fn import(properties: &Value) -> Result<Imported, Vec<(String, String)>> {
    let properties = properties.as_object().expect("an object");
    let imported = provider(DEFINITION).import(&registered(), properties, now());
    imported.map_err(|faults| {
        let pairs = faults.into_iter().map(|fault| (fault.field, fault.reason));
        pairs.collect()
    })
}

fn imported(changes: &Value) -> Imported {
    import(&with(changes)).expect("imported")
}

#[track_caller]
fn refused(changes: &Value) -> Vec<(String, String)> {
    import(&with(changes)).expect_err("refused")
}

/// One field is wrong, for this reason.
#[track_caller]
fn assert_refused(changes: &Value, field: &str, reason: &str) {
    let faults = refused(changes);
    let expected = [(format!("properties.{field}"), reason.to_owned())];
    assert_eq!(faults, expected, "{changes}");
}

#[test]
fn what_was_granted_is_read_back() {
    let imported = imported(&json!({
        "refresh_expires_at": "2027-01-01T00:00:00Z", "token_type": "Bearer", "name": "Acme",
        "seats": 3, "trial": false, "teams": ["a", 7], "extra": {"any": ["thing"]}, "other_key": "k",
    }));
    assert_eq!(imported.external.id, "42");
    assert_eq!(imported.external.label.as_deref(), Some("Acme"));
    assert_eq!(imported.secrets.access_token.as_deref(), Some("at-secret"));
    assert_eq!(imported.secrets.refresh_token.as_deref(), Some("rt-secret"));
    assert_eq!(imported.secrets.external_id, "42");
    let names: Vec<&str> = imported
        .secrets
        .properties
        .keys()
        .map(String::as_str)
        .collect();
    assert_eq!(names, ["access_token", "other_key", "refresh_token"]);
    assert_eq!(imported.token_type.as_deref(), Some("Bearer"));
    assert_eq!(
        imported.scopes.map(|scopes| scopes.to_string()).as_deref(),
        Some("read write")
    );
    assert_eq!(
        imported.expires_at,
        Some("2026-11-21T13:00:00Z".parse().expect("moment"))
    );
    assert_eq!(
        imported.refresh_expires_at,
        Some("2027-01-01T00:00:00Z".parse().expect("moment"))
    );
    assert_eq!(
        Value::Object(imported.properties.public.clone()),
        json!({
            "expires_at": "2026-11-21T13:00:00Z", "refresh_expires_at": "2027-01-01T00:00:00Z",
            "token_type": "Bearer", "scope": "read write", "tenant": "acme", "region": "us",
            "host": "us.example.com", "installation": "id.example.org", "european": false, "realm": "42", "name": "Acme", "seats": 3,
            "trial": false, "teams": ["a", 7], "extra": {"any": ["thing"]},
        })
    );
}

#[test]
fn another_kind_is_refused() {
    for kind in [json!("other_oauth2"), json!(7), json!(null)] {
        assert_refused(&json!({"kind": kind}), "kind", "must be example_oauth2");
    }
    let faults = import(&json!({})).expect_err("refused");
    assert_eq!(faults[0].0, "properties.kind");
}

#[test]
fn an_unknown_property_is_refused() {
    assert_refused(
        &json!({"acess_token": "x"}),
        "acess_token",
        "example_oauth2 has no such property",
    );
}

#[test]
fn what_is_required_must_be_there() {
    for name in ["expires_at", "scope", "tenant", "realm"] {
        assert_refused(&json!({name: null}), name, "is required");
    }
    let faults = refused(&json!({"scope": null, "realm": null, "nonsense": 1}));
    assert_eq!(faults.len(), 3, "all at once: {faults:?}");
}

#[test]
fn an_access_token_is_not_required_beside_a_refresh_token() {
    let imported = imported(&json!({"access_token": null, "expires_at": null}));
    assert_eq!(imported.secrets.access_token, None);
    assert_eq!(imported.expires_at, Some(now()));
    assert_eq!(
        imported.properties.public["expires_at"],
        "2026-11-21T12:00:00Z"
    );
    assert_refused(
        &json!({"access_token": null, "refresh_token": null}),
        "access_token",
        "is required",
    );
}

#[test]
fn one_token_at_least_where_both_are_optional() {
    let definition = DEFINITION.replace(
        "from = [\"granted.access_token\"], secret = true }",
        "from = [\"granted.access_token\"], secret = true, optional = true }",
    );
    let properties = with(&json!({"access_token": null, "refresh_token": null}));
    let properties = properties.as_object().expect("an object");
    let faults = provider(&definition).import(&registered(), properties, now());
    let faults = faults.expect_err("refused");
    assert_eq!(faults.len(), 1);
    assert_eq!(faults[0].field, "properties.access_token");
    assert_eq!(
        faults[0].reason,
        "is required, as there is nothing to refresh with"
    );
}

#[test]
fn a_token_whose_end_nobody_knows_is_due_at_once() {
    let definition = DEFINITION.replace("expires_at = { from = [\"granted.expires_at\"] }\n", "");
    let import = |changes: &Value| {
        let mut properties = with(changes);
        let members = properties.as_object_mut().expect("an object");
        members.remove("expires_at");
        provider(&definition)
            .import(&registered(), members, now())
            .expect("imported")
            .expires_at
    };
    assert_eq!(import(&json!({})), Some(now()));
    assert_eq!(
        import(&json!({"refresh_token": null})),
        None,
        "nothing to refresh with"
    );
}

#[test]
fn types_are_checked() {
    for (name, value, reason) in [
        ("access_token", json!(7), "must be a text"),
        ("access_token", json!(""), "is empty"),
        ("refresh_token", json!(["x"]), "must be a text"),
        ("other_key", json!({}), "must be a text"),
        ("expires_at", json!(1_800_000_000), "must be a text"),
        (
            "expires_at",
            json!("tomorrow"),
            "must be a time such as 2026-11-21T12:00:00Z",
        ),
        ("scope", json!(["read"]), "must be a text"),
        (
            "scope",
            json!("read \"write\""),
            "holds a scope outside RFC 6749 section 3.3",
        ),
        ("name", json!(7), "must be a text"),
        ("seats", json!("3"), "must be a whole number"),
        ("seats", json!(3.5), "must be a whole number"),
        ("trial", json!("true"), "must be true or false"),
        ("teams", json!("a b"), "must be a list of texts"),
        ("teams", json!([["a"]]), "must be a list of texts"),
        ("realm", json!(42), "must be a text"),
        ("tenant", json!(42), "must be a text"),
    ] {
        assert_refused(&json!({name: value}), name, reason);
    }
}

#[test]
fn a_masked_secret_is_refused() {
    for (name, masked) in [
        ("access_token", "***********"),
        ("refresh_token", "*"),
        ("other_key", "**********"),
    ] {
        assert_refused(
            &json!({name: masked}),
            name,
            "is masked: send the secret itself",
        );
    }
    let with_star = imported(&json!({"access_token": "**a**"}));
    assert_eq!(with_star.secrets.access_token.as_deref(), Some("**a**"));
}

#[test]
fn what_the_database_or_a_header_cannot_hold_is_refused() {
    assert_refused(&json!({"name": "a\0"}), "name", "holds a NUL character");
    assert_refused(
        &json!({"extra": {"a": ["\0"]}}),
        "extra",
        "holds a NUL character",
    );
    assert_refused(
        &json!({"access_token": "a\r\nHost: evil"}),
        "access_token",
        "holds a control character",
    );
    let long = "4".repeat(501);
    assert_refused(&json!({"realm": long}), "realm", "is longer than 500 bytes");
}

#[test]
fn the_callbacks_parameters_are_checked_by_their_rule() {
    for value in ["", "42/../43", "x", "42\n"] {
        assert_refused(&json!({"realm": value}), "realm", "does not look right");
    }
}

#[test]
fn variables_are_checked_and_brought_to_form() {
    let changed = imported(&json!({"tenant": " ACME ", "region": "eu"}));
    assert_eq!(changed.variables["tenant"], "acme");
    assert_eq!(changed.variables["region"], "eu");
    assert_eq!(changed.properties.public["tenant"], "acme");
    assert_eq!(changed.properties.public["european"], true);
    assert_eq!(changed.properties.public["host"], "eu.example.com");
    assert_refused(
        &json!({"tenant": "evil.example/"}),
        "tenant",
        "Tenant: this does not look right; an example is acme",
    );
    assert_refused(
        &json!({"region": "mars"}),
        "region",
        "Region: choose one of us, eu",
    );
}

/// The client secret goes there, so who imports a credential must not choose it.
#[test]
fn what_the_admin_set_cannot_be_imported_otherwise() {
    assert_refused(
        &json!({"installation": "evil.example"}),
        "installation",
        "must be id.example.org, as the OAuth app is registered",
    );
    for same in [
        json!("id.example.org"),
        json!("ID.example.org"),
        json!(null),
    ] {
        let same = imported(&json!({ "installation": same }));
        assert_eq!(same.variables["installation"], "id.example.org");
    }
}

#[test]
fn an_app_without_what_the_admin_must_set_imports_nothing() {
    let properties = good();
    let properties = properties.as_object().expect("an object");
    let faults = provider(DEFINITION).import(&BTreeMap::new(), properties, now());
    let faults = faults.expect_err("refused");
    assert_eq!(faults.len(), 1, "{faults:?}");
    assert_eq!(
        faults[0].reason,
        "is not known: the OAuth app was registered without it"
    );
}

#[test]
fn what_follows_from_the_variables_must_agree() {
    assert_eq!(
        imported(&json!({"european": false})).properties.public["european"],
        false
    );
    assert_refused(
        &json!({"european": true}),
        "european",
        "must be false, by the other properties",
    );
    assert_refused(
        &json!({"host": "evil.example.com"}),
        "host",
        "must be \"us.example.com\", by the other properties",
    );
}

#[test]
fn no_reason_repeats_a_secret() {
    let faults = import(&json!({
        "kind": "example_oauth2", "access_token": ["at-canary"], "refresh_token": {"x": "rt-canary"},
        "expires_at": "et-canary", "scope": "\"sc-canary\"", "tenant": "tn-canary", "realm": "rm-canary",
    }));
    let text = format!("{:?}", faults.expect_err("refused"));
    assert!(!text.contains("canary"), "{text}");
}

/// Tokens that are bound to a key are good for nothing without it.
#[test]
fn bound_tokens_come_with_their_key() {
    let bound = DEFINITION.replace(
        "client_authentication = \"post\"",
        "client_authentication = \"post\"\ndpop = true",
    );
    let alone = provider(&bound);
    let keyed = provider(&format!(
        "{bound}key = {{ from = [\"granted.proof_key\"], secret = true, optional = true }}\n"
    ));
    let key = keyed.definition.new_proof_key(&OsRandom).expect("made");
    let key = key.expect("a key").expose().clone();
    let import = |provider: &Provider, given: Value| {
        let properties = with(&given);
        let properties = properties.as_object().expect("an object");
        provider.import(&registered(), properties, now())
    };
    let imported = import(&keyed, json!({ "key": key })).expect("imported");
    assert_eq!(imported.secrets.proof_key.as_ref(), Some(&key));
    for (provider, given, field, reason) in [
        (&keyed, json!({}), "properties.key", "is required"),
        (
            &keyed,
            json!({"key": "{}"}),
            "properties.key",
            "must be a private JWK on P-256",
        ),
        (
            &alone,
            json!({}),
            "properties.proof_key",
            "is kept by Keyway alone: connect the account here",
        ),
    ] {
        let faults = import(provider, given).expect_err("refused");
        assert_eq!(faults.len(), 1, "{faults:?}");
        assert_eq!(
            (faults[0].field.as_str(), faults[0].reason.as_str()),
            (field, reason)
        );
    }
}
