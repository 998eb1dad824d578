//! The limits of a tenant with what is in use, and its features. What keeps the limits are triggers, whoever uses them.

use std::collections::BTreeSet;

use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::error::failed;
use super::schema::{default_features as d, settings as s, tenant_features as f, tenant_limits as l};
use super::tx::Tx;
use crate::domain::error::Result;
use crate::domain::limits::{Features, Limits, LimitsPatch};

/// Both limits, what is in use of each, the version, and from how many percent on it is warned.
type Row = (Option<i64>, Option<i64>, i64, i64, i64, i32);

/// The limits of the transaction's tenant; None once it is gone.
pub async fn load(tx: &mut Tx) -> Result<Option<Limits>> {
    let warning_percent = s::table.select(s::limit_warning_percent).single_value().assume_not_null();
    let row: Option<Row> = l::table
        .find(tx.tenant().0)
        .select((l::max_users, l::disk_quota, l::users, l::storage_bytes, l::version, warning_percent))
        .first(tx.conn())
        .await
        .optional()
        .map_err(failed)?;
    let Some((max_users, disk_quota, users, storage_bytes, version, warning_percent)) = row else { return Ok(None) };
    Ok(Some(Limits { max_users, disk_quota, users, storage_bytes, warning_percent, version }))
}

/// Sets limits of the transaction's tenant, and reserves or gives back what follows from that.
pub async fn update(tx: &mut Tx, patch: &LimitsPatch) -> Result<()> {
    let row = l::table.find(tx.tenant().0);
    if let Some(max_users) = patch.max_users {
        diesel::update(row).set(l::max_users.eq(max_users)).execute(tx.conn()).await.map_err(failed)?;
    }
    if let Some(disk_quota) = patch.disk_quota {
        diesel::update(row).set(l::disk_quota.eq(disk_quota)).execute(tx.conn()).await.map_err(failed)?;
    }
    Ok(())
}

fn features((names, version): (Vec<String>, i64)) -> Features {
    Features { names: names.into_iter().collect(), version }
}

fn array(names: &BTreeSet<String>) -> Vec<&str> {
    names.iter().map(String::as_str).collect()
}

/// The features of the transaction's tenant; None once it is gone.
pub async fn load_features(tx: &mut Tx) -> Result<Option<Features>> {
    let row = f::table.find(tx.tenant().0).select((f::features, f::version)).first(tx.conn()).await;
    Ok(row.optional().map_err(failed)?.map(features))
}

/// Sets them.
pub async fn set_features(tx: &mut Tx, names: &BTreeSet<String>) -> Result<()> {
    diesel::update(f::table.find(tx.tenant().0))
        .set((f::features.eq(array(names)), f::version.eq(f::version + 1)))
        .execute(tx.conn())
        .await
        .map_err(failed)?;
    Ok(())
}

/// The features that a tenant gets which is made without others.
pub async fn default_features(tx: &mut Tx) -> Result<Features> {
    let row = d::table.select((d::features, d::version)).first(tx.conn()).await.map_err(failed)?;
    Ok(features(row))
}

/// The same, held until the transaction ends.
pub async fn default_features_for_change(tx: &mut Tx) -> Result<Features> {
    let row = d::table.select((d::features, d::version)).for_no_key_update().first(tx.conn()).await;
    Ok(features(row.map_err(failed)?))
}

/// Sets them.
pub async fn set_default_features(tx: &mut Tx, names: &BTreeSet<String>) -> Result<()> {
    diesel::update(d::table)
        .set((d::features.eq(array(names)), d::version.eq(d::version + 1)))
        .execute(tx.conn())
        .await
        .map_err(failed)?;
    Ok(())
}
