//! Backups: what a tenant had at one moment, whole or in parts.

use chrono::{DateTime, FixedOffset, Utc};
use serde::{Deserialize, Serialize};

use super::asset::AssetKind;
use super::error::{Error, Reason, Refusal, Result};
use super::id::{BackupId, BlobId, KeyId, OperationId, TenantUid};
use super::names::names;
use super::operation::Failure;
use super::privilege::Privilege;

names! {
    /// What a backup has parts for.
    Component {
        /// Users, groups, roles and privileges.
        Users = "users",
        /// The tenant's profile, features and mail texts.
        Settings = "settings",
        /// Who has which seat.
        Licenses = "licenses",
        /// Assets of the kind FILTER.
        Filters = "filters",
        /// TEMPLATE.
        Templates = "templates",
        /// REPORT_SCRIPT.
        ReportScripts = "report-scripts",
        /// DATABASE.
        Databases = "databases",
        /// ANALYSIS.
        Analyses = "analyses",
        /// DASHBOARD.
        Dashboards = "dashboards",
        /// DOCUMENT.
        Documents = "documents",
        /// PORTAL.
        Portal = "portal",
        /// COLLABORATION.
        Collaboration = "collaboration",
        /// PROCESS.
        Processes = "processes",
        /// ARCM.
        Arcm = "arcm",
        /// RECORDING.
        Recordings = "recordings",
        /// OTHER.
        Others = "others",
    }
}

impl Component {
    /// The kind of assets that it has; none: it has rows alone.
    pub const fn assets(self) -> Option<AssetKind> {
        Some(match self {
            Self::Users | Self::Settings | Self::Licenses => return None,
            Self::Filters => AssetKind::Filter,
            Self::Templates => AssetKind::Template,
            Self::ReportScripts => AssetKind::ReportScript,
            Self::Databases => AssetKind::Database,
            Self::Analyses => AssetKind::Analysis,
            Self::Dashboards => AssetKind::Dashboard,
            Self::Documents => AssetKind::Document,
            Self::Portal => AssetKind::Portal,
            Self::Collaboration => AssetKind::Collaboration,
            Self::Processes => AssetKind::Process,
            Self::Arcm => AssetKind::Arcm,
            Self::Recordings => AssetKind::Recording,
            Self::Others => AssetKind::Other,
        })
    }

    /// The privilege that it takes to back it up or to restore it.
    pub const fn privilege(self) -> Privilege {
        match self {
            Self::Users => Privilege::UserAdministrator,
            Self::Settings => Privilege::TechnicalConfigurationAdministrator,
            Self::Licenses => Privilege::LicenseAdministrator,
            assets => match assets.assets() {
                Some(kind) => kind.privilege(),
                None => Privilege::ServerAdministrator,
            },
        }
    }
}

names! {
    /// How far a backup is. The migration says what follows what.
    BackupState {
        /// It is being made.
        Running = "RUNNING",
        /// It has all that was asked for.
        Complete = "COMPLETE",
        /// It lacks what whoever asked had no privilege for.
        Partial = "PARTIAL",
        /// It was given up.
        Failed = "FAILED",
        /// It is deleted, and its objects go.
        Condemned = "CONDEMNED",
    }
}

impl BackupState {
    /// Whether there is something that could be restored.
    pub const fn usable(self) -> bool {
        matches!(self, Self::Complete | Self::Partial)
    }
}

/// A backup to be made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewBackup {
    /// What it shall have; empty: everything.
    pub components: Vec<Component>,
    /// What people say of it.
    pub note: String,
}

/// How much a backup shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Amount {
    /// Rows of all tables.
    pub rows: i64,
    /// Assets.
    pub objects: i64,
    /// Bytes of their content.
    pub bytes: i64,
    /// Bytes that it takes in the object store beside the content.
    pub stored_bytes: i64,
}

/// A backup.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Backup {
    /// Code of its tenant, which it may outlive.
    pub tenant_code: String,
    /// Its tenant.
    pub tenant: TenantUid,
    /// Which.
    pub id: BackupId,
    /// How far it is.
    pub state: BackupState,
    /// What it has.
    pub components: Vec<Component>,
    /// What it does not have for want of a privilege.
    pub left_out: Vec<Component>,
    /// What people say of it.
    pub note: String,
    /// Whether nothing but DeleteBackup removes it.
    pub pinned: bool,
    /// Who asked for it, by resource name.
    pub creator: String,
    /// By which operation.
    pub operation: OperationId,
    /// When it was asked for.
    pub created_at: DateTime<Utc>,
    /// The moment that it shows, once it is there.
    pub taken_at: Option<DateTime<Utc>>,
    /// When it was done or given up.
    pub ended_at: Option<DateTime<Utc>>,
    /// How much it shows.
    pub amount: Amount,
    /// When all of it was last found to be whole.
    pub verified_at: Option<DateTime<Utc>>,
    /// Why it failed, or what is wrong with it.
    pub failure: Option<Failure>,
    /// Where its objects are: the claim that made them, and the key.
    pub place: Option<(i64, KeyId)>,
    /// Grows with each change of what is said of it.
    pub version: i64,
    /// The archive that it was uploaded as. Once it is read, that is there no more.
    pub archive: Option<BlobId>,
    /// Of what it was made, if that was uploaded and read.
    pub source: Option<Source>,
    /// Whether it has some assets of its components, and not all.
    pub selected: bool,
    /// Since when all of it is in a second store as well, if it is.
    #[serde(default)]
    pub copied_at: Option<DateTime<Utc>>,
}

names! {
    /// How a backup is kept that can be used.
    Storage {
        /// In the store that the tenant's content is in.
        Snapshot = "SNAPSHOT",
        /// In a second store as well.
        Backup = "BACKUP",
    }
}

impl Storage {
    /// That of a backup which is so far.
    pub fn of(state: BackupState, copied: bool) -> Option<Self> {
        state.usable().then_some(if copied { Self::Backup } else { Self::Snapshot })
    }
}

/// The tenant that an archive is of, as it says itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// Which.
    pub tenant: TenantUid,
    /// Its code, there.
    pub tenant_code: String,
}

impl Backup {
    /// `tenants/{tenant}/backups/{backup}`.
    pub fn name(&self) -> String {
        name(&self.tenant_code, self.id)
    }

    /// What callers send back to be sure that nobody was faster.
    pub fn etag(&self) -> String {
        format!("\"{:x}\"", self.version)
    }

    /// Refuses a change of one that is not as it was when it was read.
    pub fn check_etag(&self, sent: &str) -> Result<()> {
        if sent.is_empty() || sent == self.etag() { Ok(()) } else { Err(Error::stale(self.name())) }
    }

    /// How it is kept, if it can be used.
    pub fn storage(&self) -> Option<Storage> {
        Storage::of(self.state, self.copied_at.is_some())
    }

    /// Where its objects are, if it can be used.
    pub fn usable(&self) -> Result<(i64, KeyId)> {
        let place = self.place.filter(|_| self.state.usable());
        place.ok_or_else(|| {
            let text = format!("the backup is {}; only a COMPLETE or PARTIAL one can be used", self.state.name());
            Refusal::new(Reason::BackupStateInvalid, text).with("state", self.state.name()).about(self.name()).into()
        })
    }
}

/// The backup that a tenant began last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastBackup {
    /// Which.
    pub id: BackupId,
    /// How far it is.
    pub state: BackupState,
    /// The moment that it shows, or when it failed or began, where the tenant's server stands.
    pub at: DateTime<FixedOffset>,
    /// Why it failed, or what is wrong with it; empty: nothing.
    pub reason: String,
    /// What it does not have for want of a privilege.
    pub left_out: Vec<Component>,
    /// How it is kept, if it can be used.
    pub storage: Option<Storage>,
}

/// `tenants/{tenant}/backups/{backup}`.
pub fn name(tenant_code: &str, id: BackupId) -> String {
    format!("tenants/{tenant_code}/backups/{id}")
}

/// A column as it was when a backup was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// Its type, as Postgres writes it.
    pub kind: String,
}

/// The rows of one table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Segment {
    /// The table.
    pub table: String,
    /// The columns of its rows, in their order.
    pub columns: Vec<Column>,
    /// How many rows.
    pub rows: i64,
    /// The parts in which they are stored.
    pub parts: Vec<StoredPart>,
    /// The SHA-256 of them all, as hexadecimal digits.
    pub sha256: String,
}

impl Segment {
    /// What it is called where it is damaged.
    pub fn what(&self) -> String {
        format!("the rows of {}", self.table)
    }
}

/// A part of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredPart {
    /// Bytes of it, plain.
    pub bytes: i64,
    /// Bytes of the frame that it is compressed to.
    pub frame: i64,
}

/// What a backup is, as it stands in the object store: enough to find and to restore it without the database.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// The form of all this.
    pub format: u32,
    /// Whose.
    pub tenant: TenantUid,
    /// Its code.
    pub tenant_code: String,
    /// Which backup.
    pub backup: BackupId,
    /// The moment that it shows.
    pub taken_at: DateTime<Utc>,
    /// What it has.
    pub components: Vec<Component>,
    /// What it does not have for want of a privilege.
    pub left_out: Vec<Component>,
    /// How much it shows.
    pub amount: Amount,
    /// Whether it has some assets of its components, and not all.
    #[serde(default)]
    pub selected: bool,
    /// The rows.
    pub segments: Vec<Segment>,
}

/// The form that is written.
pub const FORMAT: u32 = 1;

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn calls_on_backups_are_for_whoever_may_back_up_some_component() {
        let needed: BTreeSet<_> = Component::ALL.iter().map(|component| component.privilege()).collect();
        assert_eq!(needed, Privilege::ROWS.into_iter().chain(Privilege::ASSETS).collect());
    }
}
