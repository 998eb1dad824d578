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

use std::cmp::Reverse;
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

/// Which transactions were over when somebody read what has changed. Of two readings the later one is the greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reading {
    /// The first transaction that had not begun.
    end: i64,
    /// How many before that one were still open. Between two new transactions these can only become fewer.
    open: Reverse<i64>,
    /// The first transaction that may not have been over: who reads on reads it again, and all later ones.
    pub position: i64,
}

impl Reading {
    /// A reading at which transactions before `position` were over, and of those before `end` so many were open.
    pub fn new(position: i64, end: i64, open: i64) -> Self {
        Self { end, open: Reverse(open), position }
    }
}

/// The index of all tenants, and the last reading that is in it. None: it has not been filled yet.
#[derive(Default)]
pub struct Snapshot {
    held: RwLock<Option<(Index, Reading)>>,
    /// Held by whoever fills the index, so that others wait instead of doing the same.
    pub filling: tokio::sync::Mutex<()>,
}

impl Snapshot {
    /// The last reading that is in it.
    pub fn reading(&self) -> Option<Reading> {
        self.held.read().unwrap_or_else(PoisonError::into_inner).as_ref().map(|(_, reading)| *reading)
    }

    /// Takes an index that was filled after that reading.
    pub fn fill(&self, index: Index, reading: Reading) {
        *self.held.write().unwrap_or_else(PoisonError::into_inner) = Some((index, reading));
    }

    /// Forgets everything: what it knows is of another database.
    pub fn empty(&self) {
        *self.held.write().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Takes what was read. Several may bring theirs at the same time, in any order: what an earlier reading found, a
    /// later one has found, too, or its end; so the earlier one has nothing to add, and could only bring back what is gone.
    pub fn advance(&self, changes: Vec<Change>, reading: Reading) {
        if self.reading().is_none_or(|known| known >= reading) {
            return;
        }
        if let Some((index, known)) = self.held.write().unwrap_or_else(PoisonError::into_inner).as_mut()
            && *known < reading
        {
            index.apply(changes);
            *known = reading;
        }
    }

    /// The tenants that the query is for; None: the index is not filled.
    pub fn query(&self, query: &Query) -> Option<Matches> {
        let held = self.held.read().unwrap_or_else(PoisonError::into_inner);
        held.as_ref().map(|(index, _)| index.query(query))
    }
}
