//! `keyway admins`.

use keyway_domain::{SecretString, random::OsRandom};
use keyway_testkit::database::TestDatabase;
use keyway_vault::PasswordHasher;
use serde_json::json;

use crate::support::{Installation, PASSWORD, Ran, Shell, fields};

async fn create(installation: &Installation, account: &str, email: &str, password: &str) -> Ran {
    let words = [
        "admins",
        "create",
        "--account",
        account,
        "--email",
        email,
        "--password-stdin",
        "--json",
    ];
    installation.keyway_reads(password, &words).await
}

async fn verifies(installation: &Installation, email: &str, password: &str) -> bool {
    let query = format!("SELECT password_hash FROM admins WHERE email = '{email}'");
    let hash = installation.sql(&query).await.remove(0);
    let hasher = PasswordHasher::new(&OsRandom).expect("a hasher");
    let verified = hasher
        .verify(SecretString::from(password), Some(&hash))
        .await;
    verified.expect("an answer")
}

#[tokio::test]
async fn an_admin_comes_with_their_new_account() {
    let installation = Installation::new().await;
    let made = create(&installation, "Beta Inc.", "B@Beta.Test", PASSWORD)
        .await
        .json();
    assert_eq!(fields(&made), ["account", "email", "id"]);
    assert_eq!(fields(&made["account"]), ["id", "name", "slug"]);
    assert_eq!(made["email"], "b@beta.test");
    assert_eq!(made["account"]["slug"], "beta-inc");
    assert_eq!(made["account"]["name"], "Beta Inc.");
    assert!(verifies(&installation, "b@beta.test", PASSWORD).await);
}

#[tokio::test]
async fn a_further_admin_joins_the_account() {
    let installation = Installation::new().await;
    let made = create(&installation, "acme", "second@acme.test", PASSWORD)
        .await
        .json();
    assert_eq!(made["account"]["name"], "Acme", "as it was made");
    assert_eq!(
        installation.sql("SELECT count(*) FROM accounts").await,
        ["1"]
    );
}

#[tokio::test]
async fn people_are_told_where_to_sign_in() {
    let installation = Installation::new().await;
    let words = [
        "admins",
        "create",
        "--account",
        "Acme",
        "--email",
        "second@acme.test",
        "--password-stdin",
    ];
    let ran = installation
        .keyway_reads(PASSWORD, &words)
        .await
        .succeeded();
    assert_eq!(
        ran.stdout,
        "second@acme.test can sign in at http://127.0.0.1:8081\n"
    );
}

#[tokio::test]
async fn an_address_is_taken_once() {
    let installation = Installation::new().await;
    let ran = create(&installation, "Other", "A@acme.test", PASSWORD).await;
    ran.refused("a@acme.test can sign in already");
    assert_eq!(
        installation.sql("SELECT count(*) FROM accounts").await,
        ["1"]
    );
}

#[tokio::test]
async fn a_password_is_taken_as_it_is_but_for_the_end_of_its_line() {
    let installation = Installation::new().await;
    let spaced = "  spaces around canary  ";
    let typed = format!("{spaced}\r\n");
    create(&installation, "Acme", "spaced@acme.test", &typed)
        .await
        .json();
    assert!(verifies(&installation, "spaced@acme.test", spaced).await);
}

#[tokio::test]
async fn a_password_of_another_length_is_refused() {
    let installation = Installation::new().await;
    let long = "canary".repeat(100);
    for (password, why) in [
        ("canary", "a password has at least 12 characters"),
        (long.as_str(), "a password has at most 512 characters"),
        ("\n", "the password is empty"),
    ] {
        create(&installation, "Acme", "new@acme.test", password)
            .await
            .refused(why);
    }
    assert_eq!(installation.sql("SELECT count(*) FROM admins").await, ["1"]);
}

#[tokio::test]
async fn what_is_no_address_or_account_is_refused() {
    let installation = Installation::new().await;
    let no_address = create(&installation, "Acme", "nobody", PASSWORD).await;
    no_address.refused("enter an e-mail address, such as you@example.com");
    let no_account = create(&installation, "!!", "new@acme.test", PASSWORD).await;
    no_account.refused("an account name has 1 to 100 characters");
}

#[tokio::test]
async fn a_password_that_nobody_types_is_asked_for_on_standard_input() {
    let installation = Installation::new().await;
    let words = [
        "admins",
        "create",
        "--account",
        "Acme",
        "--email",
        "new@acme.test",
    ];
    let ran = installation.keyway(&words).await;
    ran.refused("give the password on standard input with --password-stdin");
}

#[tokio::test]
async fn a_setup_link_leads_to_the_console() {
    let database = TestDatabase::new().await;
    let shell = Shell::new()
        .with("KEYWAY_DATABASE_URL", database.url())
        .with("KEYWAY_CONSOLE_URL", "https://console.example");
    let made = shell
        .keyway(&["admins", "setup-link", "--json"])
        .await
        .json();
    assert_eq!(fields(&made), ["url"]);
    let url = made["url"].as_str().expect("a URL");
    let token = url.strip_prefix("https://console.example/setup/");
    assert_eq!(token.map(str::len), Some(43), "{url}");
}

#[tokio::test]
async fn a_second_setup_link_replaces_the_first() {
    let database = TestDatabase::new().await;
    let shell = Shell::new().with("KEYWAY_DATABASE_URL", database.url());
    let first = shell.keyway(&["admins", "setup-link"]).await.succeeded();
    let second = shell.keyway(&["admins", "setup-link"]).await.succeeded();
    assert_ne!(first.stdout, second.stdout);
    let client = database.client().await;
    let kept = client.query("SELECT FROM setup_links", &[]).await;
    assert_eq!(kept.expect("rows").len(), 1);
}

#[tokio::test]
async fn where_somebody_can_sign_in_there_is_no_setup_link() {
    let installation = Installation::new().await;
    let ran = installation.keyway(&["admins", "setup-link"]).await;
    ran.refused("somebody can sign in already; `keyway admins create` adds another admin");
}

#[tokio::test]
async fn what_the_operator_did_is_on_record() {
    let installation = Installation::new().await;
    let events = "SELECT detail FROM audit_events WHERE action = 'admin.created' AND actor_kind = 'operator'";
    let detail = json!({"email": "a@acme.test"}).to_string();
    assert_eq!(installation.sql(events).await, [detail.replace(':', ": ")]);
}
