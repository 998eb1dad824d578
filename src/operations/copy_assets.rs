//! Copy assets: one after the other, each whole or not at all.
//!
//! The id of a copy follows from what was asked for and from the asset, so whoever takes the operation over, or begins it again, finds
//! what is there. An asset that is deleted before its turn is not copied.

use async_trait::async_trait;
use uuid::Uuid;

use super::{Job, Next, Outside, Work, steps};
use crate::app::App;
use crate::app::assets::Copying;
use crate::domain::error::{Error, Reason, Result};
use crate::domain::id::{AssetId, TenantUid};
use crate::domain::names::names;
use crate::domain::operation::{Failure, Units};
use crate::store::tx::Tx;
use crate::store::{assets, uploads};

/// Bytes with which a batch ends.
const BATCH: i64 = 64 << 20;

/// Assets of a batch at most.
const MOST: usize = 100;

/// What it needs.
pub(super) struct CopyAssets {
    pub app: App,
    pub assets: Vec<AssetId>,
    pub destination: TenantUid,
    pub set: Uuid,
}

names! {
    /// Its steps.
    CopyStep {
        /// The assets are copied.
        Copy = "copy",
    }
}
steps!(CopyStep);

#[async_trait]
impl Work for CopyAssets {
    type Step = CopyStep;

    async fn outside(&self, job: &Job, _: CopyStep, so_far: Units) -> Result<Outside> {
        let copying = Copying {
            app: self.app.clone(),
            claim: job.claimed.claim,
            destination: self.destination,
            set: self.set,
            actor: job.claimed.actor.clone(),
            moves: false,
        };
        let total = i64::try_from(self.assets.len()).unwrap_or(i64::MAX);
        let (mut done, mut bytes) = (0, 0);
        for asset in self.assets.iter().skip(usize::try_from(so_far.done).unwrap_or(0)).take(MOST) {
            bytes += copying.copy(*asset).await.map_err(|error| of(*asset, error))?;
            done += 1;
            if bytes >= BATCH {
                break;
            }
        }
        let ended = so_far.done + done >= total;
        Ok(if ended { Outside::Done } else { Outside::More(Units { done, total }) })
    }

    async fn inside(&self, tx: &mut Tx, _: &Job, _: CopyStep) -> Result<Next<CopyStep>> {
        let copies: Vec<_> = self.assets.iter().map(|asset| Copying::id(self.set, *asset)).collect();
        let source = tx.tenant();
        tx.switch(self.destination).await?;
        let made = assets::names(tx, &copies).await?;
        tx.switch(source).await?;
        Ok(Next::Done(made))
    }

    /// What was on its way has no room reserved any more; what was copied stays.
    async fn undo(&self, tx: &mut Tx, _: &Job, _: &Failure) -> Result<()> {
        let source = tx.tenant();
        tx.switch(self.destination).await?;
        uploads::give_up_all(tx, self.set).await?;
        tx.switch(source).await
    }
}

/// The error of a copy, with the asset that it is about where that is damaged.
fn of(asset: AssetId, error: Error) -> Error {
    match error {
        Error::Refused(refusal) if refusal.reason == Reason::ContentCorrupt => {
            refusal.with("damaged", format!("the asset {asset}")).into()
        }
        other => other,
    }
}
