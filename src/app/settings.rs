//! The settings of the platform.

use std::time::Duration;

use futures::FutureExt as _;

use super::App;
use crate::context::OpContext;
use crate::domain::error::{Error, Reason, Refusal, Result};
use crate::domain::id::TenantUid;
use crate::store::settings::{self, Settings};
use crate::store::tx::Tx;

/// What to change.
#[derive(Clone, Debug)]
pub struct UpdateSettings {
    /// New cool-down of failed tenants.
    pub failed_tenant_cooldown: Option<Duration>,
    /// What the caller has read.
    pub etag: String,
}

impl Settings {
    /// What callers send back to be sure that nobody was faster.
    pub fn etag(&self) -> String {
        format!("\"{:x}\"", self.version)
    }
}

impl App {
    /// The settings.
    pub async fn get_settings(&self, op: OpContext) -> Result<Settings> {
        let op = op.on(TenantUid::INFRASTRUCTURE);
        self.db.read(op, "get-settings", (), |tx, ()| settings::load(tx).boxed()).await
    }

    /// Changes settings.
    pub async fn update_settings(&self, op: OpContext, input: UpdateSettings) -> Result<Settings> {
        let op = op.on(TenantUid::INFRASTRUCTURE);
        self.db.change(op, "update-settings", input, |tx, input| update(tx, input).boxed()).await
    }
}

async fn update(tx: &mut Tx, input: &UpdateSettings) -> Result<Settings> {
    let current = settings::load(tx).await?;
    let wanted = Settings {
        failed_tenant_cooldown: input.failed_tenant_cooldown.unwrap_or(current.failed_tenant_cooldown),
        ..current
    };
    let fresh = input.etag.is_empty() || input.etag == current.etag();
    if !fresh || !settings::update(tx, &wanted).await? {
        let text = "the settings have changed since they were read; read them again";
        return Err(Error::from(Refusal::new(Reason::EtagMismatch, text)));
    }
    settings::load(tx).await
}
