//! Rows as Postgres copies them, in its binary form.

use std::ops::Range;

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};
use chrono::{DateTime, Utc};
use tokio_postgres::Client;
use uuid::Uuid;

use super::error::unavailable;
use crate::domain::backup::Column;
use crate::domain::error::{Error, Result};

/// The columns that rows of these tables consist of, table by table.
pub(super) async fn columns(client: &Client, tables: &[&str]) -> Result<Vec<Vec<Column>>> {
    const COLUMNS: &str = "
        SELECT number, attname::text, format_type(atttypid, atttypmod)
        FROM unnest($1::text[]) WITH ORDINALITY AS asked (name, number) JOIN pg_attribute ON attrelid = name::regclass
        WHERE attnum > 0 AND NOT attisdropped AND attgenerated = '' ORDER BY number, attnum";
    let mut columns = vec![Vec::new(); tables.len()];
    for row in client.query(COLUMNS, &[&tables]).await.map_err(failed)? {
        let number = usize::try_from(row.get::<_, i64>(0) - 1).ok();
        if let Some(of) = number.and_then(|number| columns.get_mut(number)) {
            of.push(Column { name: row.get(1), kind: row.get(2) });
        }
    }
    Ok(columns)
}

/// What went wrong while rows were copied.
pub(super) fn failed(error: tokio_postgres::Error) -> Error {
    if error.is_closed() || error.code().is_none() {
        unavailable(error)
    } else {
        Error::internal("copying rows", error)
    }
}

/// Reads the rows of a copy as it goes by, and sees that it is whole: a copy that broke off says nothing of that itself.
#[derive(Debug, Default)]
pub struct RowReader {
    pending: BytesMut,
    at: Reading,
    rows: i64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Reading {
    #[default]
    Header,
    Rows,
    End,
}

/// Bytes of a row at most: what is longer is none that a tenant has.
const LONGEST_ROW: usize = 32 << 20;

/// What a copy begins with, with the length of an extension that it has not.
const HEADER: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";

/// What it ends with, where a row has the number of its fields.
const END: &[u8] = &(-1_i16).to_be_bytes();

/// The fields of a row, as Postgres sends them; None: NULL.
pub type Fields = Vec<Option<Bytes>>;

impl RowReader {
    /// Takes the next piece, and hands each row that is whole by now to `each`.
    pub fn take(&mut self, piece: &[u8], mut each: impl FnMut(&Fields) -> Result<()>) -> Result<()> {
        self.go_through(piece, |pending| {
            let mut places = Vec::new();
            let Some(length) = measure(pending, |place| places.push(place))? else { return Ok(false) };
            let row = pending.split_to(length).freeze();
            each(&places.into_iter().map(|place| place.map(|place| row.slice(place))).collect())?;
            Ok(true)
        })
    }

    /// The same, where the rows are only counted.
    pub fn count(&mut self, piece: &[u8]) -> Result<()> {
        self.go_through(piece, |pending| {
            let length = measure(pending, |_| ())?;
            pending.advance(length.unwrap_or(0));
            Ok(length.is_some())
        })
    }

    /// Takes the next piece, and the rows that are whole by now, as long as `next` finds one.
    fn go_through(&mut self, piece: &[u8], mut next: impl FnMut(&mut BytesMut) -> Result<bool>) -> Result<()> {
        self.pending.extend_from_slice(piece);
        if self.at == Reading::Header && self.pending.len() >= HEADER.len() {
            if self.pending.split_to(HEADER.len()) != HEADER {
                return Err(not_a_copy());
            }
            self.at = Reading::Rows;
        }
        while self.at == Reading::Rows {
            if self.pending.starts_with(END) {
                self.pending.advance(END.len());
                self.at = Reading::End;
            } else if next(&mut self.pending)? {
                self.rows += 1;
            } else {
                break;
            }
        }
        let too_long = self.pending.len() > LONGEST_ROW;
        if too_long || self.at == Reading::End && !self.pending.is_empty() { Err(not_a_copy()) } else { Ok(()) }
    }

    /// How many rows there were, if the copy is whole.
    pub fn finish(self) -> Result<i64> {
        if self.at == Reading::End { Ok(self.rows) } else { Err(not_a_copy()) }
    }
}

/// How long the row at the beginning is, if it is whole; and where each of its fields is.
fn measure(all: &[u8], mut field: impl FnMut(Option<Range<usize>>)) -> Result<Option<usize>> {
    let mut rest = all;
    let Ok(count) = rest.try_get_i16() else { return Ok(None) };
    for _ in 0..u16::try_from(count).map_err(|_| not_a_copy())? {
        let Ok(length) = rest.try_get_i32() else { return Ok(None) };
        if length == -1 {
            field(None);
            continue;
        }
        let length = usize::try_from(length).map_err(|_| not_a_copy())?;
        let begin = all.len() - rest.len();
        let Some((_, after)) = rest.split_at_checked(length) else { return Ok(None) };
        field(Some(begin..begin + length));
        rest = after;
    }
    Ok(Some(all.len() - rest.len()))
}

/// Writes rows as Postgres copies them.
#[derive(Debug)]
pub struct RowWriter {
    written: BytesMut,
}

impl Default for RowWriter {
    fn default() -> Self {
        Self { written: BytesMut::from(HEADER) }
    }
}

impl RowWriter {
    /// Adds a row, of as many fields as another row has.
    pub fn add(&mut self, row: &Fields) {
        self.written.put_i16(i16::try_from(row.len()).unwrap_or(i16::MAX));
        for field in row {
            let length = field.as_ref().map_or(-1, |field| i32::try_from(field.len()).unwrap_or(i32::MAX));
            self.written.put_i32(length);
            self.written.extend_from_slice(field.as_deref().unwrap_or_default());
        }
    }

    /// What was written since this was asked last.
    pub fn take(&mut self) -> Bytes {
        self.written.split().freeze()
    }

    /// The rest, and the end.
    pub fn finish(mut self) -> Bytes {
        self.written.put_i16(-1);
        self.written.freeze()
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

    /// The bytes of a field, if it is there and not NULL.
    pub fn some(&self, column: &str) -> Option<&'r [u8]> {
        let at = self.columns.iter().position(|known| known.name == column);
        at.and_then(|at| self.fields.get(at)).and_then(|field| field.as_deref())
    }

    /// The bytes of a field that is not NULL.
    pub fn bytes(&self, column: &str) -> Result<&'r [u8]> {
        self.some(column).ok_or_else(not_a_copy)
    }

    /// A text.
    pub fn text(&self, column: &str) -> Result<&'r str> {
        std::str::from_utf8(self.bytes(column)?).map_err(|_| not_a_copy())
    }

    /// A document of the type jsonb.
    pub fn json(&self, column: &str) -> Result<serde_json::Value> {
        let text = self.bytes(column)?.strip_prefix(b"\x01").ok_or_else(not_a_copy)?;
        serde_json::from_slice(text).map_err(|_| not_a_copy())
    }

    /// A time.
    pub fn time(&self, column: &str) -> Result<DateTime<Utc>> {
        // Postgres counts from the beginning of 2000.
        const MICROSECONDS_TO_2000: i64 = 946_684_800_000_000;
        let at = self.long(column)?.checked_add(MICROSECONDS_TO_2000).and_then(DateTime::from_timestamp_micros);
        at.ok_or_else(not_a_copy)
    }

    /// A long integer.
    pub fn long(&self, column: &str) -> Result<i64> {
        let bytes = self.bytes(column)?.try_into().map_err(|_| not_a_copy())?;
        Ok(i64::from_be_bytes(bytes))
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
    fn rows_are_read_wherever_the_pieces_begin() {
        let field = |text: &'static str| Some(Bytes::from_static(text.as_bytes()));
        for size in 1..=copy().len() {
            let (mut reader, mut counter, mut rows) = (RowReader::default(), RowReader::default(), Vec::new());
            for piece in copy().chunks(size) {
                let keep = |row: &Fields| {
                    rows.push(row.clone());
                    Ok(())
                };
                reader.take(piece, keep).unwrap();
                counter.count(piece).unwrap();
            }
            assert_eq!(rows, [vec![field("a"), None, field("")], vec![None, None, None]], "pieces of {size}");
            assert_eq!([reader, counter].map(|all| all.finish().unwrap()), [2, 2], "pieces of {size}");
        }
    }

    #[test]
    fn what_is_cut_off_or_goes_on_is_no_copy() {
        for at in 0..copy().len() {
            let mut reader = RowReader::default();
            reader.count(&copy()[..at]).unwrap();
            assert!(reader.finish().is_err(), "cut at {at}");
        }
        assert!(RowReader::default().count(&[copy(), b"x".to_vec()].concat()).is_err());
        assert!(RowReader::default().count(&[b'x'; 30]).is_err());
    }
}
