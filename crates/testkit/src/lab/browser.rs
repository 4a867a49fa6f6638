//! The end user's browser.

use std::{net::SocketAddr, sync::Arc};

use reqwest::{
    dns::{Addrs, Name, Resolve, Resolving},
    redirect,
};
use rustls::{ClientConfig, RootCertStore, crypto::aws_lc_rs, pki_types::CertificateDer};

use super::{flow::Decision, message::Parameters, server::DECISION};

/// How the vendor sends the browser back to the client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Callback {
    /// `GET`, or `POST` for `response_mode=form_post`.
    pub method: &'static str,
    /// The callback, with its query if the method is `GET`.
    pub url: String,
    /// The form's fields if the method is `POST`.
    pub form: Vec<(String, String)>,
}

/// The vendor showed a page of its own, and the browser stays there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErrorPage {
    /// HTTP status; 0 if there was no answer.
    pub status: u16,
    /// The page, or why there was none.
    pub body: String,
}

impl Callback {
    /// The callback's parameters, encoded as in a query.
    pub fn encoded(&self) -> String {
        if self.method == "POST" {
            return super::message::encode(&self.form);
        }
        let (_, query) = self.url.split_once('?').unwrap_or_default();
        query.to_owned()
    }

    /// One of the callback's parameters.
    pub fn parameter(&self, name: &str) -> Option<String> {
        Parameters::decode(self.encoded().as_bytes())
            .get(name)
            .map(str::to_owned)
    }
}

/// A client that finds the lab behind every name and follows no redirect.
#[derive(Debug)]
pub(crate) struct Browser(reqwest::Client);

impl Browser {
    #[expect(
        clippy::disallowed_methods,
        reason = "a browser, and no client of Keyway's: it is to reach the lab alone"
    )]
    pub(crate) fn new(lab: SocketAddr, root: CertificateDer<'static>) -> Self {
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(trusting(root))
            .dns_resolver(Arc::new(Everywhere(lab)))
            .redirect(redirect::Policy::none())
            .no_proxy()
            .build();
        Self(client.expect("client"))
    }

    /// Opens the authorization URL, and does on the vendor's page what the end user decided.
    pub(crate) async fn open(&self, url: &str, decision: Decision) -> Result<Callback, ErrorPage> {
        let says = match decision {
            Decision::Approve => "approve",
            Decision::Deny => "deny",
        };
        let failed = |error: reqwest::Error| ErrorPage {
            status: 0,
            body: error.to_string(),
        };
        let response = self.0.get(url).header(DECISION, says).send().await;
        let response = response.map_err(failed)?;
        let status = response.status();
        let location = response.headers().get(reqwest::header::LOCATION);
        if let Some(location) = location.filter(|_| status.is_redirection()) {
            return Ok(Callback {
                method: "GET",
                url: location.to_str().expect("ASCII").to_owned(),
                form: Vec::new(),
            });
        }
        let body = response.text().await.map_err(failed)?;
        form(&body).ok_or(ErrorPage {
            status: status.as_u16(),
            body,
        })
    }
}

fn trusting(root: CertificateDer<'static>) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots.add(root).expect("root");
    ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("protocol versions")
        .with_root_certificates(roots)
        .with_no_client_auth()
}

/// Reads the lab's own form that posts itself.
fn form(page: &str) -> Option<Callback> {
    let (_, rest) = page.split_once(r#"<form method="post" action=""#)?;
    let (action, inputs) = rest.split_once('"')?;
    let fields = inputs.split(r#"<input type="hidden" name=""#).skip(1);
    let form = fields.filter_map(|field| {
        let (name, rest) = field.split_once('"')?;
        let (value, _) = rest.strip_prefix(r#" value=""#)?.split_once('"')?;
        Some((unescaped(name), unescaped(value)))
    });
    Some(Callback {
        method: "POST",
        url: unescaped(action),
        form: form.collect(),
    })
}

fn unescaped(text: &str) -> String {
    text.replace("&lt;", "<")
        .replace("&quot;", "\"")
        .replace("&amp;", "&")
}

/// Every name leads to the lab.
struct Everywhere(SocketAddr);

impl Resolve for Everywhere {
    fn resolve(&self, _name: Name) -> Resolving {
        let addresses: Addrs = Box::new(std::iter::once(self.0));
        Box::pin(std::future::ready(Ok(addresses)))
    }
}
