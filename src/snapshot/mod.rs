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
use crate::store::tenant_list::Reading;

/// What has become of a tenant.
#[derive(Clone, Debug)]
pub enum Change {
    /// It is like this now.
    Is(Box<Entry>),
    /// It is gone, for ever.
    Gone(TenantUid),
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
        self.held.read().unwrap_or_else(PoisonError::into_inner).as_ref().map(|(_, reading)| reading.clone())
    }

    /// Takes an index that was filled after that reading.
    pub fn fill(&self, index: Index, reading: Reading) {
        *self.held.write().unwrap_or_else(PoisonError::into_inner) = Some((index, reading));
    }

    /// Forgets everything, if that reading is the last one still: nothing leads on from it.
    pub fn forget(&self, reading: &Reading) {
        let mut held = self.held.write().unwrap_or_else(PoisonError::into_inner);
        if held.as_ref().is_some_and(|(_, known)| known == reading) {
            *held = None;
        }
    }

    /// Takes what was read. Several may bring theirs at the same time, in any order: what an earlier reading found, a
    /// later one has found, too, or its end; so the earlier one has nothing to add, and could only bring back what is gone.
    pub fn advance(&self, changes: Vec<Change>, reading: Reading) {
        let news = |known: &Reading| known.cluster == reading.cluster && *known < reading;
        if !self.reading().is_some_and(|known| news(&known)) {
            return;
        }
        if let Some((index, known)) = self.held.write().unwrap_or_else(PoisonError::into_inner).as_mut()
            && news(known)
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
