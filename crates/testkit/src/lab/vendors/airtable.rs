//! <https://airtable.com/developers/web/api/oauth-reference>

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use crate::lab::{
    calls::Endpoint,
    desk::{Account, Desk, Grant},
    message::{Parameters, Reply, Request},
    vendor::{Fresh, Lives, Pkce, Proof, RefreshLife, Rotation, Rules, Vendor},
};

#[derive(Debug)]
pub(super) struct Airtable;

/// All that the authorization endpoint takes.
const PARAMETERS: [&str; 7] = [
    "client_id",
    "redirect_uri",
    "response_type",
    "scope",
    "state",
    "code_challenge",
    "code_challenge_method",
];

impl Vendor for Airtable {
    fn slug(&self) -> &'static str {
        "airtable"
    }

    fn endpoint(&self, host: &str, path: &str) -> Option<Endpoint> {
        match (host, path) {
            ("airtable.com", "/oauth2/v1/authorize") => Some(Endpoint::Authorize),
            ("airtable.com", "/oauth2/v1/token") => Some(Endpoint::Token),
            ("api.airtable.com", "/v0/meta/whoami") => Some(Endpoint::Identity),
            _ => None,
        }
    }

    fn rules(&self) -> Rules {
        Rules {
            request_needs: &["response_type", "state", "scope"],
            pkce: Pkce::Required,
            client: Proof::Basic,
            // A refresh token that comes again ends the whole grant.
            rotation: Rotation::Family,
            ..Rules::STANDARD
        }
    }

    fn account(&self) -> Account {
        super::account("usrL2PNC5o3H4lBEi", "", "foo@bar.com")
    }

    fn unknown_parameter(&self, request: &Parameters) -> Option<String> {
        let mut unknown = request.names().filter(|name| !PARAMETERS.contains(name));
        unknown.next().map(str::to_owned)
    }

    fn lives(&self, _grant: &Grant, _exchange: &Parameters) -> Lives {
        Lives {
            access: Some(3600),
            refresh: RefreshLife::Seconds(5_184_000),
        }
    }

    fn tokens(&self, fresh: &Fresh<'_>) -> Value {
        json!({
            "access_token": fresh.access_token,
            "refresh_token": fresh.refresh_token,
            "token_type": "Bearer",
            "scope": fresh.scope(" "),
            "expires_in": 3600,
            "refresh_expires_in": 5_184_000,
        })
    }

    fn denial(&self) -> Option<Vec<(&'static str, &'static str)>> {
        Some(vec![
            ("error", "access_denied"),
            (
                "error_description",
                "The user denied the authorization request",
            ),
        ])
    }

    fn identity(&self, request: &Request, desk: &Desk, now: DateTime<Utc>) -> Reply {
        let Some(grant) = desk.bearer(self.slug(), request, now) else {
            return self.stranger();
        };
        let mut who = json!({"id": grant.account.id, "scopes": grant.scopes});
        if grant.scopes.iter().any(|scope| scope == "user.email:read") {
            who["email"] = json!(grant.account.email);
        }
        Reply::json(200, &who)
    }

    fn stranger(&self) -> Reply {
        let error =
            json!({"type": "AUTHENTICATION_REQUIRED", "message": "Authentication required"});
        Reply::json(401, &json!({ "error": error }))
    }

    fn failure(&self, _endpoint: Endpoint, status: u16) -> Reply {
        let error = json!({"type": "SERVER_ERROR", "message": "An unexpected error occurred"});
        Reply::json(status, &json!({ "error": error }))
    }
}
