//! Rows as Postgres copies them, in its binary form: what a tenant had at one moment, table by table.

use std::pin::Pin;

use bytes::{Buf as _, Bytes, BytesMut};
use chrono::{DateTime, Utc};
use futures::{Stream, StreamExt as _};
use tokio_postgres::Client;
use uuid::Uuid;

use super::error::unavailable;
use super::tx::Db;
use crate::context::OpContext;
use crate::domain::asset::AssetKind;
use crate::domain::backup::Column;
use crate::domain::error::{Error, Result};

/// One moment of a tenant. It lasts as long as this value, on a connection of its own.
pub struct Moment {
    client: Client,
    /// Which moment.
    pub at: DateTime<Utc>,
}

/// Rows on their way.
pub type Rows = Pin<Box<dyn Stream<Item = Result<Bytes>> + Send>>;

impl Db {
    /// This moment of the tenant that the work is on.
    pub async fn moment(&self, op: &OpContext) -> Result<Moment> {
        const SEEN: &str = "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint FROM tenants
                            WHERE tenant_id = current_tenant()";
        let tenant = op.target()?;
        let client = self.address().connect_for_copies().await.map_err(unavailable)?;
        let begin = format!(
            "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;
             SELECT set_config('landlord.tenant', '{tenant}', true)"
        );
        client.batch_execute(&begin).await.map_err(failed)?;
        // The first query of the transaction takes the snapshot. Under row-level security a wrong role or tenant would see no rows
        // and no error: that the tenant itself is seen shows that the others are.
        let seen = client.query_opt(SEEN, &[]);
        let seen = seen.await.map_err(failed)?;
        let seen = seen.ok_or_else(|| Error::internal("backup", "the tenant can't be seen"))?;
        let at = DateTime::from_timestamp_micros(seen.get(0)).unwrap_or_default();
        Ok(Moment { client, at })
    }
}

impl Moment {
    /// The columns that rows of a table consist of.
    pub async fn columns(&self, table: &str) -> Result<Vec<Column>> {
        const COLUMNS: &str = "
            SELECT attname::text, format_type(atttypid, atttypmod) FROM pg_attribute
            WHERE attrelid = $1::text::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = '' ORDER BY attnum";
        let rows = self.client.query(COLUMNS, &[&table]).await.map_err(failed)?;
        Ok(rows.iter().map(|row| Column { name: row.get(0), kind: row.get(1) }).collect())
    }

    /// The tenant's rows of a table that fulfil a condition.
    pub async fn rows(&self, table: &str, columns: &[Column], condition: &str) -> Result<Rows> {
        let columns = columns.iter().map(|column| format!("\"{}\"", column.name)).collect::<Vec<_>>().join(", ");
        let copy = format!(
            "COPY (SELECT {columns} FROM {table} WHERE tenant_id = current_tenant() AND ({condition})) TO STDOUT (FORMAT BINARY)"
        );
        let rows = self.client.copy_out(&copy).await.map_err(failed)?;
        Ok(rows.map(|piece| piece.map_err(failed)).boxed())
    }

    /// How many assets the tenant has of these kinds, and how many bytes their content has.
    pub async fn assets(&self, kinds: &[AssetKind]) -> Result<(i64, i64)> {
        const AMOUNT: &str = "SELECT count(*), coalesce(sum(bytes), 0)::bigint FROM assets
                              WHERE tenant_id = current_tenant() AND kind = ANY ($1)";
        let kinds: Vec<_> = kinds.iter().map(|kind| kind.name()).collect();
        let row = self.client.query_one(AMOUNT, &[&kinds]).await.map_err(failed)?;
        Ok((row.get(0), row.get(1)))
    }
}

fn failed(error: tokio_postgres::Error) -> Error {
    if error.is_closed() || error.code().is_none() {
        unavailable(error)
    } else {
        Error::internal("copying rows", error)
    }
}

/// Counts the rows of a copy as it goes by, and sees that it is whole: a copy that broke off says nothing of that itself.
#[derive(Debug, Default)]
pub struct RowCount {
    pending: BytesMut,
    at: Reading,
    rows: i64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Reading {
    #[default]
    Header,
    /// The number of fields of the next row.
    Row,
    /// The length of the next field, of so many that are left.
    Field(u16),
    /// So many bytes of a field, and the fields that are left after it.
    Bytes(usize, u16),
    End,
}

/// What a copy begins with, with the length of an extension that it has not.
const HEADER: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";

impl RowCount {
    /// Takes the next piece.
    pub fn take(&mut self, piece: &[u8]) -> Result<()> {
        self.pending.extend_from_slice(piece);
        loop {
            let next = match self.at {
                Reading::Header if self.pending.len() < HEADER.len() => return Ok(()),
                Reading::Header => {
                    if self.pending.split_to(HEADER.len()) != HEADER {
                        return Err(not_a_copy());
                    }
                    Reading::Row
                }
                Reading::Row if self.pending.len() < 2 => return Ok(()),
                Reading::Row => match self.pending.get_i16() {
                    -1 => Reading::End,
                    fields => {
                        self.rows += 1;
                        Reading::Field(u16::try_from(fields).map_err(|_| not_a_copy())?)
                    }
                },
                Reading::Field(0) => Reading::Row,
                Reading::Field(_) if self.pending.len() < 4 => return Ok(()),
                Reading::Field(left) => match self.pending.get_i32() {
                    -1 => Reading::Field(left - 1),
                    bytes => Reading::Bytes(usize::try_from(bytes).map_err(|_| not_a_copy())?, left - 1),
                },
                Reading::Bytes(bytes, left) if self.pending.len() < bytes => {
                    let bytes = bytes - self.pending.len();
                    self.pending.clear();
                    self.at = Reading::Bytes(bytes, left);
                    return Ok(());
                }
                Reading::Bytes(bytes, left) => {
                    self.pending.advance(bytes);
                    Reading::Field(left)
                }
                Reading::End if self.pending.is_empty() => return Ok(()),
                Reading::End => return Err(not_a_copy()),
            };
            self.at = next;
        }
    }

    /// How many rows there were, if the copy is whole.
    pub fn finish(self) -> Result<i64> {
        if self.at == Reading::End { Ok(self.rows) } else { Err(not_a_copy()) }
    }
}

/// Reads rows out of a copy, each as its fields.
#[derive(Debug, Default)]
pub struct RowReader {
    pending: BytesMut,
    begun: bool,
}

/// The fields of a row, as Postgres sends them; None: NULL.
pub type Fields = Vec<Option<Bytes>>;

impl RowReader {
    /// Takes the next piece, and gives the rows that are whole by now.
    pub fn take(&mut self, piece: &[u8]) -> Result<Vec<Fields>> {
        self.pending.extend_from_slice(piece);
        if !self.begun {
            if self.pending.len() < HEADER.len() {
                return Ok(Vec::new());
            }
            if self.pending.split_to(HEADER.len()) != HEADER {
                return Err(not_a_copy());
            }
            self.begun = true;
        }
        let mut rows = Vec::new();
        while let Some(length) = row_length(&self.pending)? {
            let mut row = self.pending.split_to(length).freeze();
            let mut fields = Vec::with_capacity(usize::from(row.get_u16()));
            while row.has_remaining() {
                let bytes = usize::try_from(row.get_i32()).ok();
                fields.push(bytes.map(|bytes| row.split_to(bytes)));
            }
            rows.push(fields);
        }
        Ok(rows)
    }
}

/// A row with the names of its fields.
#[derive(Clone, Copy, Debug)]
pub struct Record<'r> {
    columns: &'r [Column],
    fields: &'r Fields,
}

impl<'r> Record<'r> {
    /// The row of these columns.
    pub fn new(columns: &'r [Column], fields: &'r Fields) -> Self {
        Self { columns, fields }
    }

    /// The bytes of a field that is not NULL.
    pub fn bytes(&self, column: &str) -> Result<&'r [u8]> {
        let at = self.columns.iter().position(|known| known.name == column);
        let field = at.and_then(|at| self.fields.get(at)).and_then(|field| field.as_deref());
        field.ok_or_else(not_a_copy)
    }

    /// A UUID.
    pub fn uuid(&self, column: &str) -> Result<Uuid> {
        Uuid::from_slice(self.bytes(column)?).map_err(|_| not_a_copy())
    }

    /// An integer.
    pub fn integer(&self, column: &str) -> Result<i32> {
        let bytes = self.bytes(column)?.try_into().map_err(|_| not_a_copy())?;
        Ok(i32::from_be_bytes(bytes))
    }
}

/// How many bytes the row has that begins there, if it is whole; none at the end.
fn row_length(bytes: &[u8]) -> Result<Option<usize>> {
    let mut rest = bytes;
    let Ok(fields) = rest.try_get_i16() else { return Ok(None) };
    if fields == -1 {
        return Ok(None);
    }
    for _ in 0..u16::try_from(fields).map_err(|_| not_a_copy())? {
        let Ok(length) = rest.try_get_i32() else { return Ok(None) };
        let length = usize::try_from(length.max(0)).map_err(|_| not_a_copy())?;
        let Some((_, after)) = rest.split_at_checked(length) else { return Ok(None) };
        rest = after;
    }
    Ok(Some(bytes.len() - rest.len()))
}

fn not_a_copy() -> Error {
    Error::internal("copying rows", "what was copied is cut off, or not in the form that is known")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn copy() -> Vec<u8> {
        let mut bytes = HEADER.to_vec();
        for fields in [&[Some("a"), None, Some("")][..], &[None, None, None]] {
            bytes.extend_from_slice(&3_i16.to_be_bytes());
            for field in fields {
                let length = field.map_or(-1, |text| i32::try_from(text.len()).unwrap());
                bytes.extend_from_slice(&length.to_be_bytes());
                bytes.extend_from_slice(field.unwrap_or_default().as_bytes());
            }
        }
        bytes.extend_from_slice(&(-1_i16).to_be_bytes());
        bytes
    }

    #[test]
    fn rows_are_counted_wherever_the_pieces_begin() {
        for size in 1..=copy().len() {
            let mut count = RowCount::default();
            copy().chunks(size).for_each(|piece| count.take(piece).unwrap());
            assert_eq!(count.finish().unwrap(), 2, "pieces of {size}");
        }
    }

    #[test]
    fn rows_are_read_wherever_the_pieces_begin() {
        let field = |text: &'static str| Some(Bytes::from_static(text.as_bytes()));
        for size in 1..=copy().len() {
            let mut reader = RowReader::default();
            let rows: Vec<_> = copy().chunks(size).flat_map(|piece| reader.take(piece).unwrap()).collect();
            assert_eq!(rows, [vec![field("a"), None, field("")], vec![None, None, None]], "pieces of {size}");
        }
    }

    #[test]
    fn what_is_cut_off_or_goes_on_is_no_copy() {
        for at in 0..copy().len() {
            let mut count = RowCount::default();
            count.take(&copy()[..at]).unwrap();
            assert!(count.finish().is_err(), "cut at {at}");
        }
        let mut count = RowCount::default();
        assert!(count.take(&[copy(), b"x".to_vec()].concat()).is_err());
        assert!(RowCount::default().take(&[b'x'; 30]).is_err());
    }
}
