//! The settings of the platform: one row.

use std::time::Duration;

use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use serde::{Deserialize, Serialize};

use super::error::failed;
use super::schema::settings as s;
use super::tx::Tx;
use crate::domain::error::Result;

/// The settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// How long a failed tenant must rest before it can be deleted.
    pub failed_tenant_cooldown: Duration,
    /// Whether there may be more than one tenant besides the infrastructure tenant.
    #[serde(default = "yes")]
    pub multi_tenancy_enabled: bool,
    /// Whether a tenant may be prepared and deleted in one call.
    #[serde(default)]
    pub force_delete_enabled: bool,
    /// Users that a new tenant may have, unless it is made with another limit; none: as many as it likes.
    #[serde(default)]
    pub default_max_users: Option<i64>,
    /// Bytes that a new tenant may store, likewise.
    #[serde(default)]
    pub default_disk_quota: Option<i64>,
    /// From which part of a limit on, in percent, people are warned.
    #[serde(default = "ninety")]
    pub limit_warning_percent: i32,
    /// Grows with each change.
    pub version: i64,
}

fn yes() -> bool {
    true
}

fn ninety() -> i32 {
    90
}

/// The settings, held: whoever changes them waits until this transaction ends.
pub async fn hold(tx: &mut Tx) -> Result<Settings> {
    s::table.select(s::version).for_share().first::<i64>(tx.conn()).await.map_err(failed)?;
    load(tx).await
}

/// The same, for a transaction that changes them itself.
pub async fn load_for_change(tx: &mut Tx) -> Result<Settings> {
    s::table.select(s::version).for_no_key_update().first::<i64>(tx.conn()).await.map_err(failed)?;
    load(tx).await
}

/// The settings as they are.
pub async fn load(tx: &mut Tx) -> Result<Settings> {
    type Row = (i64, bool, bool, Option<i64>, Option<i64>, i32, i64);
    let query = s::table.select((
        s::failed_tenant_cooldown,
        s::multi_tenancy_enabled,
        s::force_delete_enabled,
        s::default_max_users,
        s::default_disk_quota,
        s::limit_warning_percent,
        s::version,
    ));
    let row: Row = query.first(tx.conn()).await.map_err(failed)?;
    let (
        cooldown,
        multi_tenancy_enabled,
        force_delete_enabled,
        default_max_users,
        default_disk_quota,
        percent,
        version,
    ) = row;
    Ok(Settings {
        failed_tenant_cooldown: Duration::from_secs(cooldown.unsigned_abs()),
        multi_tenancy_enabled,
        force_delete_enabled,
        default_max_users,
        default_disk_quota,
        limit_warning_percent: percent,
        version,
    })
}

/// Changes the settings, which [`load_for_change`] holds.
pub async fn update(tx: &mut Tx, settings: &Settings) -> Result<()> {
    let seconds = i64::try_from(settings.failed_tenant_cooldown.as_secs()).unwrap_or(i64::MAX);
    diesel::update(s::table)
        .set((
            s::failed_tenant_cooldown.eq(seconds),
            s::multi_tenancy_enabled.eq(settings.multi_tenancy_enabled),
            s::force_delete_enabled.eq(settings.force_delete_enabled),
            s::default_max_users.eq(settings.default_max_users),
            s::default_disk_quota.eq(settings.default_disk_quota),
            s::limit_warning_percent.eq(settings.limit_warning_percent),
            s::version.eq(s::version + 1),
        ))
        .execute(tx.conn())
        .await
        .map_err(failed)?;
    Ok(())
}
