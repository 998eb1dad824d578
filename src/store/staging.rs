//! Rows of a backup on their way back: in temporary tables of a connection of their own, and gone with it.

use std::pin::Pin;

use bytes::Bytes;
use diesel_async::AsyncPgConnection;
use futures::SinkExt as _;
use tokio::sync::OwnedSemaphorePermit;
use tokio_postgres::{Client, CopyInSink};

use super::connection::{Beside, Copies};
use super::copy::columns;
use super::error::unavailable;
use super::tx::{Db, Own};
use crate::domain::backup::{Column, Segment};
use crate::domain::error::{Error, Reason, Refusal, Result};

/// What the temporary table of a table is called.
pub(super) fn staged(table: &str) -> String {
    format!("staged_{table}")
}

/// A connection on which rows are laid out.
pub struct Staging {
    client: Client,
    place: OwnedSemaphorePermit,
}

/// The rows of one table on their way in.
pub struct Laying<'a> {
    client: &'a Client,
    sink: Pin<Box<CopyInSink<Bytes>>>,
    segment: &'a Segment,
}

impl Db {
    /// A connection to lay rows out on.
    pub async fn staging(&self, whose: Beside) -> Result<Staging> {
        let Copies { client, place } = self.address().connect_for_copies(whose).await.map_err(unavailable)?;
        Ok(Staging { client, place })
    }
}

impl Staging {
    /// Begins to lay out the rows of a table. Columns that the table has no more, or has otherwise, are refused; for those that came
    /// since there is no value.
    pub async fn lay<'a>(&'a self, segment: &'a Segment) -> Result<Laying<'a>> {
        let table = &segment.table;
        let known = columns(&self.client, &[table]).await?.concat();
        if let Some(column) = segment.columns.iter().find(|column| !known.contains(column)) {
            return Err(unknown(table, column));
        }
        let names = segment.columns.iter().map(|column| format!("\"{}\"", column.name)).collect::<Vec<_>>().join(", ");
        let staged = staged(table);
        let create = format!("CREATE TEMPORARY TABLE {staged} AS SELECT {names} FROM {table} WITH NO DATA");
        self.client.batch_execute(&create).await.map_err(broken)?;
        let copy = format!("COPY {staged} ({names}) FROM STDIN (FORMAT BINARY)");
        let sink = self.client.copy_in(&copy).await.map_err(broken)?;
        Ok(Laying { client: &self.client, sink: Box::pin(sink), segment })
    }

    /// The connection, for the transaction that takes the rows over. That holds the tenant, so it must not lie idle for long.
    pub async fn done(self) -> Result<Own> {
        // Until Postgres has looked at a tenant that came a moment ago it takes it to be empty, and would compare each of its rows
        // with each that is laid out. By hashes it takes as long as there are rows.
        let session = "SET idle_in_transaction_session_timeout = '5s'; SET enable_nestloop = off";
        self.client.batch_execute(session).await.map_err(unavailable)?;
        let conn = AsyncPgConnection::try_from(self.client).await.map_err(unavailable)?;
        Ok(Own { conn: Box::new(conn), _place: self.place })
    }
}

impl Laying<'_> {
    /// Takes the next piece.
    pub async fn take(&mut self, piece: Bytes) -> Result<()> {
        self.sink.send(piece).await.map_err(broken)
    }

    /// Wants as many rows as there were.
    pub async fn finish(mut self) -> Result<()> {
        let rows = self.sink.as_mut().finish().await.map_err(broken)?;
        if i64::try_from(rows) != Ok(self.segment.rows) {
            return Err(corrupt(&format!("{} rows of {} are {rows}", self.segment.rows, self.segment.table)));
        }
        // Temporary tables are analyzed by nobody else.
        let analyze = format!("ANALYZE {}", staged(&self.segment.table));
        self.client.batch_execute(&analyze).await.map_err(broken)
    }
}

fn unknown(table: &str, column: &Column) -> Error {
    let text = format!(
        "the backup has a column {table}.{} of the type {}, which this version does not; use the version that made it, or a later one",
        column.name, column.kind
    );
    Refusal::new(Reason::BackupFormatUnknown, text).into()
}

/// What the database can't read is not what it wrote.
fn broken(error: tokio_postgres::Error) -> Error {
    let Some(told) = error.as_db_error() else { return unavailable(error) };
    // Classes of SQLSTATE: bad data, and bad use of COPY; what may be otherwise the next time.
    match &told.code().code()[..2] {
        "22" | "08" => corrupt(told.message()),
        "25" | "40" | "53" | "55" | "57" | "58" => unavailable(error),
        _ => Error::internal("rows of a backup", error),
    }
}

fn corrupt(what: &str) -> Error {
    Refusal::new(Reason::BackupCorrupt, format!("{what}; the backup can't be restored")).into()
}
