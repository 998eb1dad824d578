//! The life of a tenant.
//!
//! A tenant's state is the projection of a log of transitions, kept in Postgres, where the legal edges are rows that the
//! log refers to. The same edges stand here as [`EDGES`]; a test compares the two. Rust code can only ask for a
//! transition by consuming the [`Standing`] that it starts from, so an illegal one does not compile.
//!
//! The main ways; ARCHITECTURE.md draws every edge.
//!
//! ```text
//!                                  provisioned             lock
//!   create ──▶ LOCKED(PROVISIONING) ─────────▶ ACTIVE ◀────────────▶ LOCKED(OPERATOR)
//!                   │        ▲                   │          unlock      │
//!            failed │        │ retry             │ prepare              │ prepare
//!                   ▼        │                   ▼                      │
//!                 FAILED ────┘            PREPARING_DELETION ◀──────────┘
//!                   │                       │ frozen      │ undelete
//!                   │ purge                 ▼             ▼
//!                   ▼                    PREPARED ──▶ LOCKED(UNDELETED), which leads on as LOCKED(OPERATOR) does
//!                 GONE                      │  undelete
//!                                           ▼ purge
//!                                         GONE
//! ```

mod steps;

use super::names::names;
pub use steps::{
    ActiveTenant, FailedTenant, LockedTenant, Origin, PreparedTenant, PreparingTenant, ProvisioningTenant,
    RestoringTenant, Standing, Transition,
};

names! {
    /// The stored states.
    State {
        /// In use.
        Active = "ACTIVE",
        /// Nobody gets in; see the lock reason.
        Locked = "LOCKED",
        /// Provisioning did not succeed.
        Failed = "FAILED",
        /// Participants are freezing their parts.
        PreparingDeletion = "PREPARING_DELETION",
        /// All parts are frozen.
        Prepared = "PREPARED",
    }
}

names! {
    /// Why a tenant is locked.
    LockReason {
        /// By LockTenant.
        Operator = "OPERATOR",
        /// It is being set up.
        Provisioning = "PROVISIONING",
        /// A backup is being restored in place.
        Restoring = "RESTORING",
        /// Its deletion was cancelled.
        Undeleted = "UNDELETED",
    }
}

names! {
    /// What a transition is due to.
    Cause {
        /// The first start makes the infrastructure tenant.
        Infrastructure = "INFRASTRUCTURE",
        /// CreateTenant.
        Create = "CREATE",
        /// CopyTenant.
        Copy = "COPY",
        /// A restore to a new tenant.
        Restore = "RESTORE",
        /// AdoptTenant.
        Adopt = "ADOPT",
        /// The setting up is done.
        Provisioned = "PROVISIONED",
        /// The setting up was given up.
        ProvisioningFailed = "PROVISIONING_FAILED",
        /// RetryTenantProvisioning.
        Retry = "RETRY",
        /// LockTenant.
        Lock = "LOCK",
        /// UnlockTenant.
        Unlock = "UNLOCK",
        /// A restore in place begins.
        RestoreInPlace = "RESTORE_IN_PLACE",
        /// A restore in place ended, with the old data or the new.
        Restored = "RESTORED",
        /// PrepareTenantDeletion.
        Prepare = "PREPARE",
        /// Every participant froze its part.
        Frozen = "FROZEN",
        /// CancelTenantDeletion.
        Undelete = "UNDELETE",
        /// DeleteTenant: from here on there is no way back.
        PurgeStarted = "PURGE_STARTED",
        /// Nothing of the tenant is left.
        Purged = "PURGED",
    }
}

/// A place in the lifecycle: before it, in one of its states, or after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Node {
    /// Not there yet.
    None,
    /// In use.
    Active,
    /// Locked for a reason.
    Locked(LockReason),
    /// Set-up failed.
    Failed,
    /// On the way out.
    PreparingDeletion,
    /// Ready to go.
    Prepared,
    /// Gone; the identity stays.
    Gone,
}

impl Node {
    /// The name of the state, as the database has it.
    pub const fn state_name(self) -> &'static str {
        match self {
            Self::None => "NONE",
            Self::Active => State::Active.name(),
            Self::Locked(_) => State::Locked.name(),
            Self::Failed => State::Failed.name(),
            Self::PreparingDeletion => State::PreparingDeletion.name(),
            Self::Prepared => State::Prepared.name(),
            Self::Gone => "GONE",
        }
    }

    /// The name of the lock reason, as the database has it; `-` for none.
    pub const fn reason_name(self) -> &'static str {
        match self {
            Self::Locked(reason) => reason.name(),
            _ => "-",
        }
    }

    /// The stored state and lock reason, as a node.
    pub const fn of(state: State, reason: Option<LockReason>) -> Self {
        match (state, reason) {
            (State::Active, _) => Self::Active,
            (State::Locked, Some(reason)) => Self::Locked(reason),
            (State::Locked, None) => Self::Locked(LockReason::Operator),
            (State::Failed, _) => Self::Failed,
            (State::PreparingDeletion, _) => Self::PreparingDeletion,
            (State::Prepared, _) => Self::Prepared,
        }
    }
}

/// A legal step in the life of a tenant.
pub type Edge = (Node, Node, Cause);

use LockReason::{Operator, Provisioning, Restoring, Undeleted};
use Node::{Active, Failed, Gone, Locked, Prepared, PreparingDeletion};

/// Every legal edge. The table `tenant_edges` holds the same.
pub const EDGES: &[Edge] = &[
    (Node::None, Active, Cause::Infrastructure),
    (Node::None, Locked(Provisioning), Cause::Create),
    (Node::None, Locked(Provisioning), Cause::Copy),
    (Node::None, Locked(Provisioning), Cause::Restore),
    (Node::None, Locked(Provisioning), Cause::Adopt),
    (Locked(Provisioning), Active, Cause::Provisioned),
    (Locked(Provisioning), Failed, Cause::ProvisioningFailed),
    (Failed, Locked(Provisioning), Cause::Retry),
    (Active, Locked(Operator), Cause::Lock),
    (Locked(Undeleted), Locked(Operator), Cause::Lock),
    (Locked(Operator), Active, Cause::Unlock),
    (Locked(Undeleted), Active, Cause::Unlock),
    (Active, Locked(Restoring), Cause::RestoreInPlace),
    (Locked(Operator), Locked(Restoring), Cause::RestoreInPlace),
    (Locked(Undeleted), Locked(Restoring), Cause::RestoreInPlace),
    (Locked(Restoring), Active, Cause::Restored),
    (Locked(Restoring), Locked(Operator), Cause::Restored),
    (Locked(Restoring), Locked(Undeleted), Cause::Restored),
    (Active, PreparingDeletion, Cause::Prepare),
    (Locked(Operator), PreparingDeletion, Cause::Prepare),
    (Locked(Undeleted), PreparingDeletion, Cause::Prepare),
    (Locked(Restoring), PreparingDeletion, Cause::Prepare),
    (PreparingDeletion, Prepared, Cause::Frozen),
    (PreparingDeletion, Locked(Undeleted), Cause::Undelete),
    (Prepared, Locked(Undeleted), Cause::Undelete),
    (Prepared, Prepared, Cause::PurgeStarted),
    (Failed, Failed, Cause::PurgeStarted),
    (Prepared, Gone, Cause::Purged),
    (Failed, Gone, Cause::Purged),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_edge_is_listed_twice() {
        let mut edges = EDGES.to_vec();
        edges.sort();
        edges.dedup();
        assert_eq!(edges.len(), EDGES.len());
    }
}
