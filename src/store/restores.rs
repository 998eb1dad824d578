//! Which backup an operation restores, and whether it has done so.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::clock::clock_timestamp;
use super::error::failed;
use super::schema::{deleted_users as d, operations as o, restores as r};
use super::tx::Tx;
use crate::domain::error::Result;
use crate::domain::id::{BackupId, OperationId, UserId};

/// Notes that an operation restores a backup, which then stays until that has ended.
pub async fn begin(tx: &mut Tx, operation: OperationId, backup: BackupId) -> Result<()> {
    let row = (r::tenant_id.eq(tx.tenant().0), r::operation_id.eq(operation.0), r::backup_id.eq(backup.0));
    diesel::insert_into(r::table).values(row).execute(tx.conn()).await.map_err(failed)?;
    Ok(())
}

/// Notes, in the transaction that changes the tenant's data, that they are those of the backup.
pub async fn done(tx: &mut Tx, operation: OperationId) -> Result<()> {
    let row = r::table.find((tx.tenant().0, operation.0));
    diesel::update(row)
        .set(r::restored_at.eq(clock_timestamp().nullable()))
        .execute(tx.conn())
        .await
        .map_err(failed)?;
    Ok(())
}

/// Whether they are.
pub async fn is_done(tx: &mut Tx, operation: OperationId) -> Result<bool> {
    let done = r::table.find((tx.tenant().0, operation.0)).filter(r::restored_at.is_not_null());
    diesel::select(diesel::dsl::exists(done)).get_result(tx.conn()).await.map_err(failed)
}

/// The operation that restores a backup now, if one does.
pub async fn of(tx: &mut Tx, backup: BackupId) -> Result<Option<OperationId>> {
    let unfinished = r::table
        .inner_join(o::table.on(o::tenant_id.eq(r::tenant_id).and(o::id.eq(r::operation_id))))
        .filter(r::tenant_id.eq(tx.tenant().0))
        .filter(r::backup_id.eq(backup.0))
        .filter(o::ended_at.is_null())
        .select(r::operation_id);
    let found: Option<uuid::Uuid> = unfinished.first(tx.conn()).await.optional().map_err(failed)?;
    Ok(found.map(OperationId))
}

/// Users of the transaction's tenant whom somebody deleted. It need not be there any more.
pub async fn deleted_users(tx: &mut Tx) -> Result<Vec<UserId>> {
    let deleted = d::table.filter(d::tenant_id.eq(tx.tenant().0)).select(d::user_id);
    let deleted: Vec<uuid::Uuid> = deleted.load(tx.conn()).await.map_err(failed)?;
    Ok(deleted.into_iter().map(UserId).collect())
}
