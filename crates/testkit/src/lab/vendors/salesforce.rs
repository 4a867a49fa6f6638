//! <https://help.salesforce.com/s/articleView?id=sf.remoteaccess_oauth_web_server_flow.htm>

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use crate::lab::{
    calls::Endpoint,
    desk::{Account, Desk, Grant, random},
    message::{Parameters, Reply, Request},
    vendor::{Fresh, Kind, Lives, Problem, Proof, RefreshLife, Rotation, Rules, Vendor},
};

#[derive(Debug)]
pub(super) struct Salesforce;

const USER: &str = "005x00000012Q9PAAU";

impl Vendor for Salesforce {
    fn slug(&self) -> &'static str {
        "salesforce"
    }

    fn endpoint(&self, host: &str, path: &str) -> Option<Endpoint> {
        let login = matches!(host, "login.salesforce.com" | "test.salesforce.com")
            || host.ends_with(".my.salesforce.com");
        match path.strip_prefix("/services/oauth2/").filter(|_| login)? {
            "authorize" => Some(Endpoint::Authorize),
            "token" => Some(Endpoint::Token),
            "userinfo" => Some(Endpoint::Identity),
            "revoke" => Some(Endpoint::Revoke),
            _ => None,
        }
    }

    fn rules(&self) -> Rules {
        Rules {
            client: Proof::Either,
            rotation: Rotation::Kept,
            ..Rules::STANDARD
        }
    }

    /// An org.
    fn account(&self) -> Account {
        super::account("00Dx0000000BV7zEAG", "Acme", "user@acme.com")
    }

    fn mint(&self, kind: Kind, grant: &Grant) -> String {
        match kind {
            Kind::Code => format!("aPrx{}==", random()),
            Kind::Access => format!("{}!{}", grant.account.id, random()),
            Kind::Refresh => format!("5Aep{}", random()),
        }
    }

    /// A refresh token comes for its scope alone.
    fn lives(&self, grant: &Grant, _exchange: &Parameters) -> Lives {
        let offline = |scope: &String| matches!(scope.as_str(), "refresh_token" | "offline_access");
        Lives {
            access: Some(7200),
            refresh: if grant.scopes.iter().any(offline) {
                RefreshLife::Endless
            } else {
                RefreshLife::None
            },
        }
    }

    /// Without `expires_in`; the moment of issue as a text of milliseconds.
    fn tokens(&self, fresh: &Fresh<'_>) -> Value {
        let mut answer = json!({
            "access_token": fresh.access_token,
            "signature": "R9e8hftsV8AqMd5M3ddTXsXNr6NwHoye4VeNY8Tqs44=",
            "scope": fresh.scope(" "),
            "instance_url": "https://acme.my.salesforce.com",
            "id": id_url(fresh.grant),
            "token_type": "Bearer",
            "issued_at": fresh.now.timestamp_millis().to_string(),
        });
        if let Some(refresh_token) = fresh.refresh_token {
            answer["refresh_token"] = json!(refresh_token);
        }
        let openid = fresh.grant.scopes.iter().any(|scope| scope == "openid");
        if fresh.first && openid {
            answer["id_token"] = json!(id_token(fresh));
        }
        answer
    }

    fn denial(&self) -> Option<Vec<(&'static str, &'static str)>> {
        Some(vec![
            ("error", "access_denied"),
            ("error_description", "end-user denied authorization"),
        ])
    }

    fn refusal(&self, problem: &Problem) -> (u16, Value) {
        let (error, words) = match problem {
            Problem::Client => ("invalid_client", "invalid client credentials"),
            Problem::RedirectUri => (
                "redirect_uri_mismatch",
                "redirect_uri must match configuration",
            ),
            Problem::Code(_) | Problem::CodeUsed => ("invalid_grant", "expired authorization code"),
            Problem::VerifierMissing => ("invalid_grant", "missing code verifier"),
            // So the page has it.
            Problem::VerifierWrong => ("invalid_request", "invalid code verifier"),
            Problem::RefreshToken => ("invalid_grant", "expired access/refresh token"),
            Problem::Token => ("invalid_token", "this token does not exist"),
            other => {
                let (status, error, words) = other.standard();
                return (status, json!({"error": error, "error_description": words}));
            }
        };
        (400, json!({"error": error, "error_description": words}))
    }

    fn identity(&self, request: &Request, desk: &Desk, now: DateTime<Utc>) -> Reply {
        let grant = desk.bearer(self.slug(), request, now);
        let Some(grant) = grant.filter(|grant| grant.scopes.iter().any(|s| s == "openid")) else {
            return self.stranger();
        };
        Reply::json(
            200,
            &json!({
                "sub": id_url(grant),
                "user_id": USER,
                "organization_id": grant.account.id,
                "preferred_username": grant.account.email,
                "name": grant.account.name,
                "email": grant.account.email,
                "email_verified": true,
            }),
        )
    }

    fn stranger(&self) -> Reply {
        Reply::text(403, "Bad_OAuth_Token")
    }

    fn revoke(&self, request: &Request, desk: &mut Desk, _now: DateTime<Utc>) -> Reply {
        let parameters = request.body_parameters();
        if desk.end_grant_of(parameters.get("token").unwrap_or_default()) {
            return Reply::empty(200);
        }
        let (status, words) = self.refusal(&Problem::Token);
        Reply::json(status, &words)
    }
}

/// The identity URL is on the general login host, whichever the browser went to.
fn id_url(grant: &Grant) -> String {
    let sandbox = grant.host == "test.salesforce.com" || grant.host.contains(".sandbox.");
    let host = if sandbox { "test" } else { "login" };
    format!(
        "https://{host}.salesforce.com/id/{}/{USER}",
        grant.account.id
    )
}

fn id_token(fresh: &Fresh<'_>) -> String {
    let grant = fresh.grant;
    super::jwt(&json!({
        "iss": format!("https://{}", grant.host),
        "aud": grant.app.client_id,
        "sub": id_url(grant),
        "iat": fresh.now.timestamp(),
        "exp": fresh.now.timestamp() + 120,
    }))
}
