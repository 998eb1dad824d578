//! Restores: what is asked for, and what would come of it.

use serde::{Deserialize, Serialize};

use super::backup::Component;
use super::id::{BackupId, TenantUid};
use super::operation::Actor;

/// A restore that is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewRestore {
    /// Of which backup.
    pub backup: BackupId,
    /// Of what; empty: of all that the backup has, as far as the caller may restore it.
    pub components: Vec<Component>,
    /// How.
    pub choices: Choices,
    /// Whether what there is now is backed up first.
    pub safety_backup: bool,
}

/// A backup that a new tenant is to have the data of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FromBackup {
    /// The tenant that has it.
    pub tenant: TenantUid,
    /// Which.
    pub backup: BackupId,
    /// What of it.
    pub components: Vec<Component>,
    /// Whether users come that were deleted since.
    pub revive_deleted_users: bool,
    /// Who asked for it, and for whom: it is asked again whether that may be.
    pub by: Actor,
}

/// A restore that is under way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Restore {
    /// Of which backup.
    pub backup: BackupId,
    /// Of what of it.
    pub components: Vec<Component>,
    /// How.
    pub choices: Choices,
    /// The backup of what there was before, if one is made.
    pub safety: Option<BackupId>,
}

/// What people choose about a restore.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Choices {
    /// Whether the tenant stays locked in the end.
    pub stay_locked: bool,
    /// Whether users come back that somebody deleted.
    pub revive_deleted_users: bool,
}

/// Some of many, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listed {
    /// How many there are.
    pub count: i64,
    /// The first of them.
    pub names: Vec<String>,
}

/// How many names are listed of what comes and goes.
pub const NAMES: i64 = 100;

/// What a restore would do to users, groups, roles, assets or guests.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// To which of them.
    pub subject: String,
    /// What is not there now and would be.
    pub returning: Listed,
    /// What is there now and would not be.
    pub going: Listed,
    /// What the backup has and would not come back.
    pub left_out: Listed,
}

/// What a restore would do.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Preview {
    /// What would be restored.
    pub components: Vec<Component>,
    /// What the backup has and the caller may not restore.
    pub left_out: Vec<Component>,
    /// What comes and goes.
    pub changes: Vec<Change>,
}
