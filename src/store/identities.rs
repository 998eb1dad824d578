//! What tenants leave behind for ever: which uid had which code.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::error::failed;
use super::schema::tenant_identities as ti;
use super::tx::PlatformTx;
use crate::domain::error::Result;
use crate::domain::id::TenantUid;

/// The tenant that a code or a uid names, gone ones included.
pub async fn resolve(tx: &mut PlatformTx, code_or_uid: &str) -> Result<Option<(TenantUid, String)>> {
    // Postgres can't even be asked for such a text.
    if code_or_uid.contains('\0') {
        return Ok(None);
    }
    let query = ti::table.select((ti::uid, ti::code));
    let found: Option<(uuid::Uuid, String)> = match TenantUid::parse(code_or_uid) {
        Some(uid) => query.filter(ti::uid.eq(uid.0)).first(tx.conn()).await,
        None => query.filter(ti::code.eq(code_or_uid)).first(tx.conn()).await,
    }
    .optional()
    .map_err(failed)?;
    Ok(found.map(|(uid, code)| (TenantUid(uid), code)))
}
