//! <https://docs.stripe.com/connect/oauth-reference>

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use crate::lab::{
    calls::Endpoint,
    desk::{Account, App, Desk, Grant, random},
    message::{Parameters, Reply, Request},
    vendor::{Fresh, Kind, Lives, Pkce, Problem, Proof, RefreshLife, Rotation, Rules, Vendor},
};

#[derive(Debug)]
pub(super) struct Stripe;

impl Vendor for Stripe {
    fn slug(&self) -> &'static str {
        "stripe"
    }

    fn endpoint(&self, host: &str, path: &str) -> Option<Endpoint> {
        match (host, path) {
            ("connect.stripe.com", "/oauth/authorize") => Some(Endpoint::Authorize),
            ("connect.stripe.com", "/oauth/token") => Some(Endpoint::Token),
            ("connect.stripe.com", "/oauth/deauthorize") => Some(Endpoint::Revoke),
            ("api.stripe.com", "/v1/account") => Some(Endpoint::Identity),
            _ => None,
        }
    }

    fn rules(&self) -> Rules {
        Rules {
            exchange_needs: &["grant_type"],
            pkce: Pkce::Ignored,
            client: Proof::Body,
            rotation: Rotation::Repeated,
            ..Rules::STANDARD
        }
    }

    fn account(&self) -> Account {
        super::account("acct_1032D82eZvKYlo2C", "Acme", "user@acme.com")
    }

    /// `read_only` if nothing was asked for.
    fn granted(&self, asked: Vec<String>) -> Vec<String> {
        if asked.is_empty() {
            return vec!["read_only".to_owned()];
        }
        asked
    }

    fn mint(&self, kind: Kind, grant: &Grant) -> String {
        match kind {
            Kind::Code => format!("ac_{}", random()),
            Kind::Access => format!("sk_{}_{}", mode(grant), random()),
            Kind::Refresh => format!("rt_{}", random()),
        }
    }

    fn lives(&self, _grant: &Grant, _exchange: &Parameters) -> Lives {
        Lives {
            access: None,
            refresh: RefreshLife::Endless,
        }
    }

    fn complete_callback(
        &self,
        parameters: &mut Vec<(String, String)>,
        grant: &Grant,
        _now: DateTime<Utc>,
    ) {
        parameters.push(("scope".into(), grant.scopes.join(" ")));
    }

    fn denial(&self) -> Option<Vec<(&'static str, &'static str)>> {
        Some(vec![
            ("error", "access_denied"),
            ("error_description", "The user denied your request"),
        ])
    }

    fn tokens(&self, fresh: &Fresh<'_>) -> Value {
        let grant = fresh.grant;
        json!({
            "token_type": "bearer",
            "stripe_publishable_key": format!("pk_{}_publishable", mode(grant)),
            "scope": fresh.scope(" "),
            "livemode": mode(grant) == "live",
            "stripe_user_id": grant.account.id,
            "refresh_token": fresh.refresh_token,
            "access_token": fresh.access_token,
        })
    }

    /// The words repeat the code.
    fn refusal(&self, problem: &Problem) -> (u16, Value) {
        let (status, error, words) = match problem {
            Problem::Code(code) => (
                400,
                "invalid_grant",
                format!("Authorization code does not exist: {code}"),
            ),
            Problem::CodeUsed => (
                400,
                "invalid_grant",
                "This authorization code has already been used. All tokens issued with this code have been revoked.".into(),
            ),
            Problem::RefreshToken => (
                400,
                "invalid_grant",
                "Refresh token does not exist".into(),
            ),
            Problem::Token => (
                401,
                "invalid_client",
                "This application is not connected to that account, or that account does not exist.".into(),
            ),
            other => other.standard(),
        };
        (status, json!({"error": error, "error_description": words}))
    }

    fn identity(&self, request: &Request, desk: &Desk, now: DateTime<Utc>) -> Reply {
        let Some(grant) = desk.bearer(self.slug(), request, now) else {
            return self.stranger();
        };
        Reply::json(
            200,
            &json!({
                "id": grant.account.id,
                "object": "account",
                "business_profile": {"name": grant.account.name, "url": null},
                "email": grant.account.email,
                "settings": {"dashboard": {"display_name": grant.account.name}},
                "type": "standard",
            }),
        )
    }

    fn stranger(&self) -> Reply {
        let error = json!({"message": "Invalid API Key provided", "type": "invalid_request_error"});
        Reply::json(401, &json!({ "error": error }))
    }

    /// The whole account is disconnected.
    fn revoke(&self, request: &Request, desk: &mut Desk, _now: DateTime<Utc>) -> Reply {
        let parameters = request.body_parameters();
        let client_id = parameters.get("client_id").unwrap_or_default();
        let proven = platform(request, desk).is_some_and(|app| app.client_id == client_id);
        let account = parameters.get("stripe_user_id").unwrap_or_default();
        let of: Vec<usize> = desk
            .grants
            .iter()
            .enumerate()
            .filter(|(_, grant)| grant.account.id == account && grant.app.client_id == client_id)
            .map(|(index, _)| index)
            .collect();
        if !proven || of.is_empty() {
            let (status, words) = self.refusal(&Problem::Token);
            return Reply::json(status, &words);
        }
        for grant in of {
            desk.end_grant(grant);
        }
        Reply::json(200, &json!({ "stripe_user_id": account }))
    }

    fn failure(&self, _endpoint: Endpoint, status: u16) -> Reply {
        let error = json!({"message": "An unknown error occurred", "type": "api_error"});
        Reply::json(status, &json!({ "error": error }))
    }
}

/// The mode is that of the platform's key.
fn mode(grant: &Grant) -> &'static str {
    if grant.app.client_secret.starts_with("sk_live_") {
        "live"
    } else {
        "test"
    }
}

/// The platform, by its API key as a Bearer token or as the user of a Basic header.
fn platform<'a>(request: &Request, desk: &'a Desk) -> Option<&'a App> {
    let key = request
        .bearer()
        .map(str::to_owned)
        .or_else(|| Some(request.basic()?.0))?;
    let mut apps = desk.apps.iter().filter(|app| app.provider == "stripe");
    apps.find(|app| app.client_secret == key)
}
