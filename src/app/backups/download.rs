//! DownloadBackup.

use futures::FutureExt as _;

use super::archive::Archive;
use super::{found, lacking, permitted};
use crate::app::App;
use crate::app::content::{Given, chunks};
use crate::context::OpContext;
use crate::domain::backup::Backup;
use crate::domain::error::{Error, Reason, Refusal, Result};
use crate::domain::id::BackupId;
use crate::store::tx::Tx;

/// A backup that is given out.
pub struct Download {
    /// Which.
    pub backup: Backup,
    /// What a file with it is called.
    pub file_name: String,
    /// Bytes of the whole archive.
    pub bytes: i64,
    /// The archive.
    pub chunks: Given,
}

impl App {
    /// The archive of a backup from `offset` on, for whoever has the privileges of all that is in it.
    pub async fn download_backup(&self, op: OpContext, id: BackupId, offset: i64) -> Result<Download> {
        let backup = self.db.read(op.clone(), "backup-to-download", id, |tx, id| wanted(tx, *id).boxed()).await?;
        let open = self.open_backup(backup).await?;
        let archive = Archive::lay_out(&open).await?;
        let (file_name, bytes) = (archive.file_name(), archive.bytes());
        if !(0..=bytes).contains(&offset) {
            return Err(Error::field("offset", format!("must be from 0 to {bytes}, the size of the archive")));
        }
        // Once more, and now it is written down who has it.
        let told = self.db.change(op.clone(), "download-backup", id, |tx, id| {
            async move {
                let backup = wanted(tx, *id).await?;
                tx.about(backup.name());
                Ok(backup)
            }
            .boxed()
        });
        let backup = told.await?;
        Ok(Download { backup, file_name, bytes, chunks: chunks(archive.from(open, op, offset), offset) })
    }
}

async fn wanted(tx: &mut Tx, id: BackupId) -> Result<Backup> {
    let backup = found(tx, id).await?;
    backup.usable()?;
    if backup.tenant.is_infrastructure() {
        let text = "backups of the infrastructure tenant are not given out: they have what operators log in with";
        return Err(Refusal::new(Reason::ResourceProtected, text).into());
    }
    let (_, missing) = permitted(tx, backup.components.clone()).await?;
    if missing.is_empty() { Ok(backup) } else { Err(lacking("what the backup has", &missing)) }
}
