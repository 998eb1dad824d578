//! The operator: calls, each in one transaction that holds the exclusive operation and the tenant, and their repeats.

use landlord::domain::error::Reason;
use landlord::domain::lifecycle::LockReason::Undeleted;
use landlord::domain::lifecycle::Node::{Active, Locked, Prepared};
use landlord::domain::operation::{Kind, State};

use super::Leases;
use super::flaws::Flaw;
use super::world::{Asked, Law, Lease, World};
use crate::rules::{self, Call, Circumstances, Effect, Tenant};

impl Leases {
    /// A request with an id of its own. None: it is refused, and nothing has changed.
    pub fn ask(&self, before: &World, asked: Asked) -> Option<World> {
        let mut world = *before;
        world.calls -= 1;
        self.carry_out(&mut world, asked).ok()?;
        world.asked = Some(asked);
        Some(world)
    }

    /// The answer was lost, and the same request comes again: its first answer was kept in the transaction of the change
    /// (`src/store/requests.rs`), so that it does nothing.
    pub fn repeat(&self, before: &World) -> Option<World> {
        let asked = before.asked.filter(|_| self.has(Flaw::RepeatsForgotten))?;
        let mut world = *before;
        self.carry_out(&mut world, asked).ok()?;
        world.breaks(Law::RepeatsChangeNothing);
        Some(world)
    }

    fn carry_out(&self, world: &mut World, asked: Asked) -> Result<(), Reason> {
        let working = world.operations.exclusive().map(|number| world.operations.get(number).kind);
        let at = Circumstances { working, force_enabled: true, stale: false };
        match asked {
            Asked::Tenant(call) => {
                let effect = self.answer(world, call, at)?;
                if call == Call::CancelDeletion {
                    self.cancel_deletion(world);
                }
                begin(world, effect);
            }
            Asked::CancelOperation(number) => {
                let operation = world.operations.get_mut(number);
                operation.state = rules::cancel(operation.kind, operation.state)?;
            }
            Asked::RetryOperation(number) => {
                let operation = world.operations.get(number);
                let out = world.operations.iter().filter(|(_, operation)| rules::leads_out(operation.kind)).last();
                let last = out.is_some_and(|(way_out, _)| way_out == number);
                let effect = rules::begin_again(world.tenant, operation.kind, operation.state, last, at)?;
                if self.has(Flaw::RetryWithoutCompare) {
                    world.retrying = Some(number);
                } else {
                    begin(world, effect);
                }
            }
        }
        Ok(())
    }

    fn answer(&self, world: &World, call: Call, at: Circumstances) -> Result<Effect, Reason> {
        let now = world.tenant;
        match (self.flaw, call, now.place) {
            (Some(Flaw::UnlockedWhileThawed), Call::Unlock, Locked(Undeleted)) => {
                Ok(Effect { tenant: now.at(Active), begins: None })
            }
            (Some(Flaw::UnlockedUnthawed), Call::Unlock, Locked(Undeleted)) => {
                rules::answer(Tenant { thawing: false, ..now }, call, at)
            }
            (Some(Flaw::CancelledPastNoReturn), Call::CancelDeletion, Prepared) => {
                Ok(Effect { tenant: now.at(Locked(Undeleted)), begins: Some(Kind::Thaw) })
            }
            _ => rules::answer(now, call, at),
        }
    }

    /// What else CancelDeletion does in its transaction: the work on the deletion ends, and its worker is fenced off by an
    /// epoch that is higher; from now on nobody counts as frozen.
    fn cancel_deletion(&self, world: &mut World) {
        let working = world.operations.exclusive().filter(|_| !self.has(Flaw::CancelledWithoutFencing));
        if let Some(number) = working {
            let operation = world.operations.get_mut(number);
            operation.epoch += 1;
            (operation.state, operation.lease) = (State::Cancelled, Lease::Free);
        }
        if !self.has(Flaw::FrozenByAnOldLedger) && !self.has(Flaw::ThawByTheLedger) {
            world.ledger.iter_mut().for_each(|ledger| ledger.frozen = false);
        }
    }

    /// A retry that has read before writes now, whatever has happened since.
    pub fn retry_now(&self, before: &World) -> Option<World> {
        let mut world = *before;
        let kind = world.operations.get(world.retrying.take()?).kind;
        begin(&mut world, Effect { tenant: before.tenant, begins: Some(kind) });
        Some(world)
    }
}

fn begin(world: &mut World, effect: Effect) {
    world.moves(effect.tenant);
    if let Some(kind) = effect.begins {
        world.operations.add(kind);
    }
}
