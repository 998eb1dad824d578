//! The rows of a backup: table by table, and two tables at the same time as soon as it turns out that there are many rows. It is
//! Postgres that reads two at a time; what comes is taken in by one task.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use futures::{TryStreamExt as _, try_join};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::backup_writer::{BackupWriter, WritingSegment};
use crate::app::backups::Rows;
use crate::domain::backup::Column;
use crate::domain::error::Result;
use crate::store::moment::Moment;
use crate::store::tx::Db;

/// Bytes of rows from which on a second reader is worth the time that it takes to connect.
const MANY: usize = 256 << 10;

/// Tables, each with its place among all.
type Tables = Vec<(usize, (Rows, Vec<Column>))>;

/// What is still to be copied.
struct Rest {
    tables: Mutex<Tables>,
    /// Bytes that were read.
    read: AtomicUsize,
    /// Told when they are many.
    many: Notify,
    /// Once the first reader finds no table any more.
    ended: CancellationToken,
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
    let rest = Rest { tables, read: AtomicUsize::new(0), many: Notify::new(), ended: CancellationToken::new() };
    let first = async {
        let copied = rest.copy(moment, writer).await?;
        rest.ended.cancel();
        Ok(copied)
    };
    let second = async {
        match rest.ended.run_until_cancelled(rest.second(db, moment)).await.flatten() {
            Some(moment) => rest.copy(&moment, writer).await,
            None => Ok(Vec::new()),
        }
    };
    let (mut all, more) = try_join!(first, second)?;
    all.extend(more);
    all.sort_by_key(|(place, _)| *place);
    Ok(all.into_iter().map(|(_, written)| written).collect())
}

impl Rest {
    /// A second look at the same moment, once there are many rows, if it can be had.
    async fn second(&self, db: &Db, moment: &Moment) -> Option<Moment> {
        self.many.notified().await;
        fail::fail_point!("backup.rows.many");
        match db.beside(moment).await {
            Ok(second) => second,
            Err(error) => {
                tracing::debug!(%error, "there is no second reader");
                None
            }
        }
    }

    fn tables(&self) -> MutexGuard<'_, Tables> {
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Copies one table after the other, as long as there are any. The last ones come first: of all tables those of assets and users are
    /// the largest, so that the second reader is there soon.
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
