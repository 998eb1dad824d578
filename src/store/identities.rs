//! What tenants leave behind for ever: which uid had which code.

use std::collections::BTreeMap;

use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::error::failed;
use super::schema::tenant_identities as ti;
use super::tx::{PlatformTx, Tx};
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

/// The codes of those of these tenants that the transaction's tenant may know of: itself, and where its users and its guests
/// are at home and at work.
pub async fn codes(tx: &mut Tx, uids: &[TenantUid]) -> Result<BTreeMap<TenantUid, String>> {
    let uids: Vec<_> = uids.iter().map(|uid| uid.0).collect();
    let found = ti::table.filter(ti::uid.eq_any(uids)).select((ti::uid, ti::code));
    let found: Vec<(uuid::Uuid, String)> = found.load(tx.conn()).await.map_err(failed)?;
    Ok(found.into_iter().map(|(uid, code)| (TenantUid(uid), code)).collect())
}

/// The tenants that these codes and uids name, as far as the caller may know of them: an operator of all, others of those
/// that [`codes`] speaks of. Those that are not there any more are not among them.
pub async fn known(tx: &mut Tx, names: &[&str]) -> Result<BTreeMap<String, TenantUid>> {
    let (uids, codes): (Vec<&str>, Vec<&str>) = names.iter().partition(|name| TenantUid::parse(name).is_some());
    let uids: Vec<_> = uids.iter().filter_map(|uid| TenantUid::parse(uid)).map(|uid| uid.0).collect();
    let query = ti::table.filter(ti::uid.eq_any(uids).or(ti::code.eq_any(codes))).select((ti::uid, ti::code));
    let found: Vec<(uuid::Uuid, String)> = if tx.op().permit().crosses_tenants() {
        let found = query.load(tx.across_tenants().await?).await.map_err(failed)?;
        tx.within_tenant().await?;
        found
    } else {
        query.load(tx.conn()).await.map_err(failed)?
    };
    let named = |name: &&str| {
        let uid = TenantUid::parse(name).map(|uid| uid.0);
        let tenant = found.iter().find(|(found, code)| Some(*found) == uid || code == name)?;
        Some(((*name).to_owned(), TenantUid(tenant.0)))
    };
    Ok(names.iter().filter_map(named).collect())
}
