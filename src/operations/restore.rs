//! Restore in place: a tenant's data become those of a backup, all at once, while the tenant is locked.
//!
//! Rows are laid out beside the tenant's first, on a connection that goes with its worker. One transaction then takes them over, leads
//! the tenant back to where the restore began, and notes that it was done: whoever takes the operation over finds that, and nobody
//! cancels it any more. Until then everything is as it was before.

use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use futures::FutureExt as _;

use super::back_up::copy;
use super::{Job, Next, Outside, Work, because, steps, tenant_of};
use crate::app::App;
use crate::app::backups::{copy_soon, land, put_back};
use crate::authz::permit::Purpose;
use crate::context::OpContext;
use crate::domain::error::{Error, Result};
use crate::domain::names::names;
use crate::domain::operation::{Failure, Units};
use crate::domain::restore::Restore as Asked;
use crate::store::backups::{self, Made};
use crate::store::connection::Beside;
use crate::store::restoration::Destination;
use crate::store::tx::Tx;
use crate::store::{claims, restores};

/// What it needs.
pub(super) struct Restore {
    pub app: App,
    pub asked: Asked,
    /// The safety backup, from the outside part of its step for the inside part.
    pub made: Mutex<Option<Made>>,
}

names! {
    /// Its steps.
    RestoreStep {
        /// What there is now is backed up, if that was asked for.
        SafetyBackup = "safety-backup",
        /// The tenant's data become those of the backup.
        Data = "data",
    }
}
steps!(RestoreStep);

#[async_trait]
impl Work for Restore {
    type Step = RestoreStep;

    async fn outside(&self, job: &Job, step: RestoreStep, _: Units) -> Result<Outside> {
        match step {
            RestoreStep::SafetyBackup => {
                if let Some(safety) = self.asked.safety {
                    let made = copy(&self.app, job, safety, &[]).await?;
                    *self.made.lock().unwrap_or_else(PoisonError::into_inner) = Some(made);
                }
            }
            RestoreStep::Data => self.restore(job).await?,
        }
        Ok(Outside::Done)
    }

    async fn inside(&self, tx: &mut Tx, _: &Job, step: RestoreStep) -> Result<Next<RestoreStep>> {
        match step {
            RestoreStep::SafetyBackup => {
                let made = self.made.lock().unwrap_or_else(PoisonError::into_inner).clone();
                if let Some((safety, made)) = self.asked.safety.zip(made) {
                    backups::publish(tx, safety, &made).await?;
                    copy_soon(tx).await?;
                }
                Ok(Next::Step(RestoreStep::Data))
            }
            RestoreStep::Data => {
                let tenant = tenant_of(tx).await?;
                let safety = self.asked.safety.map(|safety| crate::domain::backup::name(&tenant.code, safety));
                Ok(Next::Done([Some(tenant.name()), safety].into_iter().flatten().collect()))
            }
        }
    }

    /// Who may act for whom is among the data.
    fn asks_for_leave(&self, step: RestoreStep) -> bool {
        step == RestoreStep::Data
    }

    async fn undo(&self, tx: &mut Tx, job: &Job, _: &Failure) -> Result<()> {
        land(tx, &because(job), false).await
    }
}

impl Restore {
    async fn restore(&self, job: &Job) -> Result<()> {
        let claim = job.claimed.claim;
        let op = OpContext::system(Purpose::Worker, Some(claim.tenant));
        let op = op.in_answer_to(job.claimed.correlation_id.clone());
        let input = (self.asked.backup, claim.id);
        let found = self.app.db.read(op.clone(), "backup-to-restore", input, |tx, (backup, operation)| {
            async move { Ok((backups::one(tx, *backup).await?, restores::is_done(tx, *operation).await?)) }.boxed()
        });
        let (backup, done) = found.await?;
        if done {
            return Ok(());
        }
        let backup = backup.ok_or_else(|| Error::not_found("the backup"))?;
        let open = self.app.open_backup(&backup).await?;
        let revive = self.asked.choices.revive_deleted_users;
        let (own, laid) =
            open.lay_out(&self.app.db, &self.asked.components, revive, Destination::InPlace, Beside::Work).await?;
        fail::fail_point!("restore.laid-out");
        let input = (laid, because(job), self.asked.choices);
        let put = self.app.db.change_on(own, op, "restore", input, move |tx, (laid, because, choices)| {
            async move {
                put_back(tx, laid, claim.id, because, *choices).await?;
                // Last, not first: what takes this long must not keep the lease from being renewed.
                claims::fence_unless_cancelling(tx, &claim).await?;
                fail::fail_point!("restore.put-back");
                Ok(())
            }
            .boxed()
        });
        put.await.map_err(|error| open.judge(error))?;
        fail::fail_point!("restore.done");
        Ok(())
    }
}
