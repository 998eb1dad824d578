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

/// What UpdateSettings asks for, with the etag.
pub fn update_settings(request: v1::UpdateSettingsRequest) -> Result<(SettingsPatch, String)> {
    let sent = request.settings.unwrap_or_default();
    let mut fields = Fields::default();
    let changeable = [
        ("failed_tenant_cooldown", sent.failed_tenant_cooldown.is_some()),
        ("multi_tenancy_enabled", sent.multi_tenancy_enabled.is_some()),
        ("force_delete_enabled", sent.force_delete_enabled.is_some()),
        ("default_max_users", sent.default_max_users.is_some()),
        ("default_disk_quota_bytes", sent.default_disk_quota_bytes.is_some()),
        ("limit_warning_percent", sent.limit_warning_percent != 0),
        ("mail_texts", !sent.mail_texts.is_empty()),
    ];
    let [cooldown, multi_tenancy, force_delete, max_users, disk_quota, warning_percent, mail_texts] =
        fields.masked(request.update_mask, changeable);
    let mut patch = SettingsPatch::default();
    if cooldown {
        let cooldown = whole_seconds(sent.failed_tenant_cooldown.unwrap_or_default(), LONGEST_COOLDOWN);
        patch.failed_tenant_cooldown = fields.take("settings.failed_tenant_cooldown", cooldown);
    }
    if multi_tenancy {
        patch.multi_tenancy_enabled = Some(sent.multi_tenancy_enabled.unwrap_or_default());
    }
    if force_delete {
        patch.force_delete_enabled = Some(sent.force_delete_enabled.unwrap_or_default());
    }
    if max_users {
        let wanted = sent.default_max_users.map(|sent| limit(sent, MOST_USERS)).transpose();
        patch.default_max_users = fields.take("settings.default_max_users", wanted);
    }
    if disk_quota {
        let wanted = sent.default_disk_quota_bytes.map(|sent| limit(sent, MOST_BYTES)).transpose();
        patch.default_disk_quota = fields.take("settings.default_disk_quota_bytes", wanted);
    }
    if warning_percent {
        let percent = Some(sent.limit_warning_percent).filter(|percent| (1..=100).contains(percent));
        let percent = percent.ok_or_else(|| "must be 1 to 100".to_owned());
        patch.limit_warning_percent = fields.take("settings.limit_warning_percent", percent);
    }
    if mail_texts {
        patch.mail_texts = mail_text::wanted(&mut fields, "settings.mail_texts", &sent.mail_texts);
    }
    fields.finish(Some((patch, sent.etag)))
}
