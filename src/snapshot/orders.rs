//! The slots of all tenants in each of the orders.

use std::cmp::Ordering;

use roaring::RoaringBitmap;

use super::entry::Entry;
use crate::domain::tenant_list::Order;

/// The entries, by slot.
pub(super) type Entries = Vec<Option<Entry>>;

/// The orders, as sorted lists of slots.
#[derive(Debug, Default)]
pub(super) struct Orders([Vec<u32>; 4]);

impl Orders {
    /// The slots in that order.
    pub(super) fn of(&self, order: Order) -> &[u32] {
        &self.0[order as usize]
    }

    /// Takes one slot out; its entry is still there.
    pub(super) fn take(&mut self, slot: u32, entries: &Entries) {
        for order in Order::ALL {
            let list = &mut self.0[order as usize];
            if let Ok(at) = list.binary_search_by(|other| compare(*other, slot, entries, order)) {
                list.remove(at);
            }
        }
    }

    /// Puts one slot in, whose entry is there already.
    pub(super) fn put(&mut self, slot: u32, entries: &Entries) {
        for order in Order::ALL {
            let list = &mut self.0[order as usize];
            if let Err(at) = list.binary_search_by(|other| compare(*other, slot, entries, order)) {
                list.insert(at, slot);
            }
        }
    }

    /// Takes many slots out.
    pub(super) fn take_all(&mut self, slots: &RoaringBitmap) {
        for list in &mut self.0 {
            list.retain(|slot| !slots.contains(*slot));
        }
    }

    /// Puts many slots in, whose entries are there already: sorts them alone and merges the two lists.
    pub(super) fn put_all(&mut self, slots: &RoaringBitmap, entries: &Entries) {
        for order in Order::ALL {
            let mut new: Vec<u32> = slots.iter().collect();
            new.sort_unstable_by(|a, b| compare(*a, *b, entries, order));
            let old = std::mem::take(&mut self.0[order as usize]);
            let mut merged = Vec::with_capacity(old.len() + new.len());
            let (mut old, mut new) = (old.into_iter().peekable(), new.into_iter().peekable());
            while let (Some(a), Some(b)) = (old.peek(), new.peek()) {
                let first = compare(*a, *b, entries, order).is_le();
                merged.extend(if first { old.next() } else { new.next() });
            }
            merged.extend(old.chain(new));
            self.0[order as usize] = merged;
        }
    }
}

/// Where one slot stands in relation to another. Of slots without entries there are none in the lists.
fn compare(a: u32, b: u32, entries: &Entries, order: Order) -> Ordering {
    match (&entries[a as usize], &entries[b as usize]) {
        (Some(a), Some(b)) => a.compare(b, order),
        _ => a.cmp(&b),
    }
}
