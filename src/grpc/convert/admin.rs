//! Settings as messages, and the requests that change them.

use std::time::Duration;

use super::fields::{Fields, duration, whole_seconds};
use super::limits::{MOST_BYTES, MOST_USERS, limit};
use super::mail_text;
use crate::app::settings::{AllSettings, SettingsPatch};
use crate::domain::error::Result;
use crate::proto::v1;

/// The longest cool-down.
const LONGEST_COOLDOWN: Duration = Duration::from_secs(30 * 24 * 3600);

/// The settings as a message.
pub fn settings(all: AllSettings) -> v1::Settings {
    let AllSettings { settings, mail_texts } = all;
    v1::Settings {
        failed_tenant_cooldown: Some(duration(settings.failed_tenant_cooldown)),
        etag: settings.etag(),
        multi_tenancy_enabled: Some(settings.multi_tenancy_enabled),
        force_delete_enabled: Some(settings.force_delete_enabled),
        default_max_users: settings.default_max_users,
        default_disk_quota_bytes: settings.default_disk_quota,
        limit_warning_percent: settings.limit_warning_percent,
        mail_texts: mail_texts.into_iter().map(mail_text::message).collect(),
    }
}

/// The fields that UpdateSettings changes.
const CHANGEABLE: [&str; 7] = [
    "failed_tenant_cooldown",
    "multi_tenancy_enabled",
    "force_delete_enabled",
    "default_max_users",
    "default_disk_quota_bytes",
    "limit_warning_percent",
    "mail_texts",
];

/// What UpdateSettings asks for, with the etag.
pub fn update_settings(request: v1::UpdateSettingsRequest) -> Result<(SettingsPatch, String)> {
    let sent = request.settings.unwrap_or_default();
    let paths = request.update_mask.map_or_else(|| populated(&sent), |mask| mask.paths);
    let mut fields = Fields::default();
    let mut patch = SettingsPatch::default();
    for path in &paths {
        match path.as_str() {
            "failed_tenant_cooldown" => {
                let cooldown = whole_seconds(sent.failed_tenant_cooldown.unwrap_or_default(), LONGEST_COOLDOWN);
                patch.failed_tenant_cooldown = fields.take("settings.failed_tenant_cooldown", cooldown);
            }
            "multi_tenancy_enabled" => {
                patch.multi_tenancy_enabled = Some(sent.multi_tenancy_enabled.unwrap_or_default())
            }
            "force_delete_enabled" => patch.force_delete_enabled = Some(sent.force_delete_enabled.unwrap_or_default()),
            "default_max_users" => {
                let wanted = sent.default_max_users.map(|sent| limit(sent, MOST_USERS)).transpose();
                patch.default_max_users = fields.take("settings.default_max_users", wanted);
            }
            "default_disk_quota_bytes" => {
                let wanted = sent.default_disk_quota_bytes.map(|sent| limit(sent, MOST_BYTES)).transpose();
                patch.default_disk_quota = fields.take("settings.default_disk_quota_bytes", wanted);
            }
            "limit_warning_percent" => {
                let percent = Some(sent.limit_warning_percent).filter(|percent| (1..=100).contains(percent));
                let percent = percent.ok_or_else(|| "must be 1 to 100".to_owned());
                patch.limit_warning_percent = fields.take("settings.limit_warning_percent", percent);
            }
            "mail_texts" => patch.mail_texts = mail_text::wanted(&mut fields, "settings.mail_texts", &sent.mail_texts),
            _ => fields.refuse("update_mask", format!("may name {} only, not {path}", CHANGEABLE.join(", "))),
        }
    }
    if paths.is_empty() {
        fields.refuse("update_mask", format!("must name at least one of {}", CHANGEABLE.join(", ")));
    }
    fields.finish(Some((patch, sent.etag)))
}

fn populated(sent: &v1::Settings) -> Vec<String> {
    let filled = [
        sent.failed_tenant_cooldown.is_some(),
        sent.multi_tenancy_enabled.is_some(),
        sent.force_delete_enabled.is_some(),
        sent.default_max_users.is_some(),
        sent.default_disk_quota_bytes.is_some(),
        sent.limit_warning_percent != 0,
        !sent.mail_texts.is_empty(),
    ];
    CHANGEABLE.iter().zip(filled).filter(|(_, filled)| *filled).map(|(path, _)| (*path).to_owned()).collect()
}
