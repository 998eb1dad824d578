//! Accounts: users as the administrators of a tenant see them.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::error::{Error, Reason, Refusal, Result};
use super::fold::fold;
use super::id::{GroupId, RoleId, TenantUid, UserId};
use super::name::{Email, Language, PersonName, UserName};
use super::user::{SUPERUSER, UserState};

/// A user of a tenant: one of its own, or a guest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// Code of the tenant that looks.
    pub tenant_code: String,
    /// Which user.
    pub id: UserId,
    /// Its home, where it is administered.
    pub home: TenantUid,
    /// Code of its home.
    pub home_code: String,
    /// Whether its home is another tenant than the one that looks.
    pub guest: bool,
    /// Whether it works in the tenant that looks.
    pub member: bool,
    /// For log-in.
    pub user_name: String,
    /// May be empty.
    pub email: String,
    /// May be empty.
    pub given_name: String,
    /// May be empty.
    pub family_name: String,
    /// How far it is.
    pub state: UserState,
    /// What it reads; empty: what its tenant does.
    pub language: String,
    /// Where its sessions start: the code, or the uid of a tenant in which it works no more; none: at home.
    pub default_tenant: Option<String>,
    /// Groups of the tenant that looks, at most [`MOST_SHOWN`].
    pub groups: Vec<GroupId>,
    /// Roles that it holds by itself in that tenant, at most [`MOST_SHOWN`].
    pub roles: Vec<RoleId>,
    /// Kinds of licences of which it has a seat in that tenant.
    #[serde(default)]
    pub licenses: Vec<String>,
    /// When it came to the tenant that looks.
    pub created_at: DateTime<Utc>,
    /// When it was changed last.
    pub updated_at: DateTime<Utc>,
    /// Grows with each change of it.
    pub version: i64,
}

/// Groups and roles that are shown with each user.
pub const MOST_SHOWN: usize = 100;

impl Account {
    /// `tenants/{tenant}/users/{user}`, as the tenant that looks names it.
    pub fn name(&self) -> String {
        format!("tenants/{}/users/{}", self.tenant_code, self.id)
    }

    /// What callers send back to be sure that nobody was faster.
    pub fn etag(&self) -> String {
        format!("\"{:x}\"", self.version)
    }

    /// Refuses a change of an account that is read as it was.
    pub fn check_etag(&self, sent: &str) -> Result<()> {
        if sent.is_empty() || sent == self.etag() { Ok(()) } else { Err(Error::stale(self.name())) }
    }

    /// Refuses what nobody does to the account that operators act for.
    pub fn check_ordinary(&self) -> Result<()> {
        if self.user_name != SUPERUSER {
            return Ok(());
        }
        let text = "superuser is the account that operators act for; it stays as it is";
        Err(Refusal::new(Reason::ResourceProtected, text).about(self.name()).into())
    }

    /// Refuses what only a user's home does to its account.
    pub fn check_at_home(&self) -> Result<()> {
        if !self.guest {
            return Ok(());
        }
        let text =
            "the user is a guest: only its home changes, locks or deletes the account; UnassignUsers sends it home";
        Err(Refusal::new(Reason::UserIsGuest, text).about(self.name()).into())
    }

    /// Refuses to send a link to a user without an address.
    pub fn check_email(&self) -> Result<()> {
        if !self.email.is_empty() {
            return Ok(());
        }
        let text = "the user has no e-mail address that the link could go to; set one with UpdateUser first";
        Err(Refusal::new(Reason::EmailMissing, text).about(self.name()).into())
    }

    /// Refuses to give groups or roles to a user that does not work in the tenant.
    pub fn check_member(&self) -> Result<()> {
        if self.member {
            return Ok(());
        }
        let text = "the user does not work in the tenant; assign it with AssignUsers first";
        Err(Refusal::new(Reason::NotAMember, text).about(self.name()).into())
    }

    /// The refusal of what the user's state does not allow.
    pub fn wrong_state(&self, allowed: &[UserState]) -> Error {
        let allowed = allowed.iter().map(|s| s.name()).collect::<Vec<_>>().join(", ");
        let text = format!("the user is {}; this call is allowed when it is {allowed}", self.state.name());
        Refusal::new(Reason::UserStateInvalid, text)
            .with("state", self.state.name())
            .with("allowed_states", allowed)
            .about(self.name())
            .into()
    }
}

/// A user to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewAccount {
    /// For log-in.
    pub user_name: UserName,
    /// Where the activation link goes; none: there is no link.
    pub email: Option<Email>,
    /// May be empty.
    pub given_name: PersonName,
    /// May be empty.
    pub family_name: PersonName,
    /// May be empty.
    pub language: Language,
}

/// What to change of a user; what is None stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccountPatch {
    /// New user name.
    pub user_name: Option<UserName>,
    /// New e-mail address, or none any more.
    pub email: Option<Option<Email>>,
    /// New given name.
    pub given_name: Option<PersonName>,
    /// New family name.
    pub family_name: Option<PersonName>,
    /// New language.
    pub language: Option<Language>,
}

/// What people find a user by: a line for each of its names.
pub fn folded(user_name: &str, given_name: &str, family_name: &str, email: &str) -> String {
    fold(&format!("{user_name}\n{given_name} {family_name}\n{family_name} {given_name}\n{email}"))
}
