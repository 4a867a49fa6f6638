//! Planted secrets: after full flows with everything logged, none is at rest, in a log, or in HTML.

use std::process::Command;

use keyway_domain::{pkce::CodeVerifier, random::OsRandom};
use keyway_testkit::{
    lab::{Endpoint, Fault},
    log,
};
use serde_json::json;

use crate::support::{Answer, Gateway, query};

/// Every secret that a flow meets, by name.
#[derive(Default)]
struct Canaries(Vec<(&'static str, String)>);

impl Canaries {
    fn plant(&mut self, name: &'static str, value: impl Into<String>) {
        let value = value.into();
        assert!(value.len() >= 12, "{name} is too short to look for");
        self.0.push((name, value));
    }

    #[track_caller]
    fn assert_absent_from(&self, place: &str, text: &str) {
        for (name, value) in &self.0 {
            assert!(!text.contains(value.as_str()), "{name} is in {place}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_at_rest_in_logs_or_in_html() {
    let gateway = Gateway::start().await;
    let mut canaries = Canaries::default();
    let mut pages: Vec<Answer> = Vec::new();
    for provider in ["linear", "google", "hubspot", "slack"] {
        let app = gateway.register(provider).await;
        canaries.plant("the client secret", &app.client_secret);
        let state = format!("canary-state-{provider}");
        canaries.plant("the client's state", &state);
        let verifier = CodeVerifier::generate(&OsRandom);
        canaries.plant("the client's verifier", verifier.secret().expose());
        let challenge = verifier.challenge();
        let parameters = [
            ("state", state.as_str()),
            ("code_challenge", challenge.as_str()),
            ("code_challenge_method", "S256"),
        ];

        // A flow that works.
        let begun = gateway.begin(&app, &parameters).await;
        canaries.plant("our state", begun.state());
        canaries.plant(
            "the cookie",
            begun.cookie.split_once('=').expect("a pair").1,
        );
        let callback = gateway
            .lab
            .approve(&begun.authorize_url)
            .await
            .expect("agreed");
        canaries.plant(
            "the provider's code",
            callback.parameter("code").expect("a code"),
        );
        let answer = gateway.get_with(&callback.url, &begun.cookie).await;
        let code = query(&answer.location())["code"].clone();
        canaries.plant("our code", &code);
        let request = json!({
            "code": code, "client_id": app.id, "client_secret": app.client_secret,
            "code_verifier": verifier.secret().expose(),
        });
        assert_eq!(gateway.post_token(&request).await.status, 200);
        assert_eq!(gateway.post_token(&request).await.status, 400, "used");
        for call in gateway.lab.calls(provider, Endpoint::Token) {
            let body = String::from_utf8(call.body).expect("text");
            if let Some(ours) = url::form_urlencoded::parse(body.as_bytes())
                .find(|(name, _)| name == "code_verifier")
            {
                canaries.plant("our verifier", ours.1.into_owned());
            }
        }

        // Flows that fail, with pages that might show too much.
        pages.push(gateway.get_with(&callback.url, &begun.cookie).await);
        pages.push(
            gateway
                .get(
                    &gateway.start_url(&app, &[("state", &state), ("debug", "1"), ("scope", "\"")]),
                )
                .await,
        );
        let foreign = gateway.start_url(
            &app,
            &[("state", &state), ("redirect_uri", "https://evil.example/")],
        );
        pages.push(gateway.get(&foreign).await);
        gateway
            .lab
            .fail_once(provider, Endpoint::Token, Fault::Echo(400));
        let failed = gateway.connect(&app, &parameters).await;
        assert_eq!(query(&failed.location())["error"], "server_error");
        gateway
            .lab
            .fail_once(provider, Endpoint::Identity, Fault::Echo(403));
        gateway.connect(&app, &parameters).await;
        for token in gateway.lab.access_tokens(provider) {
            canaries.plant("an access token", token.token);
        }
        for token in gateway.lab.refresh_tokens(provider) {
            canaries.plant("a refresh token", token.token);
        }
    }

    let dump = dump(gateway.database.url());
    assert!(dump.contains("Arrakis Inc."), "the dump holds the rows");
    canaries.assert_absent_from("the database", &dump);
    let logged = log::all();
    assert!(logged.contains("answered"), "everything was logged");
    canaries.assert_absent_from("the log", &logged);
    assert_eq!(pages.len(), 12);
    for page in &pages {
        assert_eq!(page.status, 400, "{page:?}");
        canaries.assert_absent_from("a page", &page.body);
    }
}

/// All rows as text, bytes decoded so that clear text in them would show.
pub fn dump(url: &str) -> String {
    let output = Command::new("pg_dump")
        .args(["--data-only", "--inserts", url])
        .output()
        .expect("pg_dump");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let text = String::from_utf8(output.stdout).expect("text");
    let bytes: Vec<String> = text
        .split("'\\x")
        .skip(1)
        .filter_map(|rest| rest.split('\'').next())
        .map(|hex| {
            let bytes: Vec<u8> = (0..hex.len() / 2)
                .filter_map(|at| u8::from_str_radix(&hex[at * 2..at * 2 + 2], 16).ok())
                .collect();
            String::from_utf8_lossy(&bytes).into_owned()
        })
        .collect();
    format!("{text}\n{}", bytes.join("\n"))
}
