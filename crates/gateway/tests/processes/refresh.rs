//! A thousand credentials of a single-use provider, all due at once, on three gateways.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    sync::Mutex,
    time::Duration,
};

use futures_util::future::join_all;
use keyway_domain::{Random, random::OsRandom};
use keyway_testkit::lab::{Endpoint, Fault};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use crate::{
    fleet::{Fleet, PROVIDER, Process, until_within},
    seeded::{Seeded, seed},
};

const CREDENTIALS: usize = 1000;
const READERS: usize = 12;

/// How many answers readers got, by status; 0 for a connection that broke.
type Answers = Mutex<BTreeMap<u16, usize>>;

/// Reads credentials of chance at gateways of chance until it is told to stop. Every token that it
/// gets must be one that the provider takes.
async fn read(
    fleet: &Fleet,
    seeded: &Seeded,
    gateways: &[SocketAddr],
    stop: &CancellationToken,
    answers: &Answers,
) {
    let random: &dyn Random = &OsRandom;
    while !stop.is_cancelled() {
        let [high, low, gateway] = random.bytes::<3>();
        let number = usize::from(u16::from_be_bytes([high, low])) % seeded.credentials.len();
        let at = gateways.get(usize::from(gateway) % gateways.len());
        let id = seeded.credentials.get(number).expect("a credential");
        let (status, body) = token(fleet, seeded, *at.expect("a gateway"), &id.to_string()).await;
        if status == 200 {
            assert_good(fleet, &body);
        }
        *answers.lock().expect("no panic").entry(status).or_default() += 1;
    }
}

async fn token(fleet: &Fleet, seeded: &Seeded, at: SocketAddr, id: &str) -> (u16, Value) {
    let url = format!("http://{at}/v1/credentials/{id}/token");
    let sent = fleet.http.get(url).bearer_auth(&seeded.token).send().await;
    let Ok(answer) = sent else {
        return (0, Value::Null);
    };
    let status = answer.status().as_u16();
    match answer.json().await {
        Ok(body) => (status, body),
        Err(_) => (0, Value::Null),
    }
}

fn assert_good(fleet: &Fleet, body: &Value) {
    let token = body.get("access_token").and_then(Value::as_str);
    let token = token.expect("a token");
    assert!(fleet.lab.is_live(token), "a reader got a dead token");
}

async fn count(fleet: &Fleet, what: &str) -> usize {
    let query = format!("SELECT count(*) FROM {what}");
    let client = fleet.database.client().await;
    let row = client.query_one(&query, &[]).await.expect("a count");
    usize::try_from(row.get::<_, i64>(0)).expect("a count")
}

/// Until every credential was refreshed, or is known to be lost.
async fn until_settled(fleet: &Fleet) {
    let open = "credentials c JOIN grants g ON g.id = c.grant_id
                WHERE g.refreshed_at IS NULL AND c.health_status <> 'error'";
    until_within(120, "all are refreshed", async || {
        tokio::time::sleep(Duration::from_millis(200)).await;
        count(fleet, open).await == 0
    })
    .await;
}

/// The answers that readers got while `work` went on.
async fn read_during(
    fleet: &Fleet,
    seeded: &Seeded,
    gateways: &[SocketAddr],
    work: impl Future<Output = ()>,
) -> BTreeMap<u16, usize> {
    let (stop, answers) = (CancellationToken::new(), Answers::default());
    let readers = (0..READERS).map(|_| read(fleet, seeded, gateways, &stop, &answers));
    let work = async {
        work.await;
        stop.cancel();
    };
    tokio::join!(join_all(readers), work);
    answers.into_inner().expect("no panic")
}

async fn three(fleet: &Fleet) -> [Process; 3] {
    [
        fleet.start().await,
        fleet.start_another().await,
        fleet.start_another().await,
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_that_are_due_at_once_are_refreshed_once_each() {
    let fleet = Fleet::new().await;
    let gateways = three(&fleet).await;
    let addresses = gateways.each_ref().map(|gateway| gateway.address);
    let seeded = seed(&fleet, CREDENTIALS).await;
    let answers = read_during(&fleet, &seeded, &addresses, until_settled(&fleet)).await;
    assert_eq!(
        answers.keys().copied().collect::<Vec<_>>(),
        [200],
        "{answers:?}"
    );
    let calls = fleet.lab.calls(PROVIDER, Endpoint::Refresh).len();
    assert_eq!(calls, CREDENTIALS);
    assert!(fleet.lab.repeated(PROVIDER).is_empty());
    assert_eq!(
        count(&fleet, "credentials WHERE health_status = 'ok'").await,
        CREDENTIALS
    );
    let refreshed = "events WHERE kind = 'credential.refreshed'";
    assert_eq!(count(&fleet, refreshed).await, CREDENTIALS);
}

/// Kills each gateway while its refreshes are under way, and starts it again.
async fn kill_each(fleet: &Fleet, gateways: [Process; 3]) -> Vec<Process> {
    let mut restarted = Vec::new();
    for gateway in gateways {
        let asked = fleet.lab.calls(PROVIDER, Endpoint::Refresh).len();
        until_within(60, "refreshes are under way", async || {
            fleet.lab.calls(PROVIDER, Endpoint::Refresh).len() >= asked + 60
        })
        .await;
        let address = gateway.address;
        gateway.kill();
        restarted.push(fleet.start_at(address).await);
    }
    restarted
}

#[tokio::test(flavor = "multi_thread")]
async fn of_gateways_that_are_killed_nothing_is_lost_but_what_died_on_the_wire() {
    let fleet = Fleet::new().await;
    // The provider does its part at once, and its answer is a while on the wire.
    let slow = Fault::Slow(Duration::from_millis(150));
    fleet.lab.fail(PROVIDER, Endpoint::Refresh, slow);
    let gateways = three(&fleet).await;
    let addresses = gateways.each_ref().map(|gateway| gateway.address);
    let seeded = seed(&fleet, CREDENTIALS).await;
    let running = Mutex::new(Vec::new());
    let work = async {
        let restarted = kill_each(&fleet, gateways).await;
        running.lock().expect("no panic").extend(restarted);
        until_settled(&fleet).await;
    };
    let answers = read_during(&fleet, &seeded, &addresses, work).await;
    // Connections break with their gateway; whoever waits for a dead one's lease waits in vain.
    let expected = [0, 200, 409, 504];
    assert!(
        answers.keys().all(|status| expected.contains(status)),
        "{answers:?}"
    );

    let lost = "credentials WHERE health_status = 'error' AND health_notes ->> 0 LIKE '%was lost, and with it the next refresh token%'";
    let lost = count(&fleet, lost).await;
    let well = count(&fleet, "credentials WHERE health_status = 'ok'").await;
    assert_eq!(
        lost + well,
        CREDENTIALS,
        "each is well, or known to be lost"
    );
    assert!(lost > 0, "a kill that hits nothing shows nothing");
    assert!(lost <= 3 * (16 + READERS), "{lost} lost");
    let repeated = fleet.lab.repeated(PROVIDER);
    let twice: BTreeSet<_> = repeated.iter().map(|call| &call.refresh_token).collect();
    assert_eq!(
        (repeated.len(), twice.len()),
        (lost, lost),
        "a lost answer is asked for once more, and nothing else is"
    );
    let calls = fleet.lab.calls(PROVIDER, Endpoint::Refresh).len();
    assert_eq!(calls, CREDENTIALS + lost);

    let mut good = 0;
    for id in &seeded.credentials {
        match token(&fleet, &seeded, addresses[1], &id.to_string()).await {
            (200, body) => {
                assert_good(&fleet, &body);
                good += 1;
            }
            (status, _) => assert_eq!(status, 409),
        }
    }
    assert_eq!(good, well);
}
