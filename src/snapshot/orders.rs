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

    /// Takes slots out of an order; their entries are still there.
    pub(super) fn take(&mut self, order: Order, slots: &RoaringBitmap, entries: &Entries) {
        let list = &mut self.0[order as usize];
        let place = |slot| list.binary_search_by(|other| compare(*other, slot, entries, order)).ok();
        let mut places: Vec<usize> = slots.iter().filter_map(place).collect();
        places.sort_unstable();
        let Some(mut kept) = places.first().copied() else { return };
        for (number, at) in places.iter().enumerate() {
            let rest = at + 1..places.get(number + 1).copied().unwrap_or(list.len());
            list.copy_within(rest.clone(), kept);
            kept += rest.len();
        }
        list.truncate(kept);
    }

    /// Puts slots into an order, whose entries are there already.
    pub(super) fn put(&mut self, order: Order, slots: &RoaringBitmap, entries: &Entries) {
        let list = &mut self.0[order as usize];
        let mut new: Vec<u32> = slots.iter().collect();
        new.sort_unstable_by(|a, b| compare(*a, *b, entries, order));
        let mut old = list.len();
        list.resize(old + new.len(), 0);
        // From the end on, so that each of the others moves once and nothing is written over.
        for (before, slot) in new.into_iter().enumerate().rev() {
            let at = list[..old].partition_point(|other| compare(*other, slot, entries, order).is_lt());
            list.copy_within(at..old, at + before + 1);
            list[at + before] = slot;
            old = at;
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
