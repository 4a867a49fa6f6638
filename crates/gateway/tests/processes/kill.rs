//! kill -9 at any moment, under load.

use std::{collections::BTreeSet, sync::Mutex, time::Duration};

use futures_util::future::join_all;
use keyway_domain::{
    Random,
    credential::GrantSecrets,
    sealed::{Place, Sealed},
};
use keyway_testkit::random::SeededRandom;
use uuid::Uuid;

use crate::fleet::{Fleet, PROVIDER, Process, Returning, until};

const KILLS: usize = 50;
const WORKERS: usize = 8;

/// What the clients saw.
#[derive(Default)]
struct Seen {
    /// Codes that a client held, whatever became of them.
    codes: BTreeSet<String>,
    /// Codes that a client redeemed and knows it.
    redeemed: BTreeSet<String>,
    /// Browsers that came back and got no answer.
    unanswered: Vec<Returning>,
}

#[tokio::test(flavor = "multi_thread")]
async fn after_50_kills_everything_is_finished_or_cleanly_dead() {
    let fleet = Fleet::new().await;
    let seen = Mutex::new(Seen::default());
    let random: &dyn Random = &SeededRandom::new(7);
    for _ in 0..KILLS {
        let gateway = fleet.start().await;
        let [moment] = random.bytes::<1>();
        let before = redeemed(&seen);
        let load = join_all((0..WORKERS).map(|_| work(&fleet, &gateway, &seen)));
        // Under load first, however busy the machine is; then at a moment of chance.
        let moment = async {
            until("the load runs", async || redeemed(&seen) > before).await;
            tokio::time::sleep(Duration::from_millis(moment.into())).await;
        };
        tokio::select! {
            _ = load => {}
            () = moment => {}
        }
        gateway.kill();
    }
    let seen = seen.into_inner().expect("no panic");
    assert!(seen.redeemed.len() >= KILLS);

    let gateway = fleet.start().await;
    no_code_is_redeemable_twice(&fleet, &gateway, &seen).await;
    every_flow_is_finished_or_dead(&fleet, &gateway, &seen).await;
    every_credential_opens(&fleet).await;
    assert!(
        fleet.lab.repeated(PROVIDER).is_empty(),
        "no provider saw a code twice"
    );
}

fn redeemed(seen: &Mutex<Seen>) -> usize {
    seen.lock().expect("no panic").redeemed.len()
}

/// Flows without end, until the gateway is gone.
async fn work(fleet: &Fleet, gateway: &Process, seen: &Mutex<Seen>) {
    let note = |change: &dyn Fn(&mut Seen)| change(&mut seen.lock().expect("no panic"));
    loop {
        let Some(returning) = fleet.returning(gateway).await else {
            return;
        };
        // Noted before it is sent: the kill may come in between.
        note(&|seen| seen.unanswered.push(returning.clone()));
        let Ok(Some(code)) = fleet.come_back(gateway, &returning).await else {
            return;
        };
        note(&|seen| {
            seen.unanswered
                .retain(|known| known.callback != returning.callback);
            seen.codes.insert(code.clone());
        });
        let (status, _) = fleet.redeem(gateway, &code).await;
        match status {
            200 => note(&|seen| {
                seen.redeemed.insert(code.clone());
            }),
            0 => return,
            status => panic!("a fresh code got {status}"),
        }
    }
}

async fn no_code_is_redeemable_twice(fleet: &Fleet, gateway: &Process, seen: &Seen) {
    for code in &seen.codes {
        let known = usize::from(seen.redeemed.contains(code));
        let mut successes = known;
        for _ in 0..2 {
            let (status, _) = fleet.redeem(gateway, code).await;
            assert!([200, 400].contains(&status), "{status}");
            successes += usize::from(status == 200);
        }
        assert!(successes <= 1, "a code was redeemed {successes} times");
    }
}

/// A browser whose callback died may try again: it goes on if nothing was claimed yet, else it gets
/// a page; it never leads to a second exchange.
async fn every_flow_is_finished_or_dead(fleet: &Fleet, gateway: &Process, seen: &Seen) {
    for returning in &seen.unanswered {
        let answer = fleet.come_back(gateway, returning).await;
        assert!(matches!(answer, Ok(Some(_)) | Err(400)), "{answer:?}");
    }
    let client = fleet.database.client().await;
    let open = client
        .query(
            "SELECT s.id FROM authorization_sessions s LEFT JOIN authorization_codes c ON c.session_id = s.id
             WHERE (s.completed_at IS NOT NULL) <> (c.id IS NOT NULL)
                OR (s.completed_at IS NOT NULL AND s.sealed_secrets IS NOT NULL)",
            &[],
        )
        .await
        .expect("an answer");
    assert!(open.is_empty(), "{} half-finished flows", open.len());
}

async fn every_credential_opens(fleet: &Fleet) {
    let client = fleet.database.client().await;
    let rows = client
        .query(
            "SELECT g.id, g.account_id, g.external_id, g.sealed_secrets FROM grants g",
            &[],
        )
        .await
        .expect("grants");
    assert!(!rows.is_empty());
    for row in &rows {
        let (id, account): (Uuid, Uuid) = (row.get(0), row.get(1));
        let place = Place::grant_secrets(id.into(), account.into());
        let opened = fleet
            .ring
            .open(&place, &Sealed::from_bytes(row.get(3)))
            .expect("opens");
        let secrets: GrantSecrets = serde_json::from_str(opened.expose()).expect("reads");
        assert_eq!(secrets.external_id, row.get::<_, String>(2));
    }
    let dangling: i64 = client
        .query_one("SELECT count(*) FROM credentials c LEFT JOIN grants g ON g.id = c.grant_id WHERE g.id IS NULL", &[])
        .await
        .expect("a count")
        .get(0);
    assert_eq!(dangling, 0);
}
