//! How much a tenant may have, and which features.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::error::{Error, Reason, Refusal, Result};

/// The limits of a tenant, and what of them is in use.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Users at most; none: no limit of its own.
    pub max_users: Option<i64>,
    /// Bytes that it may store; none: no limit of its own.
    pub disk_quota: Option<i64>,
    /// Accounts at home in it, without superuser.
    pub users: i64,
    /// Bytes that it stores.
    pub storage_bytes: i64,
    /// From which part of a limit on, in percent, people are warned.
    pub warning_percent: i32,
    /// Grows with each change of the limits.
    pub version: i64,
}

/// Whether so much of a limit is used that people are to be warned.
pub fn is_near(used: i64, most: i64, percent: i32) -> bool {
    i128::from(used) * 100 >= i128::from(most) * i128::from(percent)
}

/// A limit, for people.
pub fn limit_text(limit: Option<i64>) -> String {
    limit.map_or_else(|| "none".to_owned(), |limit| limit.to_string())
}

/// What to change of limits. The outer None leaves a limit as it is, the inner one takes it away.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LimitsPatch {
    /// Users at most.
    pub max_users: Option<Option<i64>>,
    /// Bytes at most.
    pub disk_quota: Option<Option<i64>>,
}

/// A limit that is nearly or wholly used up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Warning {
    /// Its field.
    pub limit: &'static str,
    /// What is in use.
    pub used: i64,
    /// Out of so much.
    pub most: i64,
}

impl Limits {
    /// What callers send back to be sure that nobody was faster.
    pub fn etag(&self) -> String {
        format!("\"{:x}\"", self.version)
    }

    /// The limits that are nearly or wholly used up.
    pub fn warnings(&self) -> Vec<Warning> {
        let all =
            [("max_users", self.users, self.max_users), ("disk_quota_bytes", self.storage_bytes, self.disk_quota)];
        let limited = all.into_iter().filter_map(|(limit, used, most)| Some(Warning { limit, used, most: most? }));
        limited.filter(|w| is_near(w.used, w.most, self.warning_percent)).collect()
    }

    /// Refuses so many bytes more, if the quota has no room for them.
    pub fn check_room(&self, bytes: i64) -> Result<()> {
        let Some(most) = self.disk_quota.filter(|most| self.storage_bytes.saturating_add(bytes) > *most) else {
            return Ok(());
        };
        let left = (most - self.storage_bytes).max(0);
        let text = format!(
            "the tenant has {left} of {most} bytes left; delete assets, or an operator raises disk_quota_bytes"
        );
        let refusal = Refusal::new(Reason::DiskQuotaExceeded, text)
            .with("left", left.to_string())
            .with("limit", most.to_string());
        Err(refusal.into())
    }

    /// Refuses limits below what is in use.
    pub fn check_use(&self, patch: &LimitsPatch) -> Result<()> {
        let wanted = [
            ("max_users", patch.max_users.flatten(), self.users),
            ("disk_quota_bytes", patch.disk_quota.flatten(), self.storage_bytes),
        ];
        for (limit, most, used) in wanted {
            if most.is_some_and(|most| most < used) {
                let text = format!("{limit} can't be less than the {used} in use");
                let refusal =
                    Refusal::new(Reason::LimitBelowUse, text).with("limit", limit).with("used", used.to_string());
                return Err(Error::from(refusal));
            }
        }
        Ok(())
    }
}

/// A set of features with its version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Features {
    /// Those that are on.
    pub names: BTreeSet<String>,
    /// Grows with each change.
    pub version: i64,
}

/// What to change of a set of features.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FeaturesPatch {
    /// To turn on.
    pub enable: BTreeSet<String>,
    /// To turn off.
    pub disable: BTreeSet<String>,
}

/// Features that one set may have.
const MOST_FEATURES: usize = 200;

impl Features {
    /// What callers send back to be sure that nobody was faster.
    pub fn etag(&self) -> String {
        format!("\"{:x}\"", self.version)
    }

    /// The names after the change, if they are not too many.
    pub fn after(&self, patch: &FeaturesPatch) -> Result<BTreeSet<String>> {
        let kept = self.names.iter().filter(|name| !patch.disable.contains(*name)).cloned();
        check_number("enable", kept.chain(patch.enable.iter().cloned()).collect())
    }
}

/// The names of features that a request has in `field`, or what is allowed there.
pub fn feature_names(field: &str, names: Vec<String>) -> Result<BTreeSet<String>> {
    if let Some(wrong) = names.iter().find(|name| !is_feature(name)) {
        let text = format!(
            "must be names of 1 to 63 lower-case letters, digits, dots and hyphens that begin with a letter, not {wrong:.64}"
        );
        return Err(Error::field(field, text));
    }
    check_number(field, names.into_iter().collect())
}

fn is_feature(name: &str) -> bool {
    let bytes = name.as_bytes();
    let inner = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'.');
    (1..=63).contains(&bytes.len()) && bytes[0].is_ascii_lowercase() && bytes.iter().all(inner)
}

fn check_number(field: &str, names: BTreeSet<String>) -> Result<BTreeSet<String>> {
    if names.len() <= MOST_FEATURES {
        return Ok(names);
    }
    Err(Error::field(field, format!("must leave at most {MOST_FEATURES} features on")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(used: i64, most: Option<i64>) -> Limits {
        Limits { max_users: most, disk_quota: None, users: used, storage_bytes: 0, warning_percent: 90, version: 1 }
    }

    #[test]
    fn who_comes_near_a_limit_is_warned() {
        assert_eq!(limits(8, Some(10)).warnings(), []);
        assert_eq!(limits(9, Some(10)).warnings(), [Warning { limit: "max_users", used: 9, most: 10 }]);
        assert_eq!(limits(i64::MAX, Some(i64::MAX)).warnings().len(), 1);
        assert_eq!(limits(9, None).warnings(), []);
    }

    #[test]
    fn a_limit_may_be_what_is_in_use_and_no_less() {
        let patch = |most| LimitsPatch { max_users: Some(most), ..LimitsPatch::default() };
        assert!(limits(5, None).check_use(&patch(Some(5))).is_ok());
        assert!(limits(5, None).check_use(&patch(None)).is_ok());
        let refused = limits(5, None).check_use(&patch(Some(4))).unwrap_err();
        assert_eq!(refused.reason(), Some(Reason::LimitBelowUse));
    }

    #[test]
    fn features_have_plain_names_and_there_are_not_too_many() {
        assert!(feature_names("features", vec!["a".into(), "sso.saml-2".into()]).is_ok());
        for wrong in ["", "A", "1a", "a b", "ä", &"x".repeat(64)] {
            assert!(feature_names("features", vec![wrong.into()]).is_err(), "{wrong}");
        }
        let many = |n: usize| (0..n).map(|i| format!("f{i}")).collect::<Vec<_>>();
        assert!(feature_names("features", many(200)).is_ok());
        assert!(feature_names("features", many(201)).is_err());
    }
}
