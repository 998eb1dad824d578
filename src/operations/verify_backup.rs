//! Verify a backup: all of its rows and all of its content are read and compared with what was written, or no more than their seals
//! are tried.
//!
//! It changes nothing but what is known of the backup. Content is read in batches, each with the lease renewed beside it.

use std::sync::Arc;

use async_trait::async_trait;
use futures::FutureExt as _;

use super::{Job, Next, Outside, Work, steps};
use crate::app::App;
use crate::app::backups::KeptBlob;
use crate::app::content::each_beside;
use crate::authz::permit::Purpose;
use crate::context::OpContext;
use crate::domain::error::{Error, Reason, Result};
use crate::domain::id::BackupId;
use crate::domain::names::names;
use crate::domain::operation::{Failure, Units};
use crate::store::backups;
use crate::store::tx::Tx;

/// Bytes of content that a batch reads at least, unless it comes to the end.
const BATCH: i64 = 1 << 30;

/// What it needs.
pub(super) struct VerifyBackup {
    pub app: App,
    pub backup: BackupId,
    pub seals_only: bool,
}

names! {
    /// Its steps.
    VerifyStep {
        /// Its rows are read.
        Rows = "rows",
        /// Its content is read.
        Content = "content",
    }
}
steps!(VerifyStep);

#[async_trait]
impl Work for VerifyBackup {
    type Step = VerifyStep;

    async fn outside(&self, job: &Job, step: VerifyStep, so_far: Units) -> Result<Outside> {
        let op = OpContext::system(Purpose::Worker, Some(job.claimed.claim.tenant));
        let found = self.app.db.read(op, "backup-to-verify", self.backup, |tx, id| backups::one(tx, *id).boxed());
        let backup = found.await?.ok_or_else(|| Error::not_found("the backup"))?;
        let open = self.app.open_backup(&backup).await?;
        if step == VerifyStep::Rows {
            if self.seals_only {
                open.check_seals(open.objects()).await?
            } else {
                open.check_rows().await?
            }
            return Ok(Outside::Done);
        }
        let blobs = open.blobs().await?;
        let total = i64::try_from(blobs.len()).unwrap_or(i64::MAX);
        let rest = blobs.from(usize::try_from(so_far.done).unwrap_or(0));
        let (mut bytes, mut done) = (0, 0);
        let wanted = |kept: &KeptBlob| {
            let wanted = bytes < BATCH;
            bytes += kept.blob.bytes;
            wanted
        };
        let batch = rest.take_while(wanted).inspect(|_| done += 1);
        let (open, seals_only) = (Arc::new(open), self.seals_only);
        let check = move |kept: KeptBlob| {
            let open = open.clone();
            async move { if seals_only { open.check_seals(kept.objects()).await } else { open.check_blob(&kept).await } }
        };
        each_beside(self.app.vault.is_near(), batch, KeptBlob::size, check).await?;
        let ended = so_far.done + done >= total;
        Ok(if ended { Outside::Done } else { Outside::More(Units { done, total }) })
    }

    async fn inside(&self, tx: &mut Tx, _: &Job, step: VerifyStep) -> Result<Next<VerifyStep>> {
        match step {
            VerifyStep::Rows => Ok(Next::Step(VerifyStep::Content)),
            VerifyStep::Content => {
                if !self.seals_only {
                    backups::note_verification(tx, self.backup, None).await?;
                }
                let backup = backups::one(tx, self.backup).await?;
                Ok(Next::Done(backup.map(|backup| backup.name()).into_iter().collect()))
            }
        }
    }

    async fn undo(&self, tx: &mut Tx, _: &Job, why: &Failure) -> Result<()> {
        // What could not be read for now says nothing of the backup.
        if why.reason == Reason::BackupCorrupt.name() {
            backups::note_verification(tx, self.backup, Some(why)).await?;
        }
        Ok(())
    }
}
