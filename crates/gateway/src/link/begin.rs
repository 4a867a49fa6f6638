//! The one way into the flow, whichever door a request came through.

use std::{collections::BTreeMap, sync::Arc};

use actix_web::{HttpResponse, cookie::SameSite};
use chrono::{DateTime, Utc};
use keyway_domain::{
    SecretString,
    authorization_session::{
        LIFETIME, MAX_STATE, NewSession, OauthRequest, ProviderState, SessionSecrets,
    },
    ids::{AuthorizationSessionId, LinkSessionId},
    oauth_error::ErrorCode,
    opaque::{LinkSessionToken, OpaqueToken as _},
    pkce::{CodeChallenge, CodeVerifier},
    redirect_uri::RedirectUri,
    scope::{ScopeSource, Scopes},
    sealed::Place,
};
use keyway_providers::Provider;
use keyway_store::LinkTarget;
use keyway_web::cookie;

use crate::{
    App,
    error::Fault,
    hosted,
    link::{
        cookie_name,
        departure::{self, Leaving},
        redirect::{self, Destination, End},
    },
};

/// A request whose app is proven, and where its flow may end.
pub(crate) struct Proven<'a> {
    pub(crate) target: &'a LinkTarget,
    /// None: on a page of the link session.
    pub(crate) redirect_uri: Option<RedirectUri>,
    pub(crate) link_session: Option<FromSession<'a>>,
}

/// The link session that a flow is started from.
pub(crate) struct FromSession<'a> {
    pub(crate) id: LinkSessionId,
    pub(crate) token: &'a LinkSessionToken,
}

/// What the client asks for beyond app and redirect URI.
#[derive(Debug, Default)]
pub(crate) struct Wishes {
    pub(crate) state: Option<String>,
    pub(crate) scope: Option<String>,
    pub(crate) variables: Vec<(String, String)>,
    pub(crate) code_challenge: Option<String>,
    pub(crate) code_challenge_method: Option<String>,
    /// What only the OAuth door knows.
    pub(crate) oauth: Option<OauthRequest>,
}

/// A fault that the client may hear of by redirect.
#[derive(Debug)]
pub(crate) struct Refused {
    pub(crate) code: ErrorCode,
    pub(crate) description: String,
    pub(crate) detail: String,
}

impl Refused {
    pub(crate) fn new(code: ErrorCode, description: impl Into<String>) -> Self {
        let description = description.into();
        Self {
            code,
            detail: description.clone(),
            description,
        }
    }
}

/// A request that can become a flow.
pub(crate) struct Plan {
    pub(crate) provider: Arc<Provider>,
    pub(crate) scopes: Scopes,
    pub(crate) scope_source: ScopeSource,
    pub(crate) variables: BTreeMap<String, String>,
    pub(crate) challenge: Option<CodeChallenge>,
    pub(crate) state: Option<String>,
    pub(crate) oauth: Option<OauthRequest>,
}

/// Checks what the client asks for.
pub(crate) fn plan(
    provider: Option<Arc<Provider>>,
    target: &LinkTarget,
    wishes: Wishes,
) -> Result<Plan, Refused> {
    let provider = provider.ok_or_else(|| Refused {
        code: ErrorCode::ServerError,
        description: "The provider is not available.".into(),
        detail: format!("the catalogue has no provider {}", target.provider),
    })?;
    if wishes
        .state
        .as_ref()
        .is_some_and(|state| state.len() > MAX_STATE)
    {
        return Err(Refused::new(
            ErrorCode::InvalidRequest,
            "state is larger than 5 kB.",
        ));
    }
    let (scopes, scope_source) = scopes(&provider, target, wishes.scope.as_deref())?;
    let given = wishes
        .variables
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()));
    let mut variables = provider
        .definition
        .check_variables(given)
        .map_err(|error| Refused::new(ErrorCode::InvalidRequest, format!("param: {error}")))?;
    variables.extend(target.variables.clone());
    Ok(Plan {
        scopes: provider.definition.with_mandatory(&scopes),
        scope_source,
        variables,
        challenge: challenge(
            wishes.code_challenge.as_deref(),
            wishes.code_challenge_method.as_deref(),
        )?,
        state: wishes.state,
        oauth: wishes.oauth,
        provider,
    })
}

/// The request's scopes, else the app's, else the catalogue's.
pub(crate) fn scopes(
    provider: &Provider,
    target: &LinkTarget,
    requested: Option<&str>,
) -> Result<(Scopes, ScopeSource), Refused> {
    if let Some(text) = requested {
        let scopes = Scopes::parse(text)
            .map_err(|error| Refused::new(ErrorCode::InvalidScope, error.to_string()))?;
        return Ok((scopes, ScopeSource::Request));
    }
    Ok(match &target.scopes {
        Some(scopes) => (scopes.clone(), ScopeSource::App),
        None => (provider.definition.default_scopes(), ScopeSource::Catalogue),
    })
}

/// RFC 7636 section 4.3, S256 only: no method would mean `plain`.
fn challenge(
    challenge: Option<&str>,
    method: Option<&str>,
) -> Result<Option<CodeChallenge>, Refused> {
    let refused = |why: &str| Err(Refused::new(ErrorCode::InvalidRequest, why));
    match (challenge, method) {
        (None, None) => Ok(None),
        (None, Some(_)) => refused("code_challenge_method without code_challenge."),
        (Some(_), None) => refused("code_challenge_method is missing; S256 is the only one."),
        (Some(_), Some(method)) if method != "S256" => {
            refused("code_challenge_method must be S256.")
        }
        (Some(text), Some(_)) => match CodeChallenge::parse(text) {
            Some(challenge) => Ok(Some(challenge)),
            None => refused("code_challenge is not a SHA-256 digest in base64url."),
        },
    }
}

/// Stores the flow, and sends the browser to the provider, or to the form for what is missing.
pub(crate) async fn begin(
    app: &App,
    proven: Proven<'_>,
    plan: Plan,
    now: DateTime<Utc>,
) -> Result<HttpResponse, Fault> {
    let Proven {
        target,
        redirect_uri,
        link_session,
    } = proven;
    let id = AuthorizationSessionId::generate(now, app.random.as_ref());
    let definition = &plan.provider.definition;
    let complete = !definition.auth.is_entered()
        && definition
            .missing_variables(&plan.variables)
            .next()
            .is_none();
    let verifier = CodeVerifier::generate(app.random.as_ref());
    let nonce = plan
        .provider
        .definition
        .wants_nonce(&plan.scopes)
        .then(|| app.random.token());
    // Only a machine that is broken makes no key.
    let proof_key = definition.new_proof_key(app.random.as_ref());
    let proof_key = proof_key.map_err(|_| Fault::Unreadable("key for DPoP"))?;
    let secrets = SessionSecrets {
        client_state: plan.state.clone(),
        code_verifier: Some(verifier.secret().expose().clone()),
        nonce: nonce.as_ref().map(|nonce| nonce.expose().clone()),
        link_session: link_session
            .as_ref()
            .map(|session| session.token.secret().expose().clone()),
        oauth: plan.oauth.clone(),
        proof_key: proof_key.as_ref().map(|key| key.expose().clone()),
    };
    let state = ProviderState::generate(id, app.random.as_ref());
    let session = NewSession {
        id,
        account_id: target.account_id,
        oauth_app_id: target.oauth_app_id,
        provider: target.provider.clone(),
        redirect_uri,
        link_session_id: link_session.map(|session| session.id),
        state_digest: complete.then(|| app.ring.digest(&state)),
        sealed_secrets: seal_secrets(app, id, target, &secrets)?,
        challenge: plan.challenge.clone(),
        scopes: plan.scopes.clone(),
        scope_source: plan.scope_source,
        variables: plan.variables.clone(),
        created_at: now,
    };
    let answer = if complete {
        let leaving = Leaving {
            provider: &plan.provider,
            client_id: &target.client_id,
            state: &state,
            verifier: &verifier,
            nonce: nonce.as_ref(),
            scopes: &plan.scopes,
            variables: &plan.variables,
            proof_key: proof_key.as_ref(),
        };
        match departure::location(app, &leaving, target.oauth_app_id).await? {
            Ok(location) => redirect::found(&location),
            Err(refused) => {
                departure::keep_refusal(app, &session, &refused).await?;
                let end = End::of(app, id, session.redirect_uri.as_ref(), &secrets)?;
                return Ok(refuse(end, &refused));
            }
        }
    } else {
        hosted::variables::form(id, &plan.provider, &plan.variables, None)
    };
    app.store.insert_authorization_session(&session).await?;
    Ok(redirect::with_cookie(answer, &flow_cookie(app, id)))
}

/// The redirect that tells the client of a fault, or the page that tells the end user.
pub(crate) fn refuse(end: End<'_>, refused: &Refused) -> HttpResponse {
    Destination::refused(end, refused.code, &refused.description, &refused.detail).respond()
}

fn flow_cookie(app: &App, id: AuthorizationSessionId) -> actix_web::cookie::Cookie<'static> {
    let binding = app.ring.flow_binding(id).expose().clone();
    let life = actix_web::cookie::time::Duration::seconds(LIFETIME.num_seconds() * 2);
    cookie::make(
        &app.public_url,
        &cookie_name(id),
        binding,
        SameSite::Lax,
        life,
    )
}

fn seal_secrets(
    app: &App,
    id: AuthorizationSessionId,
    target: &LinkTarget,
    secrets: &SessionSecrets,
) -> Result<keyway_domain::sealed::Sealed, Fault> {
    let text = serde_json::to_string(secrets).map_err(|_| Fault::Unreadable("session secrets"))?;
    Ok(app.seal(
        &Place::session_secrets(id, target.account_id),
        &SecretString::new(text),
    )?)
}

/// Opens what [`begin`] sealed.
pub(crate) fn open_secrets(
    app: &App,
    id: AuthorizationSessionId,
    account: keyway_domain::ids::AccountId,
    sealed: &keyway_domain::sealed::Sealed,
) -> Result<SessionSecrets, Fault> {
    let text = app
        .ring
        .open(&Place::session_secrets(id, account), sealed)?;
    serde_json::from_str(text.expose()).map_err(|_| Fault::Unreadable("session secrets"))
}

/// The state as it goes out, for who must show where it would go.
pub(crate) fn placeholder_state(app: &App, now: DateTime<Utc>) -> ProviderState {
    let id = AuthorizationSessionId::generate(now, app.random.as_ref());
    let state = ProviderState::generate(id, app.random.as_ref());
    debug_assert_eq!(state.secret().expose().len(), 64);
    state
}
