//! Groups of a tenant.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::error::{Error, Reason, Refusal, Result};
use super::id::{GroupId, RoleId};
use super::name::{Description, DisplayName};

/// A group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    /// Code of its tenant.
    pub tenant_code: String,
    /// Which.
    pub id: GroupId,
    /// What people call it.
    pub display_name: String,
    /// What it is for; may be empty.
    pub description: String,
    /// Whether it is the root group, which is named as its tenant.
    pub root: bool,
    /// Roles that its members hold, in the order of their names, at most [`super::account::MOST_SHOWN`].
    pub roles: Vec<RoleId>,
    /// How many members it has.
    pub members: i64,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it was changed last.
    pub updated_at: DateTime<Utc>,
    /// Grows with each change of its name and description.
    pub version: i64,
}

impl Group {
    /// `tenants/{tenant}/groups/{group}`.
    pub fn name(&self) -> String {
        format!("tenants/{}/groups/{}", self.tenant_code, self.id)
    }

    /// What callers send back to be sure that nobody was faster.
    pub fn etag(&self) -> String {
        format!("\"{:x}\"", self.version)
    }

    /// Refuses a change of a group that is read as it was.
    pub fn check_etag(&self, sent: &str) -> Result<()> {
        if sent.is_empty() || sent == self.etag() { Ok(()) } else { Err(Error::stale(self.name())) }
    }

    /// Refuses what nobody does to the root group.
    pub fn check_not_root(&self, what: &str) -> Result<()> {
        if !self.root {
            return Ok(());
        }
        let text = format!("the root group is named as its tenant and stays; it can't be {what}");
        Err(Refusal::new(Reason::ResourceProtected, text).about(self.name()).into())
    }
}

/// A group to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewGroup {
    /// What people call it.
    pub display_name: DisplayName,
    /// What it is for.
    pub description: Description,
}

/// What to change of a group; what is None stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GroupPatch {
    /// New name.
    pub display_name: Option<DisplayName>,
    /// New description.
    pub description: Option<Description>,
}
