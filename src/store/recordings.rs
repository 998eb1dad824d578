//! Whose recordings are: the tenant and the user who have the extension of the call.

use diesel::dsl::exists;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use uuid::Uuid;

use super::error::failed;
use super::literal::Recording;
use super::schema::{assets as a, tenant_extensions as e, tenants as t, uploads as u};
use super::tx::{PlatformTx, Tx};
use crate::domain::error::Result;
use crate::domain::extension::Extension;
use crate::domain::id::{AssetId, TenantUid};
use crate::domain::lifecycle::State;
use crate::domain::upload::UploadKey;

/// The tenant in use that has the number.
pub async fn tenant_with(tx: &mut PlatformTx, number: Extension) -> Result<Option<TenantUid>> {
    let number = number.codes().0;
    let in_use = exists(t::table.filter(t::tenant_id.eq(e::tenant_id)).filter(t::state.eq(State::Active.name())));
    let has = e::table.filter(e::first.le(number)).filter(e::last.ge(number)).filter(in_use).select(e::tenant_id);
    Ok(has.first(tx.conn()).await.optional().map_err(failed)?.map(TenantUid))
}

/// The tenant that an upload goes to.
pub async fn tenant_of_upload(tx: &mut PlatformTx, UploadKey { uploader, id }: UploadKey) -> Result<Option<TenantUid>> {
    let upload = u::table.filter(u::uploader_id.eq(uploader)).filter(u::id.eq(id.0)).select(u::tenant_id);
    Ok(upload.first(tx.conn()).await.optional().map_err(failed)?.map(TenantUid))
}

/// Recordings of the transaction's tenant of which nobody knows whose they are, from behind `after` on.
pub async fn unassigned(tx: &mut Tx, after: Option<AssetId>, most: i64) -> Result<Vec<(AssetId, Extension)>> {
    let mut found = a::table
        .filter(a::tenant_id.eq(tx.tenant().0))
        .filter(a::kind.eq(Recording))
        .filter(diesel::dsl::not(a::assigned))
        .order(a::id)
        .limit(most)
        .select((a::id, a::extension.assume_not_null()))
        .into_boxed();
    if let Some(after) = after {
        found = found.filter(a::id.gt(after.0));
    }
    let found: Vec<(Uuid, i64)> = found.load(tx.conn()).await.map_err(failed)?;
    Ok(found.into_iter().map(|(id, number)| (AssetId(id), Extension::stored(number, number))).collect())
}

/// Gives recordings of the transaction's tenant to the users who have their extensions, unless they were anybody's before. Says how many.
pub async fn assign(tx: &mut Tx, most: i64) -> Result<usize> {
    const ASSIGN: &str = "
        UPDATE assets a SET user_id = f.user_id, version = version + 1, updated_at = clock_timestamp()
        FROM (SELECT a.id, e.user_id FROM assets a JOIN user_extensions e
              ON e.tenant_id = a.tenant_id AND a.extension BETWEEN e.first AND e.last
              WHERE a.tenant_id = $1 AND a.kind = 'RECORDING' AND NOT a.assigned ORDER BY a.id LIMIT $2 FOR UPDATE OF a) f
        WHERE a.tenant_id = $1 AND a.id = f.id";
    let query = diesel::sql_query(ASSIGN).bind::<SqlUuid, _>(tx.tenant().0).bind::<BigInt, _>(most);
    query.execute(tx.conn()).await.map_err(failed)
}
