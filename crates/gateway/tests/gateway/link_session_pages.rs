//! `/link/session/{token}`: from the page to the credential, and who may begin.

use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::{
    link_sessions::{Client, Made, request},
    support::{Answer, Begun, Gateway, TestApp, query},
};

const TEMPLATE: &str = "https://client.example/oauth2/callback/:provider";

impl Made {
    pub fn token(&self) -> &str {
        self.url.rsplit('/').next().expect("a token")
    }

    /// The form as the page's own button sends it.
    pub async fn submit(&self, gateway: &Gateway, app: &TestApp) -> Answer {
        let form = format!(
            "app={}",
            self.app.clone().unwrap_or_else(|| app.id.to_string())
        );
        let headers = [
            ("origin", gateway.base.as_str()),
            ("sec-fetch-site", "same-origin"),
        ];
        post(gateway, &self.url, &headers, form).await
    }

    /// To the provider.
    pub async fn begin(&self, gateway: &Gateway, app: &TestApp) -> Begun {
        let answer = self.submit(gateway, app).await;
        assert_eq!(answer.status, 302, "{answer:?} {}", answer.log());
        Begun {
            authorize_url: answer.location().into(),
            cookie: answer.cookie(),
        }
    }

    /// There and back.
    pub async fn walk(&self, gateway: &Gateway, app: &TestApp) -> Answer {
        let begun = self.begin(gateway, app).await;
        let callback = gateway.lab.approve(&begun.authorize_url).await;
        let callback = callback.expect("the provider agrees");
        gateway.get_with(&callback.url, &begun.cookie).await
    }

    pub async fn done(&self, gateway: &Gateway) -> Answer {
        gateway.get(&format!("{}/done", self.url)).await
    }

    /// The browser goes to the page that says that it is done.
    #[track_caller]
    pub fn assert_done(&self, answer: &Answer) {
        assert_eq!(answer.status, 302, "{answer:?} {}", answer.log());
        let done = format!("/link/session/{}/done", self.token());
        assert_eq!(answer.header("location"), Some(done.as_str()));
    }
}

pub async fn post(gateway: &Gateway, url: &str, headers: &[(&str, &str)], form: String) -> Answer {
    let mut request = gateway
        .request("POST", url)
        .header("content-type", "application/x-www-form-urlencoded")
        .body(form);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    Answer::of(request.send().await.expect("an answer")).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_says_who_asks_for_what_and_for_whom() {
    let client = Client::new().await;
    let app = client.gateway.register("linear").await;
    let mut body = request(&[&app]);
    body["end_user"] = json!({"id": "user-7", "name": "Ada <b>", "email": "ada@customer.example"});
    body["metadata"] = json!({"secret": "of the client"});
    let made = client.session(&body).await;
    let page = client.gateway.get(&made.url).await;
    assert_eq!(page.status, 200, "{page:?}");
    for shown in [
        "Connect Linear",
        "Acme",
        "Ada &#60;b&#62;",
        "ada@customer.example",
    ] {
        assert!(page.body.contains(shown), "{shown}: {}", page.body);
    }
    for kept in [
        "user-7",
        "of the client",
        &app.client_id,
        "<script src=\"http",
    ] {
        assert!(!page.body.contains(kept), "{kept}: {}", page.body);
    }
    assert_eq!(page.header("referrer-policy"), Some("same-origin"));
    assert_eq!(page.header("x-frame-options"), Some("DENY"));
    assert_eq!(page.header("cache-control"), Some("no-store"));
}

#[tokio::test(flavor = "multi_thread")]
async fn with_a_redirect_uri_the_client_gets_a_code_and_its_state() {
    let client = Client::new().await;
    let gateway = &client.gateway;
    let app = gateway.register("linear").await;
    let state = "ZTA5N2Ux/\u{fc}& =%00\"";
    let mut body = request(&[&app]);
    body["redirect_uri"] = json!(TEMPLATE);
    body["state"] = json!(state);
    body["scope"] = json!("read write");
    body["end_user"] = json!({"id": "user-7", "name": "Ada"});
    body["metadata"] = json!({"team": 7});
    let made = client.session(&body).await;
    let begun = made.begin(gateway, &app).await;
    assert!(begun.authorize_url.contains("scope=read%2Cwrite"));
    let callback = gateway
        .lab
        .approve(&begun.authorize_url)
        .await
        .expect("agreed");
    let answer = gateway.get_with(&callback.url, &begun.cookie).await;
    let location = answer.location();
    assert!(
        location
            .as_str()
            .starts_with("https://client.example/oauth2/callback/linear?")
    );
    let query = query(&location);
    assert_eq!(query["state"], state);
    let shown = client.show(&made.id).await;
    assert_eq!(
        (&shown["status"], &shown["credential_id"]),
        (&json!("used"), &Value::Null)
    );
    let redeemed = gateway.redeem(&app, &query["code"]).await.json();
    assert_eq!(redeemed["state"], state);
    let shown = client.show(&made.id).await;
    assert_eq!(shown["credential_id"], redeemed["credential"]["id"]);
    let kept = "SELECT end_user_id || end_user_name || metadata FROM credentials";
    assert_eq!(gateway.sql(kept).await, ["user-7Ada{\"team\": 7}"]);
    // It is the client that tells its end user.
    made.done(gateway)
        .await
        .assert_page(410, "link session used");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_redirect_uri_the_credential_is_made_at_once() {
    let client = Client::new().await;
    let gateway = &client.gateway;
    let app = gateway.register("linear").await;
    let mut body = request(&[&app]);
    body["end_user"] = json!({"id": "user-7", "name": "Ada"});
    body["metadata"] = json!({"team": 7});
    let made = client.session(&body).await;
    let answer = made.walk(gateway, &app).await;
    made.assert_done(&answer);
    for _ in 0..2 {
        let page = made.done(gateway).await;
        assert_eq!(page.status, 200, "{page:?}");
        for shown in ["Connected", "Arrakis Inc.", "Linear", "Acme"] {
            assert!(page.body.contains(shown), "{shown}: {}", page.body);
        }
    }
    let shown = client.show(&made.id).await;
    assert_eq!(shown["status"], "used");
    let kept =
        "SELECT id FROM credentials WHERE end_user_id = 'user-7' AND metadata = '{\"team\": 7}'";
    assert_eq!(
        gateway.sql(kept).await,
        [shown["credential_id"].as_str().expect("an id")]
    );
    let left = "SELECT count(*) FROM authorization_codes";
    assert_eq!(gateway.sql(left).await, ["0"]);
    let told = "SELECT kind FROM events WHERE credential_id IS NOT NULL";
    assert_eq!(gateway.sql(told).await, ["credential.created"]);
    let audited = "SELECT actor_kind FROM audit_events WHERE action = 'credential.created'";
    assert_eq!(gateway.sql(audited).await, ["system"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_several_providers_the_end_user_chooses_one() {
    let client = Client::new().await;
    let gateway = &client.gateway;
    let linear = gateway.register("linear").await;
    let github = gateway.register("github").await;
    let stranger = gateway.other_account().await;
    let foreign = gateway.register_for(stranger, "stripe", None).await;
    let mut body = request(&[&linear, &github]);
    body["redirect_uri"] = json!(TEMPLATE);
    let made = client.session(&body).await;
    let page = gateway.get(&made.url).await;
    assert!(
        page.body.contains("Choose what to connect"),
        "{}",
        page.body
    );
    for app in [&linear, &github] {
        assert!(
            page.body.contains(&format!("value=\"{}\"", app.id)),
            "{}",
            page.body
        );
    }
    assert!(
        !page.body.contains("App at"),
        "the providers' names are enough"
    );
    // Neither nothing nor what is not offered begins a flow.
    for app in [String::new(), "x".into(), foreign.id.to_string()] {
        let not = Made {
            app: Some(app),
            ..made.clone()
        };
        let answer = not.submit(gateway, &linear).await;
        assert_eq!(answer.status, 303, "{answer:?}");
    }
    let answer = made.walk(gateway, &github).await;
    assert_eq!(answer.location().path(), "/oauth2/callback/github");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_apps_of_one_provider_are_told_apart() {
    let client = Client::new().await;
    let first = client.gateway.register("linear").await;
    let second = client.gateway.register("linear").await;
    let made = client.session(&request(&[&first, &second])).await;
    let page = client.gateway.get(&made.url).await;
    assert!(page.body.contains("App at linear"), "{}", page.body);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_provider_needs_to_know_is_given_or_asked_for() {
    let client = Client::new().await;
    let gateway = &client.gateway;
    let app = gateway.register("shopify").await;
    let mut body = request(&[&app]);
    body["params"] = json!({"shop": "acme"});
    let made = client.session(&body).await;
    let begun = made.begin(gateway, &app).await;
    assert!(
        begun
            .authorize_url
            .starts_with("https://acme.myshopify.com/")
    );
    let made = client.session(&request(&[&app])).await;
    let form = made.submit(gateway, &app).await;
    assert_eq!(form.status, 200, "{form:?}");
    let (_, rest) = form.body.split_once("action=\"").expect("a form");
    let action = rest.split('"').next().expect("an address");
    let url = format!("{}{action}", gateway.base);
    let cookie = form.cookie();
    let answer = post(
        gateway,
        &url,
        &[("cookie", &cookie)],
        "param.shop=acme".into(),
    )
    .await;
    let callback = gateway.lab.approve(answer.location().as_str()).await;
    let answer = gateway
        .get_with(&callback.expect("agreed").url, &cookie)
        .await;
    made.assert_done(&answer);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_its_own_page_begins_a_flow() {
    let client = Client::new().await;
    let gateway = &client.gateway;
    let app = gateway.register("linear").await;
    let made = client.session(&request(&[&app])).await;
    let form = format!("app={}", app.id);
    let own = gateway.base.as_str();
    let foreign: [&[(&str, &str)]; 6] = [
        &[],
        &[("origin", "https://evil.example")],
        &[("origin", "null")],
        &[("origin", own), ("sec-fetch-site", "cross-site")],
        &[("sec-fetch-site", "same-site")],
        &[
            ("origin", "https://evil.example"),
            ("sec-fetch-site", "same-origin"),
        ],
    ];
    for headers in foreign {
        let answer = post(gateway, &made.url, headers, form.clone()).await;
        assert_eq!(answer.status, 403, "{headers:?}");
        assert_eq!(answer.header("set-cookie"), None);
    }
    assert_eq!(
        gateway
            .sql("SELECT count(*) FROM authorization_sessions")
            .await,
        ["0"]
    );
    let answer = post(gateway, &made.url, &[("origin", own)], form).await;
    assert_eq!(answer.status, 302, "an older browser");
}

#[tokio::test(flavor = "multi_thread")]
async fn to_look_begins_and_uses_nothing() {
    let client = Client::new().await;
    let gateway = &client.gateway;
    let app = gateway.register("linear").await;
    let made = client.session(&request(&[&app])).await;
    for path in ["", "/done"] {
        let url = format!("{}{path}", made.url);
        let head = gateway
            .request("HEAD", &url)
            .send()
            .await
            .expect("an answer");
        assert_eq!(head.status(), 200);
    }
    let prefetch = gateway
        .request("GET", &made.url)
        .header("sec-purpose", "prefetch");
    assert_eq!(prefetch.send().await.expect("an answer").status(), 425);
    for _ in 0..3 {
        assert_eq!(gateway.get(&made.url).await.status, 200);
    }
    assert_eq!(made.done(gateway).await.status, 303, "nothing is done yet");
    assert_eq!(
        gateway
            .sql("SELECT count(*) FROM authorization_sessions")
            .await,
        ["0"]
    );
    assert_eq!(client.show(&made.id).await["status"], "open");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_ends_and_a_guess_finds_none() {
    let client = Client::new().await;
    let gateway = &client.gateway;
    let app = gateway.register("linear").await;
    let made = client.session(&request(&[&app])).await;
    let guess = Made {
        url: format!("{}/link/session/{}", gateway.base, "A".repeat(43)),
        ..made.clone()
    };
    let malformed = Made {
        url: format!("{}/link/session/x", gateway.base),
        ..made.clone()
    };
    let page = gateway.get(&guess.url).await;
    page.assert_page(404, "link session unknown");
    assert_eq!(gateway.get(&malformed.url).await.body, page.body);
    malformed
        .done(gateway)
        .await
        .assert_page(404, "link session unknown");
    guess
        .submit(gateway, &app)
        .await
        .assert_page(404, "link session unknown");
    gateway.clock.advance(TimeDelta::minutes(30));
    gateway
        .get(&made.url)
        .await
        .assert_page(410, "link session expired");
    made.submit(gateway, &app)
        .await
        .assert_page(410, "link session expired");
    made.done(gateway)
        .await
        .assert_page(410, "link session expired");
}
