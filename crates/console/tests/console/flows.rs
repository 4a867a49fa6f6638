//! Flows and credentials for the console to show, made as the gateway makes them.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use keyway_domain::{
    authorization_code::{AuthorizationCode, IssuedCode},
    authorization_session::{Failure, NewSession, ProviderState, RefusedStart, Step},
    credential::{CredentialKind, ExternalAccount, NewGrant},
    ids::{
        AccountId, AuthorizationCodeId, AuthorizationSessionId, CredentialId, GrantId, OauthAppId,
    },
    oauth_error::ErrorCode,
    provider::ProviderSlug,
    redirect_uri::RedirectUriTemplate,
    scope::{ScopeSource, Scopes},
    sealed::Sealed,
};
use keyway_store::NewCompletion;
use serde_json::{Map, Value, json};

use crate::{
    seed::random,
    support::{Console, token},
};

/// How far a flow gets.
pub enum Progress<'a> {
    Open,
    /// Refused at once: no redirect URI was proven.
    Refused(&'a str),
    /// Came back, and nobody knows the rest.
    Claimed,
    Failed {
        step: Step,
        description: &'a str,
        detail: &'a str,
    },
    /// Our code was issued.
    Issued(&'a str),
    /// The client backend has the credential.
    Connected(&'a str),
}

/// A flow and the credential that came of it.
pub struct Seeded {
    pub flow: AuthorizationSessionId,
    pub credential: Option<CredentialId>,
}

impl Console {
    /// A flow of an app at Linear, a second between its steps.
    pub async fn flow(
        &self,
        account: AccountId,
        app: OauthAppId,
        progress: Progress<'_>,
    ) -> Seeded {
        self.flow_with(account, app, &[], progress).await
    }

    /// A flow with these variables.
    pub async fn flow_with(
        &self,
        account: AccountId,
        app: OauthAppId,
        variables: &[(&str, &str)],
        progress: Progress<'_>,
    ) -> Seeded {
        let id = AuthorizationSessionId::generate(self.now(), random());
        if let Progress::Refused(detail) = progress {
            self.refuse(account, app, id, detail).await;
            return Seeded {
                flow: id,
                credential: None,
            };
        }
        let state = self.begin(account, app, id, variables).await;
        let credential = match progress {
            Progress::Open | Progress::Refused(_) => None,
            Progress::Claimed => {
                self.claim(id, &state).await;
                None
            }
            Progress::Failed {
                step,
                description,
                detail,
            } => {
                self.claim(id, &state).await;
                self.fail(id, step, description, detail).await;
                None
            }
            Progress::Issued(label) => {
                self.claim(id, &state).await;
                self.complete(id, label).await;
                None
            }
            Progress::Connected(label) => {
                self.claim(id, &state).await;
                let code = self.complete(id, label).await;
                self.clock.advance(TimeDelta::seconds(1));
                let redeemed = self
                    .app
                    .store
                    .redeem_authorization_code(self.ring.digest(&code), app, None, self.now())
                    .await
                    .expect("an answer")
                    .expect("redeemed");
                Some(redeemed.credential_id)
            }
        };
        Seeded {
            flow: id,
            credential,
        }
    }

    async fn refuse(
        &self,
        account: AccountId,
        app: OauthAppId,
        id: AuthorizationSessionId,
        detail: &str,
    ) {
        let refused = RefusedStart {
            id,
            account_id: account,
            oauth_app_id: app,
            provider: ProviderSlug::parse("linear").expect("a slug"),
            link_session_id: None,
            failure: Failure {
                step: Step::Start,
                error: ErrorCode::InvalidRequest,
                description: "The link leads to an address that is not registered.".into(),
                detail: detail.to_owned(),
            },
            created_at: self.now(),
        };
        let inserted = self.app.store.insert_refused_start(&refused);
        inserted.await.expect("a flow");
    }

    async fn begin(
        &self,
        account: AccountId,
        app: OauthAppId,
        id: AuthorizationSessionId,
        variables: &[(&str, &str)],
    ) -> ProviderState {
        let provider = ProviderSlug::parse("linear").expect("a slug");
        let state = ProviderState::generate(id, random());
        let template = RedirectUriTemplate::parse("https://client.example/back/:provider");
        let variables: BTreeMap<String, String> = variables
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        let new = NewSession {
            id,
            account_id: account,
            oauth_app_id: app,
            redirect_uri: Some(template.expect("a redirect URI").expand(&provider)),
            link_session_id: None,
            provider,
            state_digest: Some(self.ring.digest(&state)),
            sealed_secrets: Sealed::from_bytes(vec![0; 40]),
            challenge: None,
            scopes: Scopes::parse("read write").expect("scopes"),
            scope_source: ScopeSource::App,
            variables,
            created_at: self.now(),
        };
        let inserted = self.app.store.insert_authorization_session(&new);
        inserted.await.expect("a flow");
        state
    }

    async fn claim(&self, id: AuthorizationSessionId, state: &ProviderState) {
        self.clock.advance(TimeDelta::seconds(1));
        let provider = ProviderSlug::parse("linear").expect("a slug");
        let digest = self.ring.digest(state);
        let claimed = self
            .app
            .store
            .claim_authorization_session(id, digest, &provider, self.now());
        claimed.await.expect("an answer").expect("claimed");
    }

    async fn fail(&self, id: AuthorizationSessionId, step: Step, description: &str, detail: &str) {
        self.clock.advance(TimeDelta::seconds(1));
        let failure = Failure {
            step,
            error: ErrorCode::ServerError,
            description: description.to_owned(),
            detail: detail.to_owned(),
        };
        let failed = self
            .app
            .store
            .fail_authorization_session(id, &failure, self.now());
        failed.await.expect("failed");
    }

    /// Ends a flow with a grant of properties that need care.
    async fn complete(&self, session_id: AuthorizationSessionId, label: &str) -> AuthorizationCode {
        self.clock.advance(TimeDelta::seconds(1));
        let now = self.now();
        let code = AuthorizationCode::generate(random());
        let provider = ProviderSlug::parse("linear").expect("a slug");
        let template = RedirectUriTemplate::parse("https://client.example/back/:provider");
        let public: Map<String, Value> = [
            ("linear_org_name".to_owned(), json!(label)),
            ("scope".to_owned(), json!("read write")),
            ("seats".to_owned(), json!(12)),
            ("org_ids".to_owned(), json!(["one", "two"])),
        ]
        .into_iter()
        .collect();
        let new = NewCompletion {
            session_id,
            grant: NewGrant {
                id: GrantId::generate(now, random()),
                kind: CredentialKind("linear_oauth2".into()),
                external: ExternalAccount {
                    id: format!("org-{}", &token()[..8]),
                    label: Some(label.to_owned()),
                },
                public,
                secret_names: vec!["access_token".into(), "refresh_token".into()],
                sealed_secrets: Sealed::from_bytes(b"canary-sealed-secrets".to_vec()),
                expires_at: Some(now + TimeDelta::hours(1)),
                refresh_expires_at: None,
                token_type: None,
                scopes: None,
                refresh_at: None,
            },
            code: IssuedCode {
                id: AuthorizationCodeId::generate(now, random()),
                digest: self.ring.digest(&code),
                redirect_uri: template.expect("a redirect URI").expand(&provider),
                challenge: None,
                sealed_state: None,
                oauth: None,
                expires_at: now + TimeDelta::seconds(60),
            },
        };
        let completed = self.app.store.complete_authorization(&new, now).await;
        assert!(completed.expect("an answer"));
        code
    }
}
