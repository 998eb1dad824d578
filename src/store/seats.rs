//! The seats that users have in a tenant. Triggers count them, and refuse one too many, whichever replica asks.

use diesel::dsl::exists;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use uuid::Uuid;

use super::error::{failed, gone_or_failed};
use super::schema::{system_licenses as s, tenant_licenses as l, user_licenses as u};
use super::tx::Tx;
use crate::domain::error::Result;
use crate::domain::id::UserId;
use crate::domain::name::LicenseKind;

/// Gives users of the transaction's tenant a seat: all of them or none. Gives how many had none of that kind.
pub async fn assign(tx: &mut Tx, kind: &LicenseKind, users: &[UserId]) -> Result<usize> {
    let tenant = tx.tenant().0;
    let row = |user: &UserId| (u::tenant_id.eq(tenant), u::user_id.eq(user.0), u::kind.eq(kind.as_str()));
    let rows: Vec<_> = users.iter().map(row).collect();
    let assigned = diesel::insert_into(u::table).values(rows).on_conflict_do_nothing().execute(tx.conn()).await;
    assigned.map_err(gone_or_failed)
}

/// Takes a seat from users of the transaction's tenant. Gives how many had one.
pub async fn unassign(tx: &mut Tx, kind: &LicenseKind, users: &[UserId]) -> Result<usize> {
    let users: Vec<Uuid> = users.iter().map(|user| user.0).collect();
    let held = u::table.filter(u::tenant_id.eq(tx.tenant().0)).filter(u::kind.eq(kind.as_str()));
    diesel::delete(held.filter(u::user_id.eq_any(users))).execute(tx.conn()).await.map_err(failed)
}

/// Sees to it that a user has a seat that permits log-in, if the transaction's tenant is metered: one that it has, or else a
/// free one of the first kind by name. False: none is free.
pub async fn take_for_log_in(tx: &mut Tx, user: UserId) -> Result<bool> {
    let tenant = tx.tenant().0;
    let metered = exists(l::table.filter(l::tenant_id.eq(tenant)));
    let metered: bool = diesel::select(metered).get_result(tx.conn()).await.map_err(failed)?;
    if !metered || may_log_in(tx, user).await? {
        return Ok(true);
    }
    // Whoever takes one at the same time is waited for: another user, or this one on another replica.
    let kinds: Vec<(String, i64, i64)> = l::table
        .filter(l::tenant_id.eq(tenant))
        .filter(l::kind.eq_any(s::table.filter(s::permits_log_in).select(s::kind)))
        .order(l::kind)
        .select((l::kind, l::quantity, l::used))
        .for_no_key_update()
        .load(tx.conn())
        .await
        .map_err(failed)?;
    if may_log_in(tx, user).await? {
        return Ok(true);
    }
    let Some((kind, ..)) = kinds.into_iter().find(|(_, quantity, used)| used < quantity) else { return Ok(false) };
    diesel::insert_into(u::table)
        .values((u::tenant_id.eq(tenant), u::user_id.eq(user.0), u::kind.eq(kind)))
        .execute(tx.conn())
        .await
        .map_err(failed)?;
    Ok(true)
}

/// Whether a user has a seat in the transaction's tenant that permits log-in.
async fn may_log_in(tx: &mut Tx, user: UserId) -> Result<bool> {
    let seat = u::table
        .inner_join(s::table.on(s::kind.eq(u::kind)))
        .filter(u::tenant_id.eq(tx.tenant().0))
        .filter(u::user_id.eq(user.0))
        .filter(s::permits_log_in);
    diesel::select(exists(seat)).get_result(tx.conn()).await.map_err(failed)
}
