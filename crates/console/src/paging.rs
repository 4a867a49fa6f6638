//! Lists that go on: newest first, a page at a time.

use std::str::FromStr;

use actix_web::{HttpRequest, web};
use serde::Deserialize;

use crate::{error::PageError, path};

/// Rows on a page.
const ROWS: usize = 50;

/// Rows to ask for: one more than are shown tells whether the list goes on.
pub(crate) const ASKED: i64 = 51;

#[derive(Debug, Deserialize)]
struct Query {
    before: Option<String>,
}

/// The last row of the page before the one that is asked for; none for the first page.
pub(crate) fn before<Id>(request: &HttpRequest) -> Result<Option<Id>, PageError>
where
    Id: FromStr + ToString,
{
    let query = web::Query::<Query>::from_query(request.query_string())
        .map_err(|_| PageError::Malformed("query".into()))?;
    query.before.as_deref().map(path::read_id).transpose()
}

/// The rows to show, and where the next page goes on.
pub(crate) fn cut<T, Id>(mut rows: Vec<T>, id: impl Fn(&T) -> Id) -> (Vec<T>, Option<Id>) {
    let goes_on = rows.len() > ROWS;
    rows.truncate(ROWS);
    let next = rows.last().filter(|_| goes_on).map(id);
    (rows, next)
}
