//! <https://docs.github.com/en/apps/oauth-apps/building-oauth-apps/authorizing-oauth-apps>

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use crate::lab::{
    calls::Endpoint,
    desk::{Account, Desk, Grant, random},
    message::{Encoding, Parameters, Reply, Request, encode},
    vendor::{Fresh, Kind, Lives, Problem, RefreshLife, Rotation, Rules, Vendor},
};

#[derive(Debug)]
pub(super) struct GitHub;

const HELP: &str = "/apps/managing-oauth-apps/troubleshooting-oauth-app-access-token-request-errors/#bad-verification-code";

impl Vendor for GitHub {
    fn slug(&self) -> &'static str {
        "github"
    }

    fn endpoint(&self, host: &str, path: &str) -> Option<Endpoint> {
        match (host, path) {
            ("github.com", "/login/oauth/authorize") => Some(Endpoint::Authorize),
            ("github.com", "/login/oauth/access_token") => Some(Endpoint::Token),
            ("api.github.com", "/user") => Some(Endpoint::Identity),
            ("api.github.com", path) if path.starts_with("/applications/") => {
                Some(Endpoint::Revoke)
            }
            _ => None,
        }
    }

    fn rules(&self) -> Rules {
        Rules {
            request_needs: &[],
            exchange_needs: &[],
            // Neither is among its parameters.
            encodings: &[Encoding::Form, Encoding::Json],
            rotation: Rotation::None,
            ..Rules::STANDARD
        }
    }

    fn account(&self) -> Account {
        super::account("1", "monalisa octocat", "octocat@github.com")
    }

    fn mint(&self, kind: Kind, _grant: &Grant) -> String {
        match kind {
            Kind::Access => format!("gho_{}", random()),
            Kind::Code | Kind::Refresh => random(),
        }
    }

    fn lives(&self, _grant: &Grant, _exchange: &Parameters) -> Lives {
        Lives {
            access: None,
            refresh: RefreshLife::None,
        }
    }

    fn tokens(&self, fresh: &Fresh<'_>) -> Value {
        json!({
            "access_token": fresh.access_token,
            "scope": fresh.scope(","),
            "token_type": "bearer",
        })
    }

    fn denial(&self) -> Option<Vec<(&'static str, &'static str)>> {
        Some(vec![
            ("error", "access_denied"),
            (
                "error_description",
                "The user has denied your application access.",
            ),
            (
                "error_uri",
                "/apps/managing-oauth-apps/troubleshooting-authorization-request-errors/#access-denied",
            ),
        ])
    }

    /// Errors come with status 200.
    fn refusal(&self, problem: &Problem) -> (u16, Value) {
        let (error, words) = match problem {
            Problem::Client => (
                "incorrect_client_credentials",
                "The client_id and/or client_secret passed are incorrect.",
            ),
            Problem::RedirectUri => (
                "redirect_uri_mismatch",
                "The redirect_uri MUST match the registered callback URL for this application.",
            ),
            Problem::GrantType => ("unsupported_grant_type", "The grant_type is not supported."),
            _ => (
                "bad_verification_code",
                "The code passed is incorrect or expired.",
            ),
        };
        (
            200,
            json!({"error": error, "error_description": words, "error_uri": HELP}),
        )
    }

    /// A form, unless the request accepts JSON.
    fn encode(&self, request: &Request, status: u16, answer: &Value) -> Reply {
        if request.header("accept") == Some("application/json") {
            return Reply::json(status, answer);
        }
        let members = answer.as_object().expect("an object");
        let pairs: Vec<(String, String)> = members
            .iter()
            .map(|(name, value)| {
                let text = value.as_str().unwrap_or_default();
                (name.clone(), text.to_owned())
            })
            .collect();
        let kind = "application/x-www-form-urlencoded; charset=utf-8";
        Reply::typed(status, kind, encode(&pairs).into_bytes())
    }

    fn identity(&self, request: &Request, desk: &Desk, now: DateTime<Utc>) -> Reply {
        if request.header("user-agent").is_none() {
            return Reply::text(403, "Request forbidden by administrative rules.");
        }
        let Some(grant) = desk.bearer(self.slug(), request, now) else {
            return self.stranger();
        };
        let user = json!({
            "login": "octocat",
            "id": grant.account.id.parse::<u64>().expect("a number"),
            "node_id": "MDQ6VXNlcjE=",
            "type": "User",
            "name": grant.account.name,
            "email": grant.account.email,
        });
        Reply::json(200, &user)
    }

    fn stranger(&self) -> Reply {
        Reply::json(
            401,
            &json!({
                "message": "Bad credentials",
                "documentation_url": "https://docs.github.com/rest",
                "status": "401",
            }),
        )
    }

    /// `DELETE /applications/{client_id}/token`: one token, or `/grant`: all of the user's.
    fn revoke(&self, request: &Request, desk: &mut Desk, _now: DateTime<Utc>) -> Reply {
        let Some(client_id) = self.basic_client(request, desk).map(|app| &app.client_id) else {
            return self.stranger();
        };
        let below = format!("/applications/{client_id}/");
        let body = request.body_parameters();
        let token = body.get("access_token").unwrap_or_default();
        let ended = match request.path.strip_prefix(&below) {
            _ if request.method != "DELETE" => false,
            Some("token") => desk.end_access(token),
            Some("grant") => desk.end_grant_of(token),
            _ => false,
        };
        if ended {
            Reply::empty(204)
        } else {
            Reply::json(404, &json!({"message": "Not Found", "status": "404"}))
        }
    }

    fn failure(&self, _endpoint: Endpoint, status: u16) -> Reply {
        Reply::html(status, "Unicorn!")
    }
}
