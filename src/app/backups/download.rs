//! DownloadBackup.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use futures::stream::BoxStream;
use futures::{FutureExt as _, StreamExt as _, TryStreamExt as _};
use secrecy::SecretString;

use super::archive::Archive;
use super::open::OpenBackup;
use super::{found, lacking, permitted};
use crate::app::App;
use crate::app::content::{Given, Leave, chunks, gathered};
use crate::context::OpContext;
use crate::domain::backup::Backup;
use crate::domain::error::{Error, Reason, Refusal, Result};
use crate::domain::id::{BackupId, TenantUid};
use crate::store::tx::Tx;
use crate::vault::age::{Encryption, PIECE_BYTES};

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

/// What to give out of a backup.
pub struct NewDownload {
    /// Which.
    pub id: BackupId,
    /// From which byte of the archive on.
    pub offset: i64,
    /// What to encrypt it with, if that is wanted.
    pub passphrase: Option<SecretString>,
}

impl App {
    /// The archive of a backup, for whoever has the privileges of all that is in it.
    pub async fn download_backup(&self, op: OpContext, new: NewDownload) -> Result<Download> {
        let NewDownload { id, offset, passphrase } = new;
        let backup = self.db.read(op.clone(), "backup-to-download", id, |tx, id| wanted(tx, *id).boxed()).await?;
        let open = Arc::new(self.open_backup(&backup).await?);
        let archive = Archive::lay_out(&open).await?;
        let encryption = match passphrase {
            None => None,
            Some(passphrase) => {
                let (key, laid_out) = (open.key.clone(), archive.clone());
                let encryption = move || Encryption::new(&key, &passphrase, &laid_out.fingerprint()?);
                let made = self.passwords.off_thread(encryption).await?;
                Some(made?)
            }
        };
        let (file_name, bytes) = match &encryption {
            None => (archive.file_name(), archive.bytes()),
            Some(encryption) => (format!("{}.age", archive.file_name()), encryption.bytes(archive.bytes())),
        };
        if !(0..=bytes).contains(&offset) {
            return Err(Error::field("offset", format!("must be from 0 to {bytes}, the size of the archive")));
        }
        // Once more, and now it is written down who has it.
        let told = self.db.change(op.clone(), "download-backup", (id, encryption.is_some()), |tx, (id, encrypted)| {
            async move {
                let backup = wanted(tx, *id).await?;
                tx.about(backup.name());
                tx.tell("encrypted", encrypted.to_string());
                Ok(backup)
            }
            .boxed()
        });
        let backup = told.await?;
        let leave = Leave::new(self.clone(), op);
        let pieces = match encryption {
            None => gathered(archive.from(open, Some(leave), offset)?),
            Some(encryption) => gathered(encrypted(encryption, archive, open, leave, offset)?),
        };
        Ok(Download { backup, file_name, bytes, chunks: chunks(pieces, offset) })
    }
}

/// An archive from one of its bytes on, encrypted.
fn encrypted(
    encryption: Encryption,
    archive: Archive,
    open: Arc<OpenBackup>,
    leave: Leave,
    offset: i64,
) -> Result<BoxStream<'static, Result<Bytes>>> {
    let length = |bytes: usize| i64::try_from(bytes).unwrap_or(i64::MAX);
    let header = encryption.header.clone();
    let behind = offset - length(header.len());
    let (first, skip) = encryption.piece_at(behind.max(0));
    let begins = i64::try_from(first).unwrap_or(i64::MAX).saturating_mul(length(PIECE_BYTES));
    let left = archive.bytes() - begins;
    let state = (archive.from(open, Some(leave), begins)?, BytesMut::new(), first, left);
    let pieces = futures::stream::try_unfold((encryption, state), |(encryption, state)| async move {
        let (mut plain, mut buffer, number, left) = state;
        if left <= 0 {
            return Ok::<_, Error>(None);
        }
        while buffer.len() < PIECE_BYTES
            && let Some(bytes) = plain.try_next().await?
        {
            buffer.extend_from_slice(&bytes);
        }
        let piece = buffer.split_to(buffer.len().min(PIECE_BYTES));
        if piece.is_empty() {
            return Err(Error::internal("archive", "it ended before it was whole"));
        }
        let left = left - i64::try_from(piece.len()).unwrap_or(i64::MAX);
        let sealed = encryption.piece(number, left == 0, &piece)?;
        Ok(Some((sealed, (encryption, (plain, buffer, number + 1, left)))))
    });
    let head = usize::try_from(offset).ok().and_then(|offset| header.get(offset..)).map(Bytes::copy_from_slice);
    let pieces = pieces
        .enumerate()
        .map(move |(at, piece)| piece.map(|piece| if at == 0 { piece.slice(skip.min(piece.len())..) } else { piece }));
    Ok(futures::stream::iter(head.filter(|head| !head.is_empty()).map(Ok)).chain(pieces).boxed())
}

/// Refuses what is not given out to anybody.
pub(super) fn check_given_out(tenant: TenantUid) -> Result<()> {
    if tenant.is_infrastructure() {
        let text = "backups of the infrastructure tenant are not given out: they have what operators log in with";
        return Err(Refusal::new(Reason::ResourceProtected, text).into());
    }
    Ok(())
}

async fn wanted(tx: &mut Tx, id: BackupId) -> Result<Backup> {
    let backup = found(tx, id).await?;
    backup.usable()?;
    check_given_out(backup.tenant)?;
    let (_, missing) = permitted(tx, backup.components.clone()).await?;
    if missing.is_empty() { Ok(backup) } else { Err(lacking("what the backup has", &missing)) }
}
