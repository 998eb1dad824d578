//! DownloadAsset.

use futures::FutureExt as _;

use super::visible;
use crate::app::App;
use crate::app::content::Given;
use crate::context::OpContext;
use crate::domain::asset::Asset;
use crate::domain::error::Result;
use crate::domain::id::AssetId;
use crate::store::{assets, blobs};

impl App {
    /// An asset, and its content from `offset` on.
    pub async fn download_asset(&self, op: OpContext, id: AssetId, offset: i64) -> Result<(Asset, Given)> {
        let found = self.db.read(op.clone(), "download-asset", id, |tx, id| {
            async move {
                let asset = visible(tx, *id).await?;
                let blob = assets::blob(tx, *id).await?;
                Ok((asset, blobs::load(tx, blob).await?))
            }
            .boxed()
        });
        let (asset, blob) = found.await?;
        Ok((asset, self.give(op, blob, offset).await?))
    }
}
