//! How a tenant looks to who asks.

use super::lifecycle::{LockReason, State};
use super::privilege::Privilege;
use super::tenant::Tenant;

/// The status as a caller sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// In use.
    Active,
    /// Locked.
    Locked,
    /// The infrastructure tenant.
    ReadOnly,
    /// Failed and resting.
    Corrupt,
    /// Failed.
    Failed,
    /// On the way out.
    PreparingDeletion,
    /// Ready to go.
    Prepared,
    /// The caller can't act in it.
    AccessDenied,
    /// The account that the caller could act for there lacks privileges.
    ImpersonationFailed,
}

/// What of a tenant depends on who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Access {
    /// The status.
    pub status: Status,
    /// Why, where the status alone does not say it.
    pub reason: &'static str,
    /// Names of the calls that the caller may make now.
    pub allowed_actions: Vec<&'static str>,
}

/// What the status depends on besides the tenant itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Viewer {
    /// Whether the caller comes from the infrastructure tenant.
    pub of_infrastructure: bool,
    /// Whether the caller holds the impersonation privilege there.
    pub may_impersonate: bool,
    /// For whom the caller could act there.
    pub target: Target,
    /// Whether the tenant's server can be reached.
    pub server_reachable: bool,
}

/// The account of a tenant that can be acted for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// There is none.
    None,
    /// It lacks privileges.
    Underprivileged,
    /// It has what it needs.
    Ready,
}

impl Target {
    /// Given what the account lacks that lacks least, if there is one.
    pub fn of(lacks: Option<&[Privilege]>) -> Self {
        match lacks {
            None => Self::None,
            Some([]) => Self::Ready,
            Some(_) => Self::Underprivileged,
        }
    }
}

/// The status of a tenant as the caller sees it: the first rule that fits.
pub fn status(tenant: &Tenant, viewer: Viewer) -> (Status, &'static str) {
    if tenant.uid.is_infrastructure() {
        return (Status::ReadOnly, "INFRASTRUCTURE_TENANT");
    }
    match tenant.state {
        State::Failed if tenant.cooldown_left.is_some() => return (Status::Corrupt, "TENANT_COOLING_DOWN"),
        State::Failed => return (Status::Failed, ""),
        State::PreparingDeletion => return (Status::PreparingDeletion, ""),
        State::Prepared => return (Status::Prepared, if tenant.purge_started { "PURGE_STARTED" } else { "" }),
        State::Active | State::Locked => {}
    }
    if viewer.of_infrastructure && !viewer.server_reachable {
        return (Status::AccessDenied, "SERVER_UNREACHABLE");
    }
    if viewer.of_infrastructure && !viewer.may_impersonate {
        return (Status::AccessDenied, "IMPERSONATION_NOT_PERMITTED");
    }
    // A tenant that is being set up has no accounts yet.
    if viewer.of_infrastructure && tenant.lock_reason != Some(LockReason::Provisioning) {
        match viewer.target {
            Target::None => return (Status::AccessDenied, "IMPERSONATION_TARGET_NOT_DEFINED"),
            Target::Underprivileged => {
                return (Status::ImpersonationFailed, "IMPERSONATION_TARGET_UNDERPRIVILEGED");
            }
            Target::Ready => {}
        }
    }
    match tenant.lock_reason {
        Some(reason) => (Status::Locked, reason.name()),
        None => (Status::Active, ""),
    }
}
