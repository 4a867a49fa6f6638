//! <https://developer.intuit.com/app/developer/qbo/docs/develop/authentication-and-authorization/oauth-2.0>

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use crate::lab::{
    calls::Endpoint,
    desk::{Account, Desk, Grant},
    message::{Encoding, Parameters, Reply, Request},
    vendor::{Fresh, Lives, Pkce, Problem, Proof, RefreshLife, Rotation, Rules, Vendor},
};

#[derive(Debug)]
pub(super) struct QuickBooks;

impl Vendor for QuickBooks {
    fn slug(&self) -> &'static str {
        "quickbooks"
    }

    fn endpoint(&self, host: &str, path: &str) -> Option<Endpoint> {
        match (host, path) {
            ("appcenter.intuit.com", "/connect/oauth2") => Some(Endpoint::Authorize),
            ("oauth.platform.intuit.com", "/oauth2/v1/tokens/bearer") => Some(Endpoint::Token),
            ("developer.api.intuit.com", "/v2/oauth2/tokens/revoke") => Some(Endpoint::Revoke),
            ("quickbooks.api.intuit.com" | "sandbox-quickbooks.api.intuit.com", path)
                if path.starts_with("/v3/company/") =>
            {
                Some(Endpoint::Identity)
            }
            _ => None,
        }
    }

    fn rules(&self) -> Rules {
        Rules {
            request_needs: &["response_type", "state", "scope"],
            pkce: Pkce::Ignored,
            client: Proof::Basic,
            rotation: Rotation::Renewed,
            ..Rules::STANDARD
        }
    }

    /// A company.
    fn account(&self) -> Account {
        super::account(
            "4620816365160000000",
            "Sandbox Company_US_1",
            "user@example.com",
        )
    }

    fn lives(&self, _grant: &Grant, _exchange: &Parameters) -> Lives {
        Lives {
            access: Some(3600),
            refresh: RefreshLife::Seconds(8_726_400),
        }
    }

    fn complete_callback(
        &self,
        parameters: &mut Vec<(String, String)>,
        grant: &Grant,
        _now: DateTime<Utc>,
    ) {
        parameters.push(("realmId".into(), grant.account.id.clone()));
    }

    fn tokens(&self, fresh: &Fresh<'_>) -> Value {
        json!({
            "token_type": "bearer",
            "expires_in": 3600,
            "refresh_token": fresh.refresh_token,
            "x_refresh_token_expires_in": 8_726_400,
            "access_token": fresh.access_token,
        })
    }

    fn refusal(&self, problem: &Problem) -> (u16, Value) {
        match problem {
            Problem::Client => (401, json!({"error": "invalid_client"})),
            Problem::Code(_) | Problem::CodeUsed => (
                400,
                json!({"error": "invalid_grant", "error_description": "Token invalid"}),
            ),
            Problem::RefreshToken | Problem::Token => (
                400,
                json!({"error": "invalid_grant", "error_description": "Incorrect or invalid refresh token"}),
            ),
            other => {
                let (status, error, words) = other.standard();
                (status, json!({"error": error, "error_description": words}))
            }
        }
    }

    /// The company that the tokens are for, and no other.
    fn identity(&self, request: &Request, desk: &Desk, now: DateTime<Utc>) -> Reply {
        let Some(grant) = desk.bearer(self.slug(), request, now) else {
            return self.stranger();
        };
        let realm = &grant.account.id;
        if request.path != format!("/v3/company/{realm}/companyinfo/{realm}") {
            let words = "message=ApplicationAuthorizationFailed; errorCode=003100; statusCode=403";
            return fault(403, words, "3100", "AUTHORIZATION");
        }
        if request.header("accept") != Some("application/json") {
            return Reply::typed(200, "application/xml", b"<IntuitResponse/>".to_vec());
        }
        let company = json!({"CompanyName": grant.account.name, "Country": "US", "Id": "1"});
        Reply::json(
            200,
            &json!({"CompanyInfo": company, "time": now.to_rfc3339()}),
        )
    }

    fn stranger(&self) -> Reply {
        let words = "message=AuthenticationFailed; errorCode=003200; statusCode=401";
        fault(401, words, "3200", "AUTHENTICATION")
    }

    fn revoke(&self, request: &Request, desk: &mut Desk, _now: DateTime<Utc>) -> Reply {
        let is_json = request.encoding() == Some(Encoding::Json);
        if !is_json || self.basic_client(request, desk).is_none() {
            let (status, words) = self.refusal(&Problem::Client);
            return Reply::json(status, &words);
        }
        let parameters = request.body_parameters();
        if desk.end_grant_of(parameters.get("token").unwrap_or_default()) {
            return Reply::empty(200);
        }
        let (status, words) = self.refusal(&Problem::Token);
        Reply::json(status, &words)
    }
}

fn fault(status: u16, message: &str, code: &str, kind: &str) -> Reply {
    let error = json!({"message": message, "detail": kind, "code": code, "element": null});
    Reply::json(
        status,
        &json!({"fault": {"error": [error], "type": kind}, "warnings": null}),
    )
}
