//! Providers that an account describes itself.

use chrono::TimeDelta;
use keyway_domain::{
    Clock as _,
    audit::Actor,
    ids::{AccountId, ProviderDefinitionId},
    provider::ProviderSlug,
    random::OsRandom,
};
use keyway_gateway::lifecycle::refresher::Refresher;
use keyway_store::{DefinitionDeletion, NewDefinition};
use keyway_web::config::RefreshLimits;
use serde_json::json;

use crate::{
    backend::Backend,
    client::Client,
    support::{Gateway, query},
};

const LIMITS: RefreshLimits = RefreshLimits {
    concurrency: 16,
    rate: 50,
};

fn slug(text: &str) -> ProviderSlug {
    ProviderSlug::parse(text).expect("a slug")
}

/// Saves a definition as the console does, which is another process: this gateway hears nothing.
async fn save(gateway: &Gateway, account: AccountId, name: &str, follows: i32, text: &str) {
    let new = NewDefinition {
        id: ProviderDefinitionId::generate(gateway.clock.now(), &OsRandom),
        slug: slug(name),
        follows,
        text: text.to_owned(),
        note: None,
    };
    let store = &gateway.app.store;
    let saved = store.save_definition(account, &new, Actor::Operator, gateway.clock.now());
    assert!(saved.await.expect("an answer"), "{name} after {follows}");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_was_just_saved_is_connected_and_refreshed() {
    let gateway = Gateway::start().await;
    // This gateway looked for it in vain before.
    let client = Client::with(&gateway, "events:read").await;
    let missing = client.get("/v1/providers/rooms").await;
    missing.assert_refused(404, "no such provider");
    let text = gateway.lab.definition_toml("rooms");
    save(&gateway, gateway.account, "rooms", 0, &text).await;

    let backend = Backend::at(gateway, "rooms").await;
    let refresher = Refresher::new(backend.gateway.app.clone(), LIMITS);
    let id = backend.connect().await;
    let first = backend.good(&backend.read(id).await);
    let due = backend.shown(id).await.refresh_at.expect("a time");
    backend.wait_until(due + TimeDelta::seconds(1));
    assert_eq!(refresher.once().await.expect("refreshed"), 1);
    assert_ne!(backend.good(&backend.read(id).await), first);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_version_counts_for_the_next_flow() {
    let gateway = Gateway::start().await;
    let text = gateway.lab.definition_toml("rooms");
    save(&gateway, gateway.account, "rooms", 0, &text).await;
    let app = gateway.register("rooms").await;
    let asked = async |name: &str| {
        let begun = gateway.begin(&app, &[]).await;
        let url = url::Url::parse(&begun.authorize_url).expect("a URL");
        query(&url).get(name).cloned()
    };
    assert_eq!(asked("prompt").await, None);
    let newer = text.replacen(
        "[authorize]\n",
        "[authorize]\nparameters = { prompt = \"always\" }\n",
        1,
    );
    assert_ne!(newer, text);
    save(&gateway, gateway.account, "rooms", 1, &newer).await;
    assert_eq!(asked("prompt").await.as_deref(), Some("always"));
}

#[tokio::test(flavor = "multi_thread")]
async fn no_other_account_sees_it() {
    let gateway = Gateway::start().await;
    let other = gateway.other_account().await;
    let text = gateway.lab.definition_toml("rooms");
    save(&gateway, other, "rooms", 0, &text).await;
    let client = Client::new(&gateway).await;
    let found = client.get("/v1/providers/rooms").await;
    found.assert_refused(404, "no such provider");
    let list = client.get("/v1/providers?q=rooms").await.ok(200);
    assert_eq!(list["data"], json!([]));
    let body =
        json!({"provider": "rooms", "name": "Rooms", "client_id": "id", "client_secret": "secret"});
    let refused = client.post("/v1/oauth-apps", &body).await;
    refused.assert_invalid(&["provider"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_ships_later_under_the_same_name_does_not_take_its_place() {
    let gateway = Gateway::start().await;
    let text = gateway.lab.definition_toml("linear");
    save(&gateway, gateway.account, "linear", 0, &text).await;
    let ours = gateway.register("linear").await;
    let host = async |app| {
        let begun = gateway.begin(app, &[]).await;
        let url = url::Url::parse(&begun.authorize_url).expect("a URL");
        url.host_str().map(str::to_owned)
    };
    assert_eq!(host(&ours).await.as_deref(), Some("127.0.0.1"));
    let other = gateway.other_account().await;
    let theirs = gateway.app.catalogue.find(other, &slug("linear")).await;
    let theirs = theirs.expect("an answer").expect("what ships");
    assert_eq!(theirs.definition.name, "Linear");
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_kept_while_an_app_needs_it() {
    let gateway = Gateway::start().await;
    let text = gateway.lab.definition_toml("rooms");
    save(&gateway, gateway.account, "rooms", 0, &text).await;
    let app = gateway.register("rooms").await;
    let (store, now) = (&gateway.app.store, gateway.clock.now());
    let rooms = slug("rooms");
    let delete = || store.delete_definition(gateway.account, &rooms, Actor::Operator, now);
    assert_eq!(delete().await.expect("asked"), DefinitionDeletion::InUse(1));
    let removed =
        store.remove_oauth_app(gateway.account, app.id, false, None, Actor::Operator, now);
    removed.await.expect("removed");
    assert_eq!(delete().await.expect("asked"), DefinitionDeletion::Deleted);
    let found = gateway.app.catalogue.find(gateway.account, &rooms).await;
    assert!(found.expect("an answer").is_none());
    assert_eq!(delete().await.expect("asked"), DefinitionDeletion::Unknown);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_who_edit_the_same_version_one_wins() {
    let gateway = Gateway::start().await;
    let text = gateway.lab.definition_toml("rooms");
    save(&gateway, gateway.account, "rooms", 0, &text).await;
    save(&gateway, gateway.account, "rooms", 1, &text).await;
    let late = NewDefinition {
        id: ProviderDefinitionId::generate(gateway.clock.now(), &OsRandom),
        slug: slug("rooms"),
        follows: 1,
        text,
        note: None,
    };
    let store = &gateway.app.store;
    let saved = store.save_definition(gateway.account, &late, Actor::Operator, gateway.clock.now());
    assert!(!saved.await.expect("an answer"));
}
