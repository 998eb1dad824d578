//! The life of a tenant.
//!
//! A tenant's state is the projection of a log of transitions, kept in Postgres, where the legal edges are rows that the
//! log refers to. The same edges stand here as [`EDGES`]; a test compares the two. Rust code can only ask for a
//! transition by consuming the [`Standing`] that it starts from, so an illegal one does not compile.
//!
//! ```text
//!                                  provisioned                lock
//!   create ──▶ LOCKED(PROVISIONING) ─────────▶ ACTIVE ◀────────────────▶ LOCKED(OPERATOR)
//!                   │        ▲                   │      unlock                │
//!            failed │        │ retry             │ prepare                    │ prepare
//!                   ▼        │                   ▼                            ▼
//!                 FAILED ────┘            PREPARING_DELETION ──frozen──▶ PREPARED
//!                   │                            │ undelete              │      │
//!                   │ purge                      ▼                       ▼      │ purge
//!                   ▼                     LOCKED(UNDELETED) ◀──undelete──┘      ▼
//!                 GONE                                                        GONE
//! ```

use std::time::Duration;

use super::id::TenantUid;

macro_rules! names {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, ::serde::Serialize, ::serde::Deserialize)]
        pub enum $name {
            $($(#[$vdoc])* #[serde(rename = $text)] $variant,)*
        }

        impl $name {
            /// All values.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The name that the database and error details use.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }

            /// The value of that name.
            pub fn parse(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|v| v.name() == name)
            }
        }
    };
}
pub(crate) use names;

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

/// A step that a tenant is about to take. Only this module makes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transition {
    tenant: TenantUid,
    seq: i32,
    edge: Edge,
    cooldown: Option<Duration>,
}

impl Transition {
    /// The tenant.
    pub fn tenant(&self) -> TenantUid {
        self.tenant
    }

    /// Its number in the tenant's log, from 1.
    pub fn seq(&self) -> i32 {
        self.seq
    }

    /// From where to where, and why.
    pub fn edge(&self) -> Edge {
        self.edge
    }

    /// For a failure: how long the tenant must rest before it can be deleted.
    pub fn cooldown(&self) -> Option<Duration> {
        self.cooldown
    }

    /// The birth of the infrastructure tenant.
    pub fn infrastructure() -> Self {
        Self {
            tenant: TenantUid::INFRASTRUCTURE,
            seq: 1,
            edge: (Node::None, Active, Cause::Infrastructure),
            cooldown: None,
        }
    }

    /// The birth of a tenant by CreateTenant.
    pub fn create(tenant: TenantUid) -> Self {
        Self { tenant, seq: 1, edge: (Node::None, Locked(Provisioning), Cause::Create), cooldown: None }
    }
}

/// Where a tenant stands, with the number of the last transition in its log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Position {
    tenant: TenantUid,
    seq: i32,
}

impl Position {
    fn take(self, from: Node, to: Node, cause: Cause) -> Transition {
        Transition { tenant: self.tenant, seq: self.seq + 1, edge: (from, to, cause), cooldown: None }
    }
}

/// An active tenant.
#[derive(Debug)]
pub struct ActiveTenant(Position);

impl ActiveTenant {
    /// LockTenant.
    pub fn lock(self) -> Transition {
        self.0.take(Active, Locked(Operator), Cause::Lock)
    }

    /// PrepareTenantDeletion.
    pub fn prepare(self) -> Transition {
        self.0.take(Active, PreparingDeletion, Cause::Prepare)
    }
}

/// A tenant that an operator locked, or whose deletion was cancelled.
#[derive(Debug)]
pub struct LockedTenant(Position, LockReason);

impl LockedTenant {
    /// UnlockTenant.
    pub fn unlock(self) -> Transition {
        self.0.take(Locked(self.1), Active, Cause::Unlock)
    }

    /// PrepareTenantDeletion.
    pub fn prepare(self) -> Transition {
        self.0.take(Locked(self.1), PreparingDeletion, Cause::Prepare)
    }
}

/// A tenant that is being set up.
#[derive(Debug)]
pub struct ProvisioningTenant(Position);

impl ProvisioningTenant {
    /// The set-up is done.
    pub fn provisioned(self) -> Transition {
        self.0.take(Locked(Provisioning), Active, Cause::Provisioned)
    }

    /// The set-up was given up; the tenant rests for `cooldown` before it can be deleted.
    pub fn fail(self, cooldown: Duration) -> Transition {
        let step = self.0.take(Locked(Provisioning), Failed, Cause::ProvisioningFailed);
        Transition { cooldown: Some(cooldown), ..step }
    }
}

/// A tenant whose set-up failed.
#[derive(Debug)]
pub struct FailedTenant(Position);

impl FailedTenant {
    /// RetryTenantProvisioning.
    pub fn retry(self) -> Transition {
        self.0.take(Failed, Locked(Provisioning), Cause::Retry)
    }

    /// DeleteTenant.
    pub fn start_purge(self) -> Transition {
        self.0.take(Failed, Failed, Cause::PurgeStarted)
    }

    /// Nothing is left.
    pub fn purged(self) -> Transition {
        self.0.take(Failed, Gone, Cause::Purged)
    }
}

/// A tenant whose participants are freezing.
#[derive(Debug)]
pub struct PreparingTenant(Position);

impl PreparingTenant {
    /// All are frozen.
    pub fn frozen(self) -> Transition {
        self.0.take(PreparingDeletion, Prepared, Cause::Frozen)
    }

    /// CancelTenantDeletion.
    pub fn undelete(self) -> Transition {
        self.0.take(PreparingDeletion, Locked(Undeleted), Cause::Undelete)
    }
}

/// A tenant that is ready to be deleted.
#[derive(Debug)]
pub struct PreparedTenant(Position);

impl PreparedTenant {
    /// CancelTenantDeletion.
    pub fn undelete(self) -> Transition {
        self.0.take(Prepared, Locked(Undeleted), Cause::Undelete)
    }

    /// DeleteTenant.
    pub fn start_purge(self) -> Transition {
        self.0.take(Prepared, Prepared, Cause::PurgeStarted)
    }

    /// Nothing is left.
    pub fn purged(self) -> Transition {
        self.0.take(Prepared, Gone, Cause::Purged)
    }
}

/// Where a tenant stands; each variant has the steps that lead on from there.
#[derive(Debug)]
pub enum Standing {
    /// ACTIVE.
    Active(ActiveTenant),
    /// LOCKED (OPERATOR or UNDELETED).
    Locked(LockedTenant),
    /// LOCKED (PROVISIONING).
    Provisioning(ProvisioningTenant),
    /// LOCKED (RESTORING).
    Restoring,
    /// FAILED.
    Failed(FailedTenant),
    /// PREPARING_DELETION.
    Preparing(PreparingTenant),
    /// PREPARED.
    Prepared(PreparedTenant),
}

impl Standing {
    /// The standing of a tenant whose log has `seq` entries and ends at the given state.
    pub fn of(tenant: TenantUid, seq: i32, state: State, reason: Option<LockReason>) -> Self {
        let position = Position { tenant, seq };
        match Node::of(state, reason) {
            Locked(Provisioning) => Self::Provisioning(ProvisioningTenant(position)),
            Locked(Restoring) => Self::Restoring,
            Locked(reason) => Self::Locked(LockedTenant(position, reason)),
            Failed => Self::Failed(FailedTenant(position)),
            PreparingDeletion => Self::Preparing(PreparingTenant(position)),
            Prepared => Self::Prepared(PreparedTenant(position)),
            Node::None | Active | Gone => Self::Active(ActiveTenant(position)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all_steps() -> Vec<Edge> {
        let at = || Position { tenant: TenantUid::new(), seq: 1 };
        vec![
            Transition::infrastructure().edge(),
            Transition::create(TenantUid::new()).edge(),
            ActiveTenant(at()).lock().edge(),
            ActiveTenant(at()).prepare().edge(),
            LockedTenant(at(), Operator).unlock().edge(),
            LockedTenant(at(), Undeleted).unlock().edge(),
            LockedTenant(at(), Operator).prepare().edge(),
            LockedTenant(at(), Undeleted).prepare().edge(),
            ProvisioningTenant(at()).provisioned().edge(),
            ProvisioningTenant(at()).fail(Duration::ZERO).edge(),
            FailedTenant(at()).retry().edge(),
            FailedTenant(at()).start_purge().edge(),
            FailedTenant(at()).purged().edge(),
            PreparingTenant(at()).frozen().edge(),
            PreparingTenant(at()).undelete().edge(),
            PreparedTenant(at()).undelete().edge(),
            PreparedTenant(at()).start_purge().edge(),
            PreparedTenant(at()).purged().edge(),
        ]
    }

    #[test]
    fn every_step_that_code_can_ask_for_is_a_legal_edge() {
        for edge in all_steps() {
            assert!(EDGES.contains(&edge), "{edge:?}");
        }
    }

    #[test]
    fn no_edge_is_listed_twice() {
        let mut edges = EDGES.to_vec();
        edges.sort();
        edges.dedup();
        assert_eq!(edges.len(), EDGES.len());
    }
}
