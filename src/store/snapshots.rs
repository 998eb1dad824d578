//! Transactions and snapshots as Postgres has them: which changes somebody who looked at some time has seen.
//!
//! Times don't tell: what commits late may carry an early one. A snapshot says exactly which transactions were in it.

use diesel::deserialize::{self, FromSql, FromSqlRow};
use diesel::expression::AsExpression;
use diesel::pg::{Pg, PgValue};
use diesel::serialize::{self, IsNull, Output, ToSql};
use diesel::sql_types::{SqlType, Text};
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
pub struct Snapshot(Vec<u8>);

impl FromSql<PgSnapshot, Pg> for Snapshot {
    fn from_sql(value: PgValue<'_>) -> deserialize::Result<Self> {
        Ok(Self(value.as_bytes().to_vec()))
    }
}

impl ToSql<PgSnapshot, Pg> for Snapshot {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
        out.write_all(&self.0)?;
        Ok(IsNull::No)
    }
}

/// What somebody has seen who looked: all that was over in the snapshot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// Where the snapshot was taken: each cluster numbers its transactions for itself.
    pub cluster: String,
    /// When.
    pub snapshot: Snapshot,
}

diesel::define_sql_function! {
    /// The snapshot of the statement.
    fn pg_current_snapshot() -> PgSnapshot;
}
diesel::define_sql_function! {
    /// The first transaction that may not have been over in a snapshot.
    fn pg_snapshot_xmin(snapshot: PgSnapshot) -> Xid8;
}
diesel::define_sql_function! {
    /// The first transaction that had not begun in a snapshot.
    fn pg_snapshot_xmax(snapshot: PgSnapshot) -> Xid8;
}

diesel::define_sql_function! {
    /// See the migration.
    fn cluster_identity() -> Text;
}
diesel::define_sql_function! {
    /// See the migration.
    fn was_there(written_in: Text, xid: Xid8, looked_in: Text, look: PgSnapshot, here: Text) -> Bool;
}

impl Seen {
    /// What somebody has seen who has never looked: no cluster is called that.
    pub fn nothing() -> Self {
        Self { cluster: "nowhere".to_owned(), snapshot: Snapshot::first() }
    }
}

impl Snapshot {
    /// The snapshot in which no transaction is over: before the first one.
    pub fn first() -> Self {
        let first = 3_u64.to_be_bytes();
        Self([&0_u32.to_be_bytes()[..], &first, &first].concat())
    }
}
