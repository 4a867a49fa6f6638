//! `/v1/events`: what happened to credentials and OAuth apps.

use actix_web::{HttpRequest, HttpResponse, web};
use chrono::{DateTime, Utc};
use keyway_domain::{api_token::ApiScope, event::EventKind, ids::EventId};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{ObjectBuilder, RefOr, Schema, schema::Type},
};
use uuid::Uuid;

use crate::{
    App,
    api::{
        bearer,
        error::ApiError,
        idempotency::Reply,
        page::{List, Page, Query},
        path,
    },
};

const WHAT: &str = "event";

/// The types of events, for the document.
pub(crate) struct EventType;

impl PartialSchema for EventType {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .enum_values(Some(EventKind::ALL))
            .into()
    }
}

impl ToSchema for EventType {}

/// Something that happened.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Event {
    id: Uuid,
    #[schema(value_type = EventType)]
    r#type: String,
    /// To which credential; it may be gone.
    credential_id: Option<Uuid>,
    /// To, or under, which OAuth app; it may be gone.
    oauth_app_id: Option<Uuid>,
    /// More, by type. Never a secret.
    #[schema(value_type = Object)]
    data: Map<String, Value>,
    created_at: DateTime<Utc>,
}

impl From<keyway_store::Event> for Event {
    fn from(event: keyway_store::Event) -> Self {
        Self {
            id: event.id.uuid(),
            r#type: event.kind,
            credential_id: event.credential_id.map(Into::into),
            oauth_app_id: event.oauth_app_id.map(Into::into),
            data: event.data,
            created_at: event.created_at,
        }
    }
}

/// What happened to credentials and OAuth apps.
#[utoipa::path(
    get, path = "/v1/events", tag = "Events", operation_id = "listEvents",
    security(("api_token" = ["events:read"])),
    params(
        ("type" = inline(Option<EventType>), Query, description = "Those of this type alone"),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 200, description = "How many to list; 50 if absent"),
        ("cursor" = Option<i64>, Query, description = "A next_cursor, however old: the events after it"),
    ),
    responses((
        status = 200, body = List<Event>,
        description = "In the order in which they happened; next_cursor is where to go on, now or later",
    ))
)]
pub(crate) async fn list(
    app: web::Data<App>,
    request: HttpRequest,
) -> Result<HttpResponse, ApiError> {
    let token = bearer::authorize(&app, &request, ApiScope::EVENTS_READ, app.now()).await?;
    let query = Query::of(&request, &["type", "limit", "cursor"])?;
    let page: Page<i64> = Page::of(&query)?;
    let kind = query.one("type")?.map(read_kind).transpose()?;
    let after = page.cursor.unwrap_or_default();
    let rows = app
        .store
        .list_events(
            token.account_id,
            after,
            kind.map(EventKind::as_str),
            page.limit(),
        )
        .await?;
    // Not only if there is more: whoever follows what happens goes on from here later.
    let next_cursor = rows.last().map(|event| event.position.to_string());
    let list = List {
        data: rows.into_iter().map(Event::from).collect(),
        next_cursor,
    };
    Ok(list.respond())
}

fn read_kind(text: &str) -> Result<EventKind, ApiError> {
    EventKind::parse(text).ok_or_else(|| {
        ApiError::Malformed(format!("type is one of {}.", EventKind::ALL.join(", ")))
    })
}

/// Read an event.
#[utoipa::path(
    get, path = "/v1/events/{id}", tag = "Events", operation_id = "readEvent",
    security(("api_token" = ["events:read"])),
    params(("id" = Uuid, Path, description = "Its id.")),
    responses((status = 200, body = Event), (status = 404, description = "No such event"))
)]
pub(crate) async fn get(
    app: web::Data<App>,
    request: HttpRequest,
) -> Result<HttpResponse, ApiError> {
    let token = bearer::authorize(&app, &request, ApiScope::EVENTS_READ, app.now()).await?;
    let id: EventId = path::id(&request, WHAT)?;
    let found = app.store.find_event(token.account_id, id).await?;
    let event = found.ok_or(ApiError::NotFound(WHAT))?;
    Ok(Reply::ok(&Event::from(event))?.respond())
}
