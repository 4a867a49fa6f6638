//! <https://shopify.dev/docs/apps/build/authentication-authorization/access-tokens/authorization-code-grant>

use base64ct::{Base64, Encoding as _};
use chrono::{DateTime, Utc};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::lab::{
    calls::Endpoint,
    desk::{Account, Desk, Grant, random},
    message::{Encoding, Parameters, Reply, Request},
    vendor::{Fresh, Kind, Lives, Pkce, Problem, RefreshLife, Rules, Vendor},
};

#[derive(Debug)]
pub(super) struct Shopify;

impl Vendor for Shopify {
    fn slug(&self) -> &'static str {
        "shopify"
    }

    fn endpoint(&self, host: &str, path: &str) -> Option<Endpoint> {
        match path.strip_prefix("/admin/").filter(|_| is_shop(host))? {
            "oauth/authorize" => Some(Endpoint::Authorize),
            "oauth/access_token" => Some(Endpoint::Token),
            path if path.starts_with("api/") && path.ends_with("/shop.json") => {
                Some(Endpoint::Identity)
            }
            _ => None,
        }
    }

    fn rules(&self) -> Rules {
        Rules {
            request_needs: &["scope"],
            exchange_needs: &[],
            // None of these is among its parameters.
            separator: ',',
            pkce: Pkce::Ignored,
            encodings: &[Encoding::Json, Encoding::Form],
            ..Rules::STANDARD
        }
    }

    /// The shop is the host; this is its owner.
    fn account(&self) -> Account {
        super::account("548380009", "Acme", "owner@example.com")
    }

    fn mint(&self, kind: Kind, _grant: &Grant) -> String {
        let prefix = match kind {
            Kind::Code => "",
            Kind::Access => "shpat_",
            Kind::Refresh => "shprt_",
        };
        format!("{prefix}{}", random())
    }

    /// Tokens end for those who ask for it, at the exchange; afterwards they always do.
    fn lives(&self, _grant: &Grant, exchange: &Parameters) -> Lives {
        let expiring =
            exchange.get("expiring") == Some("1") || exchange.get("refresh_token").is_some();
        Lives {
            access: expiring.then_some(3600),
            refresh: if expiring {
                RefreshLife::Seconds(7_776_000)
            } else {
                RefreshLife::None
            },
        }
    }

    fn complete_callback(
        &self,
        parameters: &mut Vec<(String, String)>,
        grant: &Grant,
        now: DateTime<Utc>,
    ) {
        let handle = grant.host.trim_end_matches(".myshopify.com");
        let host = Base64::encode_string(format!("admin.shopify.com/store/{handle}").as_bytes());
        let mut add = |name: &str, value: String| parameters.push((name.into(), value));
        add("host", host);
        add("shop", grant.host.clone());
        add("timestamp", now.timestamp().to_string());
        let signature = sign(parameters, &grant.app.client_secret);
        parameters.push(("hmac".into(), signature));
    }

    /// The pages describe no way back: the merchant stays in the shop's admin.
    fn denial(&self) -> Option<Vec<(&'static str, &'static str)>> {
        None
    }

    fn tokens(&self, fresh: &Fresh<'_>) -> Value {
        let mut answer = json!({
            "access_token": fresh.access_token,
            "scope": fresh.scope(","),
        });
        if let Some(refresh_token) = fresh.refresh_token {
            answer["expires_in"] = json!(3600);
            answer["refresh_token"] = json!(refresh_token);
            answer["refresh_token_expires_in"] = json!(7_776_000);
        }
        answer
    }

    fn refusal(&self, problem: &Problem) -> (u16, Value) {
        match problem {
            Problem::Code(_) | Problem::CodeUsed => (
                400,
                json!({
                    "error": "invalid_request",
                    "error_description": "The authorization code was not found or was already used",
                }),
            ),
            other => {
                let (status, error, words) = other.standard();
                (status, json!({"error": error, "error_description": words}))
            }
        }
    }

    fn identity(&self, request: &Request, desk: &Desk, now: DateTime<Utc>) -> Reply {
        let token = request.header("x-shopify-access-token").unwrap_or_default();
        let grant = desk.live_access(token, now);
        let Some(grant) = grant.filter(|grant| grant.host == request.host) else {
            return self.stranger();
        };
        let shop = json!({
            "id": grant.account.id.parse::<u64>().expect("a number"),
            "name": grant.account.name,
            "email": grant.account.email,
            "myshopify_domain": grant.host,
        });
        Reply::json(200, &json!({ "shop": shop }))
    }

    fn stranger(&self) -> Reply {
        let words = "[API] Invalid API key or access token (unrecognized login or wrong password)";
        Reply::json(401, &json!({ "errors": words }))
    }
}

fn is_shop(host: &str) -> bool {
    host.strip_suffix(".myshopify.com").is_some_and(|shop| {
        !shop.is_empty() && shop.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    })
}

/// All parameters, sorted, joined as in a query but not encoded: HMAC-SHA256, in hex.
fn sign(parameters: &[(String, String)], secret: &str) -> String {
    use std::fmt::Write as _;
    let mut pairs: Vec<String> = parameters
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    pairs.sort();
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("any length");
    mac.update(pairs.join("&").as_bytes());
    let digest = mac.finalize().into_bytes();
    digest.iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of Shopify's page.
    #[test]
    fn signs_as_the_page_does() {
        let parameters = [
            ("code", "0907a61c0c8d55e99db179b68161bc00"),
            ("shop", "some-shop.myshopify.com"),
            ("state", "0.6784241404160823"),
            ("timestamp", "1337178173"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(
            sign(&parameters, "hush"),
            "700e2dadb827fcc8609e9d5ce208b2e9cdaab9df07390d2cbca10d7c328fc4bf"
        );
    }
}
