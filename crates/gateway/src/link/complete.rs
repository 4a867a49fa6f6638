//! From the provider's code to ours.

use chrono::{DateTime, Utc};
use keyway_domain::{
    SecretString,
    authorization_code::{AuthorizationCode, IssuedCode, LIFETIME},
    authorization_session::Step,
    credential::{GrantSecrets, NewGrant},
    ids::{AuthorizationCodeId, GrantId},
    oauth_error::ErrorCode,
    opaque::OpaqueToken as _,
    sealed::Place,
};
use keyway_providers::adapter::{Completion, Granted, Stage};
use keyway_store::NewCompletion;

use crate::{
    App,
    error::Fault,
    link::{
        callback::{Flow, fail, failure},
        redirect::Destination,
    },
    metrics,
};

/// Exchanges, names the account, seals, stores, and sends the browser back. No connection to the
/// database is held while the provider answers.
pub(crate) async fn complete(
    app: &App,
    flow: &Flow,
    code: &SecretString,
    now: DateTime<Utc>,
) -> Result<Destination, Fault> {
    let verifier = flow
        .secrets
        .code_verifier
        .as_deref()
        .map(SecretString::from);
    let definition = &flow.provider.definition;
    let takes_pkce = definition.authorize.pkce != keyway_providers::definition::Pkce::None;
    let completion = Completion {
        client_id: &flow.claimed.client_id,
        client_secret: &flow.client_secret,
        redirect_uri: &app.callback_url(&flow.claimed.provider),
        code_verifier: verifier.as_ref().filter(|_| takes_pkce),
        nonce: flow.secrets.nonce.as_deref(),
        variables: &flow.claimed.variables,
        callback: &flow.parameters,
        now,
    };
    let granted = match flow.provider.complete(&app.http, code, &completion).await {
        Ok(granted) => granted,
        Err((stage, error)) => {
            let step = match stage {
                Stage::Exchange => Step::Exchange,
                Stage::Identity => Step::Identity,
            };
            let failure = failure(step, error.code(), error.public(), error.to_string());
            return fail(app, flow, failure, "failed", app.now()).await;
        }
    };
    // The provider took its time; the code's life begins now.
    issue(app, flow, &granted, app.now()).await
}

async fn issue(
    app: &App,
    flow: &Flow,
    granted: &Granted,
    now: DateTime<Utc>,
) -> Result<Destination, Fault> {
    let claimed = &flow.claimed;
    let code = AuthorizationCode::generate(app.random.as_ref());
    let code_id = AuthorizationCodeId::generate(now, app.random.as_ref());
    let state = flow.secrets.client_state.as_deref();
    let sealed_state = state
        .map(|state| {
            app.seal(
                &Place::code_state(code_id, claimed.account_id),
                &state.into(),
            )
        })
        .transpose()?;
    let completion = NewCompletion {
        session_id: claimed.id,
        grant: seal_grant(app, flow, granted, now)?,
        code: IssuedCode {
            id: code_id,
            digest: app.ring.digest(&code),
            redirect_uri: claimed.redirect_uri.clone(),
            challenge: claimed.challenge.clone(),
            sealed_state,
            expires_at: now + LIFETIME,
        },
    };
    if !app.store.complete_authorization(&completion, now).await? {
        let detail = "the app was removed while the provider answered".to_owned();
        let failure = failure(
            Step::Complete,
            ErrorCode::ServerError,
            "The app is no longer registered.",
            detail,
        );
        return fail(app, flow, failure, "failed", now).await;
    }
    metrics::flow_ended(claimed.provider.as_str(), "granted");
    let code = code.secret().expose();
    Ok(Destination::granted(&claimed.redirect_uri, code, state))
}

fn seal_grant(
    app: &App,
    flow: &Flow,
    granted: &Granted,
    now: DateTime<Utc>,
) -> Result<NewGrant, Fault> {
    let id = GrantId::generate(now, app.random.as_ref());
    let secrets = GrantSecrets {
        external_id: granted.external.id.clone(),
        access_token: Some(granted.tokens.access_token.expose().clone()),
        refresh_token: granted
            .tokens
            .refresh_token
            .as_ref()
            .map(|token| token.expose().clone()),
        properties: granted.properties.secret.expose().clone(),
    };
    let text = serde_json::to_string(&secrets).map_err(|_| Fault::Unreadable("grant"))?;
    let place = Place::grant_secrets(id, flow.claimed.account_id);
    Ok(NewGrant {
        id,
        kind: flow.provider.definition.credential.kind.clone(),
        external: granted.external.clone(),
        public: granted.properties.public.clone(),
        secret_names: granted
            .properties
            .secret
            .names()
            .map(str::to_owned)
            .collect(),
        sealed_secrets: app.seal(&place, &SecretString::new(text))?,
        expires_at: granted.tokens.expires_at,
        refresh_expires_at: granted.tokens.refresh_expires_at,
        token_type: granted.tokens.token_type.clone(),
        scopes: granted.tokens.scope.clone(),
        refresh_at: flow.provider.refresh_at(
            granted.tokens.refresh_token.is_some(),
            granted.tokens.expires_at,
            granted.tokens.refresh_expires_at,
            now,
            app.random.as_ref(),
        ),
    })
}
