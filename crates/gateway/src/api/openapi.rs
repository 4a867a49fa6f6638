//! `GET /openapi.json`: the document of all endpoints (`OpenAPI` 3.1), made from their code.

use actix_web::{HttpResponse, web};
use serde_json::{Map, Value, json};
use utoipa::{
    Modify, OpenApi,
    openapi::security::{Http, HttpAuthScheme, SecurityScheme},
};

use crate::{
    App,
    api::{
        credentials, error::ErrorBody, events, link_sessions, oauth_apps, providers, proxy,
        redirect_uris, start_auth, webhooks,
    },
    link, oauth,
};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Keyway",
        description = "An OAuth gateway: one flow for your customers, one API for their credentials.",
        license(name = "Apache-2.0", identifier = "Apache-2.0"),
        contact(),
    ),
    tags(
        (name = "Flow", description = "The end user's browser, from your page to the provider and back; then the code for a credential."),
        (name = "OAuth", description = "The same flow by the standards, for any OAuth library: RFC 6749, 7009, 7636, 7662, 8414, 8693, 8705, 9126, 9207, 9449 and OpenID Connect."),
        (name = "OAuth apps", description = "Your clients at providers."),
        (name = "Redirect URIs", description = "Where flows may end, for all your OAuth apps."),
        (name = "Credentials", description = "What providers granted."),
        (name = "Link sessions", description = "Hosted pages on which end users connect accounts."),
        (name = "Webhooks", description = "Where you hear of what happens to credentials."),
        (name = "Events", description = "What happened to credentials and OAuth apps."),
        (name = "Providers", description = "The catalogue."),
        (name = "Proxy", description = "Your own calls of a provider's API, made with a credential."),
    ),
    paths(
        link::start::get,
        link::start_link::get,
        link::callback::get,
        link::callback::post,
        link::token::post,
        link::jwks::get,
        oauth::authorize::get,
        oauth::par::post,
        oauth::token::post,
        oauth::revoke::post,
        oauth::introspect::post,
        oauth::userinfo::get,
        oauth::userinfo::post,
        oauth::metadata::get,
        oauth::metadata::keys,
        start_auth::post,
        oauth_apps::list::get,
        oauth_apps::create::post,
        oauth_apps::find::get,
        oauth_apps::change::patch,
        oauth_apps::delete::delete,
        oauth_apps::secrets::list,
        oauth_apps::secrets::create,
        oauth_apps::secrets::delete,
        redirect_uris::list,
        redirect_uris::create,
        redirect_uris::delete,
        credentials::list::get,
        credentials::import::post,
        credentials::export::get,
        credentials::find::get,
        credentials::change::patch,
        credentials::delete::delete,
        credentials::token::get,
        credentials::refresh::post,
        credentials::report_unauthorized::post,
        link_sessions::create::post,
        link_sessions::find::get,
        webhooks::list::get,
        webhooks::create::post,
        webhooks::find::get,
        webhooks::change::patch,
        webhooks::delete::delete,
        webhooks::rotate_secret::post,
        webhooks::deliveries::list,
        webhooks::deliveries::retry,
        events::list,
        events::get,
        providers::list,
        providers::find,
        proxy::handle,
    ),
    components(schemas(ErrorBody)),
    modifiers(&Bearer),
)]
struct Document;

struct Bearer;

impl Modify for Bearer {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let mut scheme = Http::new(HttpAuthScheme::Bearer);
        scheme.description = Some(
            "An API token, `kw_…`: made by the console or by `keyway api-tokens create`. Each \
             endpoint names the scope that it needs."
                .into(),
        );
        document
            .components
            .get_or_insert_default()
            .add_security_scheme("api_token", SecurityScheme::Http(scheme));
        let mut scheme = Http::new(HttpAuthScheme::Bearer);
        scheme.description = Some(
            "An access token of Keyway's own, of `POST /oauth/token` (RFC 9068); with `DPoP` in place of \
             `Bearer`, and a proof, where it is bound to a key (RFC 9449)."
                .into(),
        );
        document
            .components
            .get_or_insert_default()
            .add_security_scheme("access_token", SecurityScheme::Http(scheme));
    }
}

/// The document, for a gateway at this address.
pub(crate) fn document(public_url: &str) -> Value {
    let mut document = serde_json::to_value(Document::openapi()).unwrap_or_default();
    if let Some(top) = document.as_object_mut() {
        top.insert("servers".into(), json!([{"url": public_url}]));
    }
    let paths = document.get_mut("paths").and_then(Value::as_object_mut);
    for (path, item) in paths.into_iter().flatten() {
        for (method, operation) in item.as_object_mut().into_iter().flatten() {
            if let Some(operation) = operation.as_object_mut() {
                name(method, operation);
                complete(path, operation);
            }
        }
    }
    document
}

/// One description for several methods would give all the same id.
fn name(method: &str, operation: &mut Map<String, Value>) {
    if operation.get("operationId").is_some_and(|id| id == "proxy") {
        operation.insert("operationId".into(), format!("proxy-{method}").into());
    }
}

/// Adds what holds for every endpoint of the kind, so that none can forget it.
fn complete(path: &str, operation: &mut Map<String, Value>) {
    let parameters = parameters(operation);
    if !path.starts_with("/v1/") {
        return;
    }
    let takes = |name: &str| parameters.iter().any(|parameter| parameter == name);
    let takes_body = operation.contains_key("requestBody");
    let described = !parameters.is_empty() || takes_body;
    let scope = scope(operation);
    if let Some(scope) = &scope {
        let described = operation.get("description").and_then(Value::as_str);
        let described = described
            .map(|text| format!("{text}\n\n"))
            .unwrap_or_default();
        let text = format!("{described}Needs the scope `{scope}`.");
        operation.insert("description".into(), text.into());
    }
    let answers = [
        (
            "400",
            "The request is not of the documented form.",
            described,
        ),
        ("401", "The API token is missing, unknown or expired.", true),
        ("403", "The API token lacks the scope.", scope.is_some()),
        (
            "409",
            "A request with this `Idempotency-Key` is still under way.",
            takes("Idempotency-Key"),
        ),
        (
            "412",
            "It was changed since: its revision is not that of `If-Match`.",
            takes("If-Match"),
        ),
        ("413", "The body is larger than 256 kB.", takes_body),
        ("415", "The body is not `application/json`.", takes_body),
        (
            "422",
            "The `Idempotency-Key` came with another request before.",
            takes("Idempotency-Key"),
        ),
        ("500", "Our fault.", true),
        ("503", "Briefly unavailable: try again in a moment.", true),
    ];
    let responses = operation
        .get_mut("responses")
        .and_then(Value::as_object_mut);
    let Some(responses) = responses else {
        return;
    };
    for (status, why, _) in answers.into_iter().filter(|(_, _, holds)| *holds) {
        responses
            .entry(status)
            .or_insert_with(|| json!({"description": why}));
    }
    for (status, response) in responses {
        if let (true, Some(response)) = (status.starts_with(['4', '5']), response.as_object_mut()) {
            response.entry("content").or_insert_with(
                || json!({"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}),
            );
        }
    }
}

/// The names of the parameters that are not in the path, after they are put right.
fn parameters(operation: &mut Map<String, Value>) -> Vec<String> {
    let parameters = operation
        .get_mut("parameters")
        .and_then(Value::as_array_mut);
    let mut names = Vec::new();
    for parameter in parameters.into_iter().flatten() {
        if parameter.get("in").is_some_and(|place| place != "path") {
            let name = parameter.get("name").and_then(Value::as_str);
            names.extend(name.map(str::to_owned));
            bare(parameter);
        }
    }
    names
}

/// What it says of a query parameter or a header. One that may be absent is never `null`, and one
/// that is an object is JSON text.
fn bare(parameter: &mut Value) {
    let Some(parameter) = parameter.as_object_mut() else {
        return;
    };
    let schema = parameter.get_mut("schema").and_then(Value::as_object_mut);
    let Some(schema) = schema else {
        return;
    };
    if let Some(Value::Array(types)) = schema.get("type")
        && let Some(kind) = types.iter().find(|kind| *kind != "null").cloned()
    {
        schema.insert("type".into(), kind);
    }
    if let Some(Value::Array(alternatives)) = schema.remove("oneOf")
        && let Some(Value::Object(kind)) = alternatives
            .into_iter()
            .find(|kind| kind.get("type").is_none_or(|kind| kind != "null"))
    {
        schema.extend(kind);
    }
    if schema.get("type").is_some_and(|kind| kind == "object") {
        let schema = parameter.remove("schema");
        let content = json!({"application/json": {"schema": schema}});
        parameter.insert("content".into(), content);
    }
}

/// The scope that an endpoint needs, if it needs one.
fn scope(operation: &Map<String, Value>) -> Option<String> {
    let requirement = operation.get("security")?.get(0)?;
    let scope = requirement.get("api_token")?.get(0)?;
    scope.as_str().map(str::to_owned)
}

pub(crate) async fn get(app: web::Data<App>) -> HttpResponse {
    HttpResponse::Ok().json(document(app.public_url.as_str()))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn operations() -> BTreeSet<(String, String)> {
        let document = document("https://keyway.example");
        let paths = document["paths"].as_object().cloned().unwrap_or_default();
        let of_path = |(path, item): (String, Value)| {
            let methods = item.as_object().cloned().unwrap_or_default();
            let pairs = methods.into_iter();
            pairs.map(move |(method, _)| (path.clone(), method.to_uppercase()))
        };
        paths.into_iter().flat_map(of_path).collect()
    }

    #[test]
    fn every_endpoint_is_described_and_nothing_else() {
        // The proxy takes any method and any path below its own.
        let of_api = |(path, _): &(String, String)| {
            path.starts_with("/v1/") && !path.starts_with("/v1/proxy/")
        };
        let described: BTreeSet<_> = operations().into_iter().filter(of_api).collect();
        let served: BTreeSet<_> = crate::api::paths()
            .into_iter()
            .flat_map(|served| {
                let pairs = served.methods.iter();
                pairs.map(move |method| (served.template.to_owned(), method.to_string()))
            })
            .collect();
        assert_eq!(described, served);
    }

    #[test]
    fn every_reference_leads_somewhere() {
        fn references(value: &Value, found: &mut BTreeSet<String>) {
            match value {
                Value::Object(members) => {
                    if let Some(Value::String(reference)) = members.get("$ref") {
                        found.insert(reference.clone());
                    }
                    members.values().for_each(|value| references(value, found));
                }
                Value::Array(items) => items.iter().for_each(|value| references(value, found)),
                _ => {}
            }
        }
        let document = document("https://keyway.example");
        let mut found = BTreeSet::new();
        references(&document, &mut found);
        assert!(!found.is_empty());
        for reference in found {
            let pointer = reference.trim_start_matches('#');
            assert!(document.pointer(pointer).is_some(), "{reference}");
        }
    }
}
