//! Webhooks: the list, the forms, the secret that is shown once, deliveries.

use keyway_domain::{
    ids::WebhookEndpointId,
    sealed::{Place, Sealed},
    webhook::WebhookSecret,
};
use keyway_store::DeliveryOutcome;
use keyway_testkit::log;

use crate::{
    browser::Answer,
    support::Console,
    world::{PAGES, World},
};

const EMAIL: &str = "a@acme.test";

/// The secret on the page, which shows it in one place.
fn shown_secret(answer: &Answer) -> String {
    let (_, rest) = answer.body.split_once("whsec_").expect("a secret");
    assert!(!rest.contains("whsec_"), "once");
    let text = rest.split('<').next().expect("its end");
    // Base64 has characters that a page escapes.
    format!("whsec_{}", text.replace("&#38;", "&"))
}

/// What the gateway reads.
async fn opened(world: &World, endpoint: WebhookEndpointId, column: &str) -> String {
    let client = world.console.database.client().await;
    let query = format!("SELECT {column} FROM webhook_endpoints WHERE id::text = $1");
    let row = client.query_one(&query, &[&endpoint.to_string()]).await;
    let sealed = Sealed::from_bytes(row.expect("an endpoint").get(0));
    let place = Place::webhook_secret(endpoint, world.ours.account);
    let opened = world.console.ring.open(&place, &sealed);
    opened.expect("the gateway's keys open it").expose().clone()
}

/// The one endpoint with this address.
async fn find(world: &World, url: &str) -> WebhookEndpointId {
    let account = world.ours.account;
    let listed = world
        .console
        .app
        .store
        .list_webhook_endpoints(account, None, 10);
    let listed = listed.await.expect("a list");
    let found = listed.iter().find(|endpoint| endpoint.url == url);
    found.expect("the endpoint").id
}

#[tokio::test]
async fn an_empty_list_teaches_and_leads_on() {
    let console = Console::start().await;
    console.account("Acme", EMAIL).await;
    let browser = console.signed_in(EMAIL).await;
    let list = browser.get("/webhooks").await;
    list.assert_page(200, "No endpoint yet");
    assert!(list.body.contains("href=\"/webhooks/new\""));
}

#[tokio::test]
async fn a_secret_is_shown_once_and_sealed_for_the_gateway() {
    let world = World::new().await;
    let url = "https://new.example/hooks";
    let fields = [("url", url), ("description", "New"), ("events", "usual")];
    let added = world.browser.post("/webhooks/new", &fields).await;
    added.assert_page(200, "The endpoint is added");
    let first = shown_secret(&added);
    assert!(WebhookSecret::parse(first.as_str().into()).is_some());
    let id = find(&world, url).await;
    assert_eq!(opened(&world, id, "sealed_secret").await, first);

    let path = format!("/webhooks/{id}/rotate");
    let rotated = world.browser.post(&path, &[("overlap", "3600")]).await;
    rotated.assert_page(200, "The secret is rotated");
    let second = shown_secret(&rotated);
    assert_ne!(first, second);
    assert_eq!(opened(&world, id, "sealed_secret").await, second);
    let previous = opened(&world, id, "sealed_previous_secret").await;
    assert_eq!(previous, first, "it opens where it was moved to");

    for route in PAGES {
        let path = world
            .ours
            .path(route)
            .replace(&world.ours.webhook.to_string(), &id.to_string());
        let page = world.browser.get(&path).await;
        assert!(!page.body.contains("whsec_"), "{path}");
    }
    let shown = world.browser.get(&format!("/webhooks/{id}")).await;
    shown.assert_page(200, "The one before signs too until");
    let dump = world.console.dump().await;
    for secret in [&first, &second] {
        let bare = secret.strip_prefix("whsec_").expect("the prefix");
        assert!(!dump.contains(bare) && !log::all().contains(bare));
        let hex: Vec<String> = bare.bytes().map(|byte| format!("{byte:02x}")).collect();
        assert!(!dump.contains(&hex.concat()));
    }
    let audit = world.console.audit(world.ours.account).await;
    assert!(audit.contains(&"webhook_endpoint.secret_rotated".to_owned()));
}

#[tokio::test]
async fn a_rotation_takes_the_overlaps_of_its_form_alone() {
    let world = World::new().await;
    let path = world.ours.path("/webhooks/{webhook}/rotate");
    for bad in ["", "x", "-1", "604801"] {
        let answer = world.browser.post(&path, &[("overlap", bad)]).await;
        answer.assert_page(400, "What was sent does not fit this page.");
    }
    let answer = world.browser.post(&path, &[("overlap", "0")]).await;
    answer.assert_page(200, "The secret is rotated");
    assert!(!answer.body.contains("two signatures"));
}

#[tokio::test]
async fn each_field_is_checked_and_what_was_typed_is_kept() {
    let world = World::new().await;
    let before = world.console.dump().await;
    let long = "d".repeat(201);
    for (field, value, why) in [
        ("url", "", "enter a complete URL"),
        ("url", "http://typed.example/", "use https"),
        (
            "url",
            "https://a@typed.example/",
            "no user name or password",
        ),
        ("description", long.as_str(), "at most 200 characters"),
        ("credential.created", "", "choose at least one event"),
    ] {
        let edit = world.ours.path("/webhooks/{webhook}/edit");
        for path in ["/webhooks/new", &edit] {
            let mut fields = vec![
                ("url", "https://typed.example/hooks"),
                ("description", "Typed"),
                ("events", "chosen"),
                ("credential.created", "on"),
            ];
            if field == "credential.created" {
                fields.pop();
            }
            for typed in &mut fields {
                if typed.0 == field {
                    typed.1 = value;
                }
            }
            let answer = world.browser.post(path, &fields).await;
            answer.assert_page(422, why);
            assert!(answer.body.contains("value=\"chosen\" checked"));
            for (name, value) in &fields {
                if ["url", "description"].contains(name) {
                    let kept = format!("value=\"{value}\"");
                    assert!(answer.body.contains(&kept), "{name} of {path}");
                }
            }
            let ticked = answer.body.contains("name=\"credential.created\" checked");
            assert_eq!(ticked, field != "credential.created");
            assert!(!answer.body.contains("name=\"credential.updated\" checked"));
        }
    }
    assert_eq!(world.console.dump().await, before);
}

#[tokio::test]
async fn an_endpoint_is_edited() {
    let world = World::new().await;
    let path = world.ours.path("/webhooks/{webhook}");
    let fields = [
        ("url", " https://moved.example/hooks "),
        ("description", ""),
        ("events", "chosen"),
        ("credential.deleted", "on"),
        ("oauth_app.created", "on"),
    ];
    let answer = world.browser.post(&format!("{path}/edit"), &fields).await;
    answer.assert_redirect(&format!("{path}?done=saved"));
    let page = world.browser.get(answer.location()).await;
    page.assert_page(200, "https://moved.example/hooks");
    page.assert_page(200, "<code>credential.deleted</code>");
    assert!(!page.body.contains("Description"));
    let list = world.browser.get("/webhooks").await;
    list.assert_page(200, "2 kinds");
    // The usual ones again: the boxes do not count then.
    let fields = [
        ("url", "https://moved.example/hooks"),
        ("events", "usual"),
        ("credential.deleted", "on"),
    ];
    world.browser.post(&format!("{path}/edit"), &fields).await;
    let page = world.browser.get(&path).await;
    page.assert_page(200, "all but <code>credential.refreshed</code>");
}

#[tokio::test]
async fn an_endpoint_is_disabled_and_enabled() {
    let world = World::new().await;
    let path = world.ours.path("/webhooks/{webhook}");
    let answer = world.browser.post(&format!("{path}/disable"), &[]).await;
    answer.assert_redirect(&format!("{path}?done=webhook-disabled"));
    let page = world.browser.get(answer.location()).await;
    page.assert_page(200, "The endpoint is disabled.");
    assert!(page.body.contains(&format!("action=\"{path}/enable\"")));
    assert!(!page.body.contains("/retry\""), "nothing goes there");
    let retry = world
        .ours
        .path("/webhooks/{webhook}/deliveries/{delivery}/retry");
    let answer = world.browser.post(&retry, &[]).await;
    let page = world.browser.get(answer.location()).await;
    page.assert_page(200, "The endpoint is disabled: enable it");
    let answer = world.browser.post(&format!("{path}/enable"), &[]).await;
    let page = world.browser.get(answer.location()).await;
    page.assert_page(200, "The endpoint is enabled.");
}

#[tokio::test]
async fn deliveries_are_shown_with_what_came_of_them_and_sent_again() {
    let world = World::new().await;
    let store = &world.console.app.store;
    let now = world.console.now();
    let claimed = store.claim_webhook_deliveries(100, now).await;
    for claimed in claimed.expect("claimed") {
        if claimed.endpoint_id != world.ours.webhook {
            continue;
        }
        let outcome = if claimed.id == world.ours.delivery {
            DeliveryOutcome::Dead {
                status: Some(500),
                error: "The endpoint answered 500.".into(),
            }
        } else {
            DeliveryOutcome::Delivered { status: 204 }
        };
        let finished = store.finish_webhook_delivery(claimed.id, claimed.lease, &outcome, now);
        assert!(finished.await.expect("an answer"));
    }
    let path = world.ours.path("/webhooks/{webhook}");
    let list = world.browser.get("/webhooks").await;
    list.assert_page(200, &format!("{path}?state=dead"));
    let dead = world.browser.get(&format!("{path}?state=dead")).await;
    dead.assert_page(200, "The endpoint answered 500.");
    assert!(dead.body.contains(">Given up</span>"));
    assert!(!dead.body.contains(">Delivered</span>"));
    let delivered = world.browser.get(&format!("{path}?state=delivered")).await;
    delivered.assert_page(200, ">Delivered</span>");
    assert!(!delivered.body.contains(">Given up</span>"));
    for bad in ["state=lost", "state=dead&state=dead"] {
        let answer = world.browser.get(&format!("{path}?{bad}")).await;
        answer.assert_page(400, "Not understood");
    }

    let delivery = world.ours.path("/webhooks/{webhook}/deliveries/{delivery}");
    let page = world.browser.get(&delivery).await;
    page.assert_page(200, "oauth_app.created");
    page.assert_page(200, "&#34;type&#34;: &#34;oauth_app.created&#34;");
    page.assert_page(200, "&#34;event_id&#34;");
    let answer = world.browser.post(&format!("{delivery}/retry"), &[]).await;
    answer.assert_redirect(&format!("{delivery}?done=delivery-retried"));
    let page = world.browser.get(answer.location()).await;
    page.assert_page(200, "The delivery goes out again");
    page.assert_page(200, ">Retrying</span>");
    let audit = world.console.audit(world.ours.account).await;
    assert!(audit.contains(&"webhook_delivery.retried".to_owned()));
}

#[tokio::test]
async fn an_endpoint_that_is_gone_says_so() {
    let world = World::new().await;
    let store = &world.console.app.store;
    let now = world.console.now();
    let claimed = store.claim_webhook_deliveries(100, now).await;
    let claimed = claimed.expect("claimed");
    let ours = claimed
        .iter()
        .find(|claimed| claimed.endpoint_id == world.ours.webhook)
        .expect("one of ours");
    let gone = DeliveryOutcome::Gone {
        error: "The endpoint answered 410 Gone, and was disabled.".into(),
    };
    let finished = store.finish_webhook_delivery(ours.id, ours.lease, &gone, now);
    assert!(finished.await.expect("an answer"));
    let path = world.ours.path("/webhooks/{webhook}");
    let page = world.browser.get(&path).await;
    page.assert_page(200, "It answered 410 Gone, and was disabled");
    let list = world.browser.get("/webhooks").await;
    list.assert_page(200, ">Gone</span>");
}

#[tokio::test]
async fn an_endpoint_is_deleted_after_a_question() {
    let world = World::new().await;
    let path = world.ours.path("/webhooks/{webhook}/delete");
    let page = world.browser.get(&path).await;
    page.assert_page(200, "Delete this endpoint?");
    let answer = world.browser.post(&path, &[]).await;
    answer.assert_redirect("/webhooks?done=webhook-deleted");
    let list = world.browser.get(answer.location()).await;
    list.assert_page(200, "No endpoint yet");
    world.browser.get(&path).await.assert_page(404, "Not found");
}
