//! The settings of the platform: one row.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use serde::{Deserialize, Serialize};
use std::time::Duration;

use super::error::failed;
use super::schema::settings as s;
use super::tx::Tx;
use crate::domain::error::Result;

/// The settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// How long a failed tenant must rest before it can be deleted.
    pub failed_tenant_cooldown: Duration,
    /// Grows with each change.
    pub version: i64,
}

/// The settings as they are.
pub async fn load(tx: &mut Tx) -> Result<Settings> {
    let (seconds, version): (i64, i64) =
        s::table.select((s::failed_tenant_cooldown, s::version)).first(tx.conn()).await.map_err(failed)?;
    Ok(Settings { failed_tenant_cooldown: Duration::from_secs(seconds.unsigned_abs()), version })
}

/// Changes the settings from the given version on. False: they have changed since.
pub async fn update(tx: &mut Tx, settings: &Settings) -> Result<bool> {
    let seconds = i64::try_from(settings.failed_tenant_cooldown.as_secs()).unwrap_or(i64::MAX);
    let changed = diesel::update(s::table.filter(s::version.eq(settings.version)))
        .set((s::failed_tenant_cooldown.eq(seconds), s::version.eq(s::version + 1)))
        .execute(tx.conn())
        .await
        .map_err(failed)?;
    Ok(changed == 1)
}
