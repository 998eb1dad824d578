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

    /// Takes many slots out; their entries are still there.
    pub(super) fn take_all(&mut self, slots: &RoaringBitmap, entries: &Entries) {
        for order in Order::ALL {
            let old = std::mem::take(&mut self.0[order as usize]);
            let place = |slot| old.binary_search_by(|other| compare(*other, slot, entries, order)).ok();
            let mut places: Vec<usize> = slots.iter().filter_map(place).collect();
            places.sort_unstable();
            let mut kept = Vec::with_capacity(old.len());
            let mut from = 0;
            for at in places {
                kept.extend_from_slice(&old[from..at]);
                from = at + 1;
            }
            kept.extend_from_slice(&old[from..]);
            self.0[order as usize] = kept;
        }
    }

    /// Puts many slots in, whose entries are there already.
    pub(super) fn put_all(&mut self, slots: &RoaringBitmap, entries: &Entries) {
        for order in Order::ALL {
            let mut new: Vec<u32> = slots.iter().collect();
            new.sort_unstable_by(|a, b| compare(*a, *b, entries, order));
            let old = std::mem::take(&mut self.0[order as usize]);
            let mut merged = Vec::with_capacity(old.len() + new.len());
            let mut rest = old.as_slice();
            for slot in new {
                let (before, after) =
                    rest.split_at(rest.partition_point(|other| compare(*other, slot, entries, order).is_lt()));
                merged.extend_from_slice(before);
                merged.push(slot);
                rest = after;
            }
            merged.extend_from_slice(rest);
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
