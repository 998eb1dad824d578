//! Force deletion: what a preparation and a purge do, in one operation.
//!
//! Until the purge has begun CancelTenantDeletion turns it back, as it does a preparation; given up before that, the tenant
//! stays PREPARING_DELETION, and after that DeleteTenant or RetryOperation begins again where it stands.

use async_trait::async_trait;

use super::participants::{Ask, ask_each};
use super::purge::finish;
use super::{Job, Next, Outside, Work, because, steps, tenant_of};
use crate::app::App;
use crate::domain::error::{Error, Result};
use crate::domain::lifecycle::Standing;
use crate::domain::names::names;
use crate::domain::operation::Units;
use crate::store::transitions;
use crate::store::tx::Tx;

/// What it needs.
pub(super) struct ForceDeletion {
    pub app: App,
}

names! {
    /// Its steps.
    ForceStep {
        /// Every participant freezes its part.
        Freeze = "freeze",
        /// The tenant is prepared, and the purge begins: from here on there is no way back.
        Begin = "begin",
        /// Every participant removes its part.
        Participants = "participants",
        /// The tenant goes.
        Finish = "finish",
    }
}
steps!(ForceStep);

#[async_trait]
impl Work for ForceDeletion {
    type Step = ForceStep;

    async fn outside(&self, job: &Job, step: ForceStep, so_far: Units) -> Result<Outside> {
        match step {
            ForceStep::Freeze => ask_each(&self.app, job, step.name(), Ask::Freeze, so_far).await,
            ForceStep::Participants => ask_each(&self.app, job, step.name(), Ask::Purge, so_far).await,
            ForceStep::Begin | ForceStep::Finish => Ok(Outside::Done),
        }
    }

    async fn inside(&self, tx: &mut Tx, job: &Job, step: ForceStep) -> Result<Next<ForceStep>> {
        match step {
            ForceStep::Freeze => Ok(Next::Step(ForceStep::Begin)),
            ForceStep::Begin => {
                let Standing::Preparing(preparing) = tenant_of(tx).await?.standing() else { return Err(unexpected()) };
                transitions::append(tx, preparing.frozen(), &because(job)).await?;
                let Standing::Prepared(prepared) = tenant_of(tx).await?.standing() else { return Err(unexpected()) };
                transitions::append(tx, prepared.start_purge(), &because(job)).await?;
                Ok(Next::Step(ForceStep::Participants))
            }
            ForceStep::Participants => Ok(Next::Step(ForceStep::Finish)),
            ForceStep::Finish => finish(tx, job).await.map(Next::Done),
        }
    }
}

fn unexpected() -> Error {
    Error::internal("force deletion", "the tenant is not being prepared")
}
