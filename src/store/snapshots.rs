//! Transactions and snapshots as Postgres has them: which changes somebody who looked at some time has seen.
//!
//! Times don't tell: what commits late may carry an early one. A snapshot says exactly which transactions were in it.

use diesel::deserialize::{self, FromSql, FromSqlRow};
use diesel::expression::AsExpression;
use diesel::pg::{Pg, PgValue};
use diesel::serialize::{self, IsNull, Output, ToSql};
use diesel::sql_types::SqlType;
use serde::{Deserialize, Serialize};
use std::io::Write as _;

/// Postgres' type for the number of a transaction.
#[derive(SqlType, diesel::query_builder::QueryId, Clone, Copy, Debug)]
#[diesel(postgres_type(name = "xid8"))]
pub struct Xid8;

/// Postgres' type for a snapshot.
#[derive(SqlType, diesel::query_builder::QueryId, Clone, Copy, Debug)]
#[diesel(postgres_type(name = "pg_snapshot"))]
pub struct PgSnapshot;

/// A snapshot, as Postgres sends it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, AsExpression, FromSqlRow)]
#[diesel(sql_type = PgSnapshot)]
pub struct Seen(Vec<u8>);

impl FromSql<PgSnapshot, Pg> for Seen {
    fn from_sql(value: PgValue<'_>) -> deserialize::Result<Self> {
        Ok(Self(value.as_bytes().to_vec()))
    }
}

impl ToSql<PgSnapshot, Pg> for Seen {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
        out.write_all(&self.0)?;
        Ok(IsNull::No)
    }
}

diesel::define_sql_function! {
    /// The snapshot of the statement.
    fn pg_current_snapshot() -> PgSnapshot;
}
diesel::define_sql_function! {
    /// Whether a transaction was over in a snapshot.
    fn pg_visible_in_snapshot(xid: Xid8, snapshot: PgSnapshot) -> Bool;
}
diesel::define_sql_function! {
    /// The first transaction that may not have been over in a snapshot.
    fn pg_snapshot_xmin(snapshot: PgSnapshot) -> Xid8;
}
diesel::define_sql_function! {
    /// The first transaction that had not begun in a snapshot.
    fn pg_snapshot_xmax(snapshot: PgSnapshot) -> Xid8;
}

impl Seen {
    /// The snapshot in which no transaction is over: before the first one.
    pub fn nothing() -> Self {
        let first = 3_u64.to_be_bytes();
        Self([&0_u32.to_be_bytes()[..], &first, &first].concat())
    }
}
