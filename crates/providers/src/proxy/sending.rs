//! A call on its way: once, or once more where the provider wants a nonce first.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures_util::StreamExt as _;
use reqwest::{Method, Response, header::HeaderMap};
use tokio::time::Instant;
use url::Url;

use super::ProxyBody;
use crate::{
    dpop::{self, Proof, ProofKey},
    error::ProviderError,
    http::{self, HttpClient},
};

/// A call without its body.
pub(super) struct Request {
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) headers: HeaderMap,
}

impl Request {
    /// Sends it with a proof (RFC 9449 section 7). A body that is known as a whole is sent again
    /// where the provider asks for a nonce; the answer to any other is the caller's to see, who knows
    /// whether to send it again: the nonce is known by then.
    pub(super) async fn send_proven(
        mut self,
        http: &HttpClient,
        key: &ProofKey,
        access_token: &str,
        body: ProxyBody,
    ) -> Result<Response, ProviderError> {
        let again = match &body {
            ProxyBody::Whole(whole) => Some(whole.clone()),
            ProxyBody::Stream(_) => None,
        };
        let used = self.prove(http, key, access_token)?;
        let answered = self.send(http, body).await?;
        if !self.note(http, &answered, used.as_deref()) {
            return Ok(answered);
        }
        let Some(body) = again else {
            return Ok(answered);
        };
        self.prove(http, key, access_token)?;
        let answered = self.send(http, ProxyBody::Whole(body)).await?;
        self.note(http, &answered, None);
        Ok(answered)
    }

    /// Puts a fresh proof among the headers; the nonce that is in it.
    fn prove(
        &mut self,
        http: &HttpClient,
        key: &ProofKey,
        access_token: &str,
    ) -> Result<Option<String>, ProviderError> {
        let proof = Proof {
            key,
            access_token: Some(access_token),
            method: self.method.as_str(),
            url: &self.url,
        };
        proof.add_to(&mut self.headers, http)
    }

    /// Remembers the nonce of an answer; whether the call was refused for want of it.
    fn note(&self, http: &HttpClient, answered: &Response, used: Option<&str>) -> bool {
        let nonce = http::nonce(answered.headers());
        http.nonces.note(&self.url, nonce.as_deref());
        let challenge = http::challenge(answered.headers());
        let status = answered.status().as_u16();
        dpop::resource_asks(status, nonce.as_deref(), used, &challenge)
    }

    /// Sends it, and waits for the answer to begin.
    pub(super) async fn send(
        &self,
        http: &HttpClient,
        body: ProxyBody,
    ) -> Result<Response, ProviderError> {
        let patience = http.patience();
        let progress = Progress::new();
        let request = http.streaming_request(self.method.clone(), self.url.clone())?;
        let mut request = request.headers(self.headers.clone());
        request = match body {
            ProxyBody::Whole(body) if body.is_empty() => request,
            ProxyBody::Whole(body) => request.body(body),
            ProxyBody::Stream(stream) => {
                let counted = progress.clone();
                let watched = stream.inspect(move |_| counted.made());
                request.body(reqwest::Body::wrap_stream(watched))
            }
        };
        tokio::select! {
            answered = request.send() => answered.map_err(http::unreachable),
            () = progress.ceased(patience) => Err(ProviderError::Timeout(patience.as_secs())),
        }
    }
}

/// When the provider last took something of a body.
#[derive(Clone)]
struct Progress(Arc<Mutex<Instant>>);

impl Progress {
    fn new() -> Self {
        Self(Arc::new(Mutex::new(Instant::now())))
    }

    fn made(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    fn last(&self) -> Instant {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends when there was none for so long.
    async fn ceased(&self, patience: Duration) {
        loop {
            let until = self.last() + patience;
            if until <= Instant::now() {
                return;
            }
            tokio::time::sleep_until(until).await;
        }
    }
}
