//! Which tenants a list shows, and how many there are.

use itertools::Itertools as _;
use roaring::RoaringBitmap;

use super::entry::{Entry, Place};
use super::index::Index;
use super::postings::{Term, Text};
use crate::domain::filter::{Compare, Filter};
use crate::domain::fold::fold;
use crate::domain::id::TenantUid;
use crate::domain::page::EXACT_TOTAL;
use crate::domain::tenant_list::{Cursor, Order, TenantCondition, TenantFilter, texts};

/// So many steps along the order of all tenants take as long as a look at one tenant out of that order.
const STEPS: usize = 5;

/// What to list.
#[derive(Clone, Debug)]
pub struct Query {
    /// Part of the name or the code, in any case; empty: all.
    pub search: String,
    /// What else the tenants must be like.
    pub filter: Option<TenantFilter>,
    /// In which order.
    pub order: Order,
    /// Against that order.
    pub descending: bool,
    /// Only what comes after this.
    pub after: Option<Cursor>,
    /// Tenants at most.
    pub limit: usize,
}

/// A part of the tenants that match.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Matches {
    /// They, in order.
    pub uids: Vec<TenantUid>,
    /// Where they end, if more follow.
    pub next: Option<Cursor>,
    /// How many match in all.
    pub total: usize,
    /// Whether that is an estimate.
    pub estimated: bool,
}

/// The tenants that match: all of the set, or those of it that have the letters of the search in the right order.
struct Candidates {
    set: RoaringBitmap,
    /// Of a search that its letters' sets do not decide.
    search: Option<String>,
}

impl Index {
    /// The tenants that the query is for.
    pub fn query(&self, query: &Query) -> Matches {
        self.matches_of(query, STEPS)
    }

    /// Walks along the order for as long as it would take to pick the page from the set, `steps` for each of its members; where
    /// the members are far between, or all at the other end, it is picked then.
    pub(super) fn matches_of(&self, query: &Query, steps: usize) -> Matches {
        let mut candidates = self.candidates(query);
        let (total, estimated) = self.count(&mut candidates);
        let members = usize::try_from(candidates.set.len()).unwrap_or(usize::MAX);
        let walked = self.walked(&candidates, query, members.saturating_mul(steps));
        let mut slots = walked.unwrap_or_else(|| self.picked(&candidates, query));
        let more = slots.len() > query.limit;
        slots.truncate(query.limit);
        let page: Vec<_> = slots.into_iter().filter_map(|slot| self.entry(slot)).collect();
        let next = page.last().filter(|_| more).map(|last| last.place(query.order));
        Matches { uids: page.into_iter().map(|entry| entry.uid).collect(), next, total, estimated }
    }

    fn entry(&self, slot: u32) -> Option<&Entry> {
        self.entries.get(slot as usize)?.as_ref()
    }

    fn candidates(&self, query: &Query) -> Candidates {
        let search = fold(&query.search);
        let mut set = if search.is_empty() {
            self.postings.all().clone()
        } else {
            self.postings.with_letters(Text::Name, &search) | self.postings.with_letters(Text::Code, &search)
        };
        if let Some(filter) = &query.filter {
            set = self.narrowed(set, filter);
        }
        let search = Some(search).filter(|search| !decided_by_letters(search));
        Candidates { set, search }
    }

    fn matches(&self, candidates: &Candidates, slot: u32) -> bool {
        match &candidates.search {
            None => true,
            Some(search) => {
                self.entry(slot).is_some_and(|e| e.name.contains(search.as_str()) || e.code.contains(search.as_str()))
            }
        }
    }

    /// How many match. Beyond [`EXACT_TOTAL`] a search is estimated by the share of candidates that were right so far;
    /// else its set is narrowed to those that are.
    fn count(&self, candidates: &mut Candidates) -> (usize, bool) {
        let size = usize::try_from(candidates.set.len()).unwrap_or(usize::MAX);
        if candidates.search.is_none() {
            return (size, false);
        }
        let mut found = Vec::new();
        for (looked_at, slot) in candidates.set.iter().enumerate() {
            if self.matches(candidates, slot) {
                found.push(slot);
                if found.len() as i64 > EXACT_TOTAL && looked_at + 1 < size {
                    return (found.len() * size / (looked_at + 1), true);
                }
            }
        }
        let total = found.len();
        candidates.set = found.into_iter().collect();
        candidates.search = None;
        (total, false)
    }

    /// The page and one more, by looking at all that match.
    fn picked(&self, candidates: &Candidates, query: &Query) -> Vec<u32> {
        let place = query.after.as_ref().map(Place::new);
        let after = |entry: &Entry| {
            place.as_ref().is_none_or(|place| {
                let ordering = entry.compare_to(place, query.order);
                if query.descending { ordering.is_lt() } else { ordering.is_gt() }
            })
        };
        let matching = candidates.set.iter().filter(|slot| self.matches(candidates, *slot));
        let entries = matching.filter_map(|slot| Some((slot, self.entry(slot)?))).filter(|(_, entry)| after(entry));
        let first = entries.k_smallest_by(query.limit + 1, |(_, a), (_, b)| {
            let ordering = a.compare(b, query.order);
            if query.descending { ordering.reverse() } else { ordering }
        });
        first.map(|(slot, _)| slot).collect()
    }

    /// The same, by going along the order of all tenants from where the page before ended. None: not within so many steps.
    fn walked(&self, candidates: &Candidates, query: &Query, steps: usize) -> Option<Vec<u32>> {
        let order = self.orders.of(query.order);
        let place = query.after.as_ref().map(Place::new);
        let before = |wanted: fn(std::cmp::Ordering) -> bool| match &place {
            None => 0,
            Some(place) => order.partition_point(|slot| {
                self.entry(*slot).is_some_and(|entry| wanted(entry.compare_to(place, query.order)))
            }),
        };
        if query.descending {
            let end = if place.is_some() { before(std::cmp::Ordering::is_lt) } else { order.len() };
            self.walk(candidates, order[..end].iter().rev(), query.limit + 1, steps)
        } else {
            self.walk(candidates, order[before(std::cmp::Ordering::is_le)..].iter(), query.limit + 1, steps)
        }
    }

    fn walk<'a>(
        &self,
        candidates: &Candidates,
        way: impl Iterator<Item = &'a u32>,
        most: usize,
        steps: usize,
    ) -> Option<Vec<u32>> {
        let mut found = Vec::new();
        for (step, slot) in way.enumerate() {
            if found.len() == most {
                break;
            }
            if step == steps {
                return None;
            }
            if candidates.set.contains(*slot) && self.matches(candidates, *slot) {
                found.push(*slot);
            }
        }
        Some(found)
    }

    /// Those of a set that a filter lets through.
    fn narrowed(&self, set: RoaringBitmap, filter: &TenantFilter) -> RoaringBitmap {
        match filter {
            Filter::And(all) => {
                // What has to be compared letter by letter comes last, when only few may be left.
                let (slow, fast): (Vec<_>, Vec<_>) = all.iter().partition(|part| texts(part) > 0);
                fast.into_iter().chain(slow).fold(set, |rest, part| self.narrowed(rest, part))
            }
            Filter::Or(any) => {
                any.iter().fold(RoaringBitmap::new(), |found, part| found | self.narrowed(set.clone(), part))
            }
            Filter::Not(inner) => &set - self.narrowed(set.clone(), inner),
            Filter::Is(condition) => self.having(set, condition),
        }
    }

    fn having(&self, set: RoaringBitmap, condition: &TenantCondition) -> RoaringBitmap {
        use TenantCondition as Is;
        let term = match condition {
            Is::State(state) => Term::State(*state),
            Is::LockReason(reason) => Term::LockReason(*reason),
            Is::Server(server) => Term::Server(server.as_str().into()),
            Is::HasLabel(key) => Term::HasLabel(key.as_str().into()),
            Is::Label(key, value) => Term::Label(key.as_str().into(), value.as_str().into()),
            Is::Protected => Term::Protected,
            Is::Code(code) => return self.named(set, Text::Code, code, |entry, code| *entry.code == *code),
            Is::DisplayName(name) => {
                return self.named(set, Text::Name, &fold(name), |entry, name| *entry.name == *name);
            }
            Is::DisplayNameHas(part) => {
                let part = fold(part);
                if decided_by_letters(&part) {
                    return if part.is_empty() { set } else { set & self.postings.with_letters(Text::Name, &part) };
                }
                return self.named(set, Text::Name, &part, |entry, part| entry.name.contains(part));
            }
            Is::CreateTime(compare, time) => return set & self.created(*compare, *time),
        };
        self.postings.with(&term).map_or_else(RoaringBitmap::new, |with| set & with)
    }

    fn named(
        &self,
        set: RoaringBitmap,
        place: Text,
        folded: &str,
        fits: impl Fn(&Entry, &str) -> bool,
    ) -> RoaringBitmap {
        let candidates = if folded.is_empty() { set } else { set & self.postings.with_letters(place, folded) };
        candidates.into_iter().filter(|slot| self.entry(*slot).is_some_and(|entry| fits(entry, folded))).collect()
    }

    /// Those created before, at or after a time: up to two runs of the order by age.
    fn created(&self, compare: Compare, time: chrono::DateTime<chrono::Utc>) -> RoaringBitmap {
        let order = self.orders.of(Order::CreateTime);
        let at = |slot: &u32| self.entry(*slot).map(|entry| entry.created_at);
        let from = order.partition_point(|slot| at(slot).is_some_and(|created| created < time));
        let to = order.partition_point(|slot| at(slot).is_some_and(|created| created <= time));
        let runs = [
            (0..from, std::cmp::Ordering::Less),
            (from..to, std::cmp::Ordering::Equal),
            (to..order.len(), std::cmp::Ordering::Greater),
        ];
        let mut slots: Vec<u32> = runs
            .into_iter()
            .filter(|(_, ordering)| compare.lets(*ordering))
            .flat_map(|(run, _)| order[run].to_vec())
            .collect();
        slots.sort_unstable();
        slots.into_iter().collect()
    }
}

/// Whether it is enough to have the letters of a text to have the text.
fn decided_by_letters(folded: &str) -> bool {
    folded.chars().nth(2).is_none()
}
