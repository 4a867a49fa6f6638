//! `keyway credentials`.

use std::collections::BTreeMap;

use keyway_domain::{
    Clock as _, Random,
    authorization_code::IssuedCode,
    authorization_session::NewSession,
    credential::{CredentialKind, ExternalAccount, NewGrant},
    ids::{AuthorizationCodeId, AuthorizationSessionId, GrantId},
    opaque::Digest,
    provider::ProviderSlug,
    random::OsRandom,
    redirect_uri::RedirectUri,
    scope::{ScopeSource, Scopes},
    sealed::Sealed,
};
use keyway_store::NewCompletion;
use serde_json::{Map, Value, json};

use crate::support::{CANARY, Installation, fields, rows};

fn random() -> &'static dyn Random {
    &OsRandom
}

/// A credential of an app, as a flow leaves it.
async fn connect(installation: &Installation, app: &str, external: &str) {
    let store = installation.database.store().await;
    let app = app.parse().expect("an id");
    let now = store.clock().now();
    let target = store.find_link_target(app).await.expect("an answer");
    let state = Digest::from_bytes(random().bytes());
    let session = NewSession {
        id: AuthorizationSessionId::generate(now, random()),
        account_id: target.expect("the app").account_id,
        oauth_app_id: app,
        provider: ProviderSlug::parse("linear").expect("a slug"),
        redirect_uri: Some(RedirectUri::from_stored("https://client.example/cb".into())),
        link_session_id: None,
        state_digest: Some(state),
        sealed_secrets: Sealed::from_bytes(CANARY.into()),
        challenge: None,
        scopes: Scopes::default(),
        scope_source: ScopeSource::Catalogue,
        variables: BTreeMap::new(),
        created_at: now,
    };
    let stored = store.insert_authorization_session(&session).await;
    stored.expect("stored");
    let claimed = store.claim_authorization_session(session.id, state, &session.provider, now);
    claimed.await.expect("an answer").expect("claimed");
    let code = Digest::from_bytes(random().bytes());
    let mut public = Map::new();
    public.insert("scope".into(), json!("read"));
    let completion = NewCompletion {
        session_id: session.id,
        grant: NewGrant {
            id: GrantId::generate(now, random()),
            kind: CredentialKind("linear_oauth2".into()),
            external: ExternalAccount {
                id: external.into(),
                label: Some(format!("Label of {external}")),
            },
            public,
            secret_names: vec!["access_token".into()],
            sealed_secrets: Sealed::from_bytes(CANARY.into()),
            expires_at: None,
            refresh_expires_at: None,
            token_type: None,
            scopes: None,
            refresh_at: None,
        },
        code: IssuedCode {
            id: AuthorizationCodeId::generate(now, random()),
            digest: code,
            redirect_uri: session.redirect_uri.clone().expect("where it ends"),
            challenge: None,
            sealed_state: None,
            oauth: None,
            expires_at: now + keyway_domain::authorization_code::LIFETIME,
        },
    };
    assert!(
        store
            .complete_authorization(&completion, now)
            .await
            .expect("an answer")
    );
    let redeemed = store.redeem_authorization_code(code, app, None, now);
    redeemed.await.expect("an answer").expect("redeemed");
}

async fn list(installation: &Installation, more: &[&str]) -> Value {
    let words = ["credentials", "list", "--account", "acme", "--json"];
    installation
        .keyway(&[&words[..], more].concat())
        .await
        .json()
}

#[tokio::test]
async fn a_credential_is_listed_without_its_secrets() {
    let installation = Installation::new().await;
    let app = installation.register("linear", "client").await;
    connect(&installation, &app, "workspace").await;
    let listed = list(&installation, &[]).await;
    let credential = &rows(&listed)[0];
    assert_eq!(
        fields(credential),
        [
            "created_at",
            "external_id",
            "id",
            "kind",
            "name",
            "oauth_app_id",
            "properties",
            "provider",
            "updated_at"
        ]
    );
    assert_eq!(credential["provider"], "linear");
    assert_eq!(credential["kind"], "linear_oauth2");
    assert_eq!(credential["oauth_app_id"], app);
    assert_eq!(credential["external_id"], "workspace");
    assert_eq!(credential["name"], "Label of workspace");
    assert_eq!(credential["properties"], json!({"scope": "read"}));
}

#[tokio::test]
async fn credentials_are_listed_in_pages_newest_first() {
    let installation = Installation::new().await;
    let app = installation.register("linear", "client").await;
    for external in ["first", "second", "third"] {
        connect(&installation, &app, external).await;
    }
    let externals = |page: &Value| -> Vec<String> {
        let external = |row: &Value| row["external_id"].as_str().expect("an id").to_owned();
        rows(page).iter().map(external).collect()
    };
    let first = list(&installation, &["--limit", "2"]).await;
    assert_eq!(externals(&first), ["third", "second"]);
    let last = rows(&first)[1]["id"].as_str().expect("an id");
    let second = list(&installation, &["--limit", "2", "--after", last]).await;
    assert_eq!(externals(&second), ["first"]);
}

#[tokio::test]
async fn people_get_a_table() {
    let installation = Installation::new().await;
    let app = installation.register("linear", "client").await;
    connect(&installation, &app, "workspace").await;
    let ran = installation
        .keyway(&["credentials", "list", "--account", "acme"])
        .await;
    let table = ran.succeeded().stdout;
    let head: Vec<&str> = table
        .lines()
        .next()
        .expect("a line")
        .split_whitespace()
        .collect();
    assert_eq!(
        head,
        ["id", "provider", "external_id", "name", "updated_at"]
    );
    assert_eq!(table.lines().count(), 2);
}

#[tokio::test]
async fn no_credential_is_an_empty_list() {
    let installation = Installation::new().await;
    assert!(rows(&list(&installation, &[]).await).is_empty());
}

#[tokio::test]
async fn a_page_has_a_size() {
    let installation = Installation::new().await;
    for limit in ["0", "1001", "many"] {
        let words = ["credentials", "list", "--account", "acme", "--limit", limit];
        let ran = installation.keyway(&words).await;
        ran.misused(&format!("invalid value '{limit}' for '--limit <LIMIT>'"));
    }
}
