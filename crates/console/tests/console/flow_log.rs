//! The flow log: list, search, detail.

use chrono::TimeDelta;
use keyway_domain::authorization_session::Step;

use crate::{browser::escaped, flows::Progress, support::Console, world::World};

const EMAIL: &str = "a@acme.test";

#[tokio::test]
async fn an_empty_log_teaches() {
    let console = Console::start().await;
    console.account("Acme", EMAIL).await;
    let browser = console.signed_in(EMAIL).await;
    browser
        .get("/flow-log")
        .await
        .assert_page(200, "No flow yet");
}

#[tokio::test]
async fn each_outcome_has_its_word_and_its_steps() {
    let console = Console::start().await;
    let account = console.account("Acme", EMAIL).await;
    let app = console.oauth_app(account, "linear", "App", "id").await;
    let failed = |step| Progress::Failed {
        step,
        description: "The provider refused the code.",
        detail: "invalid_grant: \"expired\"",
    };
    let cases = [
        (
            Progress::Connected("Org"),
            "Connected",
            "done done done done done done",
        ),
        (
            failed(Step::Exchange),
            "Failed",
            "done done failed not-reached not-reached not-reached",
        ),
        (
            failed(Step::Identity),
            "Failed",
            "done done done failed not-reached not-reached",
        ),
        (
            failed(Step::Callback),
            "Failed",
            "done failed not-reached not-reached not-reached not-reached",
        ),
        (
            Progress::Refused("redirect_uri not registered: https://evil.example"),
            "Failed",
            "failed not-reached not-reached not-reached not-reached not-reached",
        ),
        (
            Progress::Issued("Org"),
            "Granted",
            "done done done done done waiting",
        ),
        (
            Progress::Open,
            "Under way",
            "done waiting to-come to-come to-come to-come",
        ),
    ];
    for (progress, word, steps) in cases {
        let id = console.flow(account, app, progress).await.flow;
        let browser = console.signed_in(EMAIL).await;
        let list = browser.get("/flow-log").await;
        let (_, row) = list.body.split_once(&id.to_string()).expect("a row");
        let row = row.split("</tr>").next().expect("a row");
        assert!(row.contains(&format!(">{word}</span>")), "{word}: {row}");
        let page = browser.get(&format!("/flow-log/{id}")).await;
        page.assert_page(200, word);
        let states: Vec<String> = page
            .body
            .split("<span class=\"state\">")
            .skip(1)
            .map(|rest| rest.split('<').next().expect("a word").replace(' ', "-"))
            .collect();
        assert_eq!(states.join(" "), steps, "{word}");
        page.assert_page(200, &id.to_string());
    }
}

#[tokio::test]
async fn time_turns_open_flows_into_ended_ones() {
    let console = Console::start().await;
    let account = console.account("Acme", EMAIL).await;
    let app = console.oauth_app(account, "linear", "App", "id").await;
    let open = console.flow(account, app, Progress::Open).await.flow;
    let claimed = console.flow(account, app, Progress::Claimed).await.flow;
    let issued = console
        .flow(account, app, Progress::Issued("Org"))
        .await
        .flow;
    console.clock.advance(TimeDelta::minutes(10));
    let browser = console.signed_in(EMAIL).await;
    for (id, word, meaning) in [
        (open, "Abandoned", "The end user did not come back"),
        (claimed, "Interrupted", "the gateway stopped before"),
        (issued, "Not redeemed", "never redeemed the code"),
    ] {
        let page = browser.get(&format!("/flow-log/{id}")).await;
        page.assert_page(200, &format!(">{word}</span>"));
        page.assert_page(200, meaning);
    }
}

#[tokio::test]
async fn a_failure_is_shown_in_the_providers_own_words() {
    let world = World::new().await;
    let page = world
        .browser
        .get(&world.ours.path("/flow-log/{flow}"))
        .await;
    for shown in [
        // The provider's words, what the client was told, and all that one asks for next.
        "invalid_grant: Acme code expired",
        "<code>server_error</code> The provider refused the code.",
        "https://client.example/back/linear",
        "<code>read write</code>",
        "from the app",
        "<code>region</code> <code>acme-region</code>",
        "after 2.0 s",
    ] {
        page.assert_page(200, shown);
    }
    let app = format!("href=\"/oauth-apps/{}\"", world.ours.app);
    assert!(page.body.contains(&app));
    // Of a start that was refused nothing is kept but the reason.
    let (account, app) = (world.ours.account, world.ours.app);
    let detail = "redirect_uri not registered: https://evil.example/<x>";
    let refused = world
        .console
        .flow(account, app, Progress::Refused(detail))
        .await;
    let page = world
        .browser
        .get(&format!("/flow-log/{}", refused.flow))
        .await;
    page.assert_page(200, &escaped(detail));
    page.assert_page(200, "Answered with");
    page.assert_page(200, "not kept: refused at the start");
}

#[tokio::test]
async fn a_reference_opens_its_flow() {
    let world = World::new().await;
    let flow = world.ours.flow;
    for typed in [
        format!("{flow}"),
        format!("%20{flow}%0A"),
        flow.to_string().to_uppercase(),
    ] {
        let answer = world
            .browser
            .get(&format!("/flow-log?reference={typed}"))
            .await;
        answer.assert_redirect(&format!("/flow-log/{flow}"));
    }
    let answer = world.browser.get("/flow-log?reference=").await;
    answer.assert_page(200, "Acme Linear");
    for (typed, why) in [
        ("%3Cscript%3E", "A reference looks like"),
        ("0123456789abcdef", "names a line of the gateway’s log"),
    ] {
        let answer = world
            .browser
            .get(&format!("/flow-log?reference={typed}"))
            .await;
        answer.assert_page(422, why);
        // The list stays.
        answer.assert_page(422, "Acme Linear");
    }
}

#[tokio::test]
async fn a_flow_outlives_its_app() {
    let world = World::new().await;
    let (account, app) = (world.ours.account, world.ours.idle_app);
    let flow = world.console.flow(account, app, Progress::Open).await.flow;
    let path = format!("/oauth-apps/{app}/delete");
    assert_eq!(world.browser.post(&path, &[]).await.status, 303);
    let page = world.browser.get(&format!("/flow-log/{flow}")).await;
    page.assert_page(200, "deleted since");
    let list = world.browser.get("/flow-log").await;
    list.assert_page(200, "<span class=\"quiet\">deleted</span>");
}
