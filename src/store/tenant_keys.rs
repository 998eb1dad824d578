//! Which keys tenants have. The keys themselves are in the object store.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use uuid::Uuid;

use super::clock::clock_timestamp;
use super::error::failed;
use super::schema::tenant_keys as k;
use super::tx::Tx;
use crate::domain::error::Result;
use crate::domain::id::KeyId;

/// The key that the transaction's tenant seals with, if it has one yet.
pub async fn current(tx: &mut Tx) -> Result<Option<KeyId>> {
    let key = k::table.filter(k::tenant_id.eq(tx.tenant().0)).filter(k::destroyed_at.is_null()).select(k::id);
    Ok(key.first::<Uuid>(tx.conn()).await.optional().map_err(failed)?.map(KeyId))
}

/// Gives the transaction's tenant that key, unless it has one by now; says which it has.
pub async fn adopt(tx: &mut Tx, key: KeyId) -> Result<Option<KeyId>> {
    diesel::insert_into(k::table)
        .values((k::tenant_id.eq(tx.tenant().0), k::id.eq(key.0)))
        .on_conflict_do_nothing()
        .execute(tx.conn())
        .await
        .map_err(failed)?;
    current(tx).await
}

/// Notes that the keys of the transaction's tenant are no more; gives all that it ever had.
pub async fn note_destruction(tx: &mut Tx) -> Result<Vec<KeyId>> {
    let keys = k::table.filter(k::tenant_id.eq(tx.tenant().0));
    let now = clock_timestamp().nullable();
    let noted = diesel::update(keys.filter(k::destroyed_at.is_null())).set(k::destroyed_at.eq(now));
    noted.execute(tx.conn()).await.map_err(failed)?;
    let ids = keys.select(k::id).load::<Uuid>(tx.conn()).await.map_err(failed)?;
    Ok(ids.into_iter().map(KeyId).collect())
}
