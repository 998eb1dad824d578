//! The rows of a backup: table by table, and two tables at the same time as soon as it turns out that there are many rows.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use futures::{TryStreamExt as _, try_join};
use tokio::sync::Notify;

use super::backup_writer::{BackupWriter, WritingSegment};
use crate::app::backups::Rows;
use crate::domain::backup::Column;
use crate::domain::error::Result;
use crate::store::moment::Moment;
use crate::store::tx::Db;

/// Bytes of rows from which on a second reader is worth the time that it takes to connect.
const MANY: usize = 64 << 10;

/// Tables, each with its place among all.
type Tables = Vec<(usize, (Rows, Vec<Column>))>;

/// What is still to be copied.
struct Rest {
    tables: Mutex<Tables>,
    /// Bytes that were read.
    read: AtomicUsize,
    /// Told when there are many of them, or none any more.
    many: Notify,
}

/// Copies the rows of these tables as they were at that moment.
pub(super) async fn copy(
    db: &Db,
    moment: &Moment,
    writer: &BackupWriter<'_>,
    tables: Vec<Rows>,
) -> Result<Vec<WritingSegment>> {
    let columns = moment.columns(&tables.iter().map(|rows| rows.table).collect::<Vec<_>>()).await?;
    let tables = Mutex::new(tables.into_iter().zip(columns).enumerate().collect());
    let rest = Rest { tables, read: AtomicUsize::new(0), many: Notify::new() };
    let first = async {
        let copied = rest.copy(moment, writer).await;
        rest.many.notify_one();
        copied
    };
    let second = async {
        rest.many.notified().await;
        if rest.tables().is_empty() {
            return Ok(Vec::new());
        }
        fail::fail_point!("backup.rows.many");
        match db.beside(moment).await {
            Ok(Some(moment)) => rest.copy(&moment, writer).await,
            Ok(None) => Ok(Vec::new()),
            Err(error) => {
                tracing::debug!(%error, "there is no second reader");
                Ok(Vec::new())
            }
        }
    };
    let (mut all, more) = try_join!(first, second)?;
    all.extend(more);
    all.sort_by_key(|(place, _)| *place);
    Ok(all.into_iter().map(|(_, written)| written).collect())
}

impl Rest {
    fn tables(&self) -> MutexGuard<'_, Tables> {
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Copies one table after the other, as long as there are any. The last ones are the largest, so that the second reader is there soon.
    async fn copy(&self, moment: &Moment, writer: &BackupWriter<'_>) -> Result<Vec<(usize, WritingSegment)>> {
        let mut copied = Vec::new();
        loop {
            let next = self.tables().pop();
            let Some((place, (rows, columns))) = next else { return Ok(copied) };
            let pieces = moment.rows(rows.table, &columns, &rows.condition).await?;
            let pieces = pieces.inspect_ok(|piece| {
                if self.read.fetch_add(piece.len(), Ordering::Relaxed) > MANY {
                    self.many.notify_one();
                }
            });
            copied.push((place, writer.segment(rows.table, columns, pieces).await?));
        }
    }
}
