//! The workers: claims as `src/store/claims.rs` makes them, steps as `src/operations/engine.rs` runs them. Each action is one
//! transaction, or one message; between any two of them everything else can happen.

use landlord::domain::lifecycle::LockReason::Provisioning;
use landlord::domain::lifecycle::Node::Locked;
use landlord::domain::operation::State;

use super::Leases;
use super::flaws::Flaw;
use super::world::{BUILT_IN, Claim, Law, Lease, Stage, Worker, World};
use crate::work::{self, Ask, Step};

/// What a transaction finds at its fence.
enum Fence {
    Passed,
    /// Passed, and the operation is to be cancelled.
    Cancelling,
    /// The claim is over.
    Shut,
}

impl World {
    /// `held` in `src/store/claims.rs`: the claim is the last one, and the operation has not ended.
    pub fn holds(&self, claim: Claim) -> bool {
        let operation = self.operations.get(claim.operation);
        operation.epoch == claim.epoch && !operation.state.ended()
    }

    fn step_of(&self, worker: &Worker) -> &'static Step {
        let kind = self.operations.get(worker.claim.operation).kind;
        &work::steps(kind)[usize::from(worker.step)]
    }

    /// A change is written by the holder of that claim.
    fn writes(&mut self, claim: Claim) {
        if !self.holds(claim) {
            self.breaks(Law::StaleWorkersChangeNothing);
        }
    }
}

impl Leases {
    /// Takes an operation that nobody works on: one statement that compares and sets.
    pub fn claim(&self, before: &World, index: usize, number: u8) -> Option<World> {
        let mut world = *before;
        let operation = world.operations.get_mut(number);
        let taken_over = operation.lease == Lease::RunOut;
        operation.lease = Lease::Held;
        operation.epoch += u8::from(!self.has(Flaw::EpochStays));
        operation.attempts += u8::from(taken_over && !self.has(Flaw::DeathsDoNotCount));
        operation.deaths += u8::from(taken_over);
        if operation.state == State::Pending {
            operation.state = State::Running;
        }
        let claimed = *operation;
        let claim = Claim { operation: number, epoch: claimed.epoch };
        let (step, attempts, stage) = (claimed.step, claimed.attempts, Stage::Inside);
        let mut worker = Worker { claim, step, attempts, stage, looked: false };
        worker.stage = if claimed.state == State::Cancelling {
            Stage::Stopping
        } else if claimed.attempts >= self.attempts {
            Stage::GivingUp
        } else {
            if claimed.deaths >= self.attempts {
                world.breaks(Law::WhatKillsIsGivenUp);
            }
            self.first_stage(&world, &worker)
        };
        world.workers[index] = Some(worker);
        Some(world)
    }

    /// How a step begins: with the participants that have not done their part, by the ledger.
    fn first_stage(&self, world: &World, worker: &Worker) -> Stage {
        match world.step_of(worker).ask.map_or(0, |ask| self.unasked(world, ask)) {
            0 => Stage::Inside,
            todo => Stage::Asking { todo },
        }
    }

    fn fence(&self, world: &World, claim: Claim) -> Fence {
        let unfenced = self.has(Flaw::NoFence) || self.has(Flaw::LookThenWrite);
        if !world.holds(claim) && !unfenced {
            Fence::Shut
        } else if world.operations.get(claim.operation).state == State::Cancelling {
            Fence::Cancelling
        } else {
            Fence::Passed
        }
    }

    /// The worker does what comes next.
    pub fn go(&self, before: &World, index: usize) -> Option<World> {
        let (mut world, worker) = (*before, before.workers[index]?);
        if self.has(Flaw::LookThenWrite) && !worker.looked {
            let looked = world.holds(worker.claim);
            world.workers[index] = looked.then_some(Worker { looked, ..worker });
            return Some(world);
        }
        world.workers[index] = self.next(&mut world, worker).map(|next| Worker { looked: false, ..next });
        Some(world)
    }

    /// The worker after its next action. None: it has let go of the operation.
    fn next(&self, world: &mut World, worker: Worker) -> Option<Worker> {
        let claim = worker.claim;
        let at = |stage| Some(Worker { stage, ..worker });
        match worker.stage {
            Stage::Asking { todo } if todo & (1 << BUILT_IN) == 0 => at(Stage::Called { todo }),
            Stage::Asking { todo } => match self.fence(world, claim) {
                Fence::Shut => None,
                Fence::Passed | Fence::Cancelling => {
                    let ask = world.step_of(&worker).ask?;
                    world.writes(claim);
                    if ask == Ask::Provision && world.tenant.place != Locked(Provisioning) {
                        world.breaks(Law::OnlyTheNewAreSetUp);
                    }
                    ask.put(&mut world.parts[BUILT_IN]);
                    at(Stage::Answered { todo, refused: false })
                }
            },
            Stage::Called { todo } => {
                let ask = world.step_of(&worker).ask?;
                let refused = !self.arrives(world, claim, ask);
                at(Stage::Answered { todo, refused })
            }
            Stage::Answered { todo, refused } => match self.fence(world, claim) {
                Fence::Shut => None,
                Fence::Passed | Fence::Cancelling if refused => self.attempt_failed(world, worker),
                Fence::Passed | Fence::Cancelling => {
                    world.writes(claim);
                    let part = todo.trailing_zeros() as usize;
                    world.step_of(&worker).ask?.write_down(&mut world.ledger[part]);
                    let todo = todo & !(1 << part);
                    at(if todo == 0 { Stage::Inside } else { Stage::Asking { todo } })
                }
            },
            Stage::Inside => self.inside(world, worker),
            Stage::GivingUp => self.end_undone(world, worker, State::Failed),
            Stage::Stopping => self.end_undone(world, worker, State::Cancelled),
            Stage::Undoing => {
                undo(world, claim);
                None
            }
        }
    }

    /// `Engine::inside`: what the step changes and the progress are one transaction, past the fence.
    fn inside(&self, world: &mut World, worker: Worker) -> Option<Worker> {
        match self.fence(world, worker.claim) {
            Fence::Shut => return None,
            Fence::Cancelling => return Some(Worker { stage: Stage::Stopping, ..worker }),
            Fence::Passed => {}
        }
        let Some(moved) = (world.step_of(&worker).inside)(world.tenant) else {
            return self.attempt_failed(world, worker);
        };
        world.writes(worker.claim);
        world.moves(moved);
        let operation = world.operations.get_mut(worker.claim.operation);
        let (bit, steps) = (1 << worker.step, work::steps(operation.kind).len());
        let again = operation.counted & bit != 0;
        operation.counted |= bit;
        let next = worker.step + 1;
        // The row is found by the claim's epoch (`row` in `src/store/progress.rs`).
        if operation.epoch == worker.claim.epoch && usize::from(next) < steps {
            (operation.step, operation.attempts, operation.deaths) = (next, 0, 0);
        }
        if again {
            world.breaks(Law::EachStepCountsOnce);
        }
        if usize::from(next) == steps {
            end(world, worker.claim, State::Succeeded);
            return None;
        }
        let worker = Worker { step: next, attempts: 0, ..worker };
        Some(Worker { stage: self.first_stage(world, &worker), ..worker })
    }

    /// `Engine::failed_attempt`: again later, or given up.
    pub fn attempt_failed(&self, world: &mut World, worker: Worker) -> Option<Worker> {
        let attempts = worker.attempts + 1;
        if attempts >= self.attempts {
            return Some(Worker { attempts, stage: Stage::GivingUp, ..worker });
        }
        match self.fence(world, worker.claim) {
            Fence::Shut => None,
            Fence::Cancelling => Some(Worker { stage: Stage::Stopping, ..worker }),
            Fence::Passed => {
                world.writes(worker.claim);
                let operation = world.operations.get_mut(worker.claim.operation);
                if operation.epoch == worker.claim.epoch {
                    (operation.state, operation.lease, operation.attempts) = (State::Pending, Lease::Free, attempts);
                }
                None
            }
        }
    }

    /// `Engine::fail` and `Engine::end_cancelled`: undo and end are one transaction.
    fn end_undone(&self, world: &mut World, worker: Worker, state: State) -> Option<Worker> {
        if let Fence::Shut = self.fence(world, worker.claim) {
            return None;
        }
        world.writes(worker.claim);
        let apart = self.has(Flaw::UndoAfterEnd);
        if !apart {
            undo(world, worker.claim);
        }
        end(world, worker.claim, state);
        apart.then_some(Worker { stage: Stage::Undoing, ..worker })
    }

    /// A sign of life: it prolongs the lease, and tells the worker what has become of its claim.
    pub fn beat(&self, before: &World, index: usize) -> Option<World> {
        let (mut world, worker) = (*before, before.workers[index]?);
        if !world.holds(worker.claim) {
            world.let_go(index);
            return Some(world);
        }
        let operation = world.operations.get_mut(worker.claim.operation);
        operation.lease = Lease::Held;
        if operation.state == State::Cancelling && worker.stage != Stage::GivingUp {
            world.let_go(index);
            world.workers[index] = Some(Worker { stage: Stage::Stopping, looked: false, ..worker });
        }
        (world != *before).then_some(world)
    }

    /// The process drains: between two steps the operation is given back.
    pub fn release(&self, before: &World, index: usize) -> Option<World> {
        let (mut world, worker) = (*before, before.workers[index]?);
        if world.holds(worker.claim) {
            world.operations.get_mut(worker.claim.operation).lease = Lease::Free;
        }
        world.let_go(index);
        Some(world)
    }
}

impl World {
    /// The worker stops. Its call on the participant outside may be under way still.
    pub fn let_go(&mut self, index: usize) {
        let worker = self.workers[index].take();
        if let Some(called) = worker.filter(|worker| matches!(worker.stage, Stage::Called { .. })) {
            let ask = self.step_of(&called).ask;
            self.late = self.late.or(ask.map(|ask| (called.claim, ask)));
        }
    }
}

fn undo(world: &mut World, claim: Claim) {
    let kind = world.operations.get(claim.operation).kind;
    world.moves(work::undone(world.tenant, kind));
}

fn end(world: &mut World, claim: Claim, state: State) {
    let operation = world.operations.get_mut(claim.operation);
    if operation.epoch != claim.epoch {
        return;
    }
    let again = operation.state.ended();
    (operation.state, operation.lease) = (state, Lease::Free);
    if again {
        world.breaks(Law::NothingEndsTwice);
    }
}
