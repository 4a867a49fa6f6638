//! One code, one state, 64 callers, two gateways: one winner.

use futures_util::future::join_all;
use keyway_testkit::lab::Endpoint;

use crate::fleet::{Fleet, PROVIDER};

const CALLERS: usize = 64;
const ROUNDS: usize = 20;

#[tokio::test(flavor = "multi_thread")]
async fn of_64_redemptions_on_two_gateways_one_succeeds() {
    let fleet = Fleet::new().await;
    let gateways = [fleet.start().await, fleet.start_another().await];
    for round in 0..ROUNDS {
        let code = fleet.code(&gateways[round % 2]).await;
        let callers = (0..CALLERS).map(|caller| fleet.redeem(&gateways[caller % 2], &code));
        let answers = join_all(callers).await;
        let successes = answers.iter().filter(|(status, _)| *status == 200).count();
        assert_eq!(successes, 1, "round {round}: {answers:?}");
        for (status, body) in answers.iter().filter(|(status, _)| *status != 200) {
            assert_eq!(
                (*status, body["error"].as_str()),
                (400, Some("invalid_grant")),
                "round {round}"
            );
        }
    }
    let credentials = fleet
        .store
        .list_credentials(
            fleet.account,
            &keyway_store::CredentialFilter::default(),
            None,
            10,
        )
        .await
        .expect("a list");
    assert_eq!(credentials.len(), 1, "the same external account each time");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_64_callbacks_with_one_state_one_reaches_the_provider() {
    let fleet = Fleet::new().await;
    let gateways = [fleet.start().await, fleet.start_another().await];
    for round in 1..=ROUNDS {
        let returning = fleet.returning(&gateways[0]).await.expect("a flow");
        let callers = (0..CALLERS).map(|caller| fleet.come_back(&gateways[caller % 2], &returning));
        let answers = join_all(callers).await;
        let codes = answers
            .iter()
            .filter(|answer| matches!(answer, Ok(Some(_))))
            .count();
        let pages = answers.iter().filter(|answer| **answer == Err(400)).count();
        assert_eq!(
            (codes, pages),
            (1, CALLERS - 1),
            "round {round}: {answers:?}"
        );
        assert_eq!(fleet.lab.calls(PROVIDER, Endpoint::Token).len(), round);
    }
    assert!(fleet.lab.repeated(PROVIDER).is_empty());
}
