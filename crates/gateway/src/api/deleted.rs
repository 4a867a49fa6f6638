//! The answer to a removal.

use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// What was removed.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Deleted {
    id: Uuid,
    #[schema(value_type = bool)]
    deleted: bool,
}

impl Deleted {
    pub(crate) fn new(id: impl Into<Uuid>) -> Self {
        Self {
            id: id.into(),
            deleted: true,
        }
    }
}
