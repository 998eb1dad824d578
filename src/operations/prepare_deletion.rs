//! Prepare deletion: every participant freezes its part, then the tenant is PREPARED.
//!
//! Given up, the tenant stays PREPARING_DELETION: RetryOperation goes on with it, CancelTenantDeletion brings it back.

use async_trait::async_trait;

use super::participants::{Ask, ask_each};
use super::{Job, Next, Outside, Work, because, steps, tenant_of};
use crate::app::App;
use crate::domain::error::{Error, Result};
use crate::domain::lifecycle::Standing;
use crate::domain::names::names;
use crate::domain::operation::Units;
use crate::store::transitions;
use crate::store::tx::Tx;

/// What it needs.
pub(super) struct PrepareDeletion {
    pub app: App,
}

names! {
    /// Its steps.
    PrepareStep {
        /// Every participant freezes its part.
        Freeze = "freeze",
        /// The tenant is prepared.
        Finish = "finish",
    }
}
steps!(PrepareStep);

#[async_trait]
impl Work for PrepareDeletion {
    type Step = PrepareStep;

    async fn outside(&self, job: &Job, step: PrepareStep, so_far: Units) -> Result<Outside> {
        match step {
            PrepareStep::Freeze => ask_each(&self.app, job, step.name(), Ask::Freeze, so_far).await,
            PrepareStep::Finish => Ok(Outside::Done),
        }
    }

    async fn inside(&self, tx: &mut Tx, job: &Job, step: PrepareStep) -> Result<Next<PrepareStep>> {
        match step {
            PrepareStep::Freeze => Ok(Next::Step(PrepareStep::Finish)),
            PrepareStep::Finish => {
                let tenant = tenant_of(tx).await?;
                let Standing::Preparing(standing) = tenant.standing() else {
                    return Err(Error::internal("prepare deletion", "the tenant is not being prepared"));
                };
                transitions::append(tx, standing.frozen(), &because(job)).await?;
                Ok(Next::Done(vec![tenant.name()]))
            }
        }
    }
}
