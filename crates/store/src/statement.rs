//! Statements written by hand, for what the query builder cannot say in one round trip.

use std::marker::PhantomData;

use chrono::{DateTime, Utc};
use diesel::{
    QueryResult,
    pg::Pg,
    query_builder::{AstPass, Query, QueryFragment, QueryId},
    sql_types,
};
use serde_json::Value;
use uuid::Uuid;

/// A statement. Unlike `diesel::sql_query` it is prepared once per connection and then reused:
/// the type stands for the text.
pub(crate) trait Statement: 'static {
    /// The text; `?3` stands for the third parameter.
    const SQL: &'static str;
    /// SQL types of a row.
    type Row;
}

/// A parameter.
pub(crate) enum Bind {
    Uuid(Uuid),
    Bytes(Vec<u8>),
    Text(String),
    Time(DateTime<Utc>),
    Json(Value),
    MaybeBytes(Option<Vec<u8>>),
    MaybeText(Option<String>),
    MaybeTime(Option<DateTime<Utc>>),
    MaybeUuid(Option<Uuid>),
    MaybeJson(Option<Value>),
    BigInt(i64),
    MaybeBigInt(Option<i64>),
    Int(i32),
    Bool(bool),
    Uuids(Vec<Uuid>),
    Texts(Vec<String>),
}

/// A statement with its parameters.
pub(crate) struct Prepared<S> {
    binds: Vec<Bind>,
    statement: PhantomData<fn() -> S>,
}

pub(crate) fn statement<S: Statement>(binds: Vec<Bind>) -> Prepared<S> {
    Prepared {
        binds,
        statement: PhantomData,
    }
}

impl<S: Statement> QueryId for Prepared<S> {
    type QueryId = S;
    const HAS_STATIC_QUERY_ID: bool = true;
}

impl<S: Statement> Query for Prepared<S> {
    type SqlType = S::Row;
}

impl<S: Statement> QueryFragment<Pg> for Prepared<S> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        let mut pieces = S::SQL.split('?');
        out.push_sql(pieces.next().unwrap_or_default());
        for piece in pieces {
            let digits = piece
                .find(|c: char| !c.is_ascii_digit())
                .unwrap_or(piece.len());
            let (number, rest) = piece.split_at(digits);
            let bind = number
                .parse::<usize>()
                .ok()
                .and_then(|number| self.binds.get(number.checked_sub(1)?))
                .ok_or_else(|| {
                    diesel::result::Error::QueryBuilderError("unknown parameter".into())
                })?;
            push(&mut out, bind)?;
            out.push_sql(rest);
        }
        Ok(())
    }
}

fn push<'b>(out: &mut AstPass<'_, 'b, Pg>, bind: &'b Bind) -> QueryResult<()> {
    use sql_types::{Array, BigInt, Binary, Bool, Integer, Jsonb, Nullable, Text, Timestamptz};
    match bind {
        Bind::Uuid(value) => out.push_bind_param::<sql_types::Uuid, _>(value),
        Bind::Bytes(value) => out.push_bind_param::<Binary, _>(value),
        Bind::Text(value) => out.push_bind_param::<Text, _>(value),
        Bind::Time(value) => out.push_bind_param::<Timestamptz, _>(value),
        Bind::Json(value) => out.push_bind_param::<Jsonb, _>(value),
        Bind::MaybeBytes(value) => out.push_bind_param::<Nullable<Binary>, _>(value),
        Bind::MaybeText(value) => out.push_bind_param::<Nullable<Text>, _>(value),
        Bind::MaybeTime(value) => out.push_bind_param::<Nullable<Timestamptz>, _>(value),
        Bind::MaybeUuid(value) => out.push_bind_param::<Nullable<sql_types::Uuid>, _>(value),
        Bind::MaybeJson(value) => out.push_bind_param::<Nullable<Jsonb>, _>(value),
        Bind::BigInt(value) => out.push_bind_param::<BigInt, _>(value),
        Bind::MaybeBigInt(value) => out.push_bind_param::<Nullable<BigInt>, _>(value),
        Bind::Int(value) => out.push_bind_param::<Integer, _>(value),
        Bind::Bool(value) => out.push_bind_param::<Bool, _>(value),
        Bind::Uuids(value) => out.push_bind_param::<Array<sql_types::Uuid>, _>(value),
        Bind::Texts(value) => out.push_bind_param::<Array<Text>, _>(value),
    }
}
