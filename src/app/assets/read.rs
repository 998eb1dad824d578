//! GetAsset and ListAssets.

use futures::FutureExt as _;

use super::{kinds, visible};
use crate::app::App;
use crate::context::OpContext;
use crate::domain::asset::Asset;
use crate::domain::asset_list::{AssetCursor, AssetQuery};
use crate::domain::error::Result;
use crate::domain::id::AssetId;
use crate::domain::page::{EXACT_TOTAL, Page};
use crate::store::asset_list;

impl App {
    /// One asset of a tenant.
    pub async fn get_asset(&self, op: OpContext, id: AssetId) -> Result<Asset> {
        self.db.read(op, "get-asset", id, |tx, id| visible(tx, *id).boxed()).await
    }

    /// A page of a tenant's assets of the kinds that the caller has a privilege for, and how many there are, counted up to one
    /// more than [`EXACT_TOTAL`].
    pub async fn list_assets(&self, op: OpContext, query: AssetQuery) -> Result<(Page<Asset, AssetCursor>, i64)> {
        let listed = self.db.read(op, "list-assets", query, |tx, query| {
            async move {
                let kinds: Vec<_> = kinds(tx).await?.into_iter().collect();
                asset_list::page(tx, query, &kinds, EXACT_TOTAL + 1).await
            }
            .boxed()
        });
        listed.await
    }
}
