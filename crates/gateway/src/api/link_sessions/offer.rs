//! What a link session offers, and whether its wishes fit that.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use keyway_domain::{
    ids::{AccountId, CredentialId, OauthAppId},
    redirect_uri::RedirectUri,
    scope::Scopes,
};
use keyway_providers::Provider;
use keyway_store::OauthApp;

use crate::{App, api::error::ApiError};

/// The credential to reconnect, and its app.
pub(super) async fn find_credential(
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

/// Apps, each with its provider.
pub(super) type Chosen<'a> = Vec<(&'a OauthApp, Arc<Provider>)>;

/// The apps that are asked for, each once; else all of them, but for those of a provider that is
/// not in the catalogue any more. A credential is reconnected by its own app.
pub(super) async fn choose<'a>(
    app: &App,
    account: AccountId,
    registered: &'a [OauthApp],
    asked: Option<&[String]>,
    credential: Option<(CredentialId, OauthAppId)>,
) -> Result<Chosen<'a>, ApiError> {
    let refused = |why: String| ApiError::field("oauth_app_ids", why);
    let providers = app.catalogue.of(account).await?;
    let with_provider = |registered: &'a OauthApp| {
        let provider = providers.find(&registered.provider)?;
        Some((registered, Arc::clone(provider)))
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

/// The redirect URI is registered, for each of the providers.
pub(super) async fn check_redirect_uri(
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
pub(super) fn check_params(
    chosen: &Chosen<'_>,
    params: &BTreeMap<String, String>,
) -> Result<(), ApiError> {
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

/// Scopes in place of the app's.
pub(super) fn scopes(chosen: &Chosen<'_>, asked: Option<&str>) -> Result<Option<Scopes>, ApiError> {
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
