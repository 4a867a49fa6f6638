//! What the linter finds.

use keyway_providers::Catalogue;

const GOOD: &str = r#"
name = "Good"
category = "crm"
documentation = "https://example.com/docs"
checked = "2026-11-21"
certainty = "single"
hosts = ["*.example.com"]
[variables.tenant]
label = "Tenant"
pattern = '[a-z]+'
[authorize]
url = "https://{tenant}.example.com/authorize"
pkce = "supported"
default_scopes = ["read"]
[callback.parameters.realm]
pattern = '[0-9]+'
[token]
url = "https://example.com/token"
client_authentication = "post"
[revoke]
url = "https://example.com/revoke"
form = { token = "{refresh_or_access_token}", account = "{token.account}" }
[[identity]]
name = "first"
[identity.request]
url = "https://example.com/first/{callback.realm}"
[[identity]]
name = "second"
[identity.request]
url = "https://example.com/second/{identity.first.id}"
[credential]
kind = "good_oauth2"
external_id = ["identity.second.id"]
[credential.properties]
account = { from = ["identity.second.id"] }
access_token = { from = ["granted.access_token"], secret = true }
"#;

/// What the linter says of a definition in which `old` became `new`.
fn findings(old: &str, new: &str) -> String {
    assert!(GOOD.contains(old), "{old}");
    let mut catalogue = Catalogue::default();
    let added = catalogue.add("good", &GOOD.replacen(old, new, 1));
    added.map_or_else(|error| error.to_string(), |()| String::new())
}

#[test]
fn a_good_definition_is_good() {
    let mut catalogue = Catalogue::default();
    catalogue.add("good", GOOD).expect("no finding");
}

/// Two customers would overwrite each other's tokens.
#[test]
fn what_the_admin_sets_is_nobodys_account() {
    let shared = GOOD
        .replace(
            "pattern = '[a-z]+'",
            "pattern = '[a-z]+'\nset_by = \"admin\"",
        )
        .replace(
            "external_id = [\"identity.second.id\"]",
            "external_id = [\"variable.tenant\"]",
        )
        .replace(
            "account = {",
            "tenant = { from = [\"variable.tenant\"] }\naccount = {",
        );
    let mut catalogue = Catalogue::default();
    let error = catalogue.add("good", &shared).expect_err("a finding");
    let words = "all end users of an app would share one credential";
    assert!(error.to_string().contains(words), "{error}");
}

#[test]
fn each_fault_is_found() {
    for (old, new, finding) in [
        (
            "hosts = [\"*.example.com\"]",
            "",
            "`hosts` must list where it may lead",
        ),
        (
            "https://example.com/token",
            "http://example.com/token",
            "token.url: use https",
        ),
        (
            "https://example.com/token",
            "https://example.com/{nothing}",
            "token.url: {nothing} has no value there",
        ),
        (
            "https://example.com/token",
            "https://example.com/{access_token}",
            "token.url: {access_token} has no value there",
        ),
        (
            "{identity.first.id}",
            "{identity.second.id}",
            "second: {identity.second.id} has no value there",
        ),
        (
            "first/{callback.realm}",
            "first/{identity.second.id}",
            "first: {identity.second.id} has no value there",
        ),
        (
            "{callback.realm}",
            "{callback.other}",
            "first: {callback.other} has no value there",
        ),
        (
            "{token.account}",
            "{callback.realm}",
            "revoke: {callback.realm} has no value there",
        ),
        (
            "{token.account}",
            "{identity.first.id}",
            "revoke: {identity.first.id} has no value there",
        ),
        (
            "{token.account}",
            "{token.access_token}",
            "revoke: {token.access_token} has no value there",
        ),
        (
            "{token.account}",
            "{token.unknown}",
            "revoke: {token.unknown} has no value there",
        ),
        (
            "[\"identity.second.id\"]\n[",
            "[\"identity.third.id\"]\n[",
            "has no value",
        ),
        (
            "[\"granted.access_token\"], secret = true",
            "[\"granted.access_token\"]",
            "access_token: holds a token, so it must be secret",
        ),
        ("[\"read\"]", "[\"read\", \"read\"]", "a scope is repeated"),
        (
            "default_scopes = [\"read\"]",
            "default_scopes = [\"read\"]\nomit = [\"scope\"]",
            "scopes that are left out are never sent",
        ),
        ("'[a-z]+'", "'[a-z'", "is no regular expression"),
        (
            "{tenant}.example.com",
            "www.example.com",
            "variables.tenant: is never used",
        ),
        ("pkce =", "plain = true\npkce =", "unknown field"),
        (
            "client_authentication = \"post\"",
            "client_authentication = \"none\"",
            "needs pkce = \"required\"",
        ),
    ] {
        let found = findings(old, new);
        assert!(found.contains(finding), "{new}: {found:?}");
    }
}

#[test]
fn what_an_import_needs_is_missed() {
    for (old, new, finding) in [
        (
            "account = { from = [\"identity.second.id\"] }",
            "account = { from = [\"identity.second.id\", \"identity.first.id\"] }",
            "no property comes from identity.second.id alone, so an import could not name the account",
        ),
        (
            "url = \"https://example.com/token\"",
            "url = \"https://example.com/{tenant}/token\"",
            "variables.tenant: no property comes from variable.tenant alone",
        ),
        (
            "form = { token = \"{refresh_or_access_token}\"",
            "form = { tenant = \"{tenant}\", token = \"{refresh_or_access_token}\"",
            "variables.tenant: no property comes from variable.tenant alone",
        ),
    ] {
        let found = findings(old, new);
        assert!(found.contains(finding), "{new}: {found:?}");
    }
}

#[test]
fn what_is_wrong_with_an_api_is_found() {
    let api = |api: &str| findings("[credential]", &format!("[api]\n{api}\n[credential]"));
    assert_eq!(
        api("base_url = \"https://example.com/{token.account}\""),
        ""
    );
    for (text, finding) in [
        (
            "base_url = \"http://example.com\"",
            "api.base_url: use https",
        ),
        (
            "base_url = \"https://example.com/{access_token}\"",
            "a URL must not hold the access token",
        ),
        (
            "base_url = \"https://example.com/{tenant}\"",
            "variables.tenant: no property comes from variable.tenant alone",
        ),
        (
            "base_url = \"https://example.com\"\nauthorization = \"none\"",
            "nothing sends the access token",
        ),
        (
            "base_url = \"https://example.com\"\nheaders = { X-Secret = \"{client_secret}\" }",
            "api: {client_secret} has no value there",
        ),
        (
            "base_url = \"https://example.com/{token.access_token}\"",
            "api: {token.access_token} has no value there",
        ),
        (
            "base_url = \"https://example.com/{identity.first.id}\"",
            "api: {identity.first.id} has no value there",
        ),
        (
            "base_url = \"https://example.com\"\nqueries = { a = \"b\" }",
            "unknown field",
        ),
    ] {
        let found = api(text);
        assert!(found.contains(finding), "{text}: {found:?}");
    }
}

#[test]
fn what_is_wrong_with_bound_tokens_and_pushed_requests_is_found() {
    let post = "client_authentication = \"post\"";
    let token = |more: &str| findings(post, &format!("{post}\n{more}"));
    let bound = GOOD.replace(post, &format!("{post}\ndpop = true"));
    let mut catalogue = Catalogue::default();
    catalogue.add("bound", &bound).expect("no finding");
    let secret = "access_token = { from = [\"granted.access_token\"], secret = true }";
    for (found, finding) in [
        (
            token("dpop = true\nbody = \"query\""),
            "token.dpop: no code goes into a URL",
        ),
        (
            token("client_assertion = { audience = \"https://example.com\" }"),
            "token.client_assertion: the client proves itself without one",
        ),
        (
            findings(
                post,
                "client_authentication = \"private_key_jwt\"\nclient_assertion = { key_id = \"{tenant}\" }",
            ),
            "variables.tenant: no property comes from variable.tenant alone",
        ),
        (
            findings(
                post,
                "client_authentication = \"private_key_jwt\"\nclient_assertion = { key_id = \"{token.id}\" }",
            ),
            "token.client_assertion: {token.id} has no value there",
        ),
        (
            token(
                "dpop = true\n[api]\nbase_url = \"https://example.com\"\nauthorization = \"none\"\nheaders = { Token = \"{access_token}\" }",
            ),
            "api.authorization: a token that is bound to a key is presented as \"bearer\"",
        ),
        (
            token("[long_lived]\nurl = \"https://example.com/longer\"\ndpop = true"),
            "long_lived.dpop: is said in [token]",
        ),
        (
            findings("pkce =", "par = \"http://example.com/par\"\npkce ="),
            "authorize.par: use https",
        ),
        (
            findings(
                "pkce =",
                "par = \"https://example.com/{client_id}\"\npkce =",
            ),
            "authorize.par: {client_id} has no value there",
        ),
        (
            token("[id_token]\njwks_url = \"https://example.com/jwks\""),
            "id_token: needs callback.issuer",
        ),
        (
            token("[id_token]\njwks_url = \"http://example.com/jwks\""),
            "id_token.jwks_url: use https",
        ),
        (
            token("[id_token]\njwks_url = \"https://example.com/{client_id}\""),
            "id_token.jwks_url: {client_id} has no value there",
        ),
        (
            token("[id_token]\njwks_url = \"https://example.com\"\nalgorithms = []"),
            "id_token.algorithms: is empty",
        ),
        (
            token("[id_token]\njwks_url = \"https://example.com\"\nalgorithms = [\"HS256\"]"),
            "unknown variant `HS256`",
        ),
        (
            findings("form = {", "authorization = \"client\"\nform = {"),
            "revoke: authorization = \"client\" goes with a form",
        ),
        (
            findings(
                secret,
                &format!("{secret}\nkey = {{ from = [\"granted.proof_key\"], secret = true }}"),
            ),
            "credential: granted.proof_key has no value",
        ),
    ] {
        assert!(found.contains(finding), "{finding}: {found:?}");
    }
}

#[test]
fn a_key_is_a_secret() {
    let shown = GOOD
        .replace(
            "client_authentication =",
            "dpop = true\nclient_authentication =",
        )
        .replace(
            "[credential.properties]",
            "[credential.properties]\nkey = { from = [\"granted.proof_key\"] }",
        );
    let mut catalogue = Catalogue::default();
    let error = catalogue.add("good", &shown).expect_err("a finding");
    let words = "credential.properties.key: holds a token, so it must be secret";
    assert!(error.to_string().contains(words), "{error}");
}
