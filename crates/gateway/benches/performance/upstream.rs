//! The provider of the bench: answers at once, does nothing else, and is told of the same way to
//! Keyway and to the floor.

use std::{
    net::{SocketAddr, TcpListener},
    sync::atomic::{AtomicU64, Ordering},
};

use actix_web::{App, HttpResponse, HttpServer, web};
use serde_json::{Value, json};

use crate::seed::TOKEN;

/// Its definition. The token answer names the account, so a flow makes one call upstream.
pub(crate) fn definition(at: SocketAddr) -> String {
    format!(
        r#"name = "Bench"
category = "testing"
documentation = "https://example.com/docs"
checked = "2026-11-21"
certainty = "single"

[authorize]
url = "http://{at}/authorize"
pkce = "required"
default_scopes = ["read"]

[token]
url = "http://{at}/token"
client_authentication = "post"

[refresh]
rotation = "single_use"

[credential]
kind = "bench_oauth2"
external_id = ["token.account.id"]
external_label = ["token.account.name"]

[credential.properties]
access_token = {{ from = ["granted.access_token"], secret = true }}
refresh_token = {{ from = ["granted.refresh_token"], secret = true }}
expires_at = {{ from = ["granted.expires_at"] }}
scope = {{ from = ["granted.scope"] }}
account_id = {{ from = ["token.account.id"] }}
account_name = {{ from = ["token.account.name"] }}
"#
    )
}

/// Starts it on a thread of its own, for as long as the program runs.
pub(crate) fn start() -> anyhow::Result<SocketAddr> {
    let listener = TcpListener::bind(("127.0.0.1", 0))?;
    let address = listener.local_addr()?;
    std::thread::spawn(move || {
        actix_web::rt::System::new().block_on(async {
            let server = HttpServer::new(|| App::new().route("/token", web::post().to(token)));
            let server = server.workers(1).disable_signals().listen(listener)?;
            server.run().await
        })
    });
    Ok(address)
}

/// Names an account only where one is connected: a refresh is of the account that there was.
async fn token(form: web::Form<Vec<(String, String)>>) -> HttpResponse {
    static ACCOUNT: AtomicU64 = AtomicU64::new(0);
    let account = if form.iter().any(|(_, value)| value == "refresh_token") {
        Value::Null
    } else {
        let number = ACCOUNT.fetch_add(1, Ordering::Relaxed);
        json!({"id": format!("account-{number}"), "name": "Account"})
    };
    HttpResponse::Ok().json(json!({
        "access_token": "t".repeat(TOKEN),
        "token_type": "Bearer",
        "refresh_token": "r".repeat(43),
        "expires_in": 3600,
        "scope": "read",
        "account": account,
    }))
}
