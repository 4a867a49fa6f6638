//! Flows that wait for the end user's form.

use super::*;

async fn is_waiting(world: &World, id: AuthorizationSessionId) -> bool {
    let found = world.store.find_unanswered_session(id, now()).await;
    found.expect("an answer").is_some()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flow_that_waits_is_found_with_what_the_form_needs() {
    let world = World::new().await;
    let id = world.unanswered().await;
    let found = world.store.find_unanswered_session(id, now()).await;
    let found = found.expect("an answer").expect("the flow");
    assert_eq!((found.id, found.account_id), (id, world.account));
    assert_eq!(found.client_id, "client");
    assert_eq!(found.provider, slug("linear"));
    let redirect_uri = found.redirect_uri.expect("where it ends");
    assert_eq!(redirect_uri.as_str(), "https://client.example/cb");
    assert_eq!(found.sealed_secrets, sealed("secrets"));
    assert_eq!(found.scopes.to_string(), "read write");
    assert_eq!(found.variables, values(&[("shop", "acme.example")]));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_flow_does_not_wait() {
    let world = World::new().await;
    world.unanswered().await;
    let unknown = AuthorizationSessionId::generate(now(), random());
    assert!(!is_waiting(&world, unknown).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answered_flow_waits_no_longer() {
    let world = World::new().await;
    let started = world.started().await;
    assert!(!is_waiting(&world, started.id).await);
    assert!(!answer(&world, started.id).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_flow_waits_no_longer() {
    let world = World::new().await;
    let id = world.unanswered().await;
    // Only the fault is new: the secrets that it would erase stay, so that nothing else refuses.
    let failed = format!(
        "UPDATE authorization_sessions SET failed_at = '{}', failed_step = 'start', error = 'server_error'",
        now()
    );
    world.sql(&failed).await;
    assert!(!is_waiting(&world, id).await);
    assert!(!answer(&world, id).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flow_waits_until_its_end_and_not_at_it() {
    let world = World::new().await;
    let id = world.unanswered().await;
    let (end, values) = (now() + LIFETIME, values(&[]));
    let store = &world.store;
    let at_end = store.find_unanswered_session(id, end).await;
    assert!(at_end.expect("an answer").is_none());
    assert!(
        !store
            .answer_session(id, &values, digest(), end)
            .await
            .expect("an answer")
    );
    let before = end - instant();
    let found = store.find_unanswered_session(id, before).await;
    assert!(found.expect("an answer").is_some());
    assert!(
        store
            .answer_session(id, &values, digest(), before)
            .await
            .expect("an answer")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_gives_the_flow_its_values_its_state_and_a_full_life() {
    let world = World::new().await;
    let id = world.unanswered().await;
    let (later, state) = (now() + LIFETIME - instant(), digest());
    let values = values(&[("shop", "other.example")]);
    let answered = world.store.answer_session(id, &values, state, later).await;
    assert!(answered.expect("an answer"));
    let claimed = world
        .store
        .claim_authorization_session(id, state, &slug("linear"), later + LIFETIME - instant())
        .await;
    let claimed = claimed
        .expect("an answer")
        .expect("open for ten more minutes");
    assert_eq!(claimed.variables, values);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_is_for_one_flow() {
    let world = World::new().await;
    let (id, other) = (world.unanswered().await, world.unanswered().await);
    assert!(answer(&world, id).await);
    assert!(is_waiting(&world, other).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_answers_one_counts() {
    let world = World::new().await;
    let id = world.unanswered().await;
    let answered = world
        .race(move |number, store| async move {
            let values = values(&[("shop", &number.to_string())]);
            store.answer_session(id, &values, digest(), now()).await
        })
        .await;
    let winners: Vec<usize> = answered
        .into_iter()
        .map(|answered| answered.expect("an answer"))
        .enumerate()
        .filter_map(|(number, won)| won.then_some(number))
        .collect();
    assert_eq!(winners.len(), 1, "{winners:?}");
}
