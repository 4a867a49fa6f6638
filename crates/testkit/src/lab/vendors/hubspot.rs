//! <https://developers.hubspot.com/docs/api-reference/2026-03/authentication/oauth-tokens/refresh-oauth-token>

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use crate::lab::{
    calls::Endpoint,
    desk::{Account, Desk, Grant, random},
    message::{Parameters, Reply, Request},
    vendor::{Fresh, Kind, Lives, Pkce, Problem, RefreshLife, Rotation, Rules, Vendor},
};

#[derive(Debug)]
pub(super) struct HubSpot;

const USER: u64 = 1_234_567;

impl Vendor for HubSpot {
    fn slug(&self) -> &'static str {
        "hubspot"
    }

    fn endpoint(&self, host: &str, path: &str) -> Option<Endpoint> {
        match (host, path) {
            ("app.hubspot.com", "/oauth/authorize") => Some(Endpoint::Authorize),
            ("api.hubapi.com", "/oauth/2026-03/token") => Some(Endpoint::Token),
            ("api.hubapi.com", "/oauth/2026-03/token/introspect") => Some(Endpoint::Identity),
            ("api.hubapi.com", "/oauth/2026-03/token/revoke") => Some(Endpoint::Revoke),
            _ => None,
        }
    }

    fn rules(&self) -> Rules {
        Rules {
            request_needs: &["scope"],
            // The pages are silent on the authorization endpoint.
            pkce: Pkce::Ignored,
            rotation: Rotation::Repeated,
            ..Rules::STANDARD
        }
    }

    /// A portal: its number and its domain.
    fn account(&self) -> Account {
        super::account("62515", "acme.com", "user@acme.com")
    }

    fn mint(&self, kind: Kind, _grant: &Grant) -> String {
        match kind {
            Kind::Refresh => format!("na1-{}", random()),
            Kind::Code | Kind::Access => random(),
        }
    }

    fn lives(&self, _grant: &Grant, _exchange: &Parameters) -> Lives {
        Lives {
            access: Some(1800),
            refresh: RefreshLife::Endless,
        }
    }

    fn tokens(&self, fresh: &Fresh<'_>) -> Value {
        json!({
            "token_type": "bearer",
            "token_use": "access_token",
            "access_token": fresh.access_token,
            "refresh_token": fresh.refresh_token,
            "expires_in": 1800,
            "hub_id": hub_id(fresh.grant),
            "user_id": USER,
            "scopes": fresh.grant.scopes,
        })
    }

    /// RFC 6749's members, and the older ones beside them.
    fn refusal(&self, problem: &Problem) -> (u16, Value) {
        let (status, error, words) = problem.standard();
        let (older, words) = match problem {
            Problem::Client => ("BAD_CLIENT_ID", "missing or unknown client id"),
            Problem::RedirectUri => ("BAD_REDIRECT_URI", "redirect URIs don't match"),
            Problem::Code(_) | Problem::CodeUsed => {
                ("BAD_AUTH_CODE", "missing or unknown auth code")
            }
            Problem::RefreshToken | Problem::Token => {
                ("BAD_REFRESH_TOKEN", "missing or invalid refresh token")
            }
            _ => ("BAD_REQUEST", words.as_str()),
        };
        (
            status,
            json!({
                "error": error,
                "error_description": words,
                "status": older,
                "message": words,
                "correlationId": "aeb5f871-7f07-4993-9211-075dc63e7cbf",
            }),
        )
    }

    fn identity(&self, request: &Request, desk: &Desk, now: DateTime<Utc>) -> Reply {
        if self.body_client(request, desk).is_none() {
            let (status, words) = self.refusal(&Problem::Client);
            return Reply::json(status, &words);
        }
        let parameters = request.body_parameters();
        let token = parameters.get("token").unwrap_or_default();
        let Some(grant) = desk.live_access(token, now) else {
            return Reply::json(200, &json!({"active": false}));
        };
        let info = json!({
            "active": true,
            "token": token,
            "token_type": "bearer",
            "token_use": "access_token",
            "client_id": grant.app.client_id,
            "app_id": 456,
            "hub_id": hub_id(grant),
            "hub_domain": grant.account.name,
            "user": grant.account.email,
            "user_id": USER,
            "scopes": grant.scopes,
            "expires_in": 1754,
            "is_private_distribution": false,
        });
        Reply::json(200, &info)
    }

    fn stranger(&self) -> Reply {
        Reply::json(
            401,
            &json!({
                "status": "error",
                "message": "Authentication credentials not found.",
                "correlationId": "aeb5f871-7f07-4993-9211-075dc63e7cbf",
                "category": "INVALID_AUTHENTICATION",
            }),
        )
    }

    /// Ends the refresh token; issued access tokens go on.
    fn revoke(&self, request: &Request, desk: &mut Desk, _now: DateTime<Utc>) -> Reply {
        if self.body_client(request, desk).is_none() {
            let (status, words) = self.refusal(&Problem::Client);
            return Reply::json(status, &words);
        }
        let parameters = request.body_parameters();
        if desk.end_refresh(parameters.get("token").unwrap_or_default()) {
            return Reply::empty(204);
        }
        let (status, words) = self.refusal(&Problem::Token);
        Reply::json(status, &words)
    }

    fn failure(&self, _endpoint: Endpoint, status: u16) -> Reply {
        Reply::json(
            status,
            &json!({
                "category": "INTERNAL_ERROR",
                "message": "internal error",
                "correlationId": "aeb5f871-7f07-4993-9211-075dc63e7cbf",
            }),
        )
    }
}

fn hub_id(grant: &Grant) -> u64 {
    grant.account.id.parse().expect("a number")
}
