//! <https://docs.slack.dev/reference/methods/oauth.v2.access>

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use crate::lab::{
    calls::Endpoint,
    desk::{Account, Desk, Grant, random},
    message::{Encoding, Parameters, Reply, Request},
    vendor::{Fresh, Kind, Lives, Pkce, Problem, Proof, RefreshLife, Rules, Vendor},
};

#[derive(Debug)]
pub(super) struct Slack;

const APP: &str = "A0KRD7HC3";
const BOT: &str = "U0KRQLJ9H";
const USER: &str = "U1234";

impl Vendor for Slack {
    fn slug(&self) -> &'static str {
        "slack"
    }

    fn endpoint(&self, host: &str, path: &str) -> Option<Endpoint> {
        match (host, path) {
            ("slack.com", "/oauth/v2/authorize") => Some(Endpoint::Authorize),
            ("slack.com", "/api/oauth.v2.access") => Some(Endpoint::Token),
            ("slack.com", "/api/auth.test") => Some(Endpoint::Identity),
            ("slack.com", "/api/auth.revoke") => Some(Endpoint::Revoke),
            _ => None,
        }
    }

    fn rules(&self) -> Rules {
        Rules {
            request_needs: &[],
            exchange_needs: &[],
            separator: ',',
            // For apps that turned it on, which makes them public clients.
            pkce: Pkce::Ignored,
            client: Proof::Either,
            encodings: &[Encoding::Form, Encoding::Json],
            ..Rules::STANDARD
        }
    }

    /// A workspace.
    fn account(&self) -> Account {
        super::account("T9TK3CUKW", "Slack Softball Team", "user@example.com")
    }

    fn mint(&self, kind: Kind, grant: &Grant) -> String {
        let owner = if grant.scopes.is_empty() { 'p' } else { 'b' };
        match kind {
            Kind::Code => format!("4724469134.4644010092847.{}", random()),
            Kind::Access if rotates(grant) => format!("xoxe.xox{owner}-1-{}", random()),
            Kind::Access => format!("xox{owner}-17653672481-{}", random()),
            Kind::Refresh => format!("xoxe-1-{}", random()),
        }
    }

    fn lives(&self, grant: &Grant, _exchange: &Parameters) -> Lives {
        Lives {
            access: rotates(grant).then_some(43_200),
            refresh: if rotates(grant) {
                RefreshLife::Endless
            } else {
                RefreshLife::None
            },
        }
    }

    /// The bot's token on top; the user's below, and alone there if only user scopes were asked.
    fn tokens(&self, fresh: &Fresh<'_>) -> Value {
        let grant = fresh.grant;
        let user_scope = grant.request.get("user_scope");
        let token = |kind: &str, scope: &str, access_token: &str| {
            let mut token = json!({
                "access_token": access_token, "token_type": kind, "scope": scope,
            });
            if let Some(refresh_token) = fresh.refresh_token {
                token["expires_in"] = json!(43_200);
                token["refresh_token"] = json!(refresh_token);
            }
            token
        };
        let mut answer = json!({"ok": true, "app_id": APP, "authed_user": {"id": USER}});
        if grant.scopes.is_empty() {
            let user = token("user", user_scope.unwrap_or_default(), fresh.access_token);
            merge(&mut answer["authed_user"], &user);
        } else {
            merge(
                &mut answer,
                &token("bot", &fresh.scope(","), fresh.access_token),
            );
            answer["bot_user_id"] = json!(BOT);
            if let Some(scope) = user_scope {
                let user =
                    json!({"access_token": USER_TOKEN, "token_type": "user", "scope": scope});
                merge(&mut answer["authed_user"], &user);
            }
        }
        let org_wide = grant.switches.contains("enterprise_install");
        answer["is_enterprise_install"] = json!(org_wide);
        answer["enterprise"] = if org_wide {
            json!({"id": "E12345678", "name": "slack-sports"})
        } else {
            Value::Null
        };
        answer["team"] = if org_wide {
            Value::Null
        } else {
            json!({"id": grant.account.id, "name": grant.account.name})
        };
        answer
    }

    /// Every error comes with status 200.
    fn refusal(&self, problem: &Problem) -> (u16, Value) {
        let error = match problem {
            Problem::Client => "bad_client_secret",
            Problem::RedirectUri => "bad_redirect_uri",
            Problem::GrantType => "invalid_grant_type",
            Problem::RefreshToken => "invalid_refresh_token",
            Problem::Code(_) => "invalid_code",
            Problem::CodeUsed => "code_already_used",
            Problem::Token => "invalid_auth",
            _ => "invalid_arguments",
        };
        (200, json!({"ok": false, "error": error}))
    }

    fn identity(&self, request: &Request, desk: &Desk, now: DateTime<Utc>) -> Reply {
        let Some(grant) = desk.bearer(self.slug(), request, now) else {
            return self.stranger();
        };
        Reply::json(
            200,
            &json!({
                "ok": true,
                "url": "https://subarachnoid.slack.com/",
                "team": grant.account.name,
                "team_id": grant.account.id,
                "user_id": BOT,
            }),
        )
    }

    fn stranger(&self) -> Reply {
        Reply::json(200, &json!({"ok": false, "error": "invalid_auth"}))
    }

    fn revoke(&self, request: &Request, desk: &mut Desk, _now: DateTime<Utc>) -> Reply {
        let token = request.bearer().unwrap_or_default().to_owned();
        if desk.end_access(&token) {
            Reply::json(200, &json!({"ok": true, "revoked": true}))
        } else {
            self.stranger()
        }
    }

    fn failure(&self, _endpoint: Endpoint, status: u16) -> Reply {
        Reply::json(status, &json!({"ok": false, "error": "internal_error"}))
    }
}

/// The user's token beside a bot's, as the page's example has it.
const USER_TOKEN: &str = "xoxp-1234";

fn rotates(grant: &Grant) -> bool {
    grant.switches.contains("token_rotation")
}

fn merge(into: &mut Value, from: &Value) {
    if let (Some(into), Some(from)) = (into.as_object_mut(), from.as_object()) {
        into.extend(from.clone());
    }
}
