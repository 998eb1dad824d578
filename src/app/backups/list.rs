//! GetBackup and ListBackups.

use futures::FutureExt as _;

use super::found;
use crate::app::App;
use crate::context::OpContext;
use crate::domain::backup::Backup;
use crate::domain::backup_list::{BackupCursor, BackupQuery};
use crate::domain::error::Result;
use crate::domain::id::BackupId;
use crate::domain::page::{EXACT_TOTAL, Page};
use crate::store::backup_list;

impl App {
    /// One backup of a tenant.
    pub async fn get_backup(&self, op: OpContext, id: BackupId) -> Result<Backup> {
        self.db.read(op, "get-backup", id, |tx, id| found(tx, *id).boxed()).await
    }

    /// A page of the backups of a tenant, or of all, and how many there are, counted up to one more than [`EXACT_TOTAL`].
    pub async fn list_backups(&self, op: OpContext, query: BackupQuery) -> Result<(Page<Backup, BackupCursor>, i64)> {
        let size = query.size;
        let listed = if op.target().is_ok() {
            self.db
                .read(op, "list-backups", query, |tx, query| backup_list::list(tx, query, EXACT_TOTAL + 1).boxed())
                .await
        } else {
            let all = self.db.platform(op, "list-all-backups", query, |tx, query| {
                backup_list::list_all(tx, query, EXACT_TOTAL + 1).boxed()
            });
            all.await
        };
        let (rows, total) = listed?;
        Ok((Page::cut(rows, size, |row| BackupCursor { at: row.created_at, id: row.id }), total))
    }
}
