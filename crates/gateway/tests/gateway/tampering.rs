//! Ciphertexts that somebody edited or moved: refused, logged, and the flow fails closed.

use crate::support::{Answer, Gateway, TestApp};

async fn setup() -> (Gateway, TestApp) {
    let gateway = Gateway::start().await;
    let app = gateway.register("linear").await;
    (gateway, app)
}

/// The end user is at the provider; somebody edits the database; the end user comes back.
async fn callback_after(gateway: &Gateway, app: &TestApp, edit: &str) -> Answer {
    let begun = gateway.begin(app, &[("state", "s")]).await;
    let callback = gateway
        .lab
        .approve(&begun.authorize_url)
        .await
        .expect("agreed");
    gateway.sql(edit).await;
    gateway.get_with(&callback.url, &begun.cookie).await
}

async fn redeem_after(gateway: &Gateway, app: &TestApp, edit: &str) -> Answer {
    let code = gateway.code(app, &[("state", "s")]).await;
    gateway.sql(edit).await;
    gateway.redeem(app, &code).await
}

fn flip(table: &str, column: &str, byte: &str) -> String {
    format!(
        "UPDATE {table} SET {column} = set_byte({column}, {byte}, get_byte({column}, {byte}) # 1) WHERE {column} IS NOT NULL"
    )
}

const REFUSED: &str = "the sealed value was edited or belongs elsewhere";

#[tokio::test(flavor = "multi_thread")]
async fn a_flipped_bit_in_the_flows_secrets() {
    let (gateway, app) = setup().await;
    let last = "length(sealed_secrets) - 1";
    let answer = callback_after(
        &gateway,
        &app,
        &flip("authorization_sessions", "sealed_secrets", last),
    )
    .await;
    answer.assert_page(500, REFUSED);
    let failed = gateway
        .sql("SELECT failed_step || error FROM authorization_sessions")
        .await;
    assert_eq!(failed, ["callbackserver_error"]);
    assert!(
        gateway
            .lab
            .calls("linear", keyway_testkit::lab::Endpoint::Token)
            .is_empty()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flipped_bit_in_the_client_secret() {
    let (gateway, app) = setup().await;
    let edit = flip("oauth_apps", "sealed_client_secret", "40");
    callback_after(&gateway, &app, &edit)
        .await
        .assert_page(500, REFUSED);
    let answer = gateway.redeem(&app, &"A".repeat(43)).await;
    answer.assert_token_error(500, "server_error", REFUSED);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flipped_bit_in_the_grant() {
    let (gateway, app) = setup().await;
    let answer = redeem_after(&gateway, &app, &flip("grants", "sealed_secrets", "40")).await;
    answer.assert_token_error(500, "server_error", REFUSED);
    assert!(!answer.body.contains("access_token"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flipped_bit_in_the_codes_state() {
    let (gateway, app) = setup().await;
    let answer = redeem_after(
        &gateway,
        &app,
        &flip("authorization_codes", "sealed_state", "40"),
    )
    .await;
    answer.assert_token_error(500, "server_error", REFUSED);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_id_that_the_ring_does_not_hold() {
    let (gateway, app) = setup().await;
    let answer = redeem_after(&gateway, &app, &flip("grants", "sealed_secrets", "2")).await;
    answer.assert_token_error(500, "server_error", "which the key ring does not hold");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ciphertext_of_another_row() {
    let (gateway, app) = setup().await;
    let other = gateway.register("linear").await;
    let edit = format!(
        "UPDATE oauth_apps SET sealed_client_secret = (SELECT sealed_client_secret FROM oauth_apps WHERE id = '{}') WHERE id = '{}'",
        other.id, app.id
    );
    callback_after(&gateway, &app, &edit)
        .await
        .assert_page(500, REFUSED);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ciphertext_of_another_column() {
    let (gateway, app) = setup().await;
    let edit = "UPDATE authorization_sessions SET sealed_response = sealed_secrets";
    callback_after(&gateway, &app, edit)
        .await
        .assert_page(500, REFUSED);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ciphertext_of_another_table() {
    let (gateway, app) = setup().await;
    let edit = "UPDATE grants SET sealed_secrets = (SELECT sealed_client_secret FROM oauth_apps)";
    redeem_after(&gateway, &app, edit)
        .await
        .assert_token_error(500, "server_error", REFUSED);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_was_moved_to_another_account() {
    let (gateway, app) = setup().await;
    let other = gateway.other_account().await;
    let edit = format!("UPDATE oauth_apps SET account_id = '{other}'");
    callback_after(&gateway, &app, &edit)
        .await
        .assert_page(400, "state unknown");
    let answer = gateway.redeem(&app, &"A".repeat(43)).await;
    answer.assert_token_error(500, "server_error", REFUSED);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_grant_hung_under_another_external_account() {
    let (gateway, app) = setup().await;
    let answer = redeem_after(&gateway, &app, "UPDATE grants SET external_id = 'other'").await;
    answer.assert_token_error(500, "server_error", "grant of another external account");
}
