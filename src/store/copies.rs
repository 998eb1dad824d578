//! Copies of backups in the second store, and of the content that they refer to.

use std::collections::HashSet;

use diesel::dsl::{Eq, Or, exists};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use uuid::Uuid;

use super::backups;
use super::clock::clock_timestamp;
use super::error::failed;
use super::literal::{Complete, Empty, Partial};
use super::schema::{backups as b, blobs, copied_blobs as c, second_store as s, tenant_keys as k, tenants as t};
use super::tx::{PlatformTx, Tx};
use crate::domain::backup::Backup;
use crate::domain::error::Result;
use crate::domain::id::{BackupId, BlobId, KeyId, StoreId, TenantUid};
use crate::domain::lifecycle::State;

/// Whether a backup is in a state in which it is copied.
fn usable() -> Or<Eq<b::state, Complete>, Eq<b::state, Partial>> {
    b::state.eq(Complete).or(b::state.eq(Partial))
}

/// Notes which store the copies are in, if there is one. What was noted of another one is forgotten: everything is copied anew.
pub async fn note_store(tx: &mut PlatformTx, store: Option<StoreId>) -> Result<()> {
    let known: Option<Uuid> = s::table.select(s::id).first(tx.conn()).await.optional().map_err(failed)?;
    if known == store.map(|store| store.0) {
        return Ok(());
    }
    diesel::delete(s::table).execute(tx.conn()).await.map_err(failed)?;
    if let Some(store) = store {
        let noted = diesel::insert_into(s::table).values(s::id.eq(store.0)).on_conflict_do_nothing();
        noted.execute(tx.conn()).await.map_err(failed)?;
    }
    Ok(())
}

/// Which store the copies are in, if there is one.
pub async fn store(tx: &mut Tx) -> Result<Option<StoreId>> {
    let known = s::table.select(s::id).first::<Uuid>(tx.conn()).await.optional().map_err(failed)?;
    Ok(known.map(StoreId))
}

/// Tenants that have backups to be copied, at most `most`.
pub async fn tenants_to_copy(tx: &mut PlatformTx, most: i64) -> Result<Vec<TenantUid>> {
    let going = [State::PreparingDeletion.name(), State::Prepared.name()];
    let found = b::table
        .inner_join(t::table.on(t::tenant_id.eq(b::tenant_id)))
        .filter(usable())
        .filter(b::copied_to.is_null())
        .filter(b::reason.eq(Empty))
        .filter(t::state.ne_all(going))
        .filter(exists(s::table.select(s::id)))
        .select(b::tenant_id)
        .distinct()
        .limit(most);
    Ok(found.load::<Uuid>(tx.conn()).await.map_err(failed)?.into_iter().map(TenantUid).collect())
}

/// The first backup of the transaction's tenant that is to be copied. One that is damaged is not.
pub async fn next(tx: &mut Tx) -> Result<Option<Backup>> {
    let first = b::table
        .filter(b::tenant_id.eq(tx.tenant().0))
        .filter(usable())
        .filter(b::copied_to.is_null())
        .filter(b::reason.eq(Empty))
        .order(b::seq)
        .select(b::id)
        .first::<Uuid>(tx.conn())
        .await
        .optional()
        .map_err(failed)?;
    match first {
        Some(id) => backups::one(tx, BackupId(id)).await,
        None => Ok(None),
    }
}

/// The blobs of the transaction's tenant that are copied.
pub async fn copied(tx: &mut Tx) -> Result<HashSet<BlobId>> {
    let copied = c::table.filter(c::tenant_id.eq(tx.tenant().0)).select(c::blob_id);
    Ok(copied.load::<Uuid>(tx.conn()).await.map_err(failed)?.into_iter().map(BlobId).collect())
}

/// Notes that blobs of the transaction's tenant are copied; gives those that are gone by now.
pub async fn note_blobs(tx: &mut Tx, store: StoreId, copied: &[BlobId]) -> Result<Vec<BlobId>> {
    let tenant = tx.tenant().0;
    let there = blobs::table
        .filter(blobs::tenant_id.eq(tenant))
        .filter(blobs::id.eq_any(copied.iter().map(|blob| blob.0)))
        .select(blobs::id)
        .for_key_share();
    let there: HashSet<Uuid> = there.load(tx.conn()).await.map_err(failed)?.into_iter().collect();
    let row = |blob: &Uuid| (c::tenant_id.eq(tenant), c::blob_id.eq(*blob), c::store.eq(store.0));
    for some in there.iter().map(row).collect::<Vec<_>>().chunks(1000) {
        let noted = diesel::insert_into(c::table).values(some).on_conflict_do_nothing();
        noted.execute(tx.conn()).await.map_err(failed)?;
    }
    Ok(copied.iter().filter(|blob| !there.contains(&blob.0)).copied().collect())
}

/// Notes that all of a backup of the transaction's tenant is copied; says whether it is still there.
pub async fn note_backup(tx: &mut Tx, store: StoreId, id: BackupId) -> Result<bool> {
    let row = b::table.find((tx.tenant().0, id.0)).filter(usable());
    let copied = (b::copied_to.eq(store.0), b::copied_at.eq(clock_timestamp().nullable()));
    Ok(diesel::update(row).set(copied).execute(tx.conn()).await.map_err(failed)? == 1)
}

/// Whether a key of the transaction's tenant was destroyed.
pub async fn is_destroyed(tx: &mut Tx, key: KeyId) -> Result<bool> {
    let destroyed = k::table.find((tx.tenant().0, key.0)).filter(k::destroyed_at.is_not_null());
    diesel::select(exists(destroyed)).get_result(tx.conn()).await.map_err(failed)
}
