//! Purge: every participant removes its part in batches, then the tenant is gone. Its identity stays.
//!
//! There is no way back and no undo: given up, DeleteTenant begins again where it stands.

use async_trait::async_trait;

use super::participants::{Ask, ask_each};
use super::{Job, Next, Outside, Work, because, steps, tenant_of};
use crate::app::App;
use crate::domain::error::{Error, Result};
use crate::domain::lifecycle::Standing;
use crate::domain::names::names;
use crate::domain::operation::Units;
use crate::store::operation_params;
use crate::store::transitions;
use crate::store::tx::Tx;

/// What it needs.
pub(super) struct Purge {
    pub app: App,
}

names! {
    /// Its steps.
    PurgeStep {
        /// Every participant removes its part.
        Participants = "participants",
        /// The tenant goes.
        Finish = "finish",
    }
}
steps!(PurgeStep);

#[async_trait]
impl Work for Purge {
    type Step = PurgeStep;

    async fn outside(&self, job: &Job, step: PurgeStep, so_far: Units) -> Result<Outside> {
        match step {
            PurgeStep::Participants => ask_each(&self.app, job, step.name(), Ask::Purge, so_far).await,
            PurgeStep::Finish => Ok(Outside::Done),
        }
    }

    async fn inside(&self, tx: &mut Tx, job: &Job, step: PurgeStep) -> Result<Next<PurgeStep>> {
        match step {
            PurgeStep::Participants => Ok(Next::Step(PurgeStep::Finish)),
            PurgeStep::Finish => finish(tx, job).await.map(Next::Done),
        }
    }
}

/// The tenant goes, and what its operations were asked for is forgotten.
pub(super) async fn finish(tx: &mut Tx, job: &Job) -> Result<Vec<String>> {
    let transition = match tenant_of(tx).await?.standing() {
        Standing::Prepared(standing) => standing.purged(),
        Standing::Failed(standing) => standing.purged(),
        _ => return Err(Error::internal("purge", "the tenant is not being deleted")),
    };
    transitions::append(tx, transition, &because(job)).await?;
    operation_params::forget(tx).await?;
    Ok(Vec::new())
}
