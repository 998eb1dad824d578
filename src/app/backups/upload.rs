//! UploadBackup: an archive comes in as content does. An operation reads it then, and the backup is there when that is done.

use std::sync::{Arc, OnceLock};

use bytes::BytesMut;
use futures::stream::BoxStream;
use futures::{FutureExt as _, StreamExt as _, TryStreamExt as _};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use super::unpack::Unpacking;
use crate::app::App;
use crate::app::content::{Chunk, Intake, Received, SMALL, Small};
use crate::app::tenants::{begin, target};
use crate::authn::seal::Purpose;
use crate::authz::permit;
use crate::context::OpContext;
use crate::domain::backup::{Backup, name};
use crate::domain::blob::Sha256;
use crate::domain::error::{Error, Result};
use crate::domain::id::{BackupId, UploadId};
use crate::domain::operation::{Operation, Params};
use crate::domain::upload::Announced;
use crate::store::claims::Claim;
use crate::store::tx::{Prepared, Tx};
use crate::store::{backups, blobs, limits, uploaded_backups, uploads};
use crate::vault::age::{FileKey, HEADER_BYTES, is_encrypted, unlock};

/// An archive to be taken in.
#[derive(Clone, Debug)]
pub struct UploadBackup {
    /// What people say of the backup.
    pub note: String,
    /// What is to come.
    pub announced: Announced,
}

/// What an encrypted archive is opened with: it comes with the chunks.
pub type Passphrase = Arc<OnceLock<SecretString>>;

/// A backup whose archive is there, and is read.
#[derive(Debug, Serialize, Deserialize)]
pub struct Arrived {
    /// The reading.
    pub operation: Operation,
    /// The backup as it is now.
    pub backup: Backup,
}

impl App {
    /// Takes the archive of a backup in. None: that was only tried.
    pub async fn upload_backup(
        &self,
        op: OpContext,
        new: UploadBackup,
        chunks: BoxStream<'static, Result<Chunk>>,
        passphrase: Passphrase,
    ) -> Result<Option<Arrived>> {
        let UploadBackup { note, announced } = new;
        if op.validate_only() {
            let tried = self.db.change(op, "try-upload", announced, |tx, announced| check(tx, announced).boxed());
            return tried.await.map(|()| None);
        }
        let taken = self.take_upload(
            op.clone(),
            announced.clone(),
            |tx, announced| check(tx, announced).boxed(),
            announced,
            chunks,
        );
        let received = match taken.await? {
            Prepared::Goes(received) => received,
            Prepared::Answered(arrived) => return Ok(Some(arrived)),
        };
        let id = BackupId::new();
        let key = self.unlock(&op, &received, passphrase.get()).await?;
        let seal = |key: FileKey| self.root.seal(Purpose::ArchiveKey, id.0.as_bytes(), key.as_bytes());
        let input = (received, id, note, key.map(seal).transpose()?);
        let arrived = self.db.change(op, "upload-backup", input, |tx, (received, id, note, key)| {
            arrive(tx, received, *id, note, key.as_deref()).boxed()
        });
        let arrived = arrived.await?;
        self.notify();
        Ok(Some(arrived))
    }

    /// What opens an archive that has arrived, if that is encrypted. Where something is wrong with the passphrase, the upload can be gone
    /// on with.
    async fn unlock(
        &self,
        op: &OpContext,
        received: &Received,
        passphrase: Option<&SecretString>,
    ) -> Result<Option<FileKey>> {
        let mut given = self.give(op.clone(), received.blob(op.target()?), 0).await?;
        let mut beginning = BytesMut::new();
        while beginning.len() < HEADER_BYTES
            && let Some(chunk) = given.try_next().await?
        {
            beginning.extend_from_slice(&chunk.data);
        }
        beginning.truncate(HEADER_BYTES);
        let wrong = |text: String| Error::field("unlock.passphrase", text);
        match (is_encrypted(&beginning), passphrase.cloned()) {
            (false, None) => Ok(None),
            (false, Some(_)) => Err(wrong("is for an encrypted archive, and this one is not: leave it out".into())),
            (true, None) => Err(wrong("is required: the archive is encrypted".into())),
            (true, Some(passphrase)) => {
                let tried = self.passwords.off_thread(move || unlock(&beginning, &passphrase)).await?;
                tried.map(Some).map_err(|locked| wrong(locked.to_string()))
            }
        }
    }

    /// Reads the archive of a backup from its beginning.
    pub(crate) async fn unpack(&self, backup: &Backup) -> Result<Unpacking> {
        let archive = backup.archive.ok_or_else(|| Error::internal("backup", "it was not uploaded"))?;
        let op = OpContext::system(permit::Purpose::Worker, Some(backup.tenant));
        let input = (archive, backup.id);
        let found = self.db.read(op.clone(), "archive-to-read", input, |tx, (archive, id)| {
            async move { Ok((blobs::load(tx, *archive).await?, uploaded_backups::archive_key(tx, *id).await?)) }.boxed()
        });
        let (blob, sealed) = found.await?;
        let open = |sealed: Vec<u8>| {
            let opened = self.root.open(Purpose::ArchiveKey, backup.id.0.as_bytes(), &sealed);
            FileKey::from_bytes(&opened.unwrap_or_default())
        };
        Ok(Unpacking::begin(self.give(op, blob, 0).await?, sealed.map(open).transpose()?))
    }
}

/// Content on its way that comes with a backup.
pub(crate) struct Keeping<'a> {
    intake: Intake<'a>,
    backup: BackupId,
}

impl<'a> Keeping<'a> {
    /// For that backup, and kept for it.
    pub fn begin(app: &'a App, claim: Claim, backup: BackupId) -> Self {
        Self { intake: Intake::new(app, claim, backup.0, Some(backup)), backup }
    }

    /// Takes all the bytes that `unpacking` has of the file at hand.
    pub async fn take(&mut self, unpacking: &mut Unpacking, (sha256, bytes): (Sha256, i64)) -> Result<()> {
        // The same file at a later attempt is the same upload.
        let id = UploadId(uuid::Uuid::new_v5(&self.backup.0, &sha256));
        if bytes > SMALL {
            let (sender, chunks) = tokio::sync::mpsc::channel(2);
            let chunks =
                futures::stream::unfold(chunks, |mut chunks| async move { Some((chunks.recv().await?, chunks)) });
            let received = self.intake.receive(id, Announced { bytes, sha256: Some(sha256) }, chunks.boxed());
            return tokio::try_join!(received, hand_over(unpacking, sender)).map(|_| ());
        }
        let mut plain = BytesMut::new();
        while let Some(more) = unpacking.bytes().await? {
            plain.extend_from_slice(&more);
        }
        self.intake.take(Small { id, sha256, plain: plain.freeze() }).await
    }

    /// Takes what has not been taken in yet.
    pub async fn end(mut self) -> Result<()> {
        self.intake.end().await
    }
}

/// Hands the bytes of a file over.
async fn hand_over(unpacking: &mut Unpacking, to: tokio::sync::mpsc::Sender<Result<Chunk>>) -> Result<()> {
    let mut offset = 0;
    while let Some(data) = unpacking.bytes().await? {
        let bytes = i64::try_from(data.len()).unwrap_or(i64::MAX);
        // Who takes no more says why.
        if to.send(Ok(Chunk { offset, data, crc32c: None })).await.is_err() {
            break;
        }
        offset += bytes;
    }
    Ok(())
}

/// Refuses what can't be taken in, before a byte of it has come.
async fn check(tx: &mut Tx, announced: &Announced) -> Result<()> {
    target(tx).await?;
    let limits = limits::load(tx).await?.ok_or_else(|| tx.op().not_found())?;
    limits.check_room(announced.bytes)
}

async fn arrive(tx: &mut Tx, received: &Received, id: BackupId, note: &str, key: Option<&[u8]>) -> Result<Arrived> {
    let tenant = target(tx).await?;
    let name = name(&tenant.code, id);
    tx.about(name.clone());
    tx.tell("size", received.bytes.to_string());
    let Received { upload, last, content, sha256, bytes } = received;
    uploads::finish(tx, upload, last.as_ref(), &name).await?;
    let archive = blobs::publish(tx, upload.blob, content, sha256, *bytes).await?;
    let operation = begin(tx, &Params::ImportBackup { backup: id }).await?;
    let creator = tx.op().actor().name_in(tenant.uid, &tenant.code);
    uploaded_backups::begin(tx, id, operation.id, (archive, key), note, &creator).await?;
    let backup = backups::one(tx, id).await?;
    Ok(Arrived { operation, backup: backup.ok_or_else(|| Error::internal("backup", "it went away as it came"))? })
}
