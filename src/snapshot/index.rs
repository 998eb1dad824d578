//! The index itself: entries in slots, the sets that they are in, and their orders. All three change together.

use std::collections::HashMap;

use roaring::RoaringBitmap;

use super::Change;
use super::entry::Entry;
use super::orders::{Entries, Orders};
use super::postings::Postings;
use crate::domain::id::TenantUid;
use crate::domain::tenant_list::Order;

/// An index of tenants.
#[derive(Debug, Default)]
pub struct Index {
    pub(super) entries: Entries,
    pub(super) orders: Orders,
    pub(super) postings: Postings,
    slots: HashMap<TenantUid, u32>,
    free: Vec<u32>,
}

impl Index {
    /// The index of these tenants.
    pub fn of(entries: Vec<Entry>) -> Self {
        let mut index = Self::default();
        index.apply(entries.into_iter().map(|entry| Change::Is(Box::new(entry))).collect());
        index
    }

    /// How many tenants there are.
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// Takes changes; what is not newer than what is known changes nothing.
    pub(super) fn apply(&mut self, changes: Vec<Change>) {
        // By order. Most changes move a tenant in none of them, or in one.
        let (mut moved, mut stays) = <([RoaringBitmap; 4], [RoaringBitmap; 4])>::default();
        for change in &changes {
            let Some((slot, known)) = self.replaced(change) else { continue };
            for order in Order::ALL {
                let stands = matches!(change, Change::Is(entry) if entry.compare(known, order).is_eq());
                let slots = if stands { &mut stays } else { &mut moved };
                slots[order as usize].insert(slot);
            }
        }
        for order in Order::ALL {
            self.orders.take(order, &moved[order as usize], &self.entries);
        }
        let mut put: RoaringBitmap = changes.into_iter().filter_map(|change| self.replace(change)).collect();
        // What was added and went away in one batch is not there.
        put &= self.postings.all();
        for order in Order::ALL {
            let stayed = &stays[order as usize] - &moved[order as usize];
            self.orders.put(order, &(&put - stayed), &self.entries);
        }
    }

    /// The entry that the change replaces, and its slot, if it is newer than that.
    fn replaced(&self, change: &Change) -> Option<(u32, &Entry)> {
        let slot = *self.slots.get(&change.uid())?;
        let known = self.entries[slot as usize].as_ref()?;
        match change {
            Change::Is(entry) if entry.version <= known.version => None,
            _ => Some((slot, known)),
        }
    }

    /// Replaces the entry of a tenant, in its slot and its sets; gives the slot of what is new.
    fn replace(&mut self, change: Change) -> Option<u32> {
        let uid = change.uid();
        let known = self.slots.get(&uid).copied();
        if known.is_some() && self.replaced(&change).is_none() {
            return None;
        }
        if let Some(slot) = known
            && let Some(old) = self.entries[slot as usize].take()
        {
            self.postings.remove(slot, &old);
        }
        let Change::Is(entry) = change else {
            self.free.extend(self.slots.remove(&uid));
            return None;
        };
        let slot = known.or_else(|| self.free.pop()).unwrap_or_else(|| {
            self.entries.push(None);
            u32::try_from(self.entries.len() - 1).unwrap_or(u32::MAX)
        });
        self.postings.add(slot, &entry);
        self.entries[slot as usize] = Some(*entry);
        self.slots.insert(uid, slot);
        Some(slot)
    }
}

impl Change {
    fn uid(&self) -> TenantUid {
        match self {
            Self::Is(entry) => entry.uid,
            Self::Gone(uid) => *uid,
        }
    }
}
