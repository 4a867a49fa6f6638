//! `GET /link/oauth2/start`.

use actix_web::{HttpRequest, HttpResponse, http::StatusCode, web};
use chrono::{DateTime, Utc};
use keyway_domain::{
    authorization_session::{Failure, RefusedStart, Step},
    ids::{AuthorizationSessionId, OauthAppId},
    oauth_error::ErrorCode,
    redirect_uri::RedirectUri,
};
use keyway_providers::{Provider, error::Redaction};
use keyway_store::LinkTarget;
use utoipa::IntoParams;
use uuid::Uuid;

use crate::{
    App,
    error::Fault,
    hosted,
    link::{
        begin::{self, Proven, Refused, Wishes},
        diagnostics,
        parameters::{Parameters, Repeated},
        redirect::{Client, End},
    },
    oauth::authorize,
};

/// A fault before app and redirect URI are proven: a page, never a redirect.
#[derive(Debug)]
pub(crate) enum Unproven {
    MissingClientId,
    MalformedClientId,
    RepeatedParameter(String),
    UnknownApp,
    MissingRedirectUri(Box<LinkTarget>),
    UnregisteredRedirectUri(Box<LinkTarget>),
}

impl Unproven {
    pub(crate) fn public(&self) -> &'static str {
        match self {
            Self::MissingClientId => "The link has no client_id.",
            Self::MalformedClientId | Self::UnknownApp => {
                "The link names an app that does not exist."
            }
            Self::RepeatedParameter(_) => "The link has a parameter twice.",
            Self::MissingRedirectUri(_) => "The link has no redirect_uri.",
            Self::UnregisteredRedirectUri(_) => {
                "The link leads to an address that is not registered."
            }
        }
    }

    fn detail(&self) -> String {
        match self {
            Self::MissingClientId => "client_id missing".into(),
            Self::MalformedClientId => "client_id is not a UUID".into(),
            Self::RepeatedParameter(name) => format!("{name} repeated"),
            Self::UnknownApp => "client_id unknown".into(),
            Self::MissingRedirectUri(_) => "redirect_uri missing".into(),
            Self::UnregisteredRedirectUri(_) => "redirect_uri not registered".into(),
        }
    }

    fn target(&self) -> Option<&LinkTarget> {
        match self {
            Self::MissingRedirectUri(target) | Self::UnregisteredRedirectUri(target) => {
                Some(target)
            }
            _ => None,
        }
    }
}

/// The parameters of a start.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "what the document says; `wishes` reads them")]
pub(crate) struct StartParameters {
    /// The Keyway id of the OAuth app. Not the provider's client id.
    client_id: Uuid,
    /// A registered redirect URI, expanded for the app's provider, or its `:provider` template.
    #[param(example = "https://example.com/oauth2/callback/linear")]
    redirect_uri: String,
    /// Comes back byte for byte; at most 5 kB.
    state: Option<String>,
    /// Replaces the app's scopes; with spaces.
    scope: Option<String>,
    /// PKCE between you and Keyway (RFC 7636): then the code exchange needs `code_verifier`.
    #[param(pattern = "^[A-Za-z0-9_-]{43}$")]
    code_challenge: Option<String>,
    /// `S256`, the only one there is.
    #[param(pattern = "^S256$")]
    code_challenge_method: Option<String>,
    /// On a fault, show diagnostics in the browser.
    debug: Option<bool>,
}

/// Start a flow.
///
/// Send the end user's browser here. A provider variable comes as `param.NAME`, such as `param.shop=acme.myshopify.com`; what is
/// missing is asked for on a hosted form. The flow ends at your redirect URI with `code` and
/// `state`, or with `error` (RFC 6749 section 4.1.2.1), `error_description` and `state`.
#[utoipa::path(
    get, path = "/link/oauth2/start", operation_id = "startFlow", tag = "Flow",
    params(StartParameters),
    responses(
        (status = 200, description = "A form that asks for what is missing.", body = String, content_type = "text/html; charset=utf-8"),
        (status = 302, description = "To the provider; or with `error`, to your redirect URI.", headers(("Location" = String, description = "Where to."))),
        (status = 400, description = "A page: the app or the redirect URI is not proven, so nobody is redirected; or diagnostics.", body = String, content_type = "text/html; charset=utf-8"),
        (status = 500, description = "A page: our fault.", body = String, content_type = "text/html; charset=utf-8"),
        (status = 503, description = "A page: briefly unavailable.", body = String, content_type = "text/html; charset=utf-8"),
    )
)]
pub(crate) async fn get(app: web::Data<App>, request: HttpRequest) -> HttpResponse {
    let parameters = Parameters::parse(request.query_string().as_bytes());
    match enter(&app, &parameters, &Door::Link, app.now()).await {
        Ok(response) => response,
        Err(fault) => hosted::fault(&request, &fault),
    }
}

/// Where a request came in: both lead into the same flow.
pub(crate) enum Door {
    /// `/link/oauth2/start`.
    Link,
    /// `/oauth/authorize`.
    Oauth {
        /// Whether the client pushed the request (RFC 9126).
        is_pushed: bool,
    },
}

impl Door {
    /// What the client asks for, as this door understands it.
    fn wishes(
        &self,
        app: &App,
        provider: Option<&Provider>,
        target: &LinkTarget,
        parameters: &Parameters,
    ) -> Result<Wishes, Refused> {
        match self {
            Self::Link => wishes(parameters),
            Self::Oauth { is_pushed } => {
                authorize::wishes(app, provider, target, parameters, *is_pushed)
            }
        }
    }
}

/// Proves app and redirect URI, and begins the flow or tells why not.
pub(crate) async fn enter(
    app: &App,
    parameters: &Parameters,
    door: &Door,
    now: DateTime<Utc>,
) -> Result<HttpResponse, Fault> {
    let debug = matches!(parameters.first("debug"), Some("1" | "true"));
    let target = match prove_app(app, parameters).await? {
        Ok(target) => target,
        Err(unproven) => return refuse_unproven(app, parameters, &unproven, debug, now).await,
    };
    let (target, redirect_uri) = match prove_redirect_uri(target, parameters) {
        Ok(proven) => proven,
        Err(unproven) => return refuse_unproven(app, parameters, &unproven, debug, now).await,
    };
    let state = parameters.first("state").filter(|state| !state.is_empty());
    let provider = app
        .catalogue
        .find(target.account_id, &target.provider)
        .await?;
    let planned = door
        .wishes(app, provider.as_deref(), &target, parameters)
        .and_then(|wishes| begin::plan(provider.clone(), &target, wishes));
    match planned {
        Ok(plan) => {
            let target = &target;
            begin::begin(
                app,
                Proven {
                    target,
                    redirect_uri: Some(redirect_uri),
                    link_session: None,
                },
                plan,
                now,
            )
            .await
        }
        Err(refused) => {
            let id = keep_refusal(
                app,
                &target,
                refused.code,
                &refused.description,
                &refused.detail,
                now,
            )
            .await?;
            Ok(if debug {
                let found = diagnostics::of(
                    app,
                    parameters,
                    Some((&target, provider.as_deref())),
                    &refused.description,
                    now,
                );
                hosted::debug(&found, &id.to_string(), &refused.detail)
            } else {
                let issuer = match door {
                    Door::Link => None,
                    Door::Oauth { .. } => Some(app.public_url.as_str()),
                };
                let end = End::Client(Client {
                    redirect_uri: &redirect_uri,
                    state,
                    issuer,
                });
                begin::refuse(end, &refused)
            })
        }
    }
}

pub(crate) async fn prove_app(
    app: &App,
    parameters: &Parameters,
) -> Result<Result<LinkTarget, Unproven>, Fault> {
    let text = match parameters.one("client_id") {
        Ok(Some(text)) => text,
        Ok(None) => return Ok(Err(Unproven::MissingClientId)),
        Err(Repeated(name)) => return Ok(Err(Unproven::RepeatedParameter(name))),
    };
    let Some(id) = parse_id(text) else {
        return Ok(Err(Unproven::MalformedClientId));
    };
    Ok(app
        .store
        .find_link_target(id)
        .await?
        .ok_or(Unproven::UnknownApp))
}

/// A UUID in its one usual spelling; the parser would take others.
pub(crate) fn parse_id(text: &str) -> Option<OauthAppId> {
    let id: OauthAppId = text.parse().ok()?;
    (id.to_string() == text.to_ascii_lowercase()).then_some(id)
}

pub(crate) fn prove_redirect_uri(
    target: LinkTarget,
    parameters: &Parameters,
) -> Result<(LinkTarget, RedirectUri), Unproven> {
    let received = match parameters.one("redirect_uri") {
        Ok(Some(received)) => received,
        Ok(None) => return Err(Unproven::MissingRedirectUri(Box::new(target))),
        Err(Repeated(name)) => return Err(Unproven::RepeatedParameter(name)),
    };
    match RedirectUri::prove(received, &target.provider, &target.redirect_uris) {
        Some(proven) => Ok((target, proven)),
        None => Err(Unproven::UnregisteredRedirectUri(Box::new(target))),
    }
}

pub(crate) fn wishes(parameters: &Parameters) -> Result<Wishes, Refused> {
    let one = |name: &'static str| {
        let value = parameters.one(name).map_err(repeated)?;
        Ok::<_, Refused>(value.map(str::to_owned))
    };
    one("debug")?;
    let variables = parameters.prefixed("param.").map_err(repeated)?;
    Ok(Wishes {
        state: one("state")?,
        scope: one("scope")?,
        variables: variables
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect(),
        code_challenge: one("code_challenge")?,
        code_challenge_method: one("code_challenge_method")?,
        oauth: None,
    })
}

fn repeated(Repeated(name): Repeated) -> Refused {
    Refused::new(ErrorCode::InvalidRequest, format!("{name} is repeated."))
}

async fn refuse_unproven(
    app: &App,
    parameters: &Parameters,
    unproven: &Unproven,
    debug: bool,
    now: DateTime<Utc>,
) -> Result<HttpResponse, Fault> {
    let detail = unproven.detail();
    let reference = match unproven.target() {
        Some(target) => {
            let detail = match parameters.first("redirect_uri") {
                // On one line and without controls, which Postgres would refuse.
                Some(received) => format!("{detail}: {}", Redaction::default().words(received)),
                None => detail.clone(),
            };
            keep_refusal(
                app,
                target,
                ErrorCode::InvalidRequest,
                unproven.public(),
                &detail,
                now,
            )
            .await?
            .to_string()
        }
        None => AuthorizationSessionId::generate(now, app.random.as_ref()).to_string(),
    };
    Ok(if debug {
        let target = unproven.target();
        let provider = match target {
            Some(target) => {
                app.catalogue
                    .find(target.account_id, &target.provider)
                    .await?
            }
            None => None,
        };
        let target = target.map(|target| (target, provider.as_deref()));
        let found = diagnostics::of(app, parameters, target, unproven.public(), now);
        hosted::debug(&found, &reference, &detail)
    } else {
        hosted::error(
            StatusCode::BAD_REQUEST,
            unproven.public(),
            &reference,
            &detail,
        )
    })
}

/// Keeps the attempt for the flow log and answers its reference.
async fn keep_refusal(
    app: &App,
    target: &LinkTarget,
    error: ErrorCode,
    description: &str,
    detail: &str,
    now: DateTime<Utc>,
) -> Result<AuthorizationSessionId, Fault> {
    let id = AuthorizationSessionId::generate(now, app.random.as_ref());
    let refused = RefusedStart {
        id,
        account_id: target.account_id,
        oauth_app_id: target.oauth_app_id,
        provider: target.provider.clone(),
        link_session_id: None,
        failure: Failure {
            step: Step::Start,
            error,
            description: description.to_owned(),
            detail: detail.to_owned(),
        },
        created_at: now,
    };
    app.store.insert_refused_start(&refused).await?;
    Ok(id)
}
