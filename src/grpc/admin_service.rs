//! AdminService: decode, call the use case, encode.

use std::time::Duration;

use super::convert::fields::{Fields, duration, whole_seconds};
use super::guarded::AdminServiceHandler;
use crate::app::App;
use crate::app::settings::UpdateSettings;
use crate::context::OpContext;
use crate::domain::error::Result;
use crate::proto::v1;
use crate::store::migrate;
use crate::store::settings::Settings;

/// The service.
pub struct AdminService(pub App);

/// The longest cool-down.
const LONGEST_COOLDOWN: Duration = Duration::from_secs(30 * 24 * 3600);

#[tonic::async_trait]
impl AdminServiceHandler for AdminService {
    async fn get_version(&self, _: OpContext, _: v1::GetVersionRequest) -> Result<v1::GetVersionResponse> {
        let version = env!("CARGO_PKG_VERSION").to_owned();
        Ok(v1::GetVersionResponse { version, schema_version: migrate::newest() })
    }

    async fn get_settings(&self, op: OpContext, _: v1::GetSettingsRequest) -> Result<v1::GetSettingsResponse> {
        Ok(v1::GetSettingsResponse { settings: Some(settings(&self.0.get_settings(op).await?)) })
    }

    async fn update_settings(
        &self,
        op: OpContext,
        request: v1::UpdateSettingsRequest,
    ) -> Result<v1::UpdateSettingsResponse> {
        let changed = self.0.update_settings(op, update(request)?).await?;
        Ok(v1::UpdateSettingsResponse { settings: Some(settings(&changed)) })
    }
}

fn settings(settings: &Settings) -> v1::Settings {
    v1::Settings { failed_tenant_cooldown: Some(duration(settings.failed_tenant_cooldown)), etag: settings.etag() }
}

fn update(request: v1::UpdateSettingsRequest) -> Result<UpdateSettings> {
    const CHANGEABLE: &str = "failed_tenant_cooldown";
    let sent = request.settings.unwrap_or_default();
    let populated = || sent.failed_tenant_cooldown.iter().map(|_| CHANGEABLE.to_owned()).collect();
    let paths: Vec<String> = request.update_mask.map_or_else(populated, |mask| mask.paths);
    let mut fields = Fields::default();
    let mut failed_tenant_cooldown = None;
    for path in &paths {
        if path == CHANGEABLE {
            let cooldown = whole_seconds(sent.failed_tenant_cooldown.unwrap_or_default(), LONGEST_COOLDOWN);
            failed_tenant_cooldown = fields.take("settings.failed_tenant_cooldown", cooldown);
        } else {
            fields.refuse("update_mask", format!("may name {CHANGEABLE} only, not {path}"));
        }
    }
    if paths.is_empty() {
        fields.refuse("update_mask", format!("must name at least one of {CHANGEABLE}"));
    }
    fields.finish(Some(UpdateSettings { failed_tenant_cooldown, etag: sent.etag }))
}
