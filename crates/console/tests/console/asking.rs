//! What an admin asks of a credential: the console does none of it, and says how it stands.

use chrono::TimeDelta;
use keyway_domain::job::{JobKind, JobOutcome};
use keyway_store::TakenJob;

use crate::{browser::Answer, flows::Progress, world::World};

const CREDENTIAL: &str = "/credentials/{credential}";

async fn page(world: &World) -> Answer {
    world.browser.get(&world.ours.path(CREDENTIAL)).await
}

async fn ask(world: &World, what: &str) {
    let path = world.ours.path(&format!("{CREDENTIAL}/{what}"));
    let asked = world.browser.post(&path, &[]).await;
    asked.assert_redirect(&world.ours.path(CREDENTIAL));
}

async fn take(world: &World) -> Option<TakenJob> {
    let taken = world.console.app.store.take_job(world.console.now());
    taken.await.expect("an answer")
}

#[tokio::test]
async fn a_wish_waits_for_a_gateway_and_its_end_is_told() {
    let world = World::new().await;
    let quiet = page(&world).await;
    quiet.assert_page(200, "Refresh now");
    assert!(!quiet.body.contains("What was asked of it"));
    ask(&world, "refresh").await;
    let asked = page(&world).await;
    asked.assert_page(200, "Asked for</span>");
    asked.assert_page(200, "data-watch");
    // Twice is once.
    ask(&world, "refresh").await;
    let job = take(&world).await.expect("a job");
    assert!(take(&world).await.is_none());
    assert_eq!(
        (job.kind, job.account_id, job.credential_id),
        (JobKind::Refresh, world.ours.account, world.ours.credential)
    );
    page(&world).await.assert_page(200, "Under way</span>");
    let store = &world.console.app.store;
    let why = "The provider failed. <Try> again later.";
    let finished = store.finish_job(&job, JobOutcome::Failed, Some(why), world.console.now());
    assert!(finished.await.expect("an answer"));
    let ended = page(&world).await;
    ended.assert_page(200, "Failed</span>");
    ended.assert_page(200, "The provider failed. &#60;Try&#62; again later.");
    assert!(!ended.body.contains("data-watch"));
    let audit = world.console.audit(world.ours.account).await;
    assert!(audit.contains(&"credential.refresh_asked".to_owned()));
}

#[tokio::test]
async fn a_wish_that_no_gateway_takes_is_not_watched_for_ever() {
    let world = World::new().await;
    ask(&world, "refresh").await;
    world.console.clock.advance(TimeDelta::seconds(61));
    let ignored = page(&world).await;
    ignored.assert_page(200, "No gateway has taken it yet.");
    assert!(!ignored.body.contains("data-watch"));
    world.console.clock.advance(TimeDelta::hours(24));
    let browser = world.console.signed_in(&world.ours.email).await;
    let later = browser.get(&world.ours.path(CREDENTIAL)).await;
    assert!(!later.body.contains("What was asked of it"));
}

#[tokio::test]
async fn the_admin_is_told_what_happens_at_the_provider() {
    let world = World::new().await;
    let path = |what| world.ours.path(&format!("{CREDENTIAL}/{what}"));
    let revoke = world.browser.get(&path("revoke")).await;
    revoke.assert_page(200, "Keyway asks Linear to end the grant.");
    let delete = world.browser.get(&path("delete")).await;
    delete.assert_page(200, "Keyway asks Linear to end the grant");
    delete.assert_page(200, "This cannot be undone");
    // To look is not to ask.
    assert!(take(&world).await.is_none());
    ask(&world, "revoke").await;
    ask(&world, "delete").await;
    let kinds = [
        take(&world).await.map(|job| job.kind),
        take(&world).await.map(|job| job.kind),
    ];
    assert!(kinds.contains(&Some(JobKind::Revoke)) && kinds.contains(&Some(JobKind::Delete)));
}

#[tokio::test]
async fn where_a_provider_cannot_be_asked_nothing_is_promised() {
    let world = World::new().await;
    let client = world.console.database.client().await;
    client
        .execute("UPDATE credentials SET provider = 'no-longer-known'", &[])
        .await
        .expect("updated");
    let path = |what| world.ours.path(&format!("{CREDENTIAL}/{what}"));
    let revoke = world.browser.get(&path("revoke")).await;
    revoke.assert_page(200, "no-longer-known cannot be asked");
    assert!(!revoke.body.contains("type=\"submit\">Revoke"));
    let delete = world.browser.get(&path("delete")).await;
    delete.assert_page(200, "documents no way for an app to end a grant");
    assert!(!page(&world).await.body.contains("Refresh now"));
}

#[tokio::test]
async fn of_a_deleted_credential_its_story_is_left() {
    let world = World::new().await;
    let store = &world.console.app.store;
    ask(&world, "delete").await;
    let job = take(&world).await.expect("a job");
    let actor = keyway_domain::audit::Actor::Admin(job.admin_id);
    let now = world.console.now();
    let deleted = store.delete_credential(job.account_id, job.credential_id, None, actor, now);
    deleted.await.expect("deleted");
    let finished = store.finish_job(&job, JobOutcome::Done, None, now);
    assert!(finished.await.expect("an answer"));
    let gone = page(&world).await;
    gone.assert_page(410, "<h1>Deleted credential</h1>");
    gone.assert_page(410, "Deletion</span> <span class=\"tag ok\">Done");
    gone.assert_page(410, "<h3>Connected</h3>");
    gone.assert_page(
        410,
        &format!(
            "<code id=\"credential-id\">{}</code>",
            world.ours.credential
        ),
    );
    assert!(!gone.body.contains("type=\"submit\">Delete"));
    // And of another account's not even that.
    let other = world.console.signed_in(&world.theirs.email).await;
    let answer = other.get(&world.ours.path(CREDENTIAL)).await;
    answer.assert_page(404, "There is no such page here");
}

#[tokio::test]
async fn the_timeline_tells_what_happened_newest_first() {
    let world = World::new().await;
    world
        .console
        .ail(world.ours.credential, "error", "The grant was withdrawn.")
        .await;
    let page = page(&world).await;
    let stopped = page.body.find("<h3>Stopped working</h3>");
    let connected = page.body.find("<h3>Connected</h3>");
    assert!(stopped.expect("told") < connected.expect("told"));
    page.assert_page(200, "<p class=\"about\">The grant was withdrawn.</p>");
}

#[tokio::test]
async fn what_does_not_work_is_seen_everywhere() {
    let world = World::new().await;
    let console = &world.console;
    let overview = async || world.browser.get("/").await;
    assert!(!overview().await.body.contains("What needs attention"));
    let shaky = console
        .flow(
            world.ours.account,
            world.ours.app,
            Progress::Connected("Shaky Org"),
        )
        .await;
    console
        .ail(shaky.credential.expect("one"), "warn", "It answered 503.")
        .await;
    console
        .ail(world.ours.credential, "error", "The grant was withdrawn.")
        .await;
    console
        .ail(world.theirs.credential, "error", "Globex")
        .await;
    let overview = overview().await;
    overview.assert_page(200, "What needs attention");
    for text in ["Shaky Org", "It answered 503.", "The grant was withdrawn."] {
        overview.assert_page(200, text);
    }
    assert!(!overview.body.contains("Globex"));
    let page = page(&world).await;
    page.assert_page(200, "panel health bad");
    page.assert_page(200, "<li>The grant was withdrawn.</li>");
    // A dead grant cannot be refreshed.
    assert!(!page.body.contains("Refresh now"));
    let list = world.browser.get("/credentials?health=error").await;
    list.assert_page(200, "Acme Org");
    list.assert_page(200, "<span class=\"tag bad\">Reconnect</span>");
    assert!(!list.body.contains("Shaky Org"));
    let list = world.browser.get("/credentials?health=warn").await;
    list.assert_page(200, "Shaky Org");
    let none = world.browser.get("/credentials?health=ok").await;
    none.assert_page(200, "No credential is like that.");
}
