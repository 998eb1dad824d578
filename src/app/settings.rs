//! The settings of the platform.

use std::time::Duration;

use futures::FutureExt as _;
use serde::{Deserialize, Serialize};

use super::App;
use crate::context::OpContext;
use crate::domain::error::{Error, Reason, Refusal, Result};
use crate::domain::id::TenantUid;
use crate::domain::limits::limit_text;
use crate::domain::mail::OwnMailText;
use crate::store::mail_texts;
use crate::store::settings::{self, Settings};
use crate::store::tx::Tx;

/// What to change; what is None stays.
#[derive(Clone, Debug, Default)]
pub struct SettingsPatch {
    /// New cool-down of failed tenants.
    pub failed_tenant_cooldown: Option<Duration>,
    /// Whether there may be several tenants.
    pub multi_tenancy_enabled: Option<bool>,
    /// Whether tenants may be deleted in one call.
    pub force_delete_enabled: Option<bool>,
    /// Users that a new tenant may have; the inner None takes the limit away.
    pub default_max_users: Option<Option<i64>>,
    /// Bytes that a new tenant may store, likewise.
    pub default_disk_quota: Option<Option<i64>>,
    /// From which part of a limit on people are warned.
    pub limit_warning_percent: Option<i32>,
    /// The operators' own texts of mails, all of them.
    pub mail_texts: Option<Vec<OwnMailText>>,
}

/// The settings with the texts that go with them. Once kept, an answer is read by later versions, too.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AllSettings {
    /// The settings.
    #[serde(flatten)]
    pub settings: Settings,
    /// The operators' own texts of mails.
    #[serde(default)]
    pub mail_texts: Vec<OwnMailText>,
}

impl AllSettings {
    async fn load(tx: &mut Tx) -> Result<Self> {
        Ok(Self { settings: settings::load(tx).await?, mail_texts: mail_texts::load(tx).await? })
    }
}

impl Settings {
    /// What callers send back to be sure that nobody was faster.
    pub fn etag(&self) -> String {
        format!("\"{:x}\"", self.version)
    }

    fn after(self, patch: &SettingsPatch) -> Self {
        Self {
            failed_tenant_cooldown: patch.failed_tenant_cooldown.unwrap_or(self.failed_tenant_cooldown),
            multi_tenancy_enabled: patch.multi_tenancy_enabled.unwrap_or(self.multi_tenancy_enabled),
            force_delete_enabled: patch.force_delete_enabled.unwrap_or(self.force_delete_enabled),
            default_max_users: patch.default_max_users.unwrap_or(self.default_max_users),
            default_disk_quota: patch.default_disk_quota.unwrap_or(self.default_disk_quota),
            limit_warning_percent: patch.limit_warning_percent.unwrap_or(self.limit_warning_percent),
            version: self.version,
        }
    }
}

impl App {
    /// The settings.
    pub async fn get_settings(&self, op: OpContext) -> Result<AllSettings> {
        let op = op.on(TenantUid::INFRASTRUCTURE);
        self.db.read(op, "get-settings", (), |tx, ()| AllSettings::load(tx).boxed()).await
    }

    /// Changes settings, if they are as the caller has read them.
    pub async fn update_settings(&self, op: OpContext, patch: SettingsPatch, etag: String) -> Result<AllSettings> {
        let op = op.on(TenantUid::INFRASTRUCTURE);
        self.db.change(op, "update-settings", (patch, etag), |tx, (patch, etag)| update(tx, patch, etag).boxed()).await
    }
}

async fn update(tx: &mut Tx, patch: &SettingsPatch, etag: &str) -> Result<AllSettings> {
    tx.about("settings".to_owned());
    let current = settings::load_for_change(tx).await?;
    if !etag.is_empty() && etag != current.etag() {
        let text = "the settings have changed since they were read; read them again";
        return Err(Error::from(Refusal::new(Reason::EtagMismatch, text)));
    }
    settings::update(tx, &current.after(patch)).await?;
    if let Some(texts) = &patch.mail_texts {
        mail_texts::replace(tx, texts).await?;
        tx.tell("mail_texts", listed(texts));
    }
    let changed = AllSettings::load(tx).await?;
    tx.tell_changes(facts(&current), facts(&changed.settings));
    Ok(changed)
}

/// Which texts there are, for people.
pub(super) fn listed(texts: &[OwnMailText]) -> String {
    let names: Vec<_> = texts.iter().map(|own| format!("{} {}", own.mail.name(), own.language)).collect();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

/// The settings by field, for people.
fn facts(settings: &Settings) -> [(&'static str, String); 6] {
    [
        ("failed_tenant_cooldown", format!("{}s", settings.failed_tenant_cooldown.as_secs())),
        ("multi_tenancy_enabled", settings.multi_tenancy_enabled.to_string()),
        ("force_delete_enabled", settings.force_delete_enabled.to_string()),
        ("default_max_users", limit_text(settings.default_max_users)),
        ("default_disk_quota_bytes", limit_text(settings.default_disk_quota)),
        ("limit_warning_percent", settings.limit_warning_percent.to_string()),
    ]
}
