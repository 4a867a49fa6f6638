//! The documents, checked: what is not as it must be goes no further.

use serde::Deserialize;
use serde_json::{Map, Value};
use url::Url;

use super::{DiscoveryError, fetch::refused, place, place::Place};
use crate::http::HttpClient;

type Document = Map<String, Value>;

/// A document that is the issuer's own: it says the name byte for byte (RFC 8414 section 3.3), or it
/// could speak for anybody.
pub(super) fn of_issuer(
    url: &Url,
    document: Document,
    issuer: &str,
) -> Result<Document, DiscoveryError> {
    let said = document.get("issuer").and_then(Value::as_str);
    match said {
        Some(said) if said == issuer => Ok(document),
        Some(said) => Err(refused(
            url,
            format!("its issuer is {}, and not {issuer}", shown(said)),
        )),
        None => Err(refused(url, "has no issuer")),
    }
}

/// An authorization server.
#[derive(Debug, Clone)]
pub(super) struct Server {
    pub(super) said: Said,
    pub(super) issuer: String,
    pub(super) authorization: Url,
    pub(super) token: Url,
    pub(super) pushed: Option<Url>,
    pub(super) revocation: Option<Url>,
    pub(super) userinfo: Option<Url>,
    pub(super) keys: Option<Url>,
    pub(super) registration: Option<Url>,
}

/// What is no URL in it. Members that are not there, or null, are as the standard's defaults.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Said {
    pub(super) scopes_supported: Option<Vec<String>>,
    response_types_supported: Option<Vec<String>>,
    pub(super) grant_types_supported: Option<Vec<String>>,
    pub(super) code_challenge_methods_supported: Option<Vec<String>>,
    pub(super) prompt_values_supported: Option<Vec<String>>,
    pub(super) claims_supported: Option<Vec<String>>,
    pub(super) token_endpoint_auth_methods_supported: Option<Vec<String>>,
    pub(super) token_endpoint_auth_signing_alg_values_supported: Option<Vec<String>>,
    pub(super) id_token_signing_alg_values_supported: Option<Vec<String>>,
    pub(super) dpop_signing_alg_values_supported: Option<Vec<String>>,
    pub(super) authorization_response_iss_parameter_supported: Option<bool>,
    require_pushed_authorization_requests: Option<bool>,
    pub(super) service_documentation: Option<String>,
}

/// Whether a list is there and has this value.
pub(super) fn has(list: Option<&Vec<String>>, value: &str) -> bool {
    list.is_some_and(|list| list.iter().any(|known| known == value))
}

impl Server {
    pub(super) fn read(
        http: &HttpClient,
        url: &Url,
        document: Document,
        issuer: &Place,
    ) -> Result<Self, DiscoveryError> {
        let endpoint = |name: &str| endpoint(http, url, &document, issuer, name);
        let needed = |name: &str| {
            let found = endpoint(name)?;
            found.ok_or_else(|| refused(url, format!("has no {name}")))
        };
        let (authorization, token) = (needed("authorization_endpoint")?, needed("token_endpoint")?);
        let pushed = endpoint("pushed_authorization_request_endpoint")?;
        let [revocation, userinfo, keys, registration] = [
            endpoint("revocation_endpoint")?,
            endpoint("userinfo_endpoint")?,
            endpoint("jwks_uri")?,
            endpoint("registration_endpoint")?,
        ];
        let said: Said = serde_json::from_value(Value::Object(document)).map_err(|error| {
            refused(
                url,
                format!("cannot be read: {}", shown(&error.to_string())),
            )
        })?;
        let lacks = |list: Option<&Vec<String>>, value: &str| list.is_some() && !has(list, value);
        if lacks(said.response_types_supported.as_ref(), "code") {
            return Err(refused(url, "the server gives no authorization codes"));
        }
        if lacks(said.grant_types_supported.as_ref(), "authorization_code") {
            return Err(refused(url, "the server takes no authorization codes"));
        }
        if said.require_pushed_authorization_requests == Some(true) && pushed.is_none() {
            return Err(refused(
                url,
                "requests must be pushed, and it does not say where",
            ));
        }
        Ok(Self {
            said,
            issuer: issuer.given().to_owned(),
            authorization,
            token,
            pushed,
            revocation,
            userinfo,
            keys,
            registration,
        })
    }
}

/// An endpoint, if it is named. An address that the guard refuses is refused here already, and plain
/// `http` is for servers on this machine that were asked for as such.
fn endpoint(
    http: &HttpClient,
    url: &Url,
    document: &Document,
    issuer: &Place,
    name: &str,
) -> Result<Option<Url>, DiscoveryError> {
    let text = match document.get(name) {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::String(text)) => text,
        Some(_) => return Err(refused(url, format!("its {name} is no text"))),
    };
    let bad = |reason: &str| refused(url, format!("its {name} {reason}: {}", shown(text)));
    let found = place::parse(text).map_err(bad)?;
    if found.scheme() == "http" && !issuer.is_plain() {
        return Err(bad("must be https"));
    }
    let admitted = http.check_literal(&found);
    admitted.map_err(|error| refused(url, format!("its {name}: {error}")))?;
    Ok(Some(found))
}

/// A protected resource (RFC 9728).
#[derive(Debug, Clone)]
pub(super) struct Resource {
    pub(super) name: Option<String>,
    pub(super) documentation: Option<String>,
    pub(super) id: String,
    pub(super) server: String,
    pub(super) scopes: Vec<String>,
    pub(super) binds_tokens: bool,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct SaidOfResource {
    resource: Option<String>,
    authorization_servers: Option<Vec<String>>,
    scopes_supported: Option<Vec<String>>,
    resource_name: Option<String>,
    resource_documentation: Option<String>,
    dpop_bound_access_tokens_required: Option<bool>,
}

impl Resource {
    /// A document of the resource that was named (RFC 9728 section 3.3): another's could lead tokens
    /// for that one here.
    pub(super) fn read(url: &Url, document: Document, given: &str) -> Result<Self, DiscoveryError> {
        let said: SaidOfResource =
            serde_json::from_value(Value::Object(document)).map_err(|error| {
                refused(
                    url,
                    format!("cannot be read: {}", shown(&error.to_string())),
                )
            })?;
        let Some(resource) = said.resource else {
            return Err(refused(url, "names no resource"));
        };
        if resource != given {
            let reason = format!("is of the resource {}, and not {given}", shown(&resource));
            return Err(refused(url, reason));
        }
        let servers = said.authorization_servers.unwrap_or_default();
        let Some(server) = servers.into_iter().next() else {
            return Err(refused(url, "names no authorization server"));
        };
        Ok(Self {
            name: said.resource_name,
            documentation: said.resource_documentation,
            id: resource,
            server,
            scopes: said.scopes_supported.unwrap_or_default(),
            binds_tokens: said.dpop_bound_access_tokens_required == Some(true),
        })
    }
}

/// A stranger's text in a sentence: short, and on one line.
pub(super) fn shown(text: &str) -> String {
    let start: String = text.chars().take(100).collect();
    format!("{start:?}")
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use keyway_domain::{clock::SystemClock, random::OsRandom};
    use serde_json::json;

    use super::*;
    use crate::{
        address::AddressGuard,
        http::{CALL_TIMEOUT, HttpOptions, SystemLookup},
    };

    /// A public server must not lead to a service of this machine, even where that is exempt from the
    /// guard.
    #[test]
    fn plain_http_is_for_servers_on_this_machine() {
        let http = HttpClient::new(HttpOptions {
            guard: AddressGuard::new(vec!["127.0.0.1".parse().expect("an address")]),
            lookup: Arc::new(SystemLookup),
            additional_roots: Vec::new(),
            call_timeout: CALL_TIMEOUT,
            clock: Arc::new(SystemClock),
            random: Arc::new(OsRandom),
        });
        let http = http.expect("a client");
        let document = json!({
            "authorization_endpoint": "https://as.example/authorize",
            "token_endpoint": "http://127.0.0.1:9/token",
        });
        let document = document.as_object().expect("an object");
        let url = Url::parse("https://as.example/").expect("a URL");
        let read = |issuer: &str| {
            let issuer = Place::parse(issuer).expect("an issuer");
            Server::read(&http, &url, document.clone(), &issuer)
        };
        let error = read("https://as.example").expect_err("refused").to_string();
        assert!(
            error.contains("its token_endpoint must be https"),
            "{error}"
        );
        assert!(read("http://127.0.0.1:9").is_ok());
    }
}
