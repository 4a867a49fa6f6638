//! What can go wrong in the database.

use diesel::result::{DatabaseErrorInformation, DatabaseErrorKind, Error as DieselError};

/// A statement failed. `Display` is for the log.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// No connection in time, or it broke: answer 503, try again later.
    #[error("the database is unavailable: {0}")]
    Unavailable(String),
    /// The database refused a statement.
    #[error("the database refused a statement: {0}")]
    Query(String),
    /// A row holds what this version cannot read.
    #[error("table {table} holds an unreadable {column}")]
    Corrupt {
        /// Which table.
        table: &'static str,
        /// Which column.
        column: &'static str,
    },
    /// The row exists already, or is still in use.
    #[error("conflict: {0:?}")]
    Conflict(Conflict),
    /// The database URL cannot be used.
    #[error("the database URL cannot be used: {0}")]
    Url(String),
    /// Migrations could not be applied.
    #[error("migrations failed: {0}")]
    Migration(String),
}

/// Which rule a write ran into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Conflict {
    /// Something of that name, address or key exists already.
    Exists,
    /// Other rows need this one.
    InUse,
    /// A row that this one needs is gone.
    Missing,
}

impl From<DieselError> for StoreError {
    fn from(error: DieselError) -> Self {
        match error {
            DieselError::DatabaseError(kind, information) => {
                database_error(kind, information.as_ref())
            }
            DieselError::BrokenTransactionManager => {
                Self::Unavailable("the connection broke".into())
            }
            other => Self::Query(other.to_string()),
        }
    }
}

fn database_error(
    kind: DatabaseErrorKind,
    information: &dyn DatabaseErrorInformation,
) -> StoreError {
    // The message, never `details()`: that quotes the values of the row.
    let message = information.message().to_owned();
    match kind {
        DatabaseErrorKind::UniqueViolation => StoreError::Conflict(Conflict::Exists),
        DatabaseErrorKind::ForeignKeyViolation if message.starts_with("update or delete") => {
            StoreError::Conflict(Conflict::InUse)
        }
        DatabaseErrorKind::ForeignKeyViolation => StoreError::Conflict(Conflict::Missing),
        DatabaseErrorKind::ClosedConnection | DatabaseErrorKind::ReadOnlyTransaction => {
            StoreError::Unavailable(message)
        }
        _ if is_outage(&message) => StoreError::Unavailable(message),
        _ => StoreError::Query(message),
    }
}

/// What a server that stops, starts or is overloaded says; diesel has no kind for it.
fn is_outage(message: &str) -> bool {
    [
        "connection closed",
        "terminating connection",
        "the database system is",
        "canceling statement due to statement timeout",
        "error communicating with the server",
    ]
    .iter()
    .any(|sign| message.contains(sign))
}
