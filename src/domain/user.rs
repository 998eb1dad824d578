//! Users, and what a directory starts with.

use serde::{Deserialize, Serialize};

use super::id::{TenantUid, UserId};
use super::names::names;
use super::privilege::Privilege;

names! {
    /// How far a user is.
    UserState {
        /// Has not set a password yet.
        Invited = "INVITED",
        /// Can log in.
        Active = "ACTIVE",
        /// Can't log in.
        Locked = "LOCKED",
    }
}

/// The account of each tenant that operators act for. It has no credential.
pub const SUPERUSER: &str = "superuser";

/// The roles that every tenant starts with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BuiltInRole {
    /// Everything that can be held in the tenant.
    Administrator,
    /// Works, without privileges.
    User,
    /// Reads only.
    Viewer,
}

impl BuiltInRole {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Administrator, Self::User, Self::Viewer];

    /// The role's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Administrator => "Administrator",
            Self::User => "User",
            Self::Viewer => "Viewer",
        }
    }

    /// Whether its holders only read.
    pub const fn read_only(self) -> bool {
        matches!(self, Self::Viewer)
    }

    /// The privileges that the role starts with in a tenant.
    pub fn privileges(self, tenant: TenantUid) -> Vec<Privilege> {
        match self {
            Self::Administrator => {
                Privilege::ALL.into_iter().filter(|p| tenant.is_infrastructure() || !p.is_platform()).collect()
            }
            Self::User | Self::Viewer => Vec::new(),
        }
    }
}

/// A user as log-in and mail need it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// Home.
    pub tenant: TenantUid,
    /// Id.
    pub id: UserId,
    /// For log-in.
    pub user_name: String,
    /// May be empty.
    pub email: String,
    /// How far.
    pub state: UserState,
    /// Whether the password must be changed before anything else.
    pub must_change_password: bool,
    /// Grows when the user's tokens must end.
    pub epoch: i64,
    /// Where its sessions start; none: at home.
    #[serde(default)]
    pub default_tenant: Option<TenantUid>,
}

/// Refuses a password that is too easy to guess. There are no rules of composition.
pub fn check_password(password: &str, user_name: &str) -> Result<(), String> {
    let count = password.chars().count();
    if !(15..=256).contains(&count) {
        return Err("must have 15 to 256 characters".into());
    }
    let lower = password.to_lowercase();
    let repeated = lower.chars().collect::<std::collections::BTreeSet<_>>().len() < 5;
    let stripped: String = lower.chars().filter(|c| c.is_alphanumeric()).collect();
    let common = COMMON.iter().any(|word| {
        let rest = stripped.replace(word, "");
        stripped.contains(word) && rest.chars().all(|c| c.is_ascii_digit()) && rest.len() <= 8
    });
    let named = user_name.chars().count() >= 4 && lower.replace(&user_name.to_lowercase(), "").chars().count() < 8;
    if repeated || common || named {
        return Err("is too easy to guess: choose several unrelated words, or let a password manager make one".into());
    }
    Ok(())
}

/// Stems that, with nothing but digits around them, are what attackers try first.
const COMMON: &[&str] = &[
    "password",
    "passwort",
    "motdepasse",
    "contrasena",
    "qwertyuiop",
    "qwertzuiop",
    "asdfghjkl",
    "administrator",
    "letmein",
    "iloveyou",
    "welcome",
    "changeme",
    "correcthorsebatterystaple",
    "landlord",
    "superuser",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_judged_by_length_and_by_lists_not_by_composition() {
        assert!(check_password("several unrelated words", "olga").is_ok());
        assert!(check_password("short", "olga").is_err());
        assert!(check_password("aaaaaaaaaaaaaaaaaaaa", "olga").is_err());
        assert!(check_password("Password-1234567", "olga").is_err());
        assert!(check_password("administratorolga", "administratorolga").is_err());
        assert!(check_password(&"long enough words ".repeat(20), "olga").is_err());
    }

    #[test]
    fn what_is_about_tenants_is_held_in_the_infrastructure_tenant_only() {
        let ordinary = BuiltInRole::Administrator.privileges(TenantUid::new());
        assert!(ordinary.iter().all(|p| !p.is_platform()));
        assert_eq!(BuiltInRole::Administrator.privileges(TenantUid::INFRASTRUCTURE).len(), Privilege::ALL.len());
    }
}
