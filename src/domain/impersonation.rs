//! Acting for another account: for whom and why, what it takes, and how it is refused.
//!
//! Only users of the infrastructure tenant do it, in another tenant, for an account that is marked as a target there. They
//! then may do what that account may, and no more.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::error::{Error, Reason, Refusal};
use super::id::UserId;
use super::name::ImpersonationReason;
use super::privilege::Privilege;

/// What an account needs that operators act for: of these, all that its tenant's licences open.
pub const OF_TARGET: [Privilege; 12] = [
    Privilege::AnalysisAdministrator,
    Privilege::ArcmAdministrator,
    Privilege::CollaborationAdministrator,
    Privilege::DatabaseAdministrator,
    Privilege::DashboardAdministrator,
    Privilege::DocumentAdministrator,
    Privilege::LicenseAdministrator,
    Privilege::PortalAdministrator,
    Privilege::ProcessGovernanceAdministrator,
    Privilege::ServerAdministrator,
    Privilege::TechnicalConfigurationAdministrator,
    Privilege::UserAdministrator,
];

/// What whoever acts for others needs in the infrastructure tenant. The license administrator comes with it by default, and is
/// not missed where it was taken away.
pub const OF_ACTOR: [Privilege; 4] = [
    Privilege::UserAdministrator,
    Privilege::TenantAdministrator,
    Privilege::TechnicalConfigurationAdministrator,
    Privilege::Impersonation,
];

/// The account that somebody acts for, in the tenant that is worked on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActedFor {
    /// Which account.
    pub user: UserId,
    /// Why, as the actor gave it.
    pub reason: ImpersonationReason,
    /// The call by which it was begun, `/landlord.v1.UserService/CreateUser`: its policy says what it takes.
    pub method: String,
}

/// An account that operators may act for, or might.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// Code of its tenant.
    pub tenant_code: String,
    /// Which account.
    pub user: UserId,
    /// Its user name.
    pub user_name: String,
    /// What it is listed by: the form by which its name is unique.
    pub key: String,
    /// Whether it is marked as a target.
    pub marked: bool,
    /// Whether it can be acted for now: it is marked, active and works in its tenant.
    pub usable: bool,
}

impl Target {
    /// `tenants/{tenant}/users/{user}`.
    pub fn name(&self) -> String {
        format!("tenants/{}/users/{}", self.tenant_code, self.user)
    }
}

/// The refusal of an actor who may not act for others, or not with this call.
pub fn not_permitted(why: impl Into<String>) -> Refusal {
    Refusal::new(Reason::ImpersonationNotPermitted, why)
}

/// The refusal of an actor without the privilege.
pub fn privilege_missing() -> Error {
    let name = Privilege::Impersonation.name();
    not_permitted(format!("acting for another account needs {name} in the infrastructure tenant"))
        .with("privilege", name)
        .into()
}

/// The refusal to act for an account on top of acting for one.
pub fn chained() -> Error {
    let text = "you act for another account already; nobody acts for an account on behalf of one";
    Refusal::new(Reason::ImpersonationChained, text).into()
}

/// The refusal of an account that is not there, not marked, not active or not at work: all of them are told alike.
pub fn target_not_defined() -> Error {
    let text = "the tenant has no such account that is marked as a target, active and works there; \
                ListImpersonationTargets has those that are marked";
    Refusal::new(Reason::ImpersonationTargetNotDefined, text).into()
}

/// The refusal of an account that holds none of the privileges of which the call needs one.
pub fn target_underprivileged(needed: &[Privilege]) -> Error {
    let names = names(needed.iter().copied());
    let text = format!("the account that is acted for needs one of: {}", names.replace(',', ", "));
    Refusal::new(Reason::ImpersonationTargetUnderprivileged, text).with("privilege", names).into()
}

/// Privileges by their names, for the facts of a refusal.
pub fn names(privileges: impl IntoIterator<Item = Privilege>) -> String {
    let sorted: BTreeSet<_> = privileges.into_iter().collect();
    sorted.into_iter().map(Privilege::name).collect::<Vec<_>>().join(",")
}
