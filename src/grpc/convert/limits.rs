//! Limits and features as messages, and the requests that change them.

use super::fields::Fields;
use crate::domain::error::{Error, Result};
use crate::domain::limits::{Features, FeaturesPatch, Limits, LimitsPatch, feature_names};
use crate::proto::v1;

/// The most users that a limit can be.
pub const MOST_USERS: i64 = 1_000_000_000;
/// The most bytes that a quota can be.
pub const MOST_BYTES: i64 = 1 << 50;

/// The limits of a tenant as a message.
pub fn limits(tenant: &str, limits: &Limits) -> v1::TenantLimits {
    let warnings = limits.warnings().into_iter();
    v1::TenantLimits {
        name: format!("{tenant}/limits"),
        max_users: limits.max_users,
        disk_quota_bytes: limits.disk_quota,
        users: limits.users,
        storage_bytes: limits.storage_bytes,
        warnings: warnings
            .map(|w| v1::LimitWarning { limit: w.limit.to_owned(), used: w.used, most: w.most })
            .collect(),
        etag: limits.etag(),
    }
}

/// Features as a message.
pub fn features(name: String, features: &Features) -> v1::TenantFeatures {
    v1::TenantFeatures { name, features: features.names.iter().cloned().collect(), etag: features.etag() }
}

/// A limit, or what is allowed.
pub fn limit(sent: i64, most: i64) -> Result<i64, String> {
    if (1..=most).contains(&sent) { Ok(sent) } else { Err(format!("must be 1 to {most}")) }
}

/// The limits that a request for a tenant has; what is absent is left to the settings.
pub fn wanted(fields: &mut Fields, sent: &v1::TenantLimits) -> LimitsPatch {
    let mut take = |field: &str, value: Option<i64>, most| {
        value.and_then(|value| fields.take(format!("limits.{field}"), limit(value, most))).map(Some)
    };
    LimitsPatch {
        max_users: take("max_users", sent.max_users, MOST_USERS),
        disk_quota: take("disk_quota_bytes", sent.disk_quota_bytes, MOST_BYTES),
    }
}

/// What UpdateTenantLimits asks for, with the etag.
pub fn update(request: v1::UpdateTenantLimitsRequest) -> Result<(LimitsPatch, String)> {
    let sent = request.limits.unwrap_or_default();
    let mut fields = Fields::default();
    let changeable = [("max_users", sent.max_users.is_some()), ("disk_quota_bytes", sent.disk_quota_bytes.is_some())];
    let [max_users, disk_quota] = fields.masked(request.update_mask, changeable);
    let given = wanted(&mut fields, &sent);
    let patch = LimitsPatch {
        max_users: max_users.then_some(given.max_users.flatten()),
        disk_quota: disk_quota.then_some(given.disk_quota.flatten()),
    };
    fields.finish(Some((patch, sent.etag)))
}

/// What is to be turned on and off.
pub fn switched(enable: Vec<String>, disable: Vec<String>) -> Result<FeaturesPatch> {
    if enable.is_empty() && disable.is_empty() {
        return Err(Error::field("enable", "must name a feature, or disable must"));
    }
    let patch = FeaturesPatch { enable: feature_names("enable", enable)?, disable: feature_names("disable", disable)? };
    match patch.enable.intersection(&patch.disable).next() {
        Some(both) => Err(Error::field("disable", format!("must not name {both}, which enable names, too"))),
        None => Ok(patch),
    }
}

/// That a name is that of a tenant, or of the thing of that name in it.
pub fn check_name(field: &str, name: &str, thing: &str) -> Result<()> {
    match name.split('/').collect::<Vec<_>>().as_slice() {
        ["tenants", tenant] if *tenant != "-" => Ok(()),
        ["tenants", tenant, last] if *tenant != "-" && *last == thing => Ok(()),
        _ => Err(Error::field(field, format!("must be `tenants/{{tenant}}/{thing}` or `tenants/{{tenant}}`"))),
    }
}
