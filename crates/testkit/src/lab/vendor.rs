//! What is a vendor's own: its rules, its words and the shapes of its answers.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::{
    calls::Endpoint,
    desk::{Account, App, Desk, Grant, random},
    message::{Encoding, Parameters, Reply, Request},
};

/// What a vendor's documentation demands of requests.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rules {
    /// What the authorization request must have besides client and redirect URI, of
    /// `response_type`, `state` and `scope`.
    pub(crate) request_needs: &'static [&'static str],
    /// Between scopes in the authorization request.
    pub(crate) separator: char,
    pub(crate) pkce: Pkce,
    /// Status of the redirect to the callback.
    pub(crate) redirect: u16,
    /// How the client may prove itself at the token endpoint.
    pub(crate) client: Proof,
    pub(crate) encodings: &'static [Encoding],
    /// What the exchange must have besides the code, of `grant_type` and `redirect_uri`.
    pub(crate) exchange_needs: &'static [&'static str],
    /// Seconds that a code is good for.
    pub(crate) code_life: i64,
    pub(crate) rotation: Rotation,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pkce {
    Required,
    Optional,
    Ignored,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Proof {
    Basic,
    Body,
    Either,
}

/// What a refresh does to the refresh token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rotation {
    /// There is no refresh.
    None,
    /// It stays, and the answer does not repeat it.
    Kept,
    /// It stays, and the answer repeats it.
    Repeated,
    /// The answer brings another; the old one goes on.
    Renewed,
    /// The answer brings another; the old one is dead, and the access token with it.
    SingleUse,
    /// As [`Rotation::SingleUse`]; an old one that comes again ends the grant.
    Family,
}

impl Rules {
    /// RFC 6749 with nothing added: what each vendor departs from.
    pub(crate) const STANDARD: Self = Self {
        request_needs: &["response_type"],
        separator: ' ',
        pkce: Pkce::Optional,
        redirect: 302,
        client: Proof::Body,
        encodings: &[Encoding::Form],
        exchange_needs: &["grant_type", "redirect_uri"],
        code_life: 600,
        rotation: Rotation::SingleUse,
    };
}

/// What is wrong with a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Problem {
    Client,
    RedirectUri,
    ResponseType,
    State,
    Scope,
    ChallengeMissing,
    ChallengeMethod,
    Repeated(String),
    Unknown(String),
    Method,
    Encoding,
    GrantType,
    /// Nobody issued this code, or it is too old.
    Code(String),
    CodeUsed,
    VerifierMissing,
    VerifierWrong,
    RefreshToken,
    /// A token to revoke that is none.
    Token,
}

impl Problem {
    /// Status and code of RFC 6749 sections 4.1.2.1 and 5.2, and words for them.
    pub(crate) fn standard(&self) -> (u16, &'static str, String) {
        let (status, error, words) = match self {
            Self::Client => (401, "invalid_client", "Client authentication failed."),
            Self::RedirectUri => (400, "invalid_grant", "The redirect URI does not match."),
            Self::ResponseType => (
                400,
                "unsupported_response_type",
                "response_type must be code.",
            ),
            Self::State => (400, "invalid_request", "state is required."),
            Self::Scope => (400, "invalid_scope", "At least one scope is required."),
            Self::ChallengeMissing => (400, "invalid_request", "code_challenge is required."),
            Self::ChallengeMethod => (
                400,
                "invalid_request",
                "code_challenge_method must be S256.",
            ),
            Self::Repeated(name) => {
                return (
                    400,
                    "invalid_request",
                    format!("Parameter {name} is repeated."),
                );
            }
            Self::Unknown(name) => {
                return (
                    400,
                    "invalid_request",
                    format!("Parameter {name} is not known."),
                );
            }
            Self::Method => (405, "invalid_request", "Use POST."),
            Self::Encoding => (415, "invalid_request", "The content type is not supported."),
            Self::GrantType => (
                400,
                "unsupported_grant_type",
                "The grant type is not supported.",
            ),
            Self::Code(_) => (400, "invalid_grant", "The authorization code is invalid."),
            Self::CodeUsed => (
                400,
                "invalid_grant",
                "The authorization code has been used.",
            ),
            Self::VerifierMissing => (400, "invalid_grant", "code_verifier is required."),
            Self::VerifierWrong => (
                400,
                "invalid_grant",
                "code_verifier does not match the challenge.",
            ),
            Self::RefreshToken => (400, "invalid_grant", "The refresh token is invalid."),
            Self::Token => (400, "invalid_token", "The token is invalid."),
        };
        (status, error, words.to_owned())
    }
}

/// The kinds of token that a vendor gives a form of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Code,
    Access,
    Refresh,
}

/// How long tokens live, in seconds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lives {
    /// None: until it is revoked.
    pub(crate) access: Option<i64>,
    pub(crate) refresh: RefreshLife,
}

/// How long a refresh token lives.
#[derive(Debug, Clone, Copy)]
pub(crate) enum RefreshLife {
    /// There is none.
    None,
    /// Until it is used or revoked.
    Endless,
    Seconds(i64),
}

/// Tokens that were just issued.
#[derive(Debug)]
pub(crate) struct Fresh<'a> {
    pub(crate) grant: &'a Grant,
    pub(crate) access_token: &'a str,
    /// The one to put into the answer.
    pub(crate) refresh_token: Option<&'a str>,
    /// Whether this answers a code, and not a refresh token.
    pub(crate) first: bool,
    pub(crate) now: DateTime<Utc>,
}

impl Fresh<'_> {
    /// The granted scopes, joined.
    pub(crate) fn scope(&self, separator: &str) -> String {
        self.grant.scopes.join(separator)
    }
}

/// One vendor. What has a default is as the standard has it.
pub(crate) trait Vendor: Send + Sync + std::fmt::Debug {
    fn slug(&self) -> &str;

    /// The endpoint at a host and path; the token endpoint is [`Endpoint::Token`].
    fn endpoint(&self, host: &str, path: &str) -> Option<Endpoint>;

    fn rules(&self) -> Rules;

    /// Who is signed in unless a test says otherwise.
    fn account(&self) -> Account;

    /// A parameter of the authorization request that the vendor does not take.
    fn unknown_parameter(&self, _request: &Parameters) -> Option<String> {
        None
    }

    /// The granted scopes, given those asked for.
    fn granted(&self, asked: Vec<String>) -> Vec<String> {
        asked
    }

    /// A token in the vendor's form.
    fn mint(&self, _kind: Kind, _grant: &Grant) -> String {
        random()
    }

    fn lives(&self, grant: &Grant, exchange: &Parameters) -> Lives;

    /// Completes the callback's parameters, which hold `code` and `state` already.
    fn complete_callback(
        &self,
        _parameters: &mut Vec<(String, String)>,
        _grant: &Grant,
        _now: DateTime<Utc>,
    ) {
    }

    /// The callback's parameters if the end user refuses; none if the browser does not come back.
    fn denial(&self) -> Option<Vec<(&'static str, &'static str)>> {
        Some(vec![("error", "access_denied")])
    }

    /// The token endpoint's answer.
    fn tokens(&self, fresh: &Fresh<'_>) -> Value;

    /// The token endpoint's words for a problem.
    fn refusal(&self, problem: &Problem) -> (u16, Value) {
        let (status, error, words) = problem.standard();
        (status, json!({"error": error, "error_description": words}))
    }

    /// Puts an answer of the token endpoint into the form that the request asks for.
    fn encode(&self, _request: &Request, status: u16, answer: &Value) -> Reply {
        Reply::json(status, answer)
    }

    /// The page for an authorization request that cannot be answered by a redirect.
    fn page(&self, problem: &Problem) -> Reply {
        let (_, error, words) = problem.standard();
        Reply::html(400, &format!("{error}: {words}"))
    }

    /// An identity endpoint.
    fn identity(&self, request: &Request, desk: &Desk, now: DateTime<Utc>) -> Reply;

    /// What an identity endpoint answers to a token that is not good.
    fn stranger(&self) -> Reply;

    /// The revocation endpoint.
    fn revoke(&self, _request: &Request, _desk: &mut Desk, _now: DateTime<Utc>) -> Reply {
        Reply::empty(404)
    }

    /// What the vendor documents for its own failure; a page if it documents nothing.
    fn failure(&self, _endpoint: Endpoint, status: u16) -> Reply {
        Reply::html(status, "Something went wrong on our side")
    }

    /// Whether the callback comes as a form that the browser posts.
    fn posts_callback(&self, _request: &Parameters) -> bool {
        false
    }

    /// The client that a request to another endpoint than the token endpoint proves by Basic.
    fn basic_client<'a>(&self, request: &Request, desk: &'a Desk) -> Option<&'a App> {
        let (id, secret) = request.basic()?;
        desk.proven(self.slug(), &id, &secret)
    }

    /// The client that a request proves in its body.
    fn body_client<'a>(&self, request: &Request, desk: &'a Desk) -> Option<&'a App> {
        let parameters = request.body_parameters();
        let (id, secret) = (
            parameters.get("client_id")?,
            parameters.get("client_secret")?,
        );
        desk.proven(self.slug(), id, secret)
    }
}
