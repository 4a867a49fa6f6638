//! What was logged, by the id of the request: tests assert the wire and the log.

use std::{
    collections::HashMap,
    fmt::Write as _,
    sync::{Mutex, OnceLock, PoisonError},
};

use tracing::{
    Event, Subscriber,
    field::{Field, Visit},
    span,
};
use tracing_subscriber::{Layer, layer::Context, prelude::*, registry::LookupSpan};

/// Lines per request id; the empty id holds what belongs to no request.
static LINES: OnceLock<Mutex<HashMap<String, Vec<String>>>> = OnceLock::new();

/// Starts to keep what is logged, at every level. Call at the start of a test; once is enough.
pub fn keep() {
    static STARTED: OnceLock<()> = OnceLock::new();
    STARTED.get_or_init(|| {
        let _ = tracing_subscriber::registry().with(Keeper).try_init();
    });
}

/// All that was logged for a request, a line each. The id is in the answer's `x-request-id`.
pub fn of_request(id: &str) -> String {
    let lines = LINES
        .get_or_init(Mutex::default)
        .lock()
        .unwrap_or_else(PoisonError::into_inner);
    lines
        .get(id)
        .map(|lines| lines.join("\n"))
        .unwrap_or_default()
}

/// All that was logged by this process.
pub fn all() -> String {
    let lines = LINES
        .get_or_init(Mutex::default)
        .lock()
        .unwrap_or_else(PoisonError::into_inner);
    lines
        .values()
        .flatten()
        .cloned()
        .collect::<Vec<_>>()
        .join("\n")
}

struct Keeper;

struct RequestId(String);

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Keeper {
    fn on_new_span(
        &self,
        attributes: &span::Attributes<'_>,
        id: &span::Id,
        context: Context<'_, S>,
    ) {
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        if let (Some(request), Some(span)) = (fields.id, context.span(id)) {
            span.extensions_mut().insert(RequestId(request));
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let metadata = event.metadata();
        let line = format!("{} {}:{}", metadata.level(), metadata.target(), fields.text);
        let request = context
            .event_scope(event)
            .into_iter()
            .flatten()
            .find_map(|span| span.extensions().get::<RequestId>().map(|id| id.0.clone()));
        let mut lines = LINES
            .get_or_init(Mutex::default)
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        lines
            .entry(request.unwrap_or_default())
            .or_default()
            .push(line);
    }
}

#[derive(Default)]
struct Fields {
    id: Option<String>,
    text: String,
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        let _ = write!(self.text, " {}={value:?}", field.name());
        if field.name() == "id" {
            self.id = Some(format!("{value:?}"));
        }
    }
}
