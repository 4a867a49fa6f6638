//! From the provider's code to ours, or to the credential itself.

use chrono::{DateTime, Utc};
use keyway_domain::{
    SecretString,
    authorization_code::{AuthorizationCode, IssuedCode, LIFETIME},
    authorization_session::{Failure, Step},
    credential::NewGrant,
    ids::{AuthorizationCodeId, GrantId},
    oauth_error::ErrorCode,
    opaque::OpaqueToken as _,
    sealed::Place,
};
use keyway_providers::{
    choice::Account,
    completion::{Completed, Completion, Granted, Pending, Stage},
    error::Redaction,
};
use keyway_store::{CompletionRefusal, NewCompletion, Unwanted};

use crate::{
    App,
    error::Fault,
    hosted::session::{OtherAccount, Outcome},
    link::{
        callback::{Flow, fail, failure},
        choice::Waiting,
        redirect::{Client, Destination, End},
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
    let proof_key = flow.secrets.proof_key.as_deref().map(SecretString::from);
    let definition = &flow.provider.definition;
    let takes_pkce = definition.takes_pkce();
    let completion = Completion {
        client_id: &flow.claimed.client_id,
        client_secret: &flow.client_secret,
        redirect_uri: &app.callback_url(&flow.claimed.provider),
        code_verifier: verifier.as_ref().filter(|_| takes_pkce),
        nonce: flow.secrets.nonce.as_deref(),
        variables: &flow.claimed.variables,
        callback: &flow.parameters,
        proof_key: proof_key.as_ref(),
        now,
    };
    let granted = match flow.provider.complete(&app.http, code, &completion).await {
        Ok(Completed::Granted(granted)) => granted,
        Ok(Completed::Choose(accounts, pending)) => {
            return ask(app, flow, accounts, *pending).await;
        }
        Err((stage, error)) => {
            let step = match stage {
                Stage::Exchange => Step::Exchange,
                Stage::Identity => Step::Identity,
            };
            let failure = failure(step, error.code(), error.public(), error.to_string());
            return fail(app, flow, failure, "failed", app.now()).await;
        }
    };
    finish(app, flow, *granted).await
}

/// Seals and stores what was granted, and sends the browser back.
pub(crate) async fn finish(
    app: &App,
    flow: &Flow,
    mut granted: Granted,
) -> Result<Destination, Fault> {
    if let Some(id) = reconnected(app, flow).await? {
        granted.external.id = id;
    }
    // The provider took its time; the code's life begins now.
    let now = app.now();
    let grant = seal_grant(app, flow, &granted, now)?;
    match flow.end(app)? {
        End::Client(client) => issue(app, flow, grant, client, now).await,
        End::Page { token, .. } => connect(app, flow, grant, token, now).await,
    }
}

/// The account that is to be reconnected, where only its old token tells it from others: whoever
/// was asked to reconnect it is believed, for there is nothing to compare.
async fn reconnected(app: &App, flow: &Flow) -> Result<Option<String>, Fault> {
    match flow.claimed.link_session_id {
        Some(link) if flow.provider.definition.is_nameless() => {
            Ok(app.store.find_reconnected(link).await?)
        }
        _ => Ok(None),
    }
}

/// Keeps what was granted, sealed, while the end user chooses one of its accounts.
pub(crate) async fn ask(
    app: &App,
    flow: &Flow,
    accounts: Vec<Account>,
    pending: Pending,
) -> Result<Destination, Fault> {
    let claimed = &flow.claimed;
    let waiting = Waiting { accounts, pending };
    let text = serde_json::to_string(&waiting).map_err(|_| Fault::Unreadable("choice"))?;
    let place = Place::session_choice(claimed.id, claimed.account_id);
    let sealed = app.seal(&place, &SecretString::new(text))?;
    if !app
        .store
        .keep_choice(claimed.id, &sealed, app.now())
        .await?
    {
        let public = "The connection took too long.";
        let detail = "the flow ended before its account could be chosen".to_owned();
        let failure = failure(Step::Identity, ErrorCode::AccessDenied, public, detail);
        return fail(app, flow, failure, "failed", app.now()).await;
    }
    Ok(Destination::Choice(claimed.id))
}

/// Our code, for the client.
async fn issue(
    app: &App,
    flow: &Flow,
    grant: NewGrant,
    client: Client<'_>,
    now: DateTime<Utc>,
) -> Result<Destination, Fault> {
    let claimed = &flow.claimed;
    let code = AuthorizationCode::generate(app.random.as_ref());
    let code_id = AuthorizationCodeId::generate(now, app.random.as_ref());
    let sealed_state = client
        .state
        .map(|state| {
            app.seal(
                &Place::code_state(code_id, claimed.account_id),
                &state.into(),
            )
        })
        .transpose()?;
    let completion = NewCompletion {
        session_id: claimed.id,
        grant,
        code: IssuedCode {
            id: code_id,
            digest: app.ring.digest(&code),
            redirect_uri: client.redirect_uri.clone(),
            challenge: claimed.challenge.clone(),
            sealed_state,
            oauth: flow.secrets.oauth.clone(),
            expires_at: now + LIFETIME,
        },
    };
    if !app.store.complete_authorization(&completion, now).await? {
        return refuse(app, flow, &completion.grant, now).await;
    }
    metrics::flow_ended(claimed.provider.as_str(), "granted");
    Ok(Destination::granted(client, code.secret().expose()))
}

/// The credential at once, where no client waits for a code.
async fn connect(
    app: &App,
    flow: &Flow,
    grant: NewGrant,
    token: &str,
    now: DateTime<Utc>,
) -> Result<Destination, Fault> {
    let connected = app
        .store
        .connect_authorization(flow.claimed.id, &grant, now)
        .await?;
    let Some(credential) = connected else {
        return refuse(app, flow, &grant, now).await;
    };
    metrics::flow_ended(flow.claimed.provider.as_str(), "granted");
    let detail = format!("credential {credential} connected");
    Ok(Destination::connected(token, detail))
}

/// The end of a flow that was granted what nobody may have.
async fn refuse(
    app: &App,
    flow: &Flow,
    grant: &NewGrant,
    now: DateTime<Utc>,
) -> Result<Destination, Fault> {
    let id = flow.claimed.id;
    let why = app.store.explain_completion_refusal(id, grant).await?;
    let (failure, unwanted) = match &why {
        CompletionRefusal::Ended => {
            let detail = "the app was removed while the provider answered".to_owned();
            let failure = failure(
                Step::Complete,
                ErrorCode::ServerError,
                "The app is no longer registered.",
                detail,
            );
            return fail(app, flow, failure, "failed", now).await;
        }
        CompletionRefusal::LinkSessionUsed => (
            failure(
                Step::Complete,
                ErrorCode::InvalidRequest,
                "The link has been used already.",
                "the link session was used meanwhile".into(),
            ),
            Unwanted::Unredeemed,
        ),
        CompletionRefusal::OtherAccount(expected) => (
            other_account(expected.as_deref(), grant),
            Unwanted::NotTheSameAccount,
        ),
    };
    app.store
        .refuse_grant(id, grant, unwanted, &failure, now)
        .await?;
    metrics::flow_ended(flow.claimed.provider.as_str(), "refused");
    let end = flow.end(app)?;
    let detail = format!("{}: {}", failure.error, failure.detail);
    Ok(match (why, end) {
        // A page first, even where a client waits: only the end user can do something about it.
        (CompletionRefusal::OtherAccount(expected), _) => Destination::Page {
            outcome: Outcome::other_account(&OtherAccount {
                provider: &flow.provider.definition.name,
                expected: expected.as_deref(),
                came: grant.external.label.as_deref(),
                token: flow.secrets.link_session.as_deref(),
                flow: id,
                back: match end {
                    End::Client(client) => {
                        Some(client.refusal(failure.error, &failure.description))
                    }
                    End::Page { .. } => None,
                },
            }),
            detail,
        },
        (_, End::Page { .. }) => Destination::Page {
            outcome: Outcome::used(id),
            detail,
        },
        (_, End::Client(_)) => {
            Destination::refused(end, failure.error, &failure.description, &failure.detail)
        }
    })
}

/// For the flow log, where it is an admin who reads it.
fn other_account(expected: Option<&str>, grant: &NewGrant) -> Failure {
    let came = match &grant.external.label {
        Some(label) => format!("{label} ({})", grant.external.id),
        None => grant.external.id.clone(),
    };
    let expected = expected.unwrap_or("another account");
    failure(
        Step::Identity,
        ErrorCode::AccessDenied,
        "Another account was connected than the one to be reconnected.",
        Redaction::default().words(&format!(
            "{expected} was to be reconnected, and {came} came"
        )),
    )
}

fn seal_grant(
    app: &App,
    flow: &Flow,
    granted: &Granted,
    now: DateTime<Utc>,
) -> Result<NewGrant, Fault> {
    let id = GrantId::generate(now, app.random.as_ref());
    let secrets = granted.secrets();
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
            flow.provider.is_renewable(&secrets),
            granted.tokens.expires_at,
            granted.tokens.refresh_expires_at,
            now,
            app.random.as_ref(),
        ),
    })
}
