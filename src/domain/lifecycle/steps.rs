//! The steps that code can ask for: each consumes the standing that it starts from, so an illegal one does not compile.

use std::time::Duration;

use super::LockReason::{self, Operator, Provisioning, Restoring, Undeleted};
use super::Node::{self, Active, Failed, Gone, Locked, Prepared, PreparingDeletion};
use super::{Cause, Edge, State};
use crate::domain::id::TenantUid;

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

    /// RestoreBackup in place.
    pub fn restore(self) -> Transition {
        self.0.take(Active, Locked(Restoring), Cause::RestoreInPlace)
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

    /// RestoreBackup in place.
    pub fn restore(self) -> Transition {
        self.0.take(Locked(self.1), Locked(Restoring), Cause::RestoreInPlace)
    }
}

/// Where a restore began, and leads back to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin(Node);

impl Origin {
    /// That place, if a restore can begin there.
    pub fn at(node: Node) -> Option<Self> {
        matches!(node, Active | Locked(Operator | Undeleted)).then_some(Self(node))
    }
}

/// A tenant into which a backup is being restored.
#[derive(Debug)]
pub struct RestoringTenant(Position);

impl RestoringTenant {
    /// The restore has ended, with the old data or the new.
    pub fn restored(self, origin: Origin) -> Transition {
        self.0.take(Locked(Restoring), origin.0, Cause::Restored)
    }

    /// PrepareTenantDeletion, after a restore that could not even be undone.
    pub fn prepare(self) -> Transition {
        self.0.take(Locked(Restoring), PreparingDeletion, Cause::Prepare)
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
    Restoring(RestoringTenant),
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
            Locked(Restoring) => Self::Restoring(RestoringTenant(position)),
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
    use super::super::EDGES;
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
            ActiveTenant(at()).restore().edge(),
            LockedTenant(at(), Operator).restore().edge(),
            LockedTenant(at(), Undeleted).restore().edge(),
            RestoringTenant(at()).restored(Origin::at(Active).unwrap()).edge(),
            RestoringTenant(at()).restored(Origin::at(Locked(Operator)).unwrap()).edge(),
            RestoringTenant(at()).restored(Origin::at(Locked(Undeleted)).unwrap()).edge(),
            RestoringTenant(at()).prepare().edge(),
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
}
