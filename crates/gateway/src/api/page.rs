//! Lists: `{"data": [...], "next_cursor"?}`, with `?limit=` and `?cursor=`.

use std::str::FromStr;

use actix_web::{HttpRequest, HttpResponse, http::header};
use keyway_domain::metadata;
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::{
    api::error::ApiError,
    link::parameters::{Parameters, Repeated},
};

const DEFAULT: usize = 50;
const MOST: usize = 200;

/// What a list was asked for.
#[derive(Debug)]
pub(crate) struct Page<C> {
    /// Where the page before ended.
    pub(crate) cursor: Option<C>,
    limit: usize,
}

/// The parameters of every list.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "what the document says; `Page` reads it")]
pub(crate) struct Paging {
    /// How many to list; 50 if absent.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
    /// The `next_cursor` of the page before.
    cursor: Option<Uuid>,
}

/// One page of a list.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct List<T> {
    /// The rows of this page.
    pub(crate) data: Vec<T>,
    /// The `cursor` of the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next_cursor: Option<String>,
}

impl<C: FromStr + ToString> Page<C> {
    /// Reads `limit` (1 to 200, 50 if absent) and `cursor`, the `next_cursor` of the page before.
    pub(crate) fn of(query: &Query) -> Result<Self, ApiError> {
        let limit = match query.one("limit")? {
            None => DEFAULT,
            Some(text) => text
                .parse()
                .ok()
                .filter(|limit| (1..=MOST).contains(limit))
                .ok_or_else(|| {
                    ApiError::Malformed(format!("limit is a number from 1 to {MOST}."))
                })?,
        };
        let cursor = match query.one("cursor")? {
            None => None,
            Some(text) => Some(text.parse().map_err(|_| {
                ApiError::Malformed("cursor is not the next_cursor of a page.".into())
            })?),
        };
        Ok(Self { cursor, limit })
    }

    /// Rows on the page.
    pub(crate) fn limit(&self) -> i64 {
        self.asked() - 1
    }

    /// Rows to ask for: one more than are shown tells whether the list goes on.
    pub(crate) fn asked(&self) -> i64 {
        i64::try_from(self.limit).unwrap_or(i64::MAX - 1) + 1
    }

    /// The page of these rows; `cursor` names a row's place in the list.
    pub(crate) fn cut<R, T>(
        &self,
        mut rows: Vec<R>,
        cursor: impl Fn(&R) -> C,
        show: impl Fn(R) -> T,
    ) -> List<T> {
        let goes_on = rows.len() > self.limit;
        rows.truncate(self.limit);
        let next_cursor = rows
            .last()
            .filter(|_| goes_on)
            .map(|row| cursor(row).to_string());
        List {
            data: rows.into_iter().map(show).collect(),
            next_cursor,
        }
    }
}

impl<T: Serialize> List<T> {
    pub(crate) fn respond(&self) -> HttpResponse {
        HttpResponse::Ok()
            .insert_header((header::CACHE_CONTROL, "no-store"))
            .json(self)
    }
}

/// A request's query, each parameter at most once.
#[derive(Debug)]
pub(crate) struct Query(Parameters);

impl Query {
    /// The query of a request that knows these parameters; another is a mistake of the caller,
    /// who would else wonder why it does nothing.
    pub(crate) fn of(request: &HttpRequest, known: &[&str]) -> Result<Self, ApiError> {
        let query = Parameters::parse(request.query_string().as_bytes());
        let unknown = query.names().find(|name| !known.contains(name));
        if let Some(unknown) = unknown {
            return Err(ApiError::Malformed(format!(
                "There is no parameter {unknown:?} here; there are: {}.",
                known.join(", ")
            )));
        }
        Ok(Self(query))
    }

    /// A parameter as what it stands for, if it is there.
    pub(crate) fn read<T: FromStr>(
        &self,
        name: &'static str,
        what: &str,
    ) -> Result<Option<T>, ApiError> {
        self.one(name)?
            .map(|text| {
                text.parse()
                    .map_err(|_| ApiError::Malformed(format!("{name} is not {what}.")))
            })
            .transpose()
    }

    /// A text to look for. Postgres takes no NUL.
    pub(crate) fn text(&self, name: &'static str) -> Result<Option<String>, ApiError> {
        match self.one(name)? {
            Some(text) if text.contains('\0') => Err(ApiError::field(name, "no NUL characters")),
            text => Ok(text.map(str::to_owned)),
        }
    }

    /// A JSON object that what is listed must contain.
    pub(crate) fn object(
        &self,
        name: &'static str,
    ) -> Result<Option<Map<String, Value>>, ApiError> {
        let Some(text) = self.one(name)? else {
            return Ok(None);
        };
        let object = serde_json::from_str(text)
            .map_err(|_| ApiError::Malformed(format!("{name} is not a JSON object.")))?;
        metadata::check(&object).map_err(|why| ApiError::field(name, why.to_string()))?;
        Ok(Some(object))
    }

    /// The value of a parameter, if it is there; an empty one is none.
    pub(crate) fn one(&self, name: &'static str) -> Result<Option<&str>, ApiError> {
        if self.0.first(name) == Some("") {
            return Err(ApiError::Malformed(format!("{name} is empty.")));
        }
        self.0
            .one(name)
            .map_err(|Repeated(name)| ApiError::Malformed(format!("{name} is repeated.")))
    }

    /// A switch: `true` or `1`, `false` or `0`, or absent.
    pub(crate) fn flag(&self, name: &'static str) -> Result<bool, ApiError> {
        match self.one(name)? {
            None | Some("false" | "0") => Ok(false),
            Some("true" | "1") => Ok(true),
            Some(_) => Err(ApiError::Malformed(format!("{name} is true or false."))),
        }
    }
}
