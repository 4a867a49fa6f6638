//! The end user's browser.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use reqwest::header::{COOKIE, LOCATION, SET_COOKIE};
use rustls::pki_types::CertificateDer;
use url::Url;

/// Opens an authorization URL: where the server, all of whose URLs start so, sends the browser in the
/// end.
pub(super) async fn approve(http: &reqwest::Client, server: &str, authorize_url: &str) -> Url {
    let mut cookies: BTreeMap<String, String> = BTreeMap::new();
    let mut here: Url = authorize_url.parse().expect("a URL");
    for _ in 0..12 {
        if !here.as_str().starts_with(server) {
            return here;
        }
        let pairs: Vec<String> = cookies
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let request = http.get(here.clone());
        let request = request.header(COOKIE, pairs.join("; "));
        let answer = request.send().await.expect("an answer");
        for cookie in answer.headers().get_all(SET_COOKIE) {
            let cookie = cookie.to_str().expect("text");
            let pair = cookie.split(';').next().unwrap_or_default();
            if let Some((name, value)) = pair.split_once('=') {
                cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        let Some(location) = answer.headers().get(LOCATION) else {
            let status = answer.status();
            let page = answer.text().await.unwrap_or_default();
            panic!("{here} answered {status}: {page}");
        };
        here = here.join(location.to_str().expect("text")).expect("a URL");
    }
    panic!("it goes round in circles: {here}");
}

#[expect(clippy::disallowed_methods, reason = "a browser, not a client of ours")]
pub(super) fn client(authority: Option<CertificateDer<'_>>) -> reqwest::Client {
    let mut roots = rustls::RootCertStore::empty();
    if let Some(authority) = authority {
        roots.add(authority.into_owned()).expect("a certificate");
    }
    let tls = rustls::ClientConfig::builder_with_provider(Arc::new(
        rustls::crypto::aws_lc_rs::default_provider(),
    ));
    let tls = tls
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .timeout(Duration::from_secs(30))
        .tls_backend_preconfigured(tls)
        .build()
        .expect("a client")
}
