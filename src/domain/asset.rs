//! Assets: what tenants keep here, such as templates, databases and recordings.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::blob::Sha256;
use super::error::{Error, Reason, Refusal, Result};
use super::extension::Extension;
use super::id::{AssetId, UserId};
use super::name::AssetName;
use super::names::names;
use super::privilege::Privilege;

names! {
    /// What an asset is.
    AssetKind {
        /// A filter.
        Filter = "FILTER",
        /// A template.
        Template = "TEMPLATE",
        /// A script that makes reports.
        ReportScript = "REPORT_SCRIPT",
        /// A database.
        Database = "DATABASE",
        /// An analysis, or a query of one.
        Analysis = "ANALYSIS",
        /// A dashboard.
        Dashboard = "DASHBOARD",
        /// A document.
        Document = "DOCUMENT",
        /// A part of the portal.
        Portal = "PORTAL",
        /// What people work on together.
        Collaboration = "COLLABORATION",
        /// A process that is governed.
        Process = "PROCESS",
        /// What ARCM keeps.
        Arcm = "ARCM",
        /// A recorded call.
        Recording = "RECORDING",
        /// Anything else.
        Other = "OTHER",
    }
}

impl AssetKind {
    /// The privilege that is needed for assets of the kind.
    pub const fn privilege(self) -> Privilege {
        match self {
            Self::Filter | Self::Template | Self::ReportScript | Self::Recording | Self::Other => {
                Privilege::ServerAdministrator
            }
            Self::Database => Privilege::DatabaseAdministrator,
            Self::Analysis => Privilege::AnalysisAdministrator,
            Self::Dashboard => Privilege::DashboardAdministrator,
            Self::Document => Privilege::DocumentAdministrator,
            Self::Portal => Privilege::PortalAdministrator,
            Self::Collaboration => Privilege::CollaborationAdministrator,
            Self::Process => Privilege::ProcessGovernanceAdministrator,
            Self::Arcm => Privilege::ArcmAdministrator,
        }
    }
}

/// What is said of an asset beside its content.
pub type Metadata = BTreeMap<String, String>;

/// The metadata, or what is allowed instead.
pub fn metadata(metadata: Metadata) -> Result<Metadata, String> {
    let key_fits = |key: &str| {
        (1..=63).contains(&key.len())
            && key.starts_with(|c: char| c.is_ascii_lowercase())
            && key.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"_./-".contains(&b))
    };
    if metadata.len() > 64 {
        return Err("must have at most 64 entries".into());
    }
    if !metadata.keys().all(|key| key_fits(key)) {
        return Err("keys must match [a-z][a-z0-9_./-]{0,62}".into());
    }
    if metadata.values().any(|value| value.chars().count() > 1000 || value.contains('\0')) {
        return Err("values must have at most 1000 characters".into());
    }
    Ok(metadata)
}

/// The call that was recorded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallRecorded {
    /// When it began.
    pub start: DateTime<Utc>,
    /// How long it was.
    pub duration: Duration,
    /// Who called.
    pub caller: String,
    /// Who was called.
    pub called: String,
    /// The extension by which tenant and user are found: one number.
    pub extension: Extension,
}

/// An asset to be made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewAsset {
    /// What it is.
    pub kind: AssetKind,
    /// What people call it.
    pub display_name: AssetName,
    /// Further facts.
    pub metadata: Metadata,
    /// Of a recording.
    pub call: Option<CallRecorded>,
}

/// An asset.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asset {
    /// Code of its tenant.
    pub tenant_code: String,
    /// Which.
    pub id: AssetId,
    /// What it is.
    pub kind: AssetKind,
    /// What people call it.
    pub display_name: String,
    /// Bytes of its content.
    pub bytes: i64,
    /// SHA-256 of its content.
    pub sha256: Sha256,
    /// Further facts.
    pub metadata: Metadata,
    /// Of a recording.
    pub call: Option<CallRecorded>,
    /// Whose recording it is.
    pub user: Option<UserId>,
    /// Who made it, by resource name.
    pub creator: String,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it was changed last.
    pub updated_at: DateTime<Utc>,
    /// Grows with each change.
    pub version: i64,
}

impl Asset {
    /// `tenants/{tenant}/assets/{asset}`.
    pub fn name(&self) -> String {
        format!("tenants/{}/assets/{}", self.tenant_code, self.id)
    }

    /// What callers send back to be sure that nobody was faster.
    pub fn etag(&self) -> String {
        format!("\"{:x}\"", self.version)
    }

    /// Refuses a change of an asset that is not as it was when it was read.
    pub fn check_etag(&self, sent: &str) -> Result<()> {
        if sent.is_empty() || sent == self.etag() { Ok(()) } else { Err(Error::stale(self.name())) }
    }
}

/// The refusal of assets of a kind that the caller has no privilege for.
pub fn not_privileged(kind: AssetKind) -> Error {
    let privilege = kind.privilege().name();
    let text = format!("assets of the kind {} need {privilege}", kind.name());
    Refusal::new(Reason::PrivilegeMissing, text).with("privilege", privilege).into()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn calls_on_assets_are_for_whoever_may_have_to_do_with_some_kind() {
        let needed: BTreeSet<_> = AssetKind::ALL.iter().map(|kind| kind.privilege()).collect();
        assert_eq!(needed, BTreeSet::from(Privilege::ASSETS));
    }

    #[test]
    fn metadata_is_bounded() {
        let of = |key: &str, value: &str| metadata(Metadata::from([(key.to_owned(), value.to_owned())]));
        assert!(of("source", "Überweisung 7\nzweite Zeile").is_ok());
        assert!(of("Source", "x").is_err());
        assert!(of("", "x").is_err());
        assert!(of("source", &"x".repeat(1001)).is_err());
        assert!(of("source", "a\0b").is_err());
        assert!(metadata((0..65).map(|i| (format!("k{i}"), String::new())).collect()).is_err());
    }
}
