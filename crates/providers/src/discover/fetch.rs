//! One document of a server, through the guarded client.

use serde_json::{Map, Value};
use url::Url;

use super::DiscoveryError;
use crate::{
    error::ProviderError,
    http::{HttpClient, Outgoing},
    request,
};

/// What is at a well-known place.
pub(super) enum Found {
    /// A JSON object.
    Document(Map<String, Value>),
    /// This status, and so no document.
    Nothing(u16),
}

/// Fetches a document. Redirects are not followed (the client never does), and what is larger than any
/// answer of a provider may be is refused.
pub(super) async fn document(http: &HttpClient, url: &Url) -> Result<Found, DiscoveryError> {
    let sending = http.send(Outgoing {
        method: reqwest::Method::GET,
        url: url.clone(),
        headers: request::json_headers(),
        body: None,
        certificate: None,
    });
    let answer = sending.await.map_err(|error| failed(url, error))?;
    match answer.status {
        200 => {}
        300..=399 => {
            return Err(refused(
                url,
                format!("answered {}: redirects are not followed", answer.status),
            ));
        }
        // What is wrong at the server is no answer to whether there is a document.
        429 | 500.. => return Err(refused(url, format!("answered {}", answer.status))),
        status => return Ok(Found::Nothing(status)),
    }
    match serde_json::from_slice(&answer.body) {
        Ok(Value::Object(document)) => Ok(Found::Document(document)),
        _ => Err(refused(url, "is no JSON object")),
    }
}

pub(super) fn failed(url: &Url, error: ProviderError) -> DiscoveryError {
    DiscoveryError::Fetch {
        url: url.to_string(),
        error,
    }
}

pub(super) fn refused(url: &Url, reason: impl Into<String>) -> DiscoveryError {
    DiscoveryError::Refused {
        url: url.to_string(),
        reason: reason.into(),
    }
}
