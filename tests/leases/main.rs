//! The model of the lifecycle and of leases, which stateright goes through state by state.
//!
//! One tenant, its operations, two participants, up to three workers, an operator. A transaction is one action, since
//! Postgres makes it so: what it reads for its decision it holds (`operations::hold_exclusive`, `tenants::load_for_change`,
//! `claims::fence`). Between any two actions a lease may run out, a worker stop for any time and go on, or die; calls on
//! the participant outside and their answers arrive late or get lost; a request comes again. Time is not modelled: what
//! waits is due at once, and a lease that holds may run out at once.
//!
//! The rules and the steps are those that the random calls hold the service to; edges, exclusivity and what can be
//! cancelled are the service's own.

#![allow(clippy::expect_used, clippy::panic, reason = "in tests a panic is how a failure is said")]
#![allow(clippy::print_stdout, reason = "how far a check got is worth reading")]

mod checks;
mod flaws;
mod laws;
mod operator;
mod participants;
mod worker;
mod world;

#[allow(dead_code, reason = "the random calls ask for more")]
#[path = "../model/rules.rs"]
mod rules;
#[allow(dead_code, reason = "the random calls look at whole operations")]
#[path = "../model/work.rs"]
mod work;

use stateright::{Model, Property};

use flaws::Flaw;
use rules::Call;
use world::{Asked, Lease, Operation, Stage, World};

/// The calls that an operator makes on the tenant.
const CALLS: [Call; 8] = [
    Call::Create,
    Call::Lock,
    Call::Unlock,
    Call::Prepare,
    Call::CancelDeletion,
    Call::Delete { confirmed: true, force: false },
    Call::Delete { confirmed: true, force: true },
    Call::RetryProvisioning,
];

/// The model, of that size.
#[derive(Clone, Copy, Debug)]
struct Leases {
    /// Workers, at most three.
    workers: usize,
    /// Calls that the operator makes.
    calls: u8,
    /// Faults: deaths, lost leases of workers that live, attempts that fail.
    faults: u8,
    /// Attempts at one step: `operations.max_attempts`.
    attempts: u8,
    /// Whether the tenant is in use at the beginning, instead of not being there.
    in_use: bool,
    flaw: Option<Flaw>,
}

impl Leases {
    fn has(&self, flaw: Flaw) -> bool {
        self.flaw == Some(flaw)
    }
}

/// What can happen.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Action {
    Ask(Asked),
    Repeat,
    RetryNow,
    /// A failed tenant has rested.
    Rested,
    Claim(usize, u8),
    Go(usize),
    AttemptFails(usize),
    Beat(usize),
    Release(usize),
    Dies(usize),
    /// The lease of that operation runs out.
    RunsOut(u8),
    LateCallArrives,
    LateCallIsLost,
}

impl Model for Leases {
    type State = World;
    type Action = Action;

    fn init_states(&self) -> Vec<World> {
        let first = if self.in_use { World::in_use } else { World::new };
        vec![first(self.calls, self.faults)]
    }

    fn actions(&self, world: &World, actions: &mut Vec<Action>) {
        if world.calls > 0 {
            actions.extend(CALLS.map(|call| Action::Ask(Asked::Tenant(call))));
            for (number, operation) in world.operations.iter() {
                let steer = if operation.state.ended() { Asked::RetryOperation } else { Asked::CancelOperation };
                actions.push(Action::Ask(steer(number)));
            }
        }
        actions.extend(world.asked.map(|_| Action::Repeat));
        actions.extend(world.retrying.map(|_| Action::RetryNow));
        if world.tenant.resting {
            actions.push(Action::Rested);
        }
        if world.late.is_some() {
            actions.extend([Action::LateCallArrives, Action::LateCallIsLost]);
        }
        for (number, operation) in world.operations.iter() {
            if operation.lease == Lease::Held && (world.faults > 0 || !world.is_held_by_the_living(number)) {
                actions.push(Action::RunsOut(number));
            }
        }
        for index in 0..self.workers {
            self.actions_of(world, index, actions);
        }
    }

    fn next_state(&self, before: &World, action: Action) -> Option<World> {
        match action {
            Action::Ask(asked) => self.ask(before, asked),
            Action::Repeat => self.repeat(before),
            Action::RetryNow => self.retry_now(before),
            Action::Claim(index, number) => self.claim(before, index, number),
            Action::Go(index) => self.go(before, index),
            Action::Beat(index) => self.beat(before, index),
            Action::Release(index) => self.release(&before.with_a_fault(), index),
            other => Some(self.after(before, other)),
        }
    }

    fn properties(&self) -> Vec<Property<Self>> {
        laws::all()
    }
}

impl Leases {
    /// Whether a worker may claim it.
    fn is_due(&self, operation: &Operation) -> bool {
        !operation.state.ended()
            && match operation.lease {
                Lease::Free => true,
                Lease::Held => false,
                Lease::RunOut => !self.has(Flaw::NobodyTakesOver),
            }
    }

    fn actions_of(&self, world: &World, index: usize, actions: &mut Vec<Action>) {
        let Some(worker) = world.workers[index] else {
            // Workers without work are all the same.
            if world.workers[..index].iter().all(Option::is_some) {
                let due = world.operations.iter().filter(|(_, operation)| self.is_due(operation));
                actions.extend(due.map(|(number, _)| Action::Claim(index, number)));
            }
            return;
        };
        actions.extend([Action::Go(index), Action::Beat(index)]);
        if world.faults > 0 {
            actions.push(Action::Dies(index));
            match worker.stage {
                Stage::Called { .. } | Stage::Answered { .. } => actions.push(Action::AttemptFails(index)),
                Stage::Asking { .. } | Stage::Inside => {
                    actions.extend([Action::AttemptFails(index), Action::Release(index)]);
                }
                Stage::GivingUp | Stage::Stopping | Stage::Undoing => {}
            }
        }
    }

    /// The world after what always happens in the same way.
    fn after(&self, before: &World, action: Action) -> World {
        let mut world = *before;
        match action {
            Action::Rested => world.tenant.resting = false,
            Action::RunsOut(number) => {
                world.faults -= u8::from(world.is_held_by_the_living(number));
                world.operations.get_mut(number).lease = Lease::RunOut;
            }
            Action::Dies(index) => {
                world = world.with_a_fault();
                world.let_go(index);
            }
            Action::AttemptFails(index) => {
                world = world.with_a_fault();
                let worker = world.workers[index];
                world.let_go(index);
                world.workers[index] = worker.and_then(|worker| self.attempt_failed(&mut world, worker));
            }
            Action::LateCallArrives => {
                if let Some((claim, ask)) = world.late.take() {
                    self.arrives(&mut world, claim, ask);
                }
            }
            Action::LateCallIsLost => world.late = None,
            _ => {}
        }
        world
    }
}
