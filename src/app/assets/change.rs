//! UpdateAsset and DeleteAsset.

use futures::FutureExt as _;

use super::visible;
use crate::app::App;
use crate::app::tenants::target;
use crate::context::OpContext;
use crate::domain::asset::Asset;
use crate::domain::error::{Error, Result};
use crate::domain::id::AssetId;
use crate::store::assets::{self, AssetPatch};
use crate::store::tx::Tx;

/// What to change of an asset.
#[derive(Clone, Debug)]
pub struct UpdateAsset {
    /// Which.
    pub id: AssetId,
    /// What.
    pub patch: AssetPatch,
    /// As the caller has read it; empty: whatever it is.
    pub etag: String,
}

impl App {
    /// Changes what is said of an asset. Its content never changes.
    pub async fn update_asset(&self, op: OpContext, input: UpdateAsset) -> Result<Asset> {
        self.db.change(op, "update-asset", input, |tx, input| update(tx, input).boxed()).await
    }

    /// Deletes an asset.
    pub async fn delete_asset(&self, op: OpContext, id: AssetId, etag: String) -> Result<()> {
        self.db.change(op, "delete-asset", (id, etag), |tx, (id, etag)| delete(tx, *id, etag).boxed()).await
    }
}

/// The asset that the call names, held for the change and as the caller has read it.
async fn held(tx: &mut Tx, id: AssetId, etag: &str) -> Result<Asset> {
    target(tx).await?;
    assets::hold(tx, id).await?;
    let asset = visible(tx, id).await?;
    tx.about(asset.name());
    tx.tell("display_name", asset.display_name.as_str());
    tx.tell("kind", asset.kind.name());
    asset.check_etag(etag)?;
    Ok(asset)
}

async fn update(tx: &mut Tx, UpdateAsset { id, patch, etag }: &UpdateAsset) -> Result<Asset> {
    let asset = held(tx, *id, etag).await?;
    assets::update(tx, *id, patch).await?;
    let changed = assets::one(tx, *id).await?;
    let changed = changed.ok_or_else(|| Error::internal("asset", "it went away in its own transaction"))?;
    tx.tell_changes(facts(&asset), facts(&changed));
    Ok(changed)
}

/// The asset by field, for people.
fn facts(asset: &Asset) -> [(&'static str, String); 2] {
    // Values are the tenant's own affair, and operators read the trail, too.
    let keys = asset.metadata.keys().cloned().collect::<Vec<_>>();
    [("display_name", asset.display_name.clone()), ("metadata", keys.join(" "))]
}

async fn delete(tx: &mut Tx, id: AssetId, etag: &str) -> Result<()> {
    held(tx, id, etag).await?;
    assets::delete(tx, id).await.map(|_| ())
}
