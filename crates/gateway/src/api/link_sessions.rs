//! `/v1/link-sessions`: hosted pages for one end user and one connection.

use std::collections::{BTreeMap, BTreeSet};

use actix_web::{HttpRequest, HttpResponse, web};
use chrono::{DateTime, TimeDelta, Utc};
use keyway_domain::{
    SecretString,
    api_token::ApiScope,
    audit::Actor,
    authorization_session::MAX_STATE,
    credential::EndUser,
    ids::{AccountId, CredentialId, LinkSessionId, OauthAppId},
    metadata,
    opaque::{LinkSessionToken, OpaqueToken as _},
    redirect_uri::RedirectUri,
    scope::Scopes,
    sealed::Place,
};
use keyway_providers::Provider;
use keyway_store::{FoundApiToken, LinkSession, NewLinkSession, OauthApp};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::{
    App,
    api::{
        bearer, body,
        error::ApiError,
        idempotency::{self, IdempotencyKey, Reply},
        path,
    },
    error::Fault,
};

/// How long a session lasts if nothing else is asked for.
const LIFETIME: i64 = 30 * 60;
const SHORTEST: i64 = 60;
const LONGEST: i64 = 7 * 24 * 60 * 60;

/// A hosted page to ask for.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CreateLinkSession {
    /// What the end user may connect; absent: all of the account's OAuth apps.
    #[schema(value_type = Option<Vec<Uuid>>)]
    oauth_app_ids: Option<Vec<String>>,
    /// Where the flow ends, with a code: a registered redirect URI. Absent: on a hosted page, and the
    /// credential is made at once.
    redirect_uri: Option<String>,
    /// Comes back at the redirect URI byte for byte, and in the token response.
    #[schema(value_type = Option<String>, max_length = 5120)]
    state: Option<SecretString>,
    /// Whom the page is for.
    #[serde(deserialize_with = "body::object")]
    end_user: LinkSessionEndUser,
    /// Kept with the credential; at most 16 kB.
    #[schema(value_type = Option<Object>)]
    metadata: Option<Map<String, Value>>,
    /// Variables of the providers; what is missing is asked for on a hosted form.
    #[serde(default)]
    params: BTreeMap<String, String>,
    /// Replaces the app's scopes. Only for apps of one provider.
    scope: Option<String>,
    /// The credential to reconnect: only the same external account is taken.
    #[schema(value_type = Option<Uuid>)]
    credential_id: Option<String>,
    /// Seconds until the page expires.
    #[schema(minimum = 60, maximum = 604_800, default = 1800)]
    #[serde(default, deserialize_with = "body::integer")]
    expires_in: Option<i64>,
}

/// The customer in the browser, as the client knows them. Name and e-mail address are shown to them.
#[derive(Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct LinkSessionEndUser {
    /// The client's own id for them.
    #[schema(min_length = 1, max_length = 200)]
    id: String,
    /// Their e-mail address.
    #[schema(max_length = 320)]
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<String>,
    /// Their name.
    #[schema(max_length = 200)]
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
}

/// A hosted page that was made.
#[derive(Serialize, ToSchema)]
pub(crate) struct CreatedLinkSession {
    #[schema(value_type = Uuid)]
    id: LinkSessionId,
    /// The page, for this end user's browser alone. It is not shown again.
    url: String,
    /// When it ends.
    expires_at: DateTime<Utc>,
}

/// A hosted page, and what became of it.
#[derive(Serialize, ToSchema)]
pub(crate) struct ShownLinkSession {
    #[schema(value_type = Uuid)]
    id: LinkSessionId,
    /// `open`; `used` once a connection was made; `expired`.
    #[schema(value_type = String, pattern = "^(open|used|expired)$")]
    status: &'static str,
    /// The credential to reconnect. Of a used session the one that was made: null until its code is
    /// redeemed.
    #[schema(value_type = Option<Uuid>)]
    credential_id: Option<CredentialId>,
    #[schema(value_type = Vec<Uuid>)]
    oauth_app_ids: Vec<OauthAppId>,
    redirect_uri: Option<String>,
    end_user: LinkSessionEndUser,
    #[schema(value_type = Object)]
    metadata: Map<String, Value>,
    created_at: DateTime<Utc>,
    expires_at: DateTime<Utc>,
    used_at: Option<DateTime<Utc>>,
}

/// Make a link session
///
/// A hosted page on which one end user makes one connection.
#[utoipa::path(
    post,
    path = "/v1/link-sessions", operation_id = "createLinkSession", tag = "Link sessions",
    security(("api_token" = ["link_sessions:write"])),
    request_body = CreateLinkSession,
    params(IdempotencyKey),
    responses(
        (status = 201, description = "The page is there.", body = CreatedLinkSession),
        (status = 422, description = "A field is not valid."),
    )
)]
pub(crate) async fn post(
    app: web::Data<App>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, ApiError> {
    let now = app.now();
    let token = bearer::authorize(&app, &request, ApiScope::LINK_SESSIONS_WRITE, now).await?;
    let body = body::read(&request, payload).await?;
    idempotency::once(&app, &request, token.account_id, &body, now, async || {
        create(&app, &token, &body, now).await
    })
    .await
}

/// Show a link session
///
/// Whether it is open, used or expired, and the credential that was made.
#[utoipa::path(
    get,
    path = "/v1/link-sessions/{id}", operation_id = "readLinkSession", tag = "Link sessions",
    security(("api_token" = ["link_sessions:write"])),
    params(("id" = Uuid, Path, description = "Its id.")),
    responses(
        (status = 200, description = "The session.", body = ShownLinkSession),
        (status = 404, description = "The account has no such session, or it was erased a week after its end, or with its credential."),
    )
)]
pub(crate) async fn get(
    app: web::Data<App>,
    request: HttpRequest,
) -> Result<HttpResponse, ApiError> {
    const WHAT: &str = "link session";
    let now = app.now();
    let token = bearer::authorize(&app, &request, ApiScope::LINK_SESSIONS_WRITE, now).await?;
    let id: LinkSessionId = path::id(&request, WHAT)?;
    let found = app.store.find_link_session_of(token.account_id, id).await?;
    let session = found.ok_or(ApiError::NotFound(WHAT))?;
    Ok(Reply::ok(&shown(session, now))?.respond())
}

fn shown(session: LinkSession, now: DateTime<Utc>) -> ShownLinkSession {
    let EndUser { id, email, name } = session.end_user.clone();
    ShownLinkSession {
        id: session.id,
        status: session.status(now).as_str(),
        credential_id: session.credential.map(|credential| credential.id),
        oauth_app_ids: session.apps.into_iter().map(|app| app.id).collect(),
        redirect_uri: session.redirect_uri,
        end_user: LinkSessionEndUser { id, email, name },
        metadata: session.metadata.unwrap_or_default(),
        created_at: session.created_at,
        expires_at: session.expires_at,
        used_at: session.used_at,
    }
}

async fn create(
    app: &App,
    token: &FoundApiToken,
    body: &[u8],
    now: DateTime<Utc>,
) -> Result<Reply, ApiError> {
    let read: CreateLinkSession = body::parse(body)?;
    let account = token.account_id;
    let lifetime = lifetime(read.expires_in)?;
    let end_user = end_user(read.end_user)?;
    if let Some(metadata) = &read.metadata {
        metadata::check(metadata)
            .map_err(|error| ApiError::field("metadata", error.to_string()))?;
    }
    if read
        .state
        .as_ref()
        .is_some_and(|state| state.expose().len() > MAX_STATE)
    {
        return Err(ApiError::field("state", "at most 5 kB"));
    }
    let credential = find_credential(app, account, read.credential_id.as_deref()).await?;
    let registered = app.store.list_oauth_apps(account).await?;
    let chosen = choose(app, &registered, read.oauth_app_ids.as_deref(), credential)?;
    if let Some(uri) = &read.redirect_uri {
        check_redirect_uri(app, account, uri, &chosen).await?;
    }
    check_params(&chosen, &read.params)?;
    let scopes = scopes(&chosen, read.scope.as_deref())?;

    let id = LinkSessionId::generate(now, app.random.as_ref());
    let secret = LinkSessionToken::generate(app.random.as_ref());
    let place = Place::link_session_state(id, account);
    let sealed_state = read.state.as_ref().map(|state| app.seal(&place, state));
    let expires_at = now + lifetime;
    let new = NewLinkSession {
        id,
        account_id: account,
        digest: app.ring.digest(&secret),
        oauth_app_ids: chosen.iter().map(|(app, _)| app.id).collect(),
        redirect_uri: read.redirect_uri,
        sealed_state: sealed_state.transpose().map_err(Fault::from)?,
        scopes,
        variables: read.params,
        end_user,
        metadata: read.metadata,
        credential_id: credential.map(|(id, _)| id),
        created_at: now,
        expires_at,
    };
    app.store
        .insert_link_session(&new, Actor::ApiToken(token.id))
        .await?;
    let path = format!("/link/session/{}", secret.secret().expose());
    Reply::created(&CreatedLinkSession {
        id,
        url: app.public_url.join(&path),
        expires_at,
    })
}

fn lifetime(asked: Option<i64>) -> Result<TimeDelta, ApiError> {
    let seconds = asked.unwrap_or(LIFETIME);
    if (SHORTEST..=LONGEST).contains(&seconds) {
        Ok(TimeDelta::seconds(seconds))
    } else {
        let why = format!("from {SHORTEST} to {LONGEST} seconds");
        Err(ApiError::field("expires_in", why))
    }
}

fn end_user(read: LinkSessionEndUser) -> Result<EndUser, ApiError> {
    let LinkSessionEndUser { id, email, name } = read;
    line("end_user.id", &id, 200)?;
    if let Some(email) = &email {
        line("end_user.email", email, 320)?;
    }
    if let Some(name) = &name {
        line("end_user.name", name, 200)?;
    }
    Ok(EndUser { id, email, name })
}

/// A line of text that is not empty.
fn line(field: &'static str, text: &str, most: usize) -> Result<(), ApiError> {
    if text.trim().is_empty() || text.chars().count() > most {
        return Err(ApiError::field(field, format!("1 to {most} characters")));
    }
    if text.chars().any(char::is_control) {
        return Err(ApiError::field(field, "no control characters"));
    }
    Ok(())
}

async fn find_credential(
    app: &App,
    account: AccountId,
    id: Option<&str>,
) -> Result<Option<(CredentialId, OauthAppId)>, ApiError> {
    let Some(id) = id else {
        return Ok(None);
    };
    let found = match id.parse() {
        Ok(id) => app.store.find_credential(account, id).await?,
        Err(_) => None,
    };
    let found =
        found.ok_or_else(|| ApiError::field("credential_id", "there is no such credential"))?;
    Ok(Some((found.id, found.oauth_app_id)))
}

type Chosen<'a> = Vec<(&'a OauthApp, &'a Provider)>;

/// The apps that are asked for, each once; else all of them, but for those of a provider that is
/// not in the catalogue any more. A credential is reconnected by its own app.
fn choose<'a>(
    app: &'a App,
    registered: &'a [OauthApp],
    asked: Option<&[String]>,
    credential: Option<(CredentialId, OauthAppId)>,
) -> Result<Chosen<'a>, ApiError> {
    let refused = |why: String| ApiError::field("oauth_app_ids", why);
    let with_provider = |registered: &'a OauthApp| {
        let provider = app.catalogue.find(&registered.provider)?;
        Some((registered, provider.as_ref()))
    };
    let ids: BTreeSet<OauthAppId> = match (asked, credential) {
        (None, None) => {
            let all: Chosen<'_> = registered.iter().filter_map(with_provider).collect();
            return if all.is_empty() {
                Err(refused("the account has no OAuth app".into()))
            } else {
                Ok(all)
            };
        }
        (None, Some((_, own))) => BTreeSet::from([own]),
        (Some(asked), _) => asked
            .iter()
            .map(|id| id.parse())
            .collect::<Result<_, _>>()
            .map_err(|_| refused("an id is not a UUID".into()))?,
    };
    if ids.is_empty() {
        return Err(refused("name one at least, or leave it out for all".into()));
    }
    if let Some((_, own)) = credential
        && ids.iter().any(|id| *id != own)
    {
        let why = "a credential is reconnected by its own OAuth app: leave this out";
        return Err(refused(why.into()));
    }
    let find = |id: OauthAppId| {
        let found = registered.iter().find(|registered| registered.id == id);
        let found = found.ok_or_else(|| refused(format!("there is no OAuth app {id}")))?;
        with_provider(found)
            .ok_or_else(|| refused(format!("the provider of {id} is not in the catalogue")))
    };
    ids.into_iter().map(find).collect()
}

async fn check_redirect_uri(
    app: &App,
    account: AccountId,
    uri: &str,
    chosen: &Chosen<'_>,
) -> Result<(), ApiError> {
    let registered = app.store.list_redirect_uris(account).await?;
    let unproven = chosen.iter().find(|(_, provider)| {
        let templates = registered.iter().map(|registered| &registered.uri);
        RedirectUri::prove(uri, &provider.slug, templates).is_none()
    });
    match unproven {
        None => Ok(()),
        Some((_, provider)) => {
            let why = format!(
                "this address is not registered for {}; for several providers register and send one with :provider",
                provider.slug
            );
            Err(ApiError::field("redirect_uri", why))
        }
    }
}

/// Each variable is known to a provider, and good for all that know it.
fn check_params(chosen: &Chosen<'_>, params: &BTreeMap<String, String>) -> Result<(), ApiError> {
    let refused = |why: String| ApiError::field("params", why);
    for (_, provider) in chosen {
        let own = params
            .iter()
            .filter(|(name, _)| provider.definition.variables.contains_key(*name))
            .map(|(name, value)| (name.as_str(), value.as_str()));
        provider
            .definition
            .check_variables(own)
            .map_err(|error| refused(error.to_string()))?;
    }
    let unknown = params.keys().find(|name| {
        !chosen
            .iter()
            .any(|(_, provider)| provider.definition.variables.contains_key(*name))
    });
    match unknown {
        None => Ok(()),
        Some(name) => Err(refused(format!("there is no variable {name:?}"))),
    }
}

fn scopes(chosen: &Chosen<'_>, asked: Option<&str>) -> Result<Option<Scopes>, ApiError> {
    let Some(text) = asked else {
        return Ok(None);
    };
    let slugs: BTreeSet<&str> = chosen
        .iter()
        .map(|(_, provider)| provider.slug.as_str())
        .collect();
    if slugs.len() > 1 {
        let why = "only for OAuth apps of one provider: each provider has its own scopes";
        return Err(ApiError::field("scope", why));
    }
    let scopes = Scopes::parse(text).map_err(|error| ApiError::field("scope", error.to_string()));
    scopes.map(Some)
}
