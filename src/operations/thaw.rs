//! Thaw: after a cancelled deletion every participant goes on with its part. The tenant itself is back already.

use async_trait::async_trait;

use super::participants::{Ask, ask_each};
use super::{Job, Next, Outside, Work, steps, tenant_of};
use crate::app::App;
use crate::domain::error::Result;
use crate::domain::names::names;
use crate::domain::operation::Units;
use crate::store::tx::Tx;

/// What it needs.
pub(super) struct Thaw {
    pub app: App,
}

names! {
    /// Its steps.
    ThawStep {
        /// Every participant goes on.
        Thaw = "thaw",
    }
}
steps!(ThawStep);

#[async_trait]
impl Work for Thaw {
    type Step = ThawStep;

    async fn outside(&self, job: &Job, step: ThawStep, so_far: Units) -> Result<Outside> {
        ask_each(&self.app, job, step.name(), Ask::Thaw, so_far).await
    }

    async fn inside(&self, tx: &mut Tx, _: &Job, _: ThawStep) -> Result<Next<ThawStep>> {
        Ok(Next::Done(vec![tenant_of(tx).await?.name()]))
    }
}
