//! BackupAssets and RestoreAssets: single assets, into a backup of their own and back from any.

use std::collections::{BTreeMap, BTreeSet};

use futures::FutureExt as _;

use super::check_kind;
use super::copy::wanted;
use crate::app::App;
use crate::app::backups::{Begun, found as found_backup};
use crate::app::tenants::{begin, target};
use crate::authz::permit::Purpose;
use crate::context::OpContext;
use crate::domain::asset::AssetKind;
use crate::domain::backup::{Component, NewBackup};
use crate::domain::error::{Error, Result};
use crate::domain::id::{AssetId, BackupId};
use crate::domain::named::{Named, told};
use crate::domain::operation::{Operation, Params};
use crate::store::claims::{self, Claim};
use crate::store::connection::Beside;
use crate::store::restoration::{self, Destination};
use crate::store::tx::{Prepared, Tx};
use crate::store::{backups, tenants};

/// Assets to be backed up.
#[derive(Clone, Debug)]
pub struct BackupAssets {
    /// Which.
    pub assets: Vec<Named<AssetId>>,
    /// What people say of the backup.
    pub note: String,
}

/// Assets to be brought back.
#[derive(Clone, Debug)]
pub struct RestoreAssets {
    /// The backup that has them.
    pub backup: BackupId,
    /// Which; none: all that it has of the kinds that the caller may have to do with.
    pub assets: Vec<Named<AssetId>>,
}

impl App {
    /// Begins a backup of some assets.
    pub async fn backup_assets(&self, op: OpContext, new: BackupAssets) -> Result<Begun> {
        let begun = self.db.change(op, "backup-assets", new, |tx, new| back_up(tx, new).boxed()).await?;
        self.notify();
        Ok(begun)
    }

    /// Begins to bring assets back from a backup: those that are gone come, those that are there are called as they were.
    pub async fn restore_assets(&self, op: OpContext, asked: RestoreAssets) -> Result<Operation> {
        let RestoreAssets { backup, assets } = asked;
        let looked = self.db.prepare(op.clone(), "backup-to-restore-from", backup, |tx, id| {
            async move {
                let found = found_backup(tx, *id).await?;
                found.usable()?;
                Ok((super::kinds(tx).await?, found))
            }
            .boxed()
        });
        let (kinds, found) = match looked.await? {
            Prepared::Goes(found) => found,
            Prepared::Answered(begun) => return Ok(begun),
        };
        let there = self.open_backup(&found).await?.assets().await?;
        let chosen = choose(&there, &assets, &kinds)?;
        let input = (backup, chosen, assets);
        let begun = self.db.change(op, "restore-assets", input, |tx, (backup, (ids, kinds), named)| {
            async move {
                target(tx).await?;
                backups::hold(tx, *backup).await?;
                let name = found_backup(tx, *backup).await?.name();
                tx.about(name);
                for kind in kinds {
                    check_kind(tx, *kind).await?;
                }
                if !named.is_empty() {
                    tx.tell("assets", told(named));
                }
                begin(tx, &Params::RestoreAssets { backup: *backup, assets: ids.clone(), kinds: kinds.clone() }).await
            }
            .boxed()
        });
        let begun = begun.await?;
        self.notify();
        Ok(begun)
    }

    /// Brings assets back as they are in a backup of the operation's tenant, and says which the first of them are.
    pub(crate) async fn bring_back(
        &self,
        claim: Claim,
        backup: BackupId,
        assets: &[AssetId],
        kinds: &BTreeSet<AssetKind>,
    ) -> Result<Vec<AssetId>> {
        let op = OpContext::system(Purpose::Worker, Some(claim.tenant));
        let found = self.db.read(op.clone(), "backup-to-restore", backup, |tx, id| backups::one(tx, *id).boxed());
        let backup = found.await?.ok_or_else(|| Error::not_found("the backup"))?;
        let open = self.open_backup(&backup).await?;
        let wanted = |component: &Component| component.assets().is_some_and(|kind| kinds.contains(&kind));
        let components: Vec<_> = backup.components.iter().copied().filter(wanted).collect();
        let (own, laid) = open.lay_out(&self.db, &components, false, Destination::InPlace, Beside::Work).await?;
        let input = (laid, assets.to_vec());
        let brought = self.db.change_on(own, op, "bring-assets-back", input, move |tx, (laid, assets)| {
            async move {
                tenants::load_for_change(tx).await?;
                let brought = restoration::bring_back(tx, laid, assets).await?;
                // Last, not first: what takes this long must not keep the lease from being renewed.
                claims::fence_unless_cancelling(tx, &claim).await?;
                fail::fail_point!("restore-assets.brought");
                Ok(brought)
            }
            .boxed()
        });
        brought.await.map_err(|error| open.judge(error))
    }
}

/// Of the assets of a backup those that are named, if any are, and the kinds of what is asked for.
fn choose(
    there: &BTreeMap<AssetId, AssetKind>,
    named: &[Named<AssetId>],
    may: &BTreeSet<AssetKind>,
) -> Result<(Vec<AssetId>, BTreeSet<AssetKind>)> {
    let chosen: BTreeSet<_> = named.iter().map(|asset| asset.id).collect();
    if let Some(missing) = named.iter().find(|asset| !there.contains_key(&asset.id)) {
        return Err(Error::field("assets", format!("{} is not in the backup", missing.name)));
    }
    let kinds: BTreeSet<_> = match named.is_empty() {
        true => there.values().filter(|kind| may.contains(kind)).copied().collect(),
        false => chosen.iter().filter_map(|id| there.get(id).copied()).collect(),
    };
    if kinds.is_empty() {
        return Err(Error::field("assets", "the backup has none of the kinds that you have the privilege for"));
    }
    Ok((chosen.into_iter().collect(), kinds))
}

async fn back_up(tx: &mut Tx, new: &BackupAssets) -> Result<Begun> {
    let tenant = target(tx).await?;
    let found = wanted(tx, &new.assets).await?;
    let kinds: BTreeSet<_> = found.iter().map(|asset| asset.kind).collect();
    let components =
        Component::ALL.iter().copied().filter(|component| component.assets().is_some_and(|kind| kinds.contains(&kind)));
    let new_backup = NewBackup { components: components.collect(), note: new.note.clone() };
    let mut assets: Vec<_> = found.into_iter().map(|asset| asset.id).collect();
    assets.sort_unstable();
    assets.dedup();
    let id = BackupId::new();
    let operation = begin(tx, &Params::BackUp { backup: id, assets }).await?;
    let creator = tx.op().actor().name_in(tenant.uid, &tenant.code);
    backups::begin(tx, id, operation.id, &new_backup, &[], &creator).await?;
    backups::select(tx, id).await?;
    let backup = backups::one(tx, id).await?.ok_or_else(|| Error::internal("backup", "it went away as it came"))?;
    tx.about(backup.name());
    tx.tell("assets", told(&new.assets));
    Ok(Begun { operation, backup })
}
