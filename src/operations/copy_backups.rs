//! Copy backups: those of a tenant that are not in the second store get there, one after the other, with what of their content is not
//! there yet.
//!
//! What is copied twice is the same. A blob is noted when all of it is there, and a backup when all that it refers to is and it itself,
//! the manifest last.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::FutureExt as _;
use tracing::Instrument as _;

use super::{Job, Next, Outside, Work, steps};
use crate::app::App;
use crate::app::backups::{OpenBackup, StoredObject};
use crate::app::content::{Size, each_beside};
use crate::authz::permit::Purpose;
use crate::context::OpContext;
use crate::domain::backup::Backup;
use crate::domain::error::{Error, Reason, Refusal, Result};
use crate::domain::id::{BackupId, BlobId, KeyId, StoreId};
use crate::domain::names::names;
use crate::domain::operation::{Failure, Units};
use crate::store::tx::Tx;
use crate::store::{backups, claims, copies};

/// Bytes of content, and contents, that a batch copies before it notes them.
const BATCH: (i64, usize) = (1 << 30, 20_000);

/// How long to leave a store alone that can't be reached or is full, unless it answers before or there is a new backup.
const AWAY: Duration = Duration::from_secs(60);

/// How long to wait with looking for a key again.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// What it needs.
pub(super) struct CopyBackups {
    pub app: App,
}

names! {
    /// Its steps.
    CopyBackupsStep {
        /// They are copied.
        Copy = "copy",
    }
}
steps!(CopyBackupsStep);

#[async_trait]
impl Work for CopyBackups {
    type Step = CopyBackupsStep;

    async fn outside(&self, job: &Job, _: CopyBackupsStep, _: Units) -> Result<Outside> {
        match self.copy_some(job).await {
            Err(Error::Refused(refusal)) => match away(&refusal) {
                Some(reason) => Ok(Outside::Wait { reason, again_in: AWAY }),
                None => Err(Error::Refused(refusal)),
            },
            copied => copied,
        }
    }

    async fn inside(&self, tx: &mut Tx, _: &Job, _: CopyBackupsStep) -> Result<Next<CopyBackupsStep>> {
        // Whoever has published a backup since the outside part looked relies on this operation.
        let more = copies::store(tx).await?.is_some() && copies::next(tx).await?.is_some();
        Ok(if more { Next::Step(CopyBackupsStep::Copy) } else { Next::Done(Vec::new()) })
    }

    async fn undo(&self, tx: &mut Tx, _: &Job, why: &Failure) -> Result<()> {
        // It is not tried again before somebody has looked at it; the others are.
        if why.reason == Reason::BackupCorrupt.name()
            && let Some(backup) = copies::next(tx).await?
        {
            backups::note_verification(tx, backup.id, Some(why)).await?;
        }
        Ok(())
    }
}

/// What is said of a store that copies wait for, if that is what was refused.
fn away(refusal: &Refusal) -> Option<String> {
    let how = match refusal.reason {
        Reason::ObjectStoreUnavailable => "can't be reached or takes nothing",
        Reason::ObjectStoreFull => "has no room left",
        _ => return None,
    };
    refusal.metadata.get("store").map(|store| format!("{store} {how}"))
}

impl CopyBackups {
    fn op(&self, job: &Job) -> OpContext {
        OpContext::system(Purpose::Worker, Some(job.claimed.claim.tenant))
    }

    /// Copies what comes next: a batch of content, or what of a backup refers to it.
    async fn copy_some(&self, job: &Job) -> Result<Outside> {
        let Some((store, backup)) = self.next(job).await? else { return Ok(Outside::Done) };
        let id = backup.id;
        let open = Arc::new(self.app.open_backup(&backup).await?);
        let copied = self.app.db.read(self.op(job), "copied-content", (), |tx, ()| copies::copied(tx).boxed()).await?;
        let blobs = open.blobs().await?;
        let keys: BTreeSet<_> = blobs.keys().iter().copied().chain([open.key.id]).collect();
        self.copy_keys(job, keys).await?;
        let (mut bytes, mut batch, mut objects) = (0, Vec::new(), Vec::new());
        let mut missing = blobs.iter().filter(|kept| !copied.contains(&kept.blob.id));
        while bytes < BATCH.0
            && batch.len() < BATCH.1
            && let Some(kept) = missing.next()
        {
            bytes += kept.blob.bytes;
            batch.push(kept.blob.id);
            objects.extend(kept.objects());
        }
        let total = i64::try_from(blobs.len()).unwrap_or(i64::MAX);
        let left = i64::try_from(missing.count()).unwrap_or(i64::MAX);
        if batch.is_empty() {
            let mut own = open.objects();
            let manifest = own.split_off(own.len().saturating_sub(1));
            self.copy(&open, own).await?;
            self.copy(&open, manifest).await?;
            fail::fail_point!("copy.backup");
            self.note_backup(job, store, id).await?;
        } else {
            self.copy(&open, objects).await?;
            fail::fail_point!("copy.content");
            self.note_blobs(job, store, batch).await?;
        }
        Ok(Outside::More(Units { done: total - left, total }))
    }

    async fn next(&self, job: &Job) -> Result<Option<(StoreId, Backup)>> {
        let found = self.app.db.read(self.op(job), "backup-to-copy", (), |tx, ()| {
            async move { Ok(copies::store(tx).await?.zip(copies::next(tx).await?)) }.boxed()
        });
        found.await
    }

    /// Makes sure that the keys are in both stores, and that none is that was destroyed meanwhile.
    async fn copy_keys(&self, job: &Job, keys: BTreeSet<KeyId>) -> Result<()> {
        for key in keys {
            // In a task of its own, which looks also when the lease is lost meanwhile. What dies in between leaves the key.
            let copied = tokio::spawn(copy_key(self.app.clone(), self.op(job), key).in_current_span());
            copied.await.map_err(|e| Error::internal("copying a key", e))??;
        }
        Ok(())
    }

    async fn copy(&self, open: &Arc<OpenBackup>, objects: Vec<StoredObject>) -> Result<()> {
        let open = open.clone();
        let copy = move |object| {
            let open = open.clone();
            async move { open.copy(object).await }
        };
        let size = |object: &StoredObject| Size { at_once: object.bytes, whole: object.bytes };
        each_beside(self.app.vault.is_near(), objects.into_iter(), size, copy).await?;
        self.app.vault.settle_copies().await
    }

    async fn note_blobs(&self, job: &Job, store: StoreId, copied: Vec<BlobId>) -> Result<()> {
        let claim = job.claimed.claim;
        let noted = self.app.db.change(self.op(job), "note-copied-content", copied, move |tx, copied| {
            async move {
                claims::fence(tx, &claim).await?;
                copies::note_blobs(tx, store, copied).await
            }
            .boxed()
        });
        for gone in noted.await? {
            self.app.vault.remove_blob(claim.tenant, gone).await?;
        }
        Ok(())
    }

    async fn note_backup(&self, job: &Job, store: StoreId, id: BackupId) -> Result<()> {
        let claim = job.claimed.claim;
        let noted = self.app.db.change(self.op(job), "note-copied-backup", id, move |tx, id| {
            async move {
                claims::fence(tx, &claim).await?;
                copies::note_backup(tx, store, *id).await
            }
            .boxed()
        });
        if !noted.await? {
            self.app.vault.remove_backup(claim.tenant, id).await?;
        }
        Ok(())
    }
}

async fn copy_key(app: App, op: OpContext, key: KeyId) -> Result<()> {
    let tenant = op.target()?;
    app.vault.copy_key(tenant, key).await?;
    let destroyed = loop {
        match is_destroyed(&app, &op, key).await {
            Ok(destroyed) => break destroyed,
            // Until it was looked, nobody else would find the key.
            Err(error) => tracing::warn!(%error, "whether a key that was copied is destroyed is not known yet"),
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    };
    if destroyed {
        app.vault.destroy_keys(tenant, &[key]).await?;
        fail::fail_point!("copy.key.destroyed");
        return Err(Error::not_found("the tenant"));
    }
    Ok(())
}

async fn is_destroyed(app: &App, op: &OpContext, key: KeyId) -> Result<bool> {
    fail::fail_point!("copy.key.looked-for", |_| Err(Error::internal("failpoint", "the database is away")));
    app.db.read(op.clone(), "key-still-there", key, |tx, key| copies::is_destroyed(tx, *key).boxed()).await
}
