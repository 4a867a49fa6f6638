//! What Keyway says of itself (RFC 8414, OpenID Connect Discovery) and its public keys (RFC 7517).

use actix_web::{HttpRequest, HttpResponse, http::header, web};
use keyway_domain::client_settings::AuthenticationMethod;
use keyway_vault::jws::Algorithm;
use serde_json::{Value, json};

use crate::{App, hosted, oauth::token_exchange};

/// Read the metadata.
///
/// RFC 8414. `/.well-known/openid-configuration` is the same.
// The issuer is the configured one, whatever `Host` says.
#[utoipa::path(
    get, path = "/.well-known/oauth-authorization-server", operation_id = "readMetadata", tag = "OAuth",
    responses((status = 200, description = "The metadata.", body = Object))
)]
pub(crate) async fn get(app: web::Data<App>) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, "public, max-age=300"))
        .json(document(&app))
}

fn document(app: &App) -> Value {
    let methods = AuthenticationMethod::ALL.map(AuthenticationMethod::as_str);
    let at = |path| app.public_url.join(path);
    json!({
        "issuer": app.public_url.as_str(),
        "authorization_endpoint": at("/oauth/authorize"),
        "token_endpoint": at("/oauth/token"),
        "pushed_authorization_request_endpoint": at("/oauth/par"),
        "revocation_endpoint": at("/oauth/revoke"),
        "introspection_endpoint": at("/oauth/introspect"),
        "userinfo_endpoint": at("/userinfo"),
        "jwks_uri": at("/.well-known/jwks.json"),
        "service_documentation": at("/reference"),
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": ["authorization_code", "refresh_token", token_exchange::GRANT_TYPE],
        "scopes_supported": ["openid", "offline_access"],
        "subject_types_supported": ["public"],
        "claims_supported": ["iss", "sub", "aud", "exp", "iat", "nonce"],
        "id_token_signing_alg_values_supported": ["ES256", "RS256"],
        "code_challenge_methods_supported": ["S256"],
        "token_endpoint_auth_methods_supported": methods,
        "token_endpoint_auth_signing_alg_values_supported": Algorithm::NAMES,
        "revocation_endpoint_auth_methods_supported": methods,
        "revocation_endpoint_auth_signing_alg_values_supported": Algorithm::NAMES,
        "introspection_endpoint_auth_methods_supported": methods,
        "introspection_endpoint_auth_signing_alg_values_supported": Algorithm::NAMES,
        "dpop_signing_alg_values_supported": Algorithm::NAMES,
        "tls_client_certificate_bound_access_tokens": true,
        "authorization_response_iss_parameter_supported": true,
        "require_pushed_authorization_requests": false,
        "request_parameter_supported": false,
        "request_uri_parameter_supported": false,
    })
}

/// Read the public keys.
///
/// RFC 7517: of id tokens, and of access tokens of Keyway's own.
#[utoipa::path(
    get, path = "/.well-known/jwks.json", operation_id = "readKeys", tag = "OAuth",
    responses(
        (status = 200, description = "The keys that sign, and those that did until lately.", body = Object),
        (status = 500, description = "A page: our fault.", body = String, content_type = "text/html; charset=utf-8"),
        (status = 503, description = "A page: briefly unavailable.", body = String, content_type = "text/html; charset=utf-8"),
    )
)]
pub(crate) async fn keys(app: web::Data<App>, request: HttpRequest) -> HttpResponse {
    let now = app.now();
    match app.signing_keys.current(&app, now).await {
        Ok(keys) => HttpResponse::Ok()
            .insert_header((header::CACHE_CONTROL, "public, max-age=300"))
            .json(keys.public_set(now)),
        Err(fault) => hosted::fault(&request, &fault),
    }
}
