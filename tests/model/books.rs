//! What the service should have come to after the calls so far, by the rules.

use landlord::domain::error::Reason;
use landlord::domain::operation::{Kind, State};

use super::rules::{self, Call, Circumstances, Effect, Tenant};
use super::service::{Ask, Asked, Etag};
use super::work;

/// An operation, as it should be.
#[derive(Clone, Debug)]
pub struct Operation {
    pub name: String,
    pub kind: Kind,
    pub state: State,
}

/// One tenant, with all of its operations in the order in which they were begun.
#[derive(Clone, Debug)]
pub struct Page {
    pub tenant: Tenant,
    pub display_name: String,
    pub operations: Vec<Operation>,
}

impl Page {
    fn working(&self) -> Option<usize> {
        self.operations.iter().position(|operation| operation.kind.exclusive() && !operation.state.ended())
    }

    fn last_way_out(&self) -> Option<usize> {
        self.operations.iter().rposition(|operation| rules::leads_out(operation.kind))
    }

    /// The operation that a call means by that number.
    pub fn meant(&self, number: usize) -> Option<usize> {
        number.checked_rem(self.operations.len())
    }
}

/// All tenants, and what their calls depend on.
#[derive(Debug)]
pub struct Books {
    pub pages: Vec<Page>,
    pub broken: bool,
    pub held: bool,
    pub force_enabled: bool,
}

/// What an accepted call leads to.
#[derive(Debug)]
pub enum Outcome {
    Effect(Effect),
    /// That operation is in that state now.
    Steered(usize, State),
}

impl Outcome {
    pub const fn begins(&self) -> bool {
        matches!(self, Self::Effect(Effect { begins: Some(_), .. }))
    }
}

impl Books {
    pub fn new(tenants: usize) -> Self {
        let page = |index| Page {
            tenant: Tenant::ABSENT,
            // Provisioning can be broken for these.
            display_name: format!("Broken {index}"),
            operations: Vec::new(),
        };
        Self { pages: (0..tenants).map(page).collect(), broken: false, held: false, force_enabled: false }
    }

    /// What the call should lead to, or why it should be refused.
    pub fn answer(&self, ask: &Ask) -> Result<Outcome, Reason> {
        let page = &self.pages[ask.tenant];
        let working = page.working().map(|number| page.operations[number].kind);
        let at = Circumstances { working, force_enabled: self.force_enabled, stale: ask.etag == Etag::Stale };
        let meant = |number| page.meant(number).ok_or(Reason::ResourceNotFound);
        match ask.asked {
            Asked::Tenant(call) => rules::answer(page.tenant, call, at).map(Outcome::Effect),
            Asked::CancelOperation(number) => {
                let number = meant(number)?;
                let operation = &page.operations[number];
                rules::cancel(operation.kind, operation.state).map(|state| Outcome::Steered(number, state))
            }
            Asked::RetryOperation(number) => {
                let number = meant(number)?;
                let operation = &page.operations[number];
                let last = page.last_way_out() == Some(number);
                rules::begin_again(page.tenant, operation.kind, operation.state, last, at).map(Outcome::Effect)
            }
        }
    }

    /// Writes down what an accepted call leads to at once.
    pub fn write(&mut self, ask: &Ask, outcome: Outcome, begun: Option<String>) {
        let page = &mut self.pages[ask.tenant];
        match (ask.asked, page.working()) {
            (Asked::Tenant(Call::CancelDeletion), Some(number)) => page.operations[number].state = State::Cancelled,
            (Asked::Tenant(Call::Rename(number)), _) => page.display_name = new_name(number),
            _ => {}
        }
        match outcome {
            Outcome::Effect(effect) => {
                page.tenant = effect.tenant;
                let begun = effect.begins.zip(begun);
                let begun = begun.map(|(kind, name)| Operation { name, kind, state: State::Pending });
                page.operations.extend(begun);
            }
            Outcome::Steered(number, state) => page.operations[number].state = state,
        }
    }

    /// The operations that workers are about to end: tenant and number.
    pub fn taken_up(&self) -> Vec<(usize, usize)> {
        let mut found = Vec::new();
        for (tenant, page) in self.pages.iter().enumerate() {
            for (number, operation) in page.operations.iter().enumerate() {
                if operation.state == State::Cancelling || !self.held && !operation.state.ended() {
                    found.push((tenant, number));
                }
            }
        }
        found
    }

    /// Ends that operation, and says how.
    pub fn end(&mut self, tenant: usize, number: usize) -> State {
        let page = &mut self.pages[tenant];
        let operation = &mut page.operations[number];
        operation.state = match operation.state {
            State::Cancelling => State::Cancelled,
            _ if operation.kind == Kind::Provision && self.broken => State::Failed,
            _ => State::Succeeded,
        };
        let become_of = if operation.state == State::Succeeded { work::done } else { work::undone };
        page.tenant = become_of(page.tenant, operation.kind);
        operation.state
    }

    /// Failed tenants have rested.
    pub fn rest(&mut self) {
        for page in &mut self.pages {
            page.tenant.resting = false;
        }
    }
}

/// The name that Rename gives.
pub fn new_name(number: u8) -> String {
    format!("Broken name {number}")
}
