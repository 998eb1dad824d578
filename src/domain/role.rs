//! Roles of a tenant, and the privileges that they hold.

use std::fmt;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::error::{Error, Reason, Refusal, Result};
use super::id::RoleId;
use super::name::{Description, PrivilegeName, RoleName};
use super::names::names;
use super::privilege::Privilege;

names! {
    /// What the privileges that tenants define are about.
    NameSpace {
        /// Categories of what stands in the tenant.
        Category = "category",
        /// Attributes of it.
        Attribute = "attribute",
        /// Steps of the life cycle of objects.
        ObjectLifeCycle = "object-life-cycle",
    }
}

/// The key of a privilege that a tenant defines, such as `category.finance`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PrivilegeKey(String);

impl PrivilegeKey {
    /// The key, or what is allowed instead.
    pub fn parse(text: &str) -> Result<Self, String> {
        let allowed = || {
            let spaces = NameSpace::ALL.iter().map(|space| space.name()).collect::<Vec<_>>().join(", ");
            format!(
                "must be {{name space}}.{{name}} with one of {spaces}, and 2 to 63 lower-case letters, digits and hyphens"
            )
        };
        let (space, name) = text.split_once('.').ok_or_else(allowed)?;
        let bytes = name.as_bytes();
        let inner = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit() || *b == b'-';
        let fits = (2..=63).contains(&bytes.len())
            && bytes[0].is_ascii_lowercase()
            && bytes.iter().all(inner)
            && bytes.last() != Some(&b'-');
        if fits && NameSpace::parse(space).is_some() { Ok(Self(text.to_owned())) } else { Err(allowed()) }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What a role can hold.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum Held {
    /// A function privilege.
    Function(Privilege),
    /// One that the tenant defines.
    Defined(PrivilegeKey),
}

impl Held {
    /// The one that is stored under that key.
    pub fn parse(key: &str) -> Option<Self> {
        match Privilege::parse(key) {
            Some(privilege) => Some(Self::Function(privilege)),
            None => PrivilegeKey::parse(key).ok().map(Self::Defined),
        }
    }

    /// The key under which it is stored.
    pub fn key(&self) -> &str {
        match self {
            Self::Function(privilege) => privilege.name(),
            Self::Defined(key) => key.as_str(),
        }
    }

    /// Its resource name, in a tenant of that code.
    pub fn name(&self, tenant_code: &str) -> String {
        match self {
            Self::Function(privilege) => format!("privileges/{}", privilege.name()),
            Self::Defined(key) => format!("tenants/{tenant_code}/privileges/{}", key.as_str()),
        }
    }
}

impl fmt::Display for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.key())
    }
}

impl From<Held> for String {
    fn from(held: Held) -> Self {
        held.key().to_owned()
    }
}

impl TryFrom<String> for Held {
    type Error = String;

    fn try_from(key: String) -> Result<Self, String> {
        Self::parse(&key).ok_or_else(|| format!("no privilege: {key}"))
    }
}

/// A role.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Role {
    /// Code of its tenant.
    pub tenant_code: String,
    /// Which.
    pub id: RoleId,
    /// What people call it.
    pub display_name: String,
    /// What it is for; may be empty.
    pub description: String,
    /// Whether every tenant starts with it.
    pub built_in: bool,
    /// Whether its holders only read, so that it holds no privilege.
    pub read_only: bool,
    /// What it allows.
    pub privileges: Vec<Held>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it was changed last.
    pub updated_at: DateTime<Utc>,
    /// Grows with each change of it and of what it allows.
    pub version: i64,
}

impl Role {
    /// `tenants/{tenant}/roles/{role}`.
    pub fn name(&self) -> String {
        format!("tenants/{}/roles/{}", self.tenant_code, self.id)
    }

    /// What callers send back to be sure that nobody was faster.
    pub fn etag(&self) -> String {
        format!("\"{:x}\"", self.version)
    }

    /// Refuses a change of a role that is read as it was.
    pub fn check_etag(&self, sent: &str) -> Result<()> {
        if sent.is_empty() || sent == self.etag() { Ok(()) } else { Err(Error::stale(self.name())) }
    }

    /// Refuses what nobody does to a role that every tenant has.
    pub fn check_own(&self, what: &str) -> Result<()> {
        if !self.built_in {
            return Ok(());
        }
        let text = format!("{} is a role that every tenant has; it can't be {what}", self.display_name);
        Err(Refusal::new(Reason::ResourceProtected, text).about(self.name()).into())
    }

    /// Refuses to let a role that only reads allow anything.
    pub fn check_grantable(&self) -> Result<()> {
        if !self.read_only {
            return Ok(());
        }
        let text = format!("{} only reads; grant privileges to another role", self.display_name);
        Err(Refusal::new(Reason::ResourceProtected, text).about(self.name()).into())
    }
}

/// A role to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewRole {
    /// What people call it.
    pub display_name: RoleName,
    /// What it is for.
    pub description: Description,
}

/// What to change of a role; what is None stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RolePatch {
    /// New name.
    pub display_name: Option<RoleName>,
    /// New description.
    pub description: Option<Description>,
}

/// A privilege as a tenant lists it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listed {
    /// Code of the tenant.
    pub tenant_code: String,
    /// Which.
    pub held: Held,
    /// What people call it; empty: its key says it.
    pub display_name: String,
}

/// A privilege to be defined.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewPrivilege {
    /// Its key.
    pub key: PrivilegeKey,
    /// What people call it.
    pub display_name: PrivilegeName,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_have_a_name_space_and_a_name() {
        for good in ["category.finance", "attribute.cost-centre", "object-life-cycle.released2"] {
            assert_eq!(PrivilegeKey::parse(good).unwrap().as_str(), good);
        }
        let long = format!("category.{}", "x".repeat(64));
        for bad in [
            "",
            "finance",
            "category.",
            "category.F",
            "category.a",
            "other.finance",
            "category.a.b",
            "category.a-",
            &long,
        ] {
            assert!(PrivilegeKey::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_is_held_is_found_by_its_key() {
        for privilege in Privilege::ALL {
            assert_eq!(Held::parse(privilege.name()), Some(Held::Function(privilege)));
        }
        assert_eq!(Held::parse("category.finance").unwrap().name("acme"), "tenants/acme/privileges/category.finance");
        assert_eq!(Held::parse("omnipotence"), None);
    }
}
