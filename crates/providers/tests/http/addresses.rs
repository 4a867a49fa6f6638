//! Which addresses are reached.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    sync::{Arc, Mutex},
};

use futures_util::future::BoxFuture;
use keyway_providers::{ProviderError, http::Lookup};

use crate::origin::{Does, Origin, client, client_with, fails, provider, redeem, tokens};

/// A resolver that gives one answer after another; the last stands for all that follow.
struct Answers(Mutex<Vec<Vec<SocketAddr>>>);

impl Answers {
    fn of(answers: &[&[IpAddr]]) -> Arc<Self> {
        let socket = |address: &IpAddr| SocketAddr::new(*address, 0);
        let each = answers.iter().rev();
        let all = each.map(|answer| answer.iter().map(socket).collect());
        Arc::new(Self(Mutex::new(all.collect())))
    }
}

impl Lookup for Answers {
    fn lookup(&self, _host: String) -> BoxFuture<'static, io::Result<Vec<SocketAddr>>> {
        let mut left = self.0.lock().expect("lock");
        let answer = if left.len() > 1 {
            left.pop()
        } else {
            left.last().cloned()
        };
        Box::pin(std::future::ready(Ok(answer.unwrap_or_default())))
    }
}

fn ip(text: &str) -> IpAddr {
    text.parse().expect("address")
}

/// A failure to reach, because of what is not public.
fn is_guarded(error: &ProviderError) -> bool {
    matches!(error, ProviderError::Unreachable(why) if why.contains("not a public address"))
}

async fn unreachable_origin() -> Origin {
    Origin::start(vec![Does::Answer(tokens())]).await
}

#[tokio::test]
async fn every_spelling_of_a_private_address_is_refused() {
    let origin = unreachable_origin().await;
    let port = origin.address.port();
    for host in [
        "127.0.0.1",
        "2130706433",
        "0x7f.1",
        "0x7f000001",
        "0177.0.0.1",
        "127.1",
        "0",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[::127.0.0.1]",
        "[64:ff9b::7f00:1]",
        "10.0.0.5",
        "169.254.169.254",
        "[fd00:ec2::254]",
        "%31%32%37.0.0.1",
    ] {
        let provider = provider(&format!("https://{host}:{port}/token"), "");
        let error = fails(&provider, &client(&[])).await;
        assert!(is_guarded(&error), "{host}: {error}");
    }
}

#[tokio::test]
async fn a_refused_literal_is_never_connected_to() {
    let origin = unreachable_origin().await;
    let provider = provider(&format!("{}/token", origin.url()), "");
    fails(&provider, &client(&[])).await;
    assert_eq!(origin.connections(), 0);
}

#[tokio::test]
async fn an_exempted_literal_is_reached() {
    let origin = unreachable_origin().await;
    let provider = provider(&format!("{}/token", origin.url()), "");
    let allowed = origin.address.to_string();
    assert!(redeem(&provider, &client(&[&allowed])).await.is_ok());
}

#[tokio::test]
async fn a_name_with_a_private_address_is_refused() {
    for address in [
        "127.0.0.1",
        "10.0.0.5",
        "::1",
        "::ffff:127.0.0.1",
        "fe80::1",
    ] {
        let provider = provider("https://private.example/token", "");
        let lookup = Answers::of(&[&[ip(address)]]);
        let error = fails(&provider, &client_with(&[], lookup)).await;
        assert!(is_guarded(&error), "{address}: {error}");
    }
}

#[tokio::test]
async fn a_name_with_a_private_address_is_never_connected_to() {
    let origin = unreachable_origin().await;
    let url = format!("http://localhost:{}/token", origin.address.port());
    let provider = provider(&url, "");
    let lookup = Answers::of(&[&[ip("127.0.0.1")]]);
    fails(&provider, &client_with(&[], lookup)).await;
    assert_eq!(origin.connections(), 0);
}

/// The address that stands for a public one: Linux has all of 127.0.0.0/8.
const PUBLIC: &str = "127.0.0.2";

/// An origin at the public address, and one at a private address on the same port.
async fn public_and_private() -> (Origin, Origin) {
    loop {
        let close = vec![Does::Answer(tokens()), Does::Close];
        let public = Origin::start_at(SocketAddr::new(ip(PUBLIC), 0), close).await;
        let public = public.expect("a port");
        let private = SocketAddr::new(ip("127.0.0.1"), public.address.port());
        // Somebody else may have that port there.
        if let Ok(private) = Origin::start_at(private, vec![Does::Answer(tokens())]).await {
            return (public, private);
        }
    }
}

#[tokio::test]
async fn a_name_that_changes_its_answer_gains_nothing() {
    let (public, private) = public_and_private().await;
    let lookup = Answers::of(&[&[ip(PUBLIC)], &[ip("127.0.0.1")]]);
    let http = client_with(&[PUBLIC], lookup);
    let url = format!("http://localhost:{}/token", public.address.port());
    let provider = provider(&url, "");
    redeem(&provider, &http).await.expect("tokens");
    // The kept connection is closed under this one, so the next looks the name up again.
    fails(&provider, &http).await;
    let error = fails(&provider, &http).await;
    assert!(is_guarded(&error), "{error}");
    assert_eq!(private.connections(), 0);
}

#[tokio::test]
async fn of_several_addresses_the_private_ones_are_left_out() {
    let (public, private) = public_and_private().await;
    let both = [ip("127.0.0.1"), ip(PUBLIC)];
    let http = client_with(&[PUBLIC], Answers::of(&[&both]));
    let url = format!("http://localhost:{}/token", public.address.port());
    redeem(&provider(&url, ""), &http).await.expect("tokens");
    assert_eq!((public.connections(), private.connections()), (1, 0));
}
