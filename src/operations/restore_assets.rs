//! Restore assets: some of those that a backup has come back, all at once, while the tenant works.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;

use super::{Job, Next, Outside, Work, steps};
use crate::app::App;
use crate::domain::asset::AssetKind;
use crate::domain::error::Result;
use crate::domain::id::{AssetId, BackupId};
use crate::domain::names::names;
use crate::domain::operation::Units;
use crate::store::assets;
use crate::store::tx::Tx;

/// What it needs.
pub(super) struct RestoreAssets {
    pub app: App,
    pub backup: BackupId,
    pub assets: Vec<AssetId>,
    pub kinds: BTreeSet<AssetKind>,
    /// The first of those that came, from the outside part for the inside part.
    pub brought: Mutex<Vec<AssetId>>,
}

names! {
    /// Its steps.
    RestoreAssetsStep {
        /// They come back.
        Assets = "assets",
    }
}
steps!(RestoreAssetsStep);

#[async_trait]
impl Work for RestoreAssets {
    type Step = RestoreAssetsStep;

    async fn outside(&self, job: &Job, _: RestoreAssetsStep, _: Units) -> Result<Outside> {
        let brought = self.app.bring_back(job.claimed.claim, self.backup, &self.assets, &self.kinds).await?;
        *self.brought.lock().unwrap_or_else(PoisonError::into_inner) = brought;
        Ok(Outside::Done)
    }

    async fn inside(&self, tx: &mut Tx, _: &Job, _: RestoreAssetsStep) -> Result<Next<RestoreAssetsStep>> {
        let brought = self.brought.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Ok(Next::Done(assets::names(tx, &brought).await?))
    }
}
