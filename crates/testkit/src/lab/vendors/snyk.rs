//! <https://docs.snyk.io/snyk-api/oauth2-api>

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use crate::lab::{
    calls::Endpoint,
    desk::{Account, Desk, Grant},
    message::{Parameters, Reply, Request},
    vendor::{Fresh, Lives, Pkce, Problem, RefreshLife, Rules, Vendor},
};

#[derive(Debug)]
pub(super) struct Snyk;

/// By region: where the browser goes, and where the API is.
const REGIONS: [(&str, &str); 5] = [
    ("app.snyk.io", "api.snyk.io"),
    ("app.us.snyk.io", "api.us.snyk.io"),
    ("app.eu.snyk.io", "api.eu.snyk.io"),
    ("app.au.snyk.io", "api.au.snyk.io"),
    ("app.snykgov.io", "api.snykgov.io"),
];

/// The scopes that the app was made with.
const SCOPES: &str = "org.read org.project.read org.project.snapshot.read";

impl Vendor for Snyk {
    fn slug(&self) -> &'static str {
        "snyk"
    }

    fn endpoint(&self, host: &str, path: &str) -> Option<Endpoint> {
        let (app, api) = REGIONS
            .iter()
            .find(|(app, api)| *app == host || *api == host)?;
        match path {
            "/oauth2/authorize" if host == *app => Some(Endpoint::Authorize),
            "/oauth2/token" if host == *api => Some(Endpoint::Token),
            "/oauth2/revoke" if host == *api => Some(Endpoint::Revoke),
            "/rest/orgs" if host == *api => Some(Endpoint::Identity),
            _ => None,
        }
    }

    fn rules(&self) -> Rules {
        Rules {
            request_needs: &["response_type", "state"],
            exchange_needs: &["grant_type"],
            pkce: Pkce::Required,
            redirect: 303,
            // One page lists it, another does not.
            ..Rules::STANDARD
        }
    }

    /// A bot user, and the organisation that it may see.
    fn account(&self) -> Account {
        super::account(
            "95233fa3-33cf-4dd3-a6ac-e040985e1a4f",
            "Acme",
            "user@example.com",
        )
    }

    fn granted(&self, _asked: Vec<String>) -> Vec<String> {
        SCOPES.split(' ').map(str::to_owned).collect()
    }

    fn lives(&self, _grant: &Grant, _exchange: &Parameters) -> Lives {
        Lives {
            access: Some(3599),
            refresh: RefreshLife::Seconds(15_552_000),
        }
    }

    fn tokens(&self, fresh: &Fresh<'_>) -> Value {
        json!({
            "access_token": fresh.access_token,
            "expires_in": 3599,
            "refresh_token": fresh.refresh_token,
            "refresh_expires_in": 15_552_000,
            "token_type": "bearer",
            "scope": fresh.scope(" "),
            "bot_id": fresh.grant.account.id,
        })
    }

    fn identity(&self, request: &Request, desk: &Desk, now: DateTime<Utc>) -> Reply {
        let Some(grant) = desk.bearer(self.slug(), request, now) else {
            return self.stranger();
        };
        // Apps are known in their own region alone.
        if !REGIONS.contains(&(grant.host.as_str(), request.host.as_str())) {
            return self.stranger();
        }
        if request.query_parameters().get("version").is_none() {
            return errors(400, "Bad Request", "version is required");
        }
        let orgs = [
            (
                "59d6d97e-3106-4ebb-b608-352fad9c5b34",
                grant.account.name.as_str(),
            ),
            (
                "1fe9cf59-8cd5-4ca9-a3fa-5b2a7a1cb2c5",
                "Second organisation",
            ),
        ];
        let data: Vec<Value> = orgs
            .iter()
            .map(|(id, name)| json!({"id": id, "type": "org", "attributes": {"name": name}}))
            .collect();
        let body = json!({"jsonapi": {"version": "1.0"}, "data": data, "links": {}});
        let kind = "application/vnd.api+json";
        Reply::typed(200, kind, body.to_string().into_bytes())
    }

    fn stranger(&self) -> Reply {
        errors(
            401,
            "Unauthorized",
            "Authentication credentials are not recognized",
        )
    }

    /// 200 for a token that is none, too.
    fn revoke(&self, request: &Request, desk: &mut Desk, _now: DateTime<Utc>) -> Reply {
        if self.body_client(request, desk).is_none() {
            let (status, words) = self.refusal(&Problem::Client);
            return Reply::json(status, &words);
        }
        let parameters = request.body_parameters();
        desk.end_refresh(parameters.get("token").unwrap_or_default());
        Reply::empty(200)
    }

    fn failure(&self, _endpoint: Endpoint, status: u16) -> Reply {
        let words =
            json!({"error": "server_error", "error_description": "An unexpected server error."});
        Reply::json(status, &words)
    }
}

fn errors(status: u16, title: &str, detail: &str) -> Reply {
    let error = json!({"status": status.to_string(), "title": title, "detail": detail});
    let body = json!({"jsonapi": {"version": "1.0"}, "errors": [error]});
    let kind = "application/vnd.api+json";
    Reply::typed(status, kind, body.to_string().into_bytes())
}
