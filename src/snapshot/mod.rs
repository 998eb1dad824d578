//! What is answered from memory: the list of tenants.
//!
//! Postgres is asked for the rows of a page by their keys. Which tenants stand on it, in any order, for any filter and
//! from the first letter of a search on, is answered from an index in memory, which no index of Postgres could do in the
//! time that a list may take. Whoever lists brings the index up to date in the transaction of the list, so the answer
//! is no older than one from the database would be.

mod entry;
mod index;
mod names;
mod orders;
mod postings;
mod query;
#[cfg(test)]
mod tests;

use std::sync::{PoisonError, RwLock};

pub use entry::{Entry, Facts};
pub use index::Index;
pub use query::{Matches, Query};

use crate::domain::id::TenantUid;

/// What has become of a tenant.
#[derive(Clone, Debug)]
pub enum Change {
    /// It is like this now.
    Is(Box<Entry>),
    /// It is gone, for ever.
    Gone(TenantUid),
}

/// Up to where the index knows of changes: whatever transactions before this one did is in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position(pub i64);

/// The index of all tenants, with the position that it stands at. None: it has not been filled yet.
#[derive(Default)]
pub struct Snapshot {
    held: RwLock<Option<(Index, Position)>>,
    /// Held by whoever fills the index, so that others wait instead of doing the same.
    pub filling: tokio::sync::Mutex<()>,
}

impl Snapshot {
    /// Up to where changes are known.
    pub fn position(&self) -> Option<Position> {
        self.held.read().unwrap_or_else(PoisonError::into_inner).as_ref().map(|(_, position)| *position)
    }

    /// Takes an index that was filled while nobody looked.
    pub fn fill(&self, index: Index, position: Position) {
        *self.held.write().unwrap_or_else(PoisonError::into_inner) = Some((index, position));
    }

    /// Forgets everything: what it knows is of another database.
    pub fn empty(&self) {
        *self.held.write().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Takes changes that were read at `position`. Those that are older than what is known change nothing, so several
    /// may bring theirs at the same time.
    pub fn advance(&self, changes: Vec<Change>, position: Position) {
        if changes.is_empty() && self.position().is_some_and(|known| known >= position) {
            return;
        }
        if let Some((index, known)) = self.held.write().unwrap_or_else(PoisonError::into_inner).as_mut() {
            index.apply(changes);
            *known = position.max(*known);
        }
    }

    /// The tenants that the query is for; None: the index is not filled.
    pub fn query(&self, query: &Query) -> Option<Matches> {
        let held = self.held.read().unwrap_or_else(PoisonError::into_inner);
        held.as_ref().map(|(index, _)| index.query(query))
    }
}
