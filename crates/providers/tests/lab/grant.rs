//! What becomes of a grant: it is read, exported, refreshed, used, and revoked.

use chrono::TimeDelta;
use keyway_domain::credential::GrantSecrets;
use keyway_providers::{
    completion::Granted,
    proxy::{ProxyAccess, ProxyBody, ProxyRequest},
    refresh::RefreshRequest,
};
use serde_json::{Map, Value};

use crate::{
    expected::{self, CLIENT_ID, endpoint, exchange, redirect_uri},
    run::{Flow, Steps, now},
};

impl Flow<'_> {
    /// Whose it is, how long it lives, and what is kept of it.
    pub(crate) fn identity(&self, granted: &Granted) -> Vec<String> {
        let of = self.of;
        let mut problems = Vec::new();
        let mut same = |what: &str, expected: String, came: String| {
            if expected != came {
                problems.push(format!("{what} {came} instead of {expected}"));
            }
        };
        let external = &granted.external;
        match &of.account {
            Some(account) => same("account", account.clone(), external.id.clone()),
            // A digest in base64url.
            None => same(
                "length of the fingerprint",
                "43".into(),
                external.id.len().to_string(),
            ),
        }
        let label = external.label.clone().unwrap_or_default();
        same("label", of.label.clone().unwrap_or_default(), label);
        if let Some(token) = of.long_lived.as_ref().or(of.token.as_ref()) {
            let usual = token.answer.is_empty().then_some(3600);
            let lives = token.lives.or(usual);
            let came = granted
                .tokens
                .expires_at
                .map(|at| (at - now()).num_seconds());
            same("life", format!("{lives:?}"), format!("{came:?}"));
        }
        let token = granted.tokens.access_token.expose();
        let is_minted = self.provider.definition.auth.is_minted();
        if !self.provider.definition.auth.is_entered() || is_minted {
            same("access token", "access-1".into(), token.clone());
        }
        if let Some(text) = &of.properties {
            let expected: Map<String, Value> = serde_json::from_str(text).expect("JSON");
            let all = granted
                .properties
                .reveal(&self.provider.definition.credential.kind);
            for (name, value) in expected {
                let came = all.get(&name).cloned().unwrap_or_default();
                same(&name, value.to_string(), came.to_string());
            }
        }
        problems
    }

    /// What came is exported, and comes in again: the same account, the same tokens.
    pub(crate) fn import(&self, granted: &Granted) -> Vec<String> {
        let kind = &self.provider.definition.credential.kind;
        let all = granted.properties.reveal(kind);
        match self.provider.import(&self.of.admin, &all, now()) {
            Err(faults) => faults.iter().map(|fault| format!("{fault:?}")).collect(),
            Ok(imported) => {
                let mut problems = Vec::new();
                let (id, expected) = (&imported.external.id, &granted.external.id);
                if id != expected {
                    problems.push(format!("account {id} instead of {expected}"));
                }
                let token = granted.tokens.access_token.expose();
                let kept = imported.secrets.access_token.as_ref();
                if kept.is_some_and(|kept| kept != token) {
                    problems.push("another access token".into());
                }
                problems
            }
        }
    }

    pub(crate) async fn refresh(
        &self,
        granted: &Granted,
        secrets: &GrantSecrets,
        steps: &mut Steps,
    ) -> Option<(GrantSecrets, Map<String, Value>)> {
        let of = self.of;
        let is_minted = self.provider.definition.auth.is_minted();
        let is_renewable = self.provider.is_renewable(secrets);
        let documented = of.refresh.is_some() || is_minted;
        if is_renewable != documented {
            let problem = format!("renewable: {is_renewable} instead of {documented}");
            steps.push(("refresh", vec![problem]));
            return None;
        }
        if !documented {
            return None;
        }
        let (old, new) = (self.words(1), self.words(2));
        let script = match &of.refresh {
            Some(refresh) => {
                let standard = vec![
                    ("grant_type", "refresh_token".to_owned()),
                    ("refresh_token", "refresh-1".to_owned()),
                ];
                let answer = expected::tokens(of, refresh, &new, false);
                Some(endpoint(refresh, &old, standard, answer))
            }
            None => self.minting(&new),
        };
        self.desk.witness.expect(script);
        let redirect = redirect_uri(self.provider.slug.as_str());
        let refreshed = self
            .provider
            .refresh(
                &self.desk.http,
                &RefreshRequest {
                    client_id: CLIENT_ID,
                    client_secret: &self.secret,
                    redirect_uri: &redirect,
                    variables: &self.variables,
                    public: &granted.properties.public,
                    secrets,
                    token_type: granted.tokens.token_type.as_deref(),
                    scopes: granted.tokens.scope.as_ref(),
                    refresh_expires_at: granted.tokens.refresh_expires_at,
                    now: now() + TimeDelta::hours(1),
                },
            )
            .await;
        let mut problems = self.desk.witness.problems();
        if self.provider.is_single_use() != of.single_use {
            problems.push(format!(
                "single use: {} instead of {}",
                !of.single_use, of.single_use
            ));
        }
        let lifetime = self
            .provider
            .definition
            .refresh
            .as_ref()
            .and_then(|refresh| refresh.lifetime);
        let days = lifetime.map(|seconds| seconds / 86_400);
        if days != of.refresh_days {
            problems.push(format!("days: {days:?} instead of {:?}", of.refresh_days));
        }
        let renewed = match refreshed {
            Ok(refreshed) => {
                if refreshed.secrets.access_token.as_deref() != Some("access-2") {
                    problems.push("the new access token is not kept".into());
                }
                Some((refreshed.secrets, refreshed.public))
            }
            Err(error) => {
                problems.push(error.to_string());
                None
            }
        };
        steps.push(("refresh", problems));
        renewed
    }

    pub(crate) async fn call(
        &self,
        secrets: &GrantSecrets,
        public: &Map<String, Value>,
        generation: u8,
        steps: &mut Steps,
    ) {
        let Some(api) = &self.of.api else {
            if self.provider.definition.api.is_some() {
                steps.push(("api", vec!["nobody describes an API".into()]));
            }
            return;
        };
        let words = self.words(generation);
        let mut expected = exchange(api, &words);
        expected.url = format!("{}/probe", expected.url.trim_end_matches('/'));
        self.desk.witness.expect([expected]);
        let access = ProxyAccess {
            secrets,
            variables: &self.variables,
            public,
        };
        let request = ProxyRequest {
            method: "GET",
            path: "probe",
            query: None,
            headers: &[],
            body: ProxyBody::Whole(bytes::Bytes::new()),
        };
        let answered = self.provider.proxy(&self.desk.http, &access, request).await;
        let mut problems = self.desk.witness.problems();
        problems.extend(answered.err().map(|error| error.to_string()));
        steps.push(("api", problems));
    }

    pub(crate) async fn revoke(
        &self,
        secrets: &GrantSecrets,
        public: &Map<String, Value>,
        generation: u8,
        steps: &mut Steps,
    ) {
        let words = self.words(generation);
        let script = self
            .of
            .revoke
            .as_ref()
            .map(|revoke| exchange(revoke, &words));
        let documented = script.is_some();
        self.desk.witness.expect(script);
        let revoked = self
            .provider
            .revoke(
                &self.desk.http,
                CLIENT_ID,
                &self.secret,
                &self.variables,
                public,
                secrets,
            )
            .await;
        let mut problems = self.desk.witness.problems();
        match revoked {
            Ok(done) if done == documented => {}
            Ok(done) => problems.push(format!("revoked: {done} instead of {documented}")),
            Err(error) => problems.push(error.to_string()),
        }
        if documented || !problems.is_empty() {
            steps.push(("revocation", problems));
        }
    }
}
