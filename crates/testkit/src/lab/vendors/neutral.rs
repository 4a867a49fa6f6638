//! A provider that is nobody's: RFC 6749, 7009, 7636 and 9207, without quirks.

use std::fmt::Write as _;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use crate::lab::{
    calls::Endpoint,
    desk::{Account, Desk, Grant},
    message::{Parameters, Reply, Request},
    vendor::{self, Fresh, Lives, Problem, Proof, RefreshLife, Rotation, Rules},
};

/// The habits of a provider of the lab's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Neutral {
    /// Seconds that an access token lives.
    pub access_life: u32,
    /// Whether it issues refresh tokens; each is good for one use.
    pub refresh: bool,
    /// Whether it answers by a form that the browser posts.
    pub form_post: bool,
    /// Whether it names itself in the callback (`iss`, RFC 9207).
    pub issuer: bool,
}

impl Default for Neutral {
    fn default() -> Self {
        Self {
            access_life: 3600,
            refresh: true,
            form_post: false,
            issuer: true,
        }
    }
}

#[derive(Debug)]
pub(in crate::lab) struct Vendor {
    slug: String,
    issuer: String,
    habits: Neutral,
}

impl Vendor {
    pub(in crate::lab) fn new(slug: &str, plain_url: &str, habits: Neutral) -> Self {
        Self {
            slug: slug.to_owned(),
            issuer: format!("{plain_url}/{slug}"),
            habits,
        }
    }

    /// The definition that describes this provider.
    pub(in crate::lab) fn definition(&self) -> String {
        let Self {
            slug,
            issuer,
            habits,
        } = self;
        let kind = slug.replace('-', "_");
        let mut text = format!(
            r#"name = "Lab ({slug})"
category = "testing"
documentation = "https://example.com/docs"
checked = "2026-11-21"
certainty = "single"

[authorize]
url = "{issuer}/oauth/authorize"
pkce = "required"
default_scopes = ["read"]
"#
        );
        if habits.form_post {
            text.push_str("response_mode = \"form_post\"\n");
        }
        let _ = writeln!(
            text,
            "\n[callback]\nissuer = \"{issuer}\"\nissuer_required = {}",
            habits.issuer
        );
        let _ = write!(
            text,
            r#"
[token]
url = "{issuer}/oauth/token"
client_authentication = "post"
"#
        );
        if habits.refresh {
            text.push_str("\n[refresh]\nrotation = \"single_use\"\n");
        }
        let _ = write!(
            text,
            r#"
[revoke]
method = "POST"
url = "{issuer}/oauth/revoke"
authorization = "client_basic"
form = {{ token = "{{refresh_or_access_token}}" }}

[[identity]]
name = "me"
[identity.request]
url = "{issuer}/me"

[api]
base_url = "{issuer}"

[credential]
kind = "{kind}_oauth2"
external_id = ["identity.me.id"]
external_label = ["identity.me.name"]

[credential.properties]
access_token = {{ from = ["granted.access_token"], secret = true }}
refresh_token = {{ from = ["granted.refresh_token"], secret = true, optional = true }}
expires_at = {{ from = ["granted.expires_at"], optional = true }}
scope = {{ from = ["granted.scope"] }}
account_id = {{ from = ["identity.me.id"] }}
account_name = {{ from = ["identity.me.name"] }}
"#
        );
        text
    }
}

impl vendor::Vendor for Vendor {
    fn slug(&self) -> &str {
        &self.slug
    }

    fn endpoint(&self, host: &str, path: &str) -> Option<Endpoint> {
        let below = path.strip_prefix('/')?.strip_prefix(self.slug.as_str())?;
        match below {
            _ if host != "127.0.0.1" => None,
            "/oauth/authorize" => Some(Endpoint::Authorize),
            "/oauth/token" => Some(Endpoint::Token),
            "/oauth/revoke" => Some(Endpoint::Revoke),
            "/me" => Some(Endpoint::Identity),
            _ => None,
        }
    }

    fn rules(&self) -> Rules {
        Rules {
            request_needs: &["response_type", "state"],
            pkce: vendor::Pkce::Required,
            client: Proof::Either,
            rotation: if self.habits.refresh {
                Rotation::SingleUse
            } else {
                Rotation::None
            },
            ..Rules::STANDARD
        }
    }

    fn account(&self) -> Account {
        super::account("account-1", "First account", "user@example.com")
    }

    fn lives(&self, _grant: &Grant, _exchange: &Parameters) -> Lives {
        Lives {
            access: Some(self.habits.access_life.into()),
            refresh: if self.habits.refresh {
                RefreshLife::Endless
            } else {
                RefreshLife::None
            },
        }
    }

    fn complete_callback(
        &self,
        parameters: &mut Vec<(String, String)>,
        _grant: &Grant,
        _now: DateTime<Utc>,
    ) {
        if self.habits.issuer {
            parameters.push(("iss".into(), self.issuer.clone()));
        }
    }

    fn denial(&self) -> Option<Vec<(&'static str, &'static str)>> {
        Some(vec![
            ("error", "access_denied"),
            ("error_description", "The end user refused"),
        ])
    }

    fn posts_callback(&self, request: &Parameters) -> bool {
        request.get("response_mode") == Some("form_post")
    }

    fn tokens(&self, fresh: &Fresh<'_>) -> Value {
        let mut answer = json!({
            "access_token": fresh.access_token,
            "token_type": "Bearer",
            "expires_in": self.habits.access_life,
            "scope": fresh.scope(" "),
        });
        if let Some(refresh_token) = fresh.refresh_token {
            answer["refresh_token"] = json!(refresh_token);
        }
        answer
    }

    fn identity(&self, request: &Request, desk: &Desk, now: DateTime<Utc>) -> Reply {
        let Some(grant) = desk.bearer(&self.slug, request, now) else {
            return self.stranger();
        };
        let account = &grant.account;
        let me = json!({
            "id": account.id, "name": account.name, "email": account.email,
            // One consent, two rooms.
            "rooms": [{"id": "room-1", "name": "First room"}, {"id": "room-2", "name": "Second room"}],
        });
        Reply::json(200, &me)
    }

    fn stranger(&self) -> Reply {
        let words = json!({"error": "invalid_token", "error_description": "The token is invalid."});
        Reply::json(401, &words)
    }

    /// RFC 7009: 200 for a token that is none, too.
    fn revoke(&self, request: &Request, desk: &mut Desk, _now: DateTime<Utc>) -> Reply {
        let proven = self.basic_client(request, desk);
        if proven.or(self.body_client(request, desk)).is_none() {
            let (status, words) = self.refusal(&Problem::Client);
            return Reply::json(status, &words);
        }
        let parameters = request.body_parameters();
        desk.end_grant_of(parameters.get("token").unwrap_or_default());
        Reply::empty(200)
    }

    fn failure(&self, _endpoint: Endpoint, status: u16) -> Reply {
        let words = json!({"error": "server_error", "error_description": "Something failed."});
        Reply::json(status, &words)
    }
}
