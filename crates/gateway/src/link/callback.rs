//! `GET` and `POST /link/oauth2/callback/{provider}`.

use actix_web::{HttpRequest, HttpResponse, cookie::SameSite, http::StatusCode, web};
use chrono::{DateTime, Utc};
use keyway_domain::{
    SecretString,
    authorization_session::{Claimed, Failure, ProviderState, SessionSecrets, Step},
    ids::AuthorizationSessionId,
    oauth_error::ErrorCode,
    opaque::OpaqueToken as _,
    provider::ProviderSlug,
    sealed::Place,
};
use keyway_providers::{Provider, ProviderError, callback::CallbackParameters, error::Redaction};
use keyway_web::cookie;
use utoipa::{IntoParams, ToSchema};

use crate::{
    App,
    error::Fault,
    hosted,
    link::{
        begin::open_secrets,
        complete, cookie_name, is_bound,
        redirect::{self, Destination, End},
    },
    metrics,
};

/// A callback that cannot be trusted: a page, never a redirect.
struct Untrusted {
    detail: String,
    /// The flow, where one was claimed and then failed.
    flow: Option<AuthorizationSessionId>,
}

impl Untrusted {
    fn new(detail: impl Into<String>) -> Self {
        Self {
            detail: detail.into(),
            flow: None,
        }
    }
}

/// What a provider answers with.
#[derive(IntoParams, ToSchema)]
#[into_params(parameter_in = Query)]
#[expect(
    dead_code,
    reason = "what the document says; `CallbackParameters` reads it"
)]
pub(crate) struct CallbackAnswer {
    /// The provider's code.
    code: Option<String>,
    /// Our state.
    state: Option<String>,
    /// Why there is no code.
    error: Option<String>,
    /// The same in words.
    error_description: Option<String>,
    /// Who answers (RFC 9207).
    iss: Option<String>,
}

/// End a flow.
///
/// The provider sends the browser here: register this address there as the redirect URI.
#[utoipa::path(
    get, path = "/link/oauth2/callback/{provider}", operation_id = "endFlow", tag = "Flow",
    params(("provider" = String, Path, description = "Slug of the provider.", example = "linear"), CallbackAnswer),
    responses(
        (status = 302, description = "To your redirect URI, with `code` or `error`, and `state`.", headers(("Location" = String, description = "Where to."))),
        (status = 400, description = "A page: the flow is unknown, over, or another browser's.", body = String, content_type = "text/html; charset=utf-8"),
        (status = 500, description = "A page: our fault.", body = String, content_type = "text/html; charset=utf-8"),
        (status = 503, description = "A page: briefly unavailable.", body = String, content_type = "text/html; charset=utf-8"),
    )
)]
pub(crate) async fn get(
    app: web::Data<App>,
    request: HttpRequest,
    provider: web::Path<String>,
) -> HttpResponse {
    let query = request.query_string().as_bytes().to_vec();
    handle(app, &request, &provider, &query).await
}

/// End a flow by form.
///
/// The same, for providers that answer by `form_post`.
// From their own site, the browser sends our Lax cookie not with that, but with the GET that follows
// it. The answer waits, sealed, for that GET.
#[utoipa::path(
    post, path = "/link/oauth2/callback/{provider}", operation_id = "endFlowByForm", tag = "Flow",
    params(("provider" = String, Path, description = "Slug of the provider.", example = "linear")),
    request_body(content = CallbackAnswer, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 302, description = "To your redirect URI, with `code` or `error`, and `state`.", headers(("Location" = String, description = "Where to."))),
        (status = 303, description = "To the callback by GET.", headers(("Location" = String, description = "Where to."))),
        (status = 400, description = "A page: the flow is unknown, over, or another browser's.", body = String, content_type = "text/html; charset=utf-8"),
        (status = 413, description = "The body is larger than 64 kB.", body = String, content_type = "text/html; charset=utf-8"),
        (status = 500, description = "A page: our fault.", body = String, content_type = "text/html; charset=utf-8"),
        (status = 503, description = "A page: briefly unavailable.", body = String, content_type = "text/html; charset=utf-8"),
    )
)]
pub(crate) async fn post(
    app: web::Data<App>,
    request: HttpRequest,
    provider: web::Path<String>,
    body: web::Bytes,
) -> HttpResponse {
    let parameters = match CallbackParameters::parse(&body) {
        Ok(parameters) => parameters,
        Err(repeated) => return untrusted(&request, None, &Untrusted::new(repeated.to_string())),
    };
    let state = parameters.get("state").and_then(ProviderState::parse);
    if state
        .as_ref()
        .is_some_and(|state| is_bound(&app, &request, state.session()))
    {
        return handle(app, &request, &provider, &body).await;
    }
    let Some(state) = state else {
        return untrusted(
            &request,
            parameters.get("error"),
            &Untrusted::new("state missing or malformed"),
        );
    };
    match keep(&app, &state, &body, app.now()).await {
        Ok(true) => {
            let mut query = url::form_urlencoded::Serializer::new(String::new());
            query.append_pair("state", state.secret().expose());
            keyway_web::page::see_other(&format!(
                "/link/oauth2/callback/{provider}?{}",
                query.finish()
            ))
        }
        Ok(false) => untrusted(
            &request,
            parameters.get("error"),
            &Untrusted::new("state unknown, expired or used"),
        ),
        Err(fault) => hosted::fault(&request, &fault),
    }
}

async fn keep(
    app: &App,
    state: &ProviderState,
    body: &[u8],
    now: DateTime<Utc>,
) -> Result<bool, Fault> {
    let id = state.session();
    let Some(account) = app.store.find_session_account(id).await? else {
        return Ok(false);
    };
    let text = SecretString::new(String::from_utf8_lossy(body).into_owned());
    let sealed = app.seal(&Place::session_response(id, account), &text)?;
    Ok(app
        .store
        .keep_response(id, app.ring.digest(state), &sealed, now)
        .await?)
}

async fn handle(
    app: web::Data<App>,
    request: &HttpRequest,
    provider: &str,
    encoded: &[u8],
) -> HttpResponse {
    let now = app.now();
    let parameters = match CallbackParameters::parse(encoded) {
        Ok(parameters) => parameters,
        Err(repeated) => return untrusted(request, None, &Untrusted::new(repeated.to_string())),
    };
    match trusted(&app, request, provider, &parameters, now).await {
        Ok(Ok(flow)) => {
            let id = flow.claimed.id;
            let response = match end(app.clone(), flow, now).await {
                Ok(destination) if destination.goes_on() => return destination.respond(),
                ended => ended.map(Destination::respond),
            };
            let removal = cookie::removal(&app.public_url, &cookie_name(id), SameSite::Lax);
            redirect::with_cookie(
                response.unwrap_or_else(|fault| hosted::fault(request, &fault)),
                &removal,
            )
        }
        Ok(Err(why)) => untrusted(request, parameters.get("error"), &why),
        Err(fault) => hosted::fault(request, &fault),
    }
}

/// A claimed flow with everything opened that its end needs.
pub(crate) struct Flow {
    pub(crate) claimed: Claimed,
    pub(crate) provider: std::sync::Arc<Provider>,
    pub(crate) secrets: SessionSecrets,
    pub(crate) client_secret: SecretString,
    pub(crate) parameters: CallbackParameters,
}

impl Flow {
    /// Where it is to end.
    pub(crate) fn end<'a>(&'a self, app: &'a App) -> Result<End<'a>, Fault> {
        End::of(
            app,
            self.claimed.id,
            self.claimed.redirect_uri.as_ref(),
            &self.secrets,
        )
    }
}

/// Every check of a callback: state, cookie, provider, one use, `iss`, signature.
async fn trusted(
    app: &App,
    request: &HttpRequest,
    provider: &str,
    parameters: &CallbackParameters,
    now: DateTime<Utc>,
) -> Result<Result<Flow, Untrusted>, Fault> {
    let Some(state) = parameters.get("state").and_then(ProviderState::parse) else {
        return Ok(Err(Untrusted::new("state missing or malformed")));
    };
    let id = state.session();
    if !is_bound(app, request, id) {
        return Ok(Err(Untrusted::new("flow of another browser")));
    }
    let Ok(slug) = ProviderSlug::parse(provider) else {
        return Ok(Err(Untrusted::new("provider is not a slug")));
    };
    let digest = app.ring.digest(&state);
    let Some(claimed) = app
        .store
        .claim_authorization_session(id, digest, &slug, now)
        .await?
    else {
        let why = app
            .store
            .explain_claim_refusal(id, digest, &slug, now)
            .await?;
        return Ok(Err(Untrusted::new(why.as_str())));
    };
    let flow = open(app, claimed, parameters.clone()).await?;
    check_provider(app, flow, now).await
}

/// Opens what a claimed flow holds. One that cannot be opened has failed.
pub(crate) async fn open(
    app: &App,
    claimed: Claimed,
    parameters: CallbackParameters,
) -> Result<Flow, Fault> {
    let id = claimed.id;
    let fault = match opened(app, claimed, parameters).await {
        Ok(flow) => return Ok(flow),
        Err(fault) => fault,
    };
    let failure = failure(
        Step::Callback,
        fault.code(),
        fault.public(),
        fault.to_string(),
    );
    app.store
        .fail_authorization_session(id, &failure, app.now())
        .await?;
    Err(fault)
}

async fn opened(
    app: &App,
    claimed: Claimed,
    parameters: CallbackParameters,
) -> Result<Flow, Fault> {
    let secrets = open_secrets(app, claimed.id, claimed.account_id, &claimed.sealed_secrets)?;
    let place = Place::oauth_app_client_secret(claimed.oauth_app_id, claimed.account_id);
    let client_secret = app.ring.open(&place, &claimed.sealed_client_secret)?;
    let place = Place::session_response(claimed.id, claimed.account_id);
    let parameters = match &claimed.sealed_response {
        Some(kept) => CallbackParameters::parse(app.ring.open(&place, kept)?.expose().as_bytes())
            .map_err(|_| Fault::Unreadable("form post"))?,
        None => parameters,
    };
    let provider = app
        .catalogue
        .find(claimed.account_id, &claimed.provider)
        .await?
        .ok_or(Fault::Unreadable("provider"))?;
    Ok(Flow {
        claimed,
        provider,
        secrets,
        client_secret,
        parameters,
    })
}

/// `iss` (RFC 9207) and the provider's own signature. A callback that fails here may be another
/// provider's doing (mix-up, RFC 9700 section 4.4): the flow is dead and nothing is redirected.
async fn check_provider(
    app: &App,
    flow: Flow,
    now: DateTime<Utc>,
) -> Result<Result<Flow, Untrusted>, Fault> {
    let verified = flow.provider.verify_callback(
        &flow.parameters,
        &flow.client_secret,
        &flow.claimed.variables,
        now,
    );
    let Err(error) = verified else {
        return Ok(Ok(flow));
    };
    let failure = failure(
        Step::Callback,
        error.code(),
        error.public(),
        error.to_string(),
    );
    let id = flow.claimed.id;
    app.store
        .fail_authorization_session(id, &failure, now)
        .await?;
    metrics::flow_ended(flow.claimed.provider.as_str(), "untrusted");
    Ok(Err(Untrusted {
        detail: failure.detail,
        flow: Some(id),
    }))
}

/// The end of a trusted flow: our code or a credential, or an error.
async fn end(app: web::Data<App>, flow: Flow, now: DateTime<Utc>) -> Result<Destination, Fault> {
    if let Some(refusal) = refusal(&flow) {
        return fail(&app, &flow, refusal, "refused", now).await;
    }
    let Some(code) = flow.parameters.get("code").map(SecretString::from) else {
        let error = ProviderError::Malformed("the callback has neither code nor error".into());
        return fail(
            &app,
            &flow,
            failure(
                Step::Callback,
                error.code(),
                error.public(),
                error.to_string(),
            ),
            "failed",
            now,
        )
        .await;
    };
    // In a task of its own: a browser that hangs up drops this handler, and must not drop the
    // tokens that the provider is just handing out.
    let task = app.tasks.spawn({
        let app = app.clone();
        async move { complete::complete(&app, &flow, &code, now).await }
    });
    task.await?
}

/// What the provider said instead of granting (RFC 6749 section 4.1.2.1).
fn refusal(flow: &Flow) -> Option<Failure> {
    let error = flow.parameters.get("error")?;
    let mut redaction = Redaction::default();
    redaction.add(&flow.client_secret);
    let code = ErrorCode::from_authorization_response(error);
    let words = match flow.parameters.get("error_description") {
        Some(words) => format!("{error}: {words}"),
        None => error.to_owned(),
    };
    let public = match code {
        ErrorCode::AccessDenied => "The connection was refused.",
        ErrorCode::TemporarilyUnavailable => "The provider is briefly unavailable.",
        _ => "The provider refused to complete the connection.",
    };
    Some(failure(
        Step::Callback,
        code,
        public,
        redaction.words(&words),
    ))
}

pub(crate) async fn fail(
    app: &App,
    flow: &Flow,
    failure: Failure,
    outcome: &'static str,
    now: DateTime<Utc>,
) -> Result<Destination, Fault> {
    app.store
        .fail_authorization_session(flow.claimed.id, &failure, now)
        .await?;
    metrics::flow_ended(flow.claimed.provider.as_str(), outcome);
    Ok(Destination::refused(
        flow.end(app)?,
        failure.error,
        &failure.description,
        &failure.detail,
    ))
}

pub(crate) fn failure(step: Step, error: ErrorCode, description: &str, detail: String) -> Failure {
    Failure {
        step,
        error,
        description: description.to_owned(),
        detail,
    }
}

fn untrusted(request: &HttpRequest, error: Option<&str>, why: &Untrusted) -> HttpResponse {
    let reference = why
        .flow
        .map_or_else(|| hosted::reference(request), |id| id.to_string());
    match error {
        Some(_) => hosted::refusal(&reference, &why.detail),
        None => hosted::error(
            StatusCode::BAD_REQUEST,
            "This connection cannot be completed. Go back to where you started and try again.",
            &reference,
            &why.detail,
        ),
    }
}
