//! <https://developers.google.com/identity/protocols/oauth2/web-server>

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use crate::lab::{
    calls::Endpoint,
    desk::{Account, Desk, Grant, random},
    message::{Parameters, Reply, Request},
    vendor::{Fresh, Kind, Lives, Problem, RefreshLife, Rotation, Rules, Vendor},
};

#[derive(Debug)]
pub(super) struct Google;

const ISSUER: &str = "https://accounts.google.com";

impl Vendor for Google {
    fn slug(&self) -> &'static str {
        "google"
    }

    fn endpoint(&self, host: &str, path: &str) -> Option<Endpoint> {
        match (host, path) {
            ("accounts.google.com", "/o/oauth2/v2/auth") => Some(Endpoint::Authorize),
            ("oauth2.googleapis.com", "/token") => Some(Endpoint::Token),
            ("oauth2.googleapis.com", "/revoke") => Some(Endpoint::Revoke),
            ("openidconnect.googleapis.com", "/v1/userinfo") => Some(Endpoint::Identity),
            _ => None,
        }
    }

    fn rules(&self) -> Rules {
        Rules {
            request_needs: &["response_type", "scope"],
            rotation: Rotation::Kept,
            ..Rules::STANDARD
        }
    }

    fn account(&self) -> Account {
        super::account(
            "10769150350006150715113082367",
            "Example User",
            "user@example.com",
        )
    }

    /// Short names come back in full.
    fn granted(&self, asked: Vec<String>) -> Vec<String> {
        let full = |scope: String| match scope.as_str() {
            "email" => "https://www.googleapis.com/auth/userinfo.email".to_owned(),
            "profile" => "https://www.googleapis.com/auth/userinfo.profile".to_owned(),
            _ => scope,
        };
        asked.into_iter().map(full).collect()
    }

    fn mint(&self, kind: Kind, _grant: &Grant) -> String {
        let prefix = match kind {
            Kind::Code => "4/",
            Kind::Access => "1/",
            Kind::Refresh => "1//",
        };
        format!("{prefix}{}", random())
    }

    /// A refresh token comes for offline access, and surely only if the user was asked.
    fn lives(&self, grant: &Grant, _exchange: &Parameters) -> Lives {
        let asked = |name: &str, value: &str| grant.request.get(name) == Some(value);
        let offline = asked("access_type", "offline") && asked("prompt", "consent");
        Lives {
            access: Some(3599),
            refresh: if offline {
                RefreshLife::Endless
            } else {
                RefreshLife::None
            },
        }
    }

    fn complete_callback(
        &self,
        parameters: &mut Vec<(String, String)>,
        grant: &Grant,
        _now: DateTime<Utc>,
    ) {
        let mut add = |name: &str, value: &str| parameters.push((name.into(), value.into()));
        add("scope", &grant.scopes.join(" "));
        add("authuser", "0");
        add("prompt", grant.request.get("prompt").unwrap_or("none"));
    }

    fn tokens(&self, fresh: &Fresh<'_>) -> Value {
        let mut answer = json!({
            "access_token": fresh.access_token,
            "expires_in": 3599,
            "scope": fresh.scope(" "),
            "token_type": "Bearer",
        });
        if let Some(refresh_token) = fresh.refresh_token {
            answer["refresh_token"] = json!(refresh_token);
        }
        if fresh.grant.scopes.iter().any(|scope| scope == "openid") {
            answer["id_token"] = json!(id_token(fresh));
        }
        answer
    }

    fn refusal(&self, problem: &Problem) -> (u16, Value) {
        let (status, error, words) = match problem {
            Problem::Client => (401, "invalid_client", "Unauthorized"),
            Problem::RedirectUri => (400, "redirect_uri_mismatch", "Bad Request"),
            Problem::Code(_) | Problem::CodeUsed => (400, "invalid_grant", "Malformed auth code."),
            Problem::VerifierMissing => (400, "invalid_grant", "Missing code verifier."),
            Problem::VerifierWrong => (400, "invalid_grant", "Invalid code verifier."),
            Problem::RefreshToken => (400, "invalid_grant", "Token has been expired or revoked."),
            Problem::Token => (400, "invalid_token", "Token expired or revoked"),
            other => {
                let (status, error, words) = other.standard();
                return (status, json!({"error": error, "error_description": words}));
            }
        };
        (status, json!({"error": error, "error_description": words}))
    }

    fn identity(&self, request: &Request, desk: &Desk, now: DateTime<Utc>) -> Reply {
        let Some(grant) = desk.bearer(self.slug(), request, now) else {
            return self.stranger();
        };
        let has = |end: &str| grant.scopes.iter().any(|scope| scope.ends_with(end));
        let mut info = json!({"sub": grant.account.id});
        if has("userinfo.profile") {
            info["name"] = json!(grant.account.name);
            info["picture"] = json!("https://lh3.googleusercontent.com/a/photo");
        }
        if has("userinfo.email") {
            info["email"] = json!(grant.account.email);
            info["email_verified"] = json!(true);
        }
        Reply::json(200, &info)
    }

    fn stranger(&self) -> Reply {
        let words = json!({"error": "invalid_request", "error_description": "Invalid Credentials"});
        Reply::json(401, &words)
    }

    fn revoke(&self, request: &Request, desk: &mut Desk, _now: DateTime<Utc>) -> Reply {
        let parameters = request.body_parameters();
        let token = parameters.get("token").unwrap_or_default();
        if request.method == "POST" && desk.end_grant_of(token) {
            return Reply::json(200, &json!({}));
        }
        let (status, words) = self.refusal(&Problem::Token);
        Reply::json(status, &words)
    }

    fn failure(&self, _endpoint: Endpoint, status: u16) -> Reply {
        let words = json!({"error": "internal_failure", "error_description": "Backend Error"});
        Reply::json(status, &words)
    }
}

fn id_token(fresh: &Fresh<'_>) -> String {
    let grant = fresh.grant;
    let mut claims = json!({
        "iss": ISSUER,
        "azp": grant.app.client_id,
        "aud": grant.app.client_id,
        "sub": grant.account.id,
        "iat": fresh.now.timestamp(),
        "exp": fresh.now.timestamp() + 3600,
    });
    if let Some(nonce) = grant.request.get("nonce") {
        claims["nonce"] = json!(nonce);
    }
    super::jwt(&claims)
}
