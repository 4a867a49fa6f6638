//! `/v1/providers`.

use serde_json::json;

use crate::{client::Client, support::Gateway};

#[tokio::test(flavor = "multi_thread")]
async fn the_catalogue_is_listed_and_read() {
    let gateway = Gateway::start().await;
    let client = Client::with(&gateway, "events:read").await;
    let list = client.get("/v1/providers?q=sales").await.ok(200);
    let slugs: Vec<&str> = list["data"]
        .as_array()
        .expect("rows")
        .iter()
        .filter_map(|row| row["slug"].as_str())
        .collect();
    assert!(slugs.is_sorted() && slugs.contains(&"salesforce"));
    let found = client.get("/v1/providers/salesforce").await.ok(200);
    assert!(
        list["data"]
            .as_array()
            .is_some_and(|rows| rows.contains(&found))
    );
    assert_eq!(
        found["auth"],
        json!({"kind": "oauth2", "pkce": "supported"})
    );
    assert_eq!(found["custom"], false);
    assert_eq!(found["credential_kind"], "salesforce_oauth2");
    assert_eq!(
        found["variables"]["login_host"]["default"],
        "login.salesforce.com"
    );
    for (slug, variable, secret, set_by) in [
        ("salesforce", "login_host", false, "end_user"),
        ("gitlab", "host", false, "admin"),
        ("sendgrid", "api_key", true, "end_user"),
    ] {
        let found = client.get(&format!("/v1/providers/{slug}")).await.ok(200);
        let shown = &found["variables"][variable];
        assert_eq!(
            (&shown["secret"], &shown["set_by"]),
            (&json!(secret), &json!(set_by)),
            "{slug}"
        );
    }
    let callback = format!("{}/link/oauth2/callback/salesforce", gateway.base);
    assert_eq!(found["callback_url"], callback);
    for unknown in ["unheard-of", "Not%20a%20slug"] {
        let answer = client.get(&format!("/v1/providers/{unknown}")).await;
        answer.assert_refused(404, "no such provider");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_hold_each_provider_once() {
    let gateway = Gateway::start().await;
    let client = Client::with(&gateway, "events:read").await;
    let mut seen = Vec::new();
    let mut path = "/v1/providers?limit=200".to_owned();
    loop {
        let page = client.get(&path).await.ok(200);
        let rows = page["data"].as_array().expect("rows");
        assert!(rows.len() <= 200);
        seen.extend(
            rows.iter()
                .filter_map(|row| row["slug"].as_str().map(str::to_owned)),
        );
        let Some(cursor) = page["next_cursor"].as_str() else {
            break;
        };
        path = format!("/v1/providers?limit=200&cursor={cursor}");
    }
    let shipped = gateway.app.catalogue.installed().iter();
    let shipped: Vec<String> = shipped.map(|provider| provider.slug.to_string()).collect();
    assert_eq!(seen, shipped);
}

#[tokio::test(flavor = "multi_thread")]
async fn filters_hold_together_and_unknown_words_are_refused() {
    let gateway = Gateway::start().await;
    let client = Client::with(&gateway, "events:read").await;
    let path = "/v1/providers?category=crm&auth=oauth2&limit=200";
    let list = client.get(path).await.ok(200);
    let rows = list["data"].as_array().expect("rows");
    assert!(!rows.is_empty());
    for row in rows {
        assert_eq!(row["category"], "crm");
        assert_eq!(row["auth"]["kind"], "oauth2");
    }
    for wrong in ["auth=magic", "certainty=sure", "cursor=Not%20one", "x=1"] {
        let answer = client.get(&format!("/v1/providers?{wrong}")).await;
        assert_eq!(answer.status, 400, "{wrong}");
    }
}
