//! What `debug` shows.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn shows_where_the_redirect_uri_parts() {
    let (gateway, app) = setup().await;
    let url = gateway.url(
        "/link/oauth2/start",
        &[
            ("client_id", &app.id.to_string()),
            (
                "redirect_uri",
                "https://client.example/oauth2/callbacks/linear",
            ),
            ("state", "canary-state"),
            ("debug", "true"),
        ],
    );
    let answer = gateway.get(&url).await;
    answer.assert_page(400, "redirect_uri not registered");
    for shown in [
        "App at linear",
        "https://client.example/oauth2/callback/linear",
        "Same up to <code>https://client.example/oauth2/callback</code>",
        "received <code>s/linear</code>",
        "from the catalogue",
        "https://linear.app/oauth/authorize?",
    ] {
        assert!(answer.body.contains(shown), "{shown} in {}", answer.body);
    }
    for hidden in ["canary-state", app.client_secret.as_str()] {
        assert!(!answer.body.contains(hidden), "{hidden}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn replaces_the_error_redirect_by_the_page() {
    let (gateway, app) = setup().await;
    for debug in ["true", "1"] {
        let answer = gateway
            .get(&gateway.start_url(&app, &[("scope", "re\"ad"), ("debug", debug)]))
            .await;
        answer.assert_page(400, "a scope may hold only");
    }
    for debug in ["false", "0", "yes", ""] {
        let answer = gateway
            .get(&gateway.start_url(&app, &[("scope", "re\"ad"), ("debug", debug)]))
            .await;
        answer.assert_error_redirect("invalid_scope", None, "a scope may hold only");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_nothing_where_there_is_no_fault() {
    let (gateway, app) = setup().await;
    let answer = gateway
        .get(&gateway.start_url(&app, &[("debug", "true")]))
        .await;
    assert_eq!(answer.status, 302);
}

#[tokio::test(flavor = "multi_thread")]
async fn shows_nothing_of_anybody_for_an_unknown_app() {
    let (gateway, app) = setup().await;
    let url = gateway.url(
        "/link/oauth2/start",
        &[
            ("client_id", "01890000-0000-7000-8000-000000000000"),
            ("redirect_uri", "https://evil.example/<script>"),
            ("debug", "true"),
        ],
    );
    let answer = gateway.get(&url).await;
    answer.assert_page(400, "client_id unknown");
    for hidden in [
        "client.example",
        "App at",
        app.client_id.as_str(),
        "<script>",
    ] {
        assert!(!answer.body.contains(hidden), "{hidden}");
    }
}
