//! Everything that there is: the rows of the database, the workers, the participants, and calls that are under way.

use std::hash::{Hash, Hasher};

use landlord::domain::lifecycle::{Cause, EDGES, Node};
use landlord::domain::operation::{Kind, State};

use crate::rules::{Call, Tenant};
use crate::work::Ask;

/// The participant that lives in the database, as the directory does.
pub const BUILT_IN: usize = 0;
/// The participant that is another service.
pub const OUTSIDE: usize = 1;
/// Operations that there is room for: those that the calls of a run begin, and some to lead the tenant to its end.
const ROOM: usize = 10;

/// What `owner` and `lease_until` of an operation say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Lease {
    /// Nobody has it.
    Free,
    /// Somebody has it.
    Held,
    /// Somebody had it, and has not prolonged it in time. It may be alive.
    RunOut,
}

/// A row of `operations`, and what only this model sees of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Operation {
    pub kind: Kind,
    pub state: State,
    pub step: u8,
    pub epoch: u8,
    pub attempts: u8,
    pub lease: Lease,
    /// The steps that have counted, as bits.
    pub counted: u8,
    /// Workers that died in the middle of the step.
    pub deaths: u8,
}

impl Operation {
    const fn new(kind: Kind) -> Self {
        let (state, lease) = (State::Pending, Lease::Free);
        Self { kind, state, step: 0, epoch: 0, attempts: 0, lease, counted: 0, deaths: 0 }
    }

    /// Whether it keeps other exclusive work off the tenant.
    pub const fn in_the_way(&self) -> bool {
        self.kind.exclusive() && !self.state.ended()
    }
}

/// The rows of `operations`, in the order in which they were added.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Operations {
    rows: [Option<Operation>; ROOM],
}

impl Operations {
    pub fn add(&mut self, kind: Kind) {
        let free = self.rows.iter_mut().find(|row| row.is_none()).expect("room for another operation");
        *free = Some(Operation::new(kind));
    }

    /// All of them, with their numbers.
    pub fn iter(&self) -> impl Iterator<Item = (u8, &Operation)> {
        (0..).zip(self.rows.iter().flatten())
    }

    pub fn get(&self, number: u8) -> &Operation {
        self.rows[usize::from(number)].as_ref().expect("an operation of that number")
    }

    pub fn get_mut(&mut self, number: u8) -> &mut Operation {
        self.rows[usize::from(number)].as_mut().expect("an operation of that number")
    }

    /// The number of the one that keeps others off the tenant.
    pub fn exclusive(&self) -> Option<u8> {
        self.rows.iter().position(|row| row.is_some_and(|o| o.in_the_way())).map(|at| at as u8)
    }
}

impl Hash for Operations {
    fn hash<H: Hasher>(&self, state: &mut H) {
        for row in self.rows.iter().flatten() {
            row.hash(state);
        }
    }
}

/// A worker's hold on an operation, which it shows with every effect. Later operations and later epochs are greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Claim {
    pub operation: u8,
    pub epoch: u8,
}

/// What a worker does next. `todo` are the participants that it has to ask still, as bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stage {
    /// Asks the next participant.
    Asking { todo: u8 },
    /// Its call on the participant outside is under way.
    Called { todo: u8 },
    /// Writes the answer down.
    Answered { todo: u8, refused: bool },
    /// Commits what the step does inside, with the progress.
    Inside,
    /// Gives up: undo and end.
    GivingUp,
    /// Was told to stop: undo and end.
    Stopping,
    /// Has ended the operation and undoes it now. Only a flaw leads here.
    Undoing,
}

/// A worker that has claimed an operation. It may be stopped for any time between two actions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Worker {
    pub claim: Claim,
    pub step: u8,
    pub attempts: u8,
    pub stage: Stage,
    /// Whether it has looked at its lease. Only a flaw lets it go by that.
    pub looked: bool,
}

/// What a participant keeps of the tenant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Part {
    pub set_up: bool,
    pub frozen: bool,
    /// The newest claim that it has heard of.
    pub newest: Option<Claim>,
}

/// The rows of `participant_ledger` of one participant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Ledger {
    pub provisioned: bool,
    pub frozen: bool,
    pub purged: bool,
}

/// What an operator asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Asked {
    Tenant(Call),
    CancelOperation(u8),
    RetryOperation(u8),
}

/// The laws that can be seen to be broken only in the moment in which that happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Law {
    EachStepCountsOnce,
    StaleWorkersChangeNothing,
    TheLifecycleIsFollowed,
    NothingEndsTwice,
    WhatKillsIsGivenUp,
    RepeatsChangeNothing,
    OnlyTheNewAreSetUp,
}

/// The state of everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct World {
    pub tenant: Tenant,
    pub operations: Operations,
    pub ledger: [Ledger; 2],
    pub parts: [Part; 2],
    pub workers: [Option<Worker>; 3],
    /// A call on the participant outside whose caller does not wait for it any more.
    pub late: Option<(Claim, Ask)>,
    /// The operator's last request, which comes again if its answer was lost.
    pub asked: Option<Asked>,
    /// An operation that a retry has read as given up. Only a flaw parts reading from writing.
    pub retrying: Option<u8>,
    /// Calls that the operator makes still.
    pub calls: u8,
    /// Faults that happen still.
    pub faults: u8,
    broken: u8,
}

impl World {
    /// The one in which nobody has made the tenant yet.
    pub fn new(calls: u8, faults: u8) -> Self {
        Self {
            tenant: Tenant::ABSENT,
            operations: Operations::default(),
            ledger: Default::default(),
            parts: Default::default(),
            workers: Default::default(),
            late: None,
            asked: None,
            retrying: None,
            calls,
            faults,
            broken: 0,
        }
    }

    /// The one in which the tenant is in use.
    pub fn in_use(calls: u8, faults: u8) -> Self {
        let part = Part { set_up: true, ..Part::default() };
        let ledger = Ledger { provisioned: true, ..Ledger::default() };
        let tenant = Tenant::ABSENT.at(Node::Active);
        Self { tenant, parts: [part; 2], ledger: [ledger; 2], ..Self::new(calls, faults) }
    }

    pub fn breaks(&mut self, law: Law) {
        self.broken |= 1 << law as u8;
    }

    pub fn keeps(&self, law: Law) -> bool {
        self.broken & (1 << law as u8) == 0
    }

    /// A transition, as the log of transitions takes it down.
    pub fn moves(&mut self, to: Tenant) {
        let from = self.tenant;
        let edge = |from, to| EDGES.iter().any(|edge| (edge.0, edge.1) == (from, to));
        let moved = from.place == to.place || edge(from.place, to.place);
        let began = from.purging == to.purging || EDGES.contains(&(to.place, to.place, Cause::PurgeStarted));
        if !(moved && began) {
            self.breaks(Law::TheLifecycleIsFollowed);
        }
        self.tenant = to;
    }

    /// The same with one fault fewer to come.
    pub fn with_a_fault(&self) -> Self {
        Self { faults: self.faults - 1, ..*self }
    }

    /// Whether a worker that lives has the operation.
    pub fn is_held_by_the_living(&self, number: u8) -> bool {
        let claim = Claim { operation: number, epoch: self.operations.get(number).epoch };
        self.workers.iter().flatten().any(|worker| worker.claim == claim)
    }
}
