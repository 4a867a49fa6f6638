//! <https://linear.app/developers/oauth-2-0-authentication>

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use crate::lab::{
    calls::Endpoint,
    desk::{Account, Desk, Grant},
    message::{Parameters, Reply, Request},
    vendor::{Fresh, Lives, Problem, RefreshLife, Rules, Vendor},
};

#[derive(Debug)]
pub(super) struct Linear;

impl Vendor for Linear {
    fn slug(&self) -> &'static str {
        "linear"
    }

    fn endpoint(&self, host: &str, path: &str) -> Option<Endpoint> {
        match (host, path) {
            ("linear.app", "/oauth/authorize") => Some(Endpoint::Authorize),
            ("api.linear.app", "/oauth/token") => Some(Endpoint::Token),
            ("api.linear.app", "/oauth/revoke") => Some(Endpoint::Revoke),
            ("api.linear.app", "/graphql") => Some(Endpoint::Identity),
            _ => None,
        }
    }

    fn rules(&self) -> Rules {
        Rules {
            request_needs: &["response_type", "scope"],
            separator: ',',
            ..Rules::STANDARD
        }
    }

    /// An organisation.
    fn account(&self) -> Account {
        super::account("abc123", "Arrakis Inc.", "user@example.com")
    }

    /// `read` is always present.
    fn granted(&self, mut asked: Vec<String>) -> Vec<String> {
        if !asked.iter().any(|scope| scope == "read") {
            asked.insert(0, "read".to_owned());
        }
        asked
    }

    fn lives(&self, _grant: &Grant, _exchange: &Parameters) -> Lives {
        Lives {
            access: Some(86_399),
            refresh: RefreshLife::Endless,
        }
    }

    fn tokens(&self, fresh: &Fresh<'_>) -> Value {
        json!({
            "access_token": fresh.access_token,
            "token_type": "Bearer",
            "expires_in": 86_399,
            "scope": fresh.scope(" "),
            "refresh_token": fresh.refresh_token,
        })
    }

    fn identity(&self, request: &Request, desk: &Desk, now: DateTime<Utc>) -> Reply {
        let Some(grant) = desk.bearer(self.slug(), request, now) else {
            return self.stranger();
        };
        let query: Value = serde_json::from_slice(&request.body).unwrap_or_default();
        let asks = |field: &str| {
            let text = query.get("query").and_then(Value::as_str);
            text.is_some_and(|text| text.contains(field))
        };
        let mut data = json!({});
        if asks("viewer") {
            data["viewer"] = json!({"id": "user1", "name": "User", "email": grant.account.email});
        }
        if asks("organization") {
            data["organization"] =
                json!({"id": grant.account.id, "name": grant.account.name, "urlKey": "arrakis"});
        }
        Reply::json(200, &json!({ "data": data }))
    }

    fn stranger(&self) -> Reply {
        let extensions = json!({"type": "authentication error", "code": "AUTHENTICATION_ERROR"});
        let words = "Authentication required, not authenticated";
        Reply::json(
            401,
            &json!({"errors": [{"message": words, "extensions": extensions}]}),
        )
    }

    /// 200, 400 if it was revoked before, 401 if it is no token.
    fn revoke(&self, request: &Request, desk: &mut Desk, _now: DateTime<Utc>) -> Reply {
        let parameters = request.body_parameters();
        let form = parameters
            .get("access_token")
            .or(parameters.get("refresh_token"));
        let Some(token) = request.bearer().or(form).map(str::to_owned) else {
            return self.stranger();
        };
        if desk.end_grant_of(&token) {
            return Reply::json(200, &json!({"success": true}));
        }
        if desk.access.contains_key(&token) || desk.refresh.contains_key(&token) {
            let (_, words) = self.refusal(&Problem::Token);
            return Reply::json(400, &words);
        }
        self.stranger()
    }
}
