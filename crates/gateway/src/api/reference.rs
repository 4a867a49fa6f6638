//! `GET /reference`: the document as a page. Nothing of it comes from elsewhere, and no script is
//! needed.

use actix_web::{HttpResponse, http::StatusCode, web};
use askama::Template;
use serde_json::{Map, Value};

use crate::{App, api::openapi, hosted};

#[derive(Template)]
#[template(path = "hosted/reference.html")]
struct ReferencePage {
    version: String,
    groups: Vec<Group>,
}

/// The endpoints of one tag.
struct Group {
    name: String,
    description: String,
    endpoints: Vec<Endpoint>,
}

struct Endpoint {
    id: String,
    method: String,
    path: String,
    summary: String,
    description: Vec<Vec<Piece>>,
    parameters: Vec<Field>,
    body: Vec<Field>,
    answers: Vec<Answer>,
}

/// A parameter or a member of a body.
struct Field {
    name: String,
    place: String,
    kind: String,
    is_required: bool,
    description: Vec<Piece>,
}

struct Answer {
    status: String,
    description: Vec<Piece>,
    fields: Vec<Field>,
}

/// Text, or code between backticks.
struct Piece {
    text: String,
    is_code: bool,
}

pub(crate) async fn get(app: web::Data<App>) -> HttpResponse {
    let document = openapi::document(app.public_url.as_str());
    let page = ReferencePage {
        version: text(document.pointer("/info/version")),
        groups: groups(&document),
    };
    hosted::show(StatusCode::OK, &page)
}

fn groups(document: &Value) -> Vec<Group> {
    let tags = document.get("tags").and_then(Value::as_array);
    tags.into_iter()
        .flatten()
        .map(|tag| {
            let name = text(tag.get("name"));
            Group {
                description: text(tag.get("description")),
                endpoints: endpoints(document, &name),
                name,
            }
        })
        .collect()
}

fn endpoints(document: &Value, tag: &str) -> Vec<Endpoint> {
    let mut found: Vec<Endpoint> = Vec::new();
    for (path, item) in members(document.get("paths")) {
        // The order in which one meets them.
        for method in ["get", "post", "put", "patch", "delete"] {
            let Some(operation) = item.get(method) else {
                continue;
            };
            if operation
                .pointer("/tags/0")
                .is_none_or(|known| known != tag)
            {
                continue;
            }
            let endpoint = endpoint(document, path, method, operation);
            match found.last_mut() {
                // The same for several methods: once.
                Some(last) if last.path == path && last.summary == endpoint.summary => {
                    last.method = format!("{}, {}", last.method, endpoint.method);
                }
                _ => found.push(endpoint),
            }
        }
    }
    found
}

fn endpoint(document: &Value, path: &str, method: &str, operation: &Value) -> Endpoint {
    let parameters = operation.get("parameters").and_then(Value::as_array);
    let body = members(operation.pointer("/requestBody/content")).next();
    Endpoint {
        id: text(operation.get("operationId")),
        method: method.to_uppercase(),
        path: path.to_owned(),
        summary: text(operation.get("summary"))
            .trim_end_matches('.')
            .to_owned(),
        description: text(operation.get("description"))
            .split("\n\n")
            .filter(|paragraph| !paragraph.is_empty())
            .map(pieces)
            .collect(),
        parameters: parameters.into_iter().flatten().map(parameter).collect(),
        body: body
            .map(|(_, content)| fields(document, content.get("schema")))
            .unwrap_or_default(),
        answers: members(operation.get("responses"))
            .map(|(status, response)| answer(document, status, response))
            .collect(),
    }
}

fn parameter(parameter: &Value) -> Field {
    let schema = parameter
        .get("schema")
        .or_else(|| parameter.pointer("/content/application~1json/schema"));
    Field {
        name: text(parameter.get("name")),
        place: text(parameter.get("in")),
        kind: schema.map(kind).unwrap_or_default(),
        is_required: parameter.get("required").is_some_and(|value| value == true),
        description: pieces(&text(parameter.get("description"))),
    }
}

fn answer(document: &Value, status: &str, response: &Value) -> Answer {
    let content = members(response.get("content")).next();
    // Every error has the same body: it is described once.
    let fields = content
        .filter(|_| status.starts_with('2'))
        .map(|(_, content)| fields(document, content.get("schema")));
    Answer {
        status: status.to_owned(),
        description: pieces(&text(response.get("description"))),
        fields: fields.unwrap_or_default(),
    }
}

/// The members of an object; those of a list's rows, where it is a list.
fn fields(document: &Value, schema: Option<&Value>) -> Vec<Field> {
    let Some(schema) = schema.map(|schema| resolved(document, schema)) else {
        return Vec::new();
    };
    if let Some(row) = schema.pointer("/properties/data/items") {
        return fields(document, Some(row));
    }
    let required = schema.get("required").and_then(Value::as_array);
    members(schema.get("properties"))
        .map(|(name, member)| Field {
            name: name.to_owned(),
            place: String::new(),
            kind: kind(resolved(document, member)),
            is_required: required.is_some_and(|names| names.iter().any(|known| known == name)),
            description: pieces(&text(member.get("description"))),
        })
        .collect()
}

/// What a reference leads to; a schema that is none is itself. Of alternatives, the one that is not
/// `null`.
fn resolved<'a>(document: &'a Value, schema: &'a Value) -> &'a Value {
    if let Some(Value::String(reference)) = schema.get("$ref") {
        let target = document.pointer(reference.trim_start_matches('#'));
        return target.unwrap_or(schema);
    }
    let alternatives = schema.get("oneOf").and_then(Value::as_array);
    let other = alternatives
        .into_iter()
        .flatten()
        .find(|one| one.get("type").is_none_or(|kind| kind != "null"));
    match other {
        Some(other) => resolved(document, other),
        None => schema,
    }
}

fn kind(schema: &Value) -> String {
    let name = |kind: &Value| text(Some(kind));
    let kind = match schema.get("type") {
        Some(Value::Array(kinds)) => {
            let kinds: Vec<String> = kinds.iter().map(name).collect();
            kinds.join(" or ")
        }
        Some(kind) => name(kind),
        None => "any".to_owned(),
    };
    match schema.get("format").and_then(Value::as_str) {
        Some("uuid") => kind.replace("string", "UUID"),
        Some("date-time") => kind.replace("string", "time"),
        _ => kind,
    }
}

fn members(value: Option<&Value>) -> impl Iterator<Item = (&str, &Value)> {
    let members = value.and_then(Value::as_object);
    members
        .into_iter()
        .flat_map(Map::iter)
        .map(|(name, value)| (name.as_str(), value))
}

fn text(value: Option<&Value>) -> String {
    value.and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn pieces(text: &str) -> Vec<Piece> {
    text.split('`')
        .enumerate()
        .filter(|(_, text)| !text.is_empty())
        .map(|(number, text)| Piece {
            text: text.to_owned(),
            is_code: number % 2 == 1,
        })
        .collect()
}
