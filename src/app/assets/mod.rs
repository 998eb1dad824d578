//! Use cases on the assets of a tenant.

mod back_up;
mod change;
mod copy;
mod download;
mod participant;
mod read;
mod recordings;
mod upload;

pub use back_up::{BackupAssets, RestoreAssets};
pub use change::UpdateAsset;
pub use copy::CopyAssets;
pub(crate) use copy::Copying;
pub use participant::Assets;

use std::collections::BTreeSet;

use crate::domain::asset::{Asset, AssetKind, not_privileged};
use crate::domain::error::Result;
use crate::domain::id::AssetId;
use crate::store::tx::Tx;
use crate::store::{assets, privileges};

/// The kinds of assets that whoever calls may have to do with. A service may with all, where it was given the call.
async fn kinds(tx: &mut Tx) -> Result<BTreeSet<AssetKind>> {
    let op = tx.op().clone();
    let Some((tenant, user)) = op.permit().subject() else { return Ok(AssetKind::ALL.iter().copied().collect()) };
    let held = privileges::of_user_in(tx, tenant, user).await?;
    Ok(AssetKind::ALL.iter().copied().filter(|kind| held.contains(&kind.privilege())).collect())
}

/// Refuses assets of a kind that whoever calls has nothing to do with.
async fn check_kind(tx: &mut Tx, kind: AssetKind) -> Result<()> {
    if kinds(tx).await?.contains(&kind) { Ok(()) } else { Err(not_privileged(kind)) }
}

/// An asset of the transaction's tenant that whoever calls may have to do with.
async fn visible(tx: &mut Tx, id: AssetId) -> Result<Asset> {
    let asset = assets::one(tx, id).await?.ok_or_else(|| tx.op().not_found())?;
    check_kind(tx, asset.kind).await?;
    Ok(asset)
}
