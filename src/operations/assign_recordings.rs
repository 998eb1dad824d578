//! Assign recordings: those of a tenant to the users who have their extensions; those that wait with the infrastructure tenant move to the
//! tenants that have them. What can't go where it belongs, for want of room, keeps waiting.

use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use uuid::Uuid;

use super::{Job, Next, Outside, Work, steps};
use crate::app::App;
use crate::app::assets::Copying;
use crate::domain::error::{Class, Error, Result};
use crate::domain::id::AssetId;
use crate::domain::names::names;
use crate::domain::operation::Units;
use crate::store::tx::Tx;

/// What it needs.
pub(super) struct AssignRecordings {
    pub app: App,
    pub set: Uuid,
    /// The last recording that was looked at: a worker that takes over begins again with the first one.
    pub after: Mutex<Option<AssetId>>,
}

names! {
    /// Its steps.
    AssignStep {
        /// It is looked for whose they are.
        Assign = "assign",
    }
}
steps!(AssignStep);

#[async_trait]
impl Work for AssignRecordings {
    type Step = AssignStep;

    async fn outside(&self, job: &Job, _: AssignStep, _: Units) -> Result<Outside> {
        let assigned = match job.claimed.claim.tenant.is_infrastructure() {
            true => self.place_some(job).await?,
            false => Some(self.app.assign_to_users(job.claimed.claim).await?).filter(|assigned| *assigned > 0),
        };
        let more = |assigned| Outside::More(Units { done: i64::try_from(assigned).unwrap_or(i64::MAX), total: 0 });
        Ok(assigned.map_or(Outside::Done, more))
    }

    async fn inside(&self, _: &mut Tx, _: &Job, _: AssignStep) -> Result<Next<AssignStep>> {
        Ok(Next::Done(Vec::new()))
    }
}

impl AssignRecordings {
    /// Moves those of some recordings that belong to a tenant; says how many, and none once there are no more to look at.
    async fn place_some(&self, job: &Job) -> Result<Option<usize>> {
        let after = *self.after.lock().unwrap_or_else(PoisonError::into_inner);
        let found = self.app.unassigned_recordings(job.claimed.claim, after).await?;
        let Some((last, _)) = found.last().copied() else { return Ok(None) };
        let mut placed = 0;
        for (recording, number) in found {
            let Some(destination) = self.app.tenant_with(number).await? else { continue };
            let moving = Copying {
                app: self.app.clone(),
                claim: job.claimed.claim,
                destination,
                set: self.set,
                actor: job.claimed.actor.clone(),
                moves: true,
            };
            match moving.copy(recording).await {
                Ok(_) => placed += 1,
                Err(error) if must_wait(&error) => {
                    tracing::info!(%error, recording = %recording, "a recording keeps waiting")
                }
                Err(error) => return Err(error),
            }
        }
        *self.after.lock().unwrap_or_else(PoisonError::into_inner) = Some(last);
        Ok(Some(placed))
    }
}

/// Whether it is that one recording which can't go where it belongs, rather than nothing can go anywhere now.
fn must_wait(error: &Error) -> bool {
    let passing = [Class::Unavailable, Class::Aborted, Class::DeadlineExceeded];
    error.reason().is_some_and(|reason| !passing.contains(&reason.class()))
}
