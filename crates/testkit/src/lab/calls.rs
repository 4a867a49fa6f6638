//! What reached the lab, in order.

use chrono::{DateTime, Utc};

use super::message::Request;

/// The endpoints of a provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Endpoint {
    /// Where the browser goes.
    Authorize,
    /// The token endpoint, for a code.
    Token,
    /// The token endpoint, for a refresh token.
    Refresh,
    /// Whose the tokens are.
    Identity,
    /// The end of a grant.
    Revoke,
}

/// A request that reached a provider.
#[derive(Debug, Clone)]
pub struct Call {
    /// The provider.
    pub provider: String,
    /// Which of its endpoints.
    pub endpoint: Endpoint,
    /// When, by the lab's clock.
    pub at: DateTime<Utc>,
    /// The method.
    pub method: String,
    /// The host, without the port.
    pub host: String,
    /// The path.
    pub path: String,
    /// The query, encoded.
    pub query: String,
    /// The headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// The code that it presented, at the token endpoint.
    pub code: Option<String>,
    /// The refresh token that it presented, at the token endpoint.
    pub refresh_token: Option<String>,
    /// Whether that code or refresh token had been presented before: what Keyway must never do.
    pub repeated: bool,
}

/// The calls so far.
#[derive(Debug, Default)]
pub(crate) struct CallLog(Vec<Call>);

impl CallLog {
    /// Writes a call down, whatever comes of it.
    pub(crate) fn add(
        &mut self,
        provider: &str,
        endpoint: Endpoint,
        request: &Request,
        at: DateTime<Utc>,
    ) {
        let parameters = request.body_parameters();
        let presented = |name: &str, there: Endpoint| {
            let value = parameters.get(name).filter(|_| endpoint == there);
            value.map(str::to_owned)
        };
        let code = presented("code", Endpoint::Token);
        let refresh_token = presented("refresh_token", Endpoint::Refresh);
        let same = |call: &Call| {
            (code.is_some() && call.code == code)
                || (refresh_token.is_some() && call.refresh_token == refresh_token)
        };
        let repeated = self.of(provider).any(same);
        self.0.push(Call {
            provider: provider.to_owned(),
            endpoint,
            at,
            method: request.method.clone(),
            host: request.host.clone(),
            path: request.path.clone(),
            query: request.query.clone(),
            headers: request.headers.clone(),
            body: request.body.clone(),
            code,
            refresh_token,
            repeated,
        });
    }

    pub(crate) fn of(&self, provider: &str) -> impl Iterator<Item = &Call> {
        self.0.iter().filter(move |call| call.provider == provider)
    }
}
