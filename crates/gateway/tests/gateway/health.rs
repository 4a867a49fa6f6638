//! Health, assets, and what does not exist.

use serde_json::json;

use crate::support::{Answer, Gateway};

#[tokio::test(flavor = "multi_thread")]
async fn live_and_ready() {
    let gateway = Gateway::start().await;
    let answer = gateway.get(&format!("{}/health/live", gateway.base)).await;
    assert_eq!(
        (answer.status, answer.json()["status"].clone()),
        (200, json!("ok"))
    );
    let answer = gateway.get(&format!("{}/health/ready", gateway.base)).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(
        answer.json(),
        json!({"status": "ok", "checks": {"database": "ok", "migrations": "ok", "keyring": "ok"}})
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn not_ready_on_a_database_of_another_version() {
    let gateway = Gateway::start().await;
    gateway.sql("DELETE FROM __diesel_schema_migrations WHERE version = (SELECT max(version) FROM __diesel_schema_migrations)").await;
    let answer = gateway.get(&format!("{}/health/ready", gateway.base)).await;
    assert_eq!(answer.status, 503);
    assert_eq!(answer.json()["status"], "unavailable");
    assert_eq!(
        answer.json()["checks"]["migrations"],
        "run `keyway migrate`"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn other_paths_and_methods_are_no_pages() {
    let gateway = Gateway::start().await;
    for path in [
        "/",
        "/link",
        "/metrics",
        "/.env",
        "/assets/../Cargo.toml",
        "/assets/none.css",
    ] {
        let answer = gateway.get(&format!("{}{path}", gateway.base)).await;
        assert_eq!(answer.status, 404, "{path}");
        assert!(answer.header("content-security-policy").is_some());
    }
    let assets = gateway
        .get(&format!("{}/assets/keyway.css", gateway.base))
        .await;
    assert_eq!(
        (assets.status, assets.header("content-type")),
        (200, Some("text/css; charset=utf-8"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn every_page_carries_the_headers() {
    let gateway = Gateway::start().await;
    let pages: Vec<Answer> = vec![
        gateway
            .get(&format!("{}/link/oauth2/start", gateway.base))
            .await,
        gateway
            .get(&format!("{}/link/oauth2/start?debug=1", gateway.base))
            .await,
        gateway
            .get(&format!(
                "{}/link/oauth2/callback/linear?error=x",
                gateway.base
            ))
            .await,
        gateway.get(&format!("{}/nothing", gateway.base)).await,
    ];
    for page in pages {
        let policy = page.header("content-security-policy").expect("a policy");
        for part in [
            "default-src 'none'",
            "frame-ancestors 'none'",
            "base-uri 'none'",
        ] {
            assert!(policy.contains(part), "{policy}");
        }
        assert!(!policy.contains("unsafe"), "{policy}");
        assert_eq!(page.header("x-frame-options"), Some("DENY"));
        assert_eq!(page.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(page.header("referrer-policy"), Some("no-referrer"));
        assert_eq!(page.header("cache-control"), Some("no-store"));
    }
}
