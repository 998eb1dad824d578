//! Collect content: what nothing refers to any more is condemned, its objects are removed, and then it is forgotten.
//!
//! Nothing can refer to what is condemned, so that is safe at any time and from any number of workers at once. Whatever is
//! removed twice is removed.

use async_trait::async_trait;
use futures::FutureExt as _;

use super::{Job, Next, Outside, Work, steps};
use crate::app::App;
use crate::authz::permit::Purpose;
use crate::context::OpContext;
use crate::domain::error::Result;
use crate::domain::id::{BackupId, BlobId};
use crate::domain::names::names;
use crate::domain::operation::Units;
use crate::store::tx::Tx;
use crate::store::{backups, blobs, claims, uploads};

/// Blobs of one batch.
const BATCH: i64 = 200;

/// What it needs.
pub(super) struct CollectContent {
    pub app: App,
}

names! {
    /// Its steps.
    CollectStep {
        /// What nothing refers to is condemned.
        Condemn = "condemn",
        /// What is condemned goes.
        Remove = "remove",
    }
}
steps!(CollectStep);

#[async_trait]
impl Work for CollectContent {
    type Step = CollectStep;

    async fn outside(&self, job: &Job, step: CollectStep, _: Units) -> Result<Outside> {
        let gone = match step {
            CollectStep::Condemn => self.condemn(job).await?,
            CollectStep::Remove => self.remove(job).await? + self.remove_backups(job).await?,
        };
        Ok(if gone == 0 { Outside::Done } else { Outside::More(Units { done: gone, total: 0 }) })
    }

    async fn inside(&self, _: &mut Tx, _: &Job, step: CollectStep) -> Result<Next<CollectStep>> {
        Ok(match step {
            CollectStep::Condemn => Next::Step(CollectStep::Remove),
            CollectStep::Remove => Next::Done(Vec::new()),
        })
    }
}

impl CollectContent {
    fn op(&self, job: &Job) -> OpContext {
        OpContext::system(Purpose::Content, Some(job.claimed.claim.tenant))
    }

    /// Condemns a batch; says how much.
    async fn condemn(&self, job: &Job) -> Result<i64> {
        let input = (job.claimed.claim, self.app.content.keep_unused);
        let condemned = self.app.db.change(self.op(job), "condemn-content", input, |tx, (claim, grace)| {
            async move {
                claims::fence(tx, claim).await?;
                let given_up = uploads::remove_expired(tx).await?;
                let condemned = blobs::condemn_unused(tx, *grace, BATCH).await?;
                Ok(given_up + condemned)
            }
            .boxed()
        });
        Ok(i64::try_from(condemned.await?).unwrap_or(i64::MAX))
    }

    /// Removes a batch of backups; says how many. Their content can be condemned after that.
    async fn remove_backups(&self, job: &Job) -> Result<i64> {
        let tenant = job.claimed.claim.tenant;
        let found =
            self.app.db.read(self.op(job), "condemned-backups", (), |tx, ()| backups::condemned(tx, BATCH).boxed());
        let condemned: Vec<BackupId> = found.await?;
        for backup in &condemned {
            self.app.vault.remove_backup(tenant, *backup).await?;
        }
        let gone = i64::try_from(condemned.len()).unwrap_or(i64::MAX);
        let input = (job.claimed.claim, condemned);
        let forgotten = self.app.db.change(self.op(job), "forget-backups", input, |tx, (claim, condemned)| {
            async move {
                claims::fence(tx, claim).await?;
                backups::forget(tx, condemned).await
            }
            .boxed()
        });
        forgotten.await?;
        Ok(gone)
    }

    /// Removes a batch; says how much. What was condemned a moment ago waits, for those who still read it.
    async fn remove(&self, job: &Job) -> Result<i64> {
        let (tenant, grace) = (job.claimed.claim.tenant, self.app.content.keep_unused);
        let found = self
            .app
            .db
            .read(self.op(job), "condemned-content", grace, |tx, grace| blobs::condemned(tx, *grace, BATCH).boxed());
        let condemned: Vec<BlobId> = found.await?;
        for blob in &condemned {
            self.app.vault.remove_blob(tenant, *blob).await?;
        }
        fail::fail_point!("collect.removed");
        let gone = i64::try_from(condemned.len()).unwrap_or(i64::MAX);
        let input = (job.claimed.claim, condemned);
        let forgotten = self.app.db.change(self.op(job), "forget-content", input, |tx, (claim, condemned)| {
            async move {
                claims::fence(tx, claim).await?;
                blobs::forget(tx, condemned).await
            }
            .boxed()
        });
        forgotten.await?;
        Ok(gone)
    }
}
