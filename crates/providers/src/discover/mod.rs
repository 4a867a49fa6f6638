//! From a URL to a definition: what a server says of itself (RFC 8414, OpenID Connect Discovery 1.0,
//! RFC 9728), and a client of its own making (RFC 7591).
//!
//! What a stranger's document says becomes the text of a definition and nothing else: it is checked
//! here, linted as any definition is, and read by an admin before anybody uses it.

mod fetch;
mod metadata;
mod method;
mod place;
mod register;
mod write;

use chrono::NaiveDate;
use keyway_domain::provider::ProviderSlug;
use url::Url;

use self::{
    fetch::Found,
    metadata::{Resource, Server},
    place::Place,
};
pub use self::{
    method::Method,
    register::{Registered, Registration},
};
use crate::{Provider, error::ProviderError, http::HttpClient};

/// What an admin may wish.
#[derive(Debug, Clone)]
pub struct Wishes {
    /// The provider's short name; made from the host if absent.
    pub slug: Option<ProviderSlug>,
    /// How the client proves itself; the first of [`Method::USUAL`] that is offered, if
    /// absent, or of [`Method::OF_RESOURCES`].
    pub client_authentication: Option<Method>,
    /// Whether tokens are bound to keys (RFC 9449).
    pub dpop: bool,
    /// The day on which the documents are read.
    pub checked: NaiveDate,
}

/// What a server says of itself, as a definition.
#[derive(Debug, Clone)]
pub struct Discovered {
    /// The provider's short name.
    pub slug: ProviderSlug,
    /// The definition, in TOML. It lints.
    pub text: String,
    /// The issuer.
    pub issuer: String,
    /// The API that the tokens are for (RFC 8707), if a resource's URL was given.
    pub resource: Option<String>,
    /// How the client proves itself.
    pub client_authentication: Method,
    /// Where clients register themselves (RFC 7591), if the server lets them.
    pub registration_endpoint: Option<Url>,
    /// Scopes asked for by default.
    pub scopes: Vec<String>,
    source: Source,
    is_bound: bool,
    renews: bool,
    signs_es256: bool,
}

/// What a definition was written from.
#[derive(Debug, Clone)]
struct Source {
    server: Server,
    resource: Option<Resource>,
    wishes: Wishes,
}

/// Why there is no definition: a sentence for the admin. It quotes no more than URLs, names and
/// numbers of the documents.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DiscoveryError {
    /// The URL that was given.
    #[error("{0}")]
    Given(String),
    /// A document cannot be had.
    #[error("{url}: {error}")]
    Fetch {
        /// Which.
        url: String,
        /// Why.
        error: ProviderError,
    },
    /// There is no document at any of these places.
    #[error("the server does not describe itself: {0}")]
    Absent(String),
    /// A document says what it must not.
    #[error("{url}: {reason}")]
    Refused {
        /// Which.
        url: String,
        /// What is wrong.
        reason: String,
    },
    /// What the server offers is not what Keyway or the admin needs.
    #[error("{0}")]
    Unfit(String),
    /// The server refused to register a client.
    #[error("the server refused to register a client: {0}")]
    NotRegistered(String),
}

/// Reads what a server says of itself and writes the definition.
///
/// `given` is an issuer, or a resource such as an MCP server, byte for byte as its owner names it. All
/// documents together get the time of one call.
///
/// # Errors
/// [`DiscoveryError`].
pub async fn discover(
    http: &HttpClient,
    given: &str,
    wishes: &Wishes,
) -> Result<Discovered, DiscoveryError> {
    let place = Place::parse(given)?;
    let work = async { Ok(documents(http, &place).await) };
    let found = http.within_a_call(work).await;
    let (server, resource) = found.map_err(|error| DiscoveryError::Fetch {
        url: given.to_owned(),
        error,
    })??;
    let wishes = wishes.clone();
    Source {
        server,
        resource,
        wishes,
    }
    .written()
}

impl Source {
    fn written(self) -> Result<Discovered, DiscoveryError> {
        let discovered = write::definition(self)?;
        let linted = Provider::read(discovered.slug.as_str(), &discovered.text);
        linted.map_err(|error| DiscoveryError::Unfit(error.to_string()))?;
        Ok(discovered)
    }
}

/// The server's documents, and the resource's, if it is one that was named.
async fn documents(
    http: &HttpClient,
    place: &Place,
) -> Result<(Server, Option<Resource>), DiscoveryError> {
    // What is an issuer is often a resource as well, and its owner named the issuer.
    let refusal = match server(http, place).await {
        Ok(server) => return Ok((server, None)),
        Err(refusal) => refusal,
    };
    let url = place.resource_document();
    let document = match fetch::document(http, &url).await {
        Ok(Found::Document(document)) => document,
        Ok(Found::Nothing(_)) => return Err(refusal),
        // What went wrong first tells more.
        Err(_) if !matches!(refusal, DiscoveryError::Absent(_)) => return Err(refusal),
        Err(error) => return Err(error),
    };
    let resource = Resource::read(&url, document, place.given())?;
    let issuer = Place::parse(&resource.server).map_err(|error| DiscoveryError::Refused {
        url: url.into(),
        reason: format!("its authorization server: {error}"),
    })?;
    Ok((server(http, &issuer).await?, Some(resource)))
}

/// What both documents of an authorization server say; the OpenID Provider's own wins.
async fn server(http: &HttpClient, issuer: &Place) -> Result<Server, DiscoveryError> {
    let mut found = None;
    let mut absent = Vec::new();
    let mut refusal = None;
    for url in issuer.server_documents() {
        let read = match fetch::document(http, &url).await {
            Ok(Found::Document(document)) => {
                metadata::of_issuer(&url, document, issuer.given()).map(Some)
            }
            Ok(Found::Nothing(status)) => {
                absent.push(format!("{url} answered {status}"));
                Ok(None)
            }
            Err(error) => Err(error),
        };
        match (read, &mut found) {
            (Ok(None), _) => {}
            (Ok(Some(document)), None) => found = Some((url, document)),
            (Ok(Some(document)), Some((_, known))) => {
                for (name, value) in document {
                    known.entry(name).or_insert(value);
                }
            }
            (Err(error), _) => {
                refusal.get_or_insert(error);
            }
        }
    }
    match (found, refusal) {
        (Some((url, document)), _) => Server::read(http, &url, document, issuer),
        (None, Some(refusal)) => Err(refusal),
        (None, None) => Err(DiscoveryError::Absent(absent.join(", "))),
    }
}
