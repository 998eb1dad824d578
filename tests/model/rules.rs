//! The rules of a tenant's life: what each call leads to, or why it is refused. They know nothing of the service. The random
//! calls hold the service to them, and the model of leases is built on them.

use landlord::domain::error::Reason;
use landlord::domain::lifecycle::LockReason::{self, Operator, Provisioning, Undeleted};
use landlord::domain::lifecycle::Node::{self, Active, Failed, Gone, Locked, Prepared, PreparingDeletion};
use landlord::domain::operation::{Kind, State};

/// A tenant, as far as the rules look at it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Tenant {
    pub place: Node,
    /// It failed a short time ago.
    pub resting: bool,
    /// Its purge has begun: there is no way back.
    pub purging: bool,
    pub protected: bool,
    /// Since its deletion was last cancelled, no thaw has succeeded.
    pub thawing: bool,
}

impl Tenant {
    /// One that nobody has made yet.
    pub const ABSENT: Self =
        Self { place: Node::None, resting: false, purging: false, protected: false, thawing: false };

    /// The same tenant there.
    pub const fn at(self, place: Node) -> Self {
        Self { place, resting: false, thawing: false, ..self }
    }
}

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Call {
    Create,
    Lock,
    Unlock,
    Prepare,
    CancelDeletion,
    Delete { confirmed: bool, force: bool },
    RetryProvisioning,
    Rename(u8),
    Protect(bool),
}

/// What else an answer depends on.
#[derive(Clone, Copy, Debug)]
pub struct Circumstances {
    /// The exclusive work that is under way on the tenant.
    pub working: Option<Kind>,
    /// Whether the settings let a tenant be deleted by force.
    pub force_enabled: bool,
    /// Whether the caller has read an older version.
    pub stale: bool,
}

impl Circumstances {
    fn idle(self) -> Result<(), Reason> {
        refuse_if(self.working.is_some(), Reason::OperationInProgress)
    }

    fn fresh(self) -> Result<(), Reason> {
        refuse_if(self.stale, Reason::EtagMismatch)
    }
}

/// What a call does at once.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Effect {
    pub tenant: Tenant,
    /// The work that it begins.
    pub begins: Option<Kind>,
}

impl Effect {
    fn only(tenant: Tenant) -> Result<Self, Reason> {
        Ok(Self { tenant, begins: None })
    }

    fn begins(kind: Kind, tenant: Tenant) -> Result<Self, Reason> {
        Ok(Self { tenant, begins: Some(kind) })
    }
}

/// What a call on the tenant leads to. CancelDeletion ends the work that is under way; all others leave it alone.
pub fn answer(now: Tenant, call: Call, at: Circumstances) -> Result<Effect, Reason> {
    match (call, now.place) {
        (Call::Create, Node::None) => Effect::begins(Kind::Provision, now.at(Locked(Provisioning))),
        (Call::Create, _) => Err(Reason::ResourceExists),
        (_, Node::None | Gone) => Err(Reason::ResourceNotFound),
        (Call::Lock, Active) => at.fresh().and_then(|()| Effect::only(now.at(Locked(Operator)))),
        (Call::Unlock, Locked(Operator | Undeleted)) => {
            at.fresh()?;
            at.idle()?;
            refuse_if(now.thawing, Reason::TenantStateInvalid)?;
            Effect::only(now.at(Active))
        }
        (Call::Prepare, Active | Locked(_)) => {
            at.idle()?;
            leave(now, at).and_then(|gone| Effect::begins(Kind::PrepareDeletion, gone))
        }
        (Call::CancelDeletion, PreparingDeletion | Prepared) if !now.purging => {
            let back = Tenant { thawing: true, ..now.at(Locked(Undeleted)) };
            at.fresh().and_then(|()| Effect::begins(Kind::Thaw, back))
        }
        (Call::Delete { confirmed, force }, _) => delete(now, confirmed, force, at),
        (Call::RetryProvisioning, Failed) if !now.purging => {
            at.fresh().and_then(|()| Effect::begins(Kind::Provision, now.at(Locked(Provisioning))))
        }
        (Call::Rename(_), Active | Locked(_) | Failed) => at.fresh().and_then(|()| Effect::only(now)),
        (Call::Protect(protected), Active | Locked(_) | Failed) => {
            at.fresh().and_then(|()| Effect::only(Tenant { protected, ..now }))
        }
        _ => Err(Reason::TenantStateInvalid),
    }
}

/// The first step of the way out.
fn leave(now: Tenant, at: Circumstances) -> Result<Tenant, Reason> {
    refuse_if(now.protected, Reason::TenantProtected)?;
    at.fresh()?;
    Ok(now.at(PreparingDeletion))
}

fn delete(now: Tenant, confirmed: bool, force: bool, at: Circumstances) -> Result<Effect, Reason> {
    at.idle()?;
    match now.place {
        Prepared | Failed => {}
        Active | Locked(Operator | Undeleted) if force => refuse_if(!at.force_enabled, Reason::ForceDisabled)?,
        _ => return Err(Reason::TenantStateInvalid),
    }
    refuse_if(now.resting, Reason::TenantCoolingDown)?;
    refuse_if(now.protected, Reason::TenantProtected)?;
    refuse_if(!confirmed, Reason::ConfirmationMismatch)?;
    match now.place {
        Prepared | Failed => at.fresh().and_then(|()| Effect::begins(Kind::Purge, Tenant { purging: true, ..now })),
        _ => leave(now, at).and_then(|gone| Effect::begins(Kind::ForceDeletion, gone)),
    }
}

/// CancelOperation: the state that the operation is in afterwards.
pub fn cancel(kind: Kind, state: State) -> Result<State, Reason> {
    match state {
        State::Cancelling | State::Cancelled => Ok(state),
        State::Pending | State::Running if kind.cancellable() => Ok(State::Cancelling),
        _ => Err(Reason::OperationNotCancellable),
    }
}

/// Whether work of that kind leads a tenant out.
pub const fn leads_out(kind: Kind) -> bool {
    matches!(kind, Kind::PrepareDeletion | Kind::ForceDeletion | Kind::Purge)
}

/// RetryOperation: work that did not succeed begins again where the tenant stands, if it stands where that work begins.
/// Of the ways out only the last one is gone on with.
pub fn begin_again(now: Tenant, kind: Kind, state: State, last: bool, at: Circumstances) -> Result<Effect, Reason> {
    refuse_if(!matches!(state, State::Failed | State::Cancelled), Reason::OperationNotRetryable)?;
    at.idle()?;
    match (kind, now.place) {
        (_, Gone) => Err(Reason::OperationNotRetryable),
        (Kind::Purge | Kind::ForceDeletion, _) if now.purging => Effect::begins(Kind::Purge, now),
        (Kind::Provision, Failed) if !now.purging => Effect::begins(kind, now.at(Locked(Provisioning))),
        (Kind::PrepareDeletion | Kind::ForceDeletion, PreparingDeletion) if last => {
            refuse_if(kind == Kind::ForceDeletion && !at.force_enabled, Reason::ForceDisabled)?;
            Effect::begins(kind, now)
        }
        (Kind::Thaw, Locked(LockReason::Undeleted)) => Effect::begins(kind, now),
        _ => Err(Reason::OperationNotRetryable),
    }
}

fn refuse_if(refused: bool, reason: Reason) -> Result<(), Reason> {
    if refused { Err(reason) } else { Ok(()) }
}
