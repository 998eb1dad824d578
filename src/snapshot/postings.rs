//! For each thing that a tenant can have, the set of those that have it. Filters are algebra on these sets.

use std::collections::HashMap;

use roaring::RoaringBitmap;

use super::entry::Entry;
use super::names::grams;
use crate::domain::lifecycle::{LockReason, State};

/// Something that tenants have in common.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Term {
    State(State),
    LockReason(LockReason),
    Server(Box<str>),
    HasLabel(Box<str>),
    Label(Box<str>, Box<str>),
    Protected,
}

/// Where letters are looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Text {
    Name,
    Code,
}

/// The sets, by slot.
#[derive(Debug, Default)]
pub(super) struct Postings {
    terms: HashMap<Term, RoaringBitmap>,
    grams: HashMap<(Text, char, char), RoaringBitmap>,
    all: RoaringBitmap,
}

impl Postings {
    pub(super) fn add(&mut self, slot: u32, entry: &Entry) {
        self.all.insert(slot);
        for term in terms(entry) {
            self.terms.entry(term).or_default().insert(slot);
        }
        for gram in texts(entry) {
            self.grams.entry(gram).or_default().insert(slot);
        }
    }

    pub(super) fn remove(&mut self, slot: u32, entry: &Entry) {
        self.all.remove(slot);
        for term in terms(entry) {
            if let Some(set) = self.terms.get_mut(&term) {
                set.remove(slot);
                if set.is_empty() {
                    self.terms.remove(&term);
                }
            }
        }
        for gram in texts(entry) {
            if let Some(set) = self.grams.get_mut(&gram) {
                set.remove(slot);
                if set.is_empty() {
                    self.grams.remove(&gram);
                }
            }
        }
    }

    /// All tenants.
    pub(super) fn all(&self) -> &RoaringBitmap {
        &self.all
    }

    /// Those that have it, if any has.
    pub(super) fn with(&self, term: &Term) -> Option<&RoaringBitmap> {
        self.terms.get(term)
    }

    /// Those that have all letters and pairs of letters of the folded text. For up to two letters, those that have it.
    pub(super) fn with_letters(&self, place: Text, folded: &str) -> RoaringBitmap {
        let wanted: Vec<_> = match folded.chars().nth(1) {
            None => grams(folded).collect(),
            Some(_) => grams(folded).filter(|(_, second)| *second != '\0').collect(),
        };
        let mut sets = Vec::with_capacity(wanted.len());
        for (first, second) in wanted {
            match self.grams.get(&(place, first, second)) {
                Some(set) => sets.push(set),
                None => return RoaringBitmap::new(),
            }
        }
        sets.sort_by_key(|set| set.len());
        let mut sets = sets.into_iter();
        let mut found = sets.next().cloned().unwrap_or_default();
        for set in sets {
            found &= set;
        }
        found
    }
}

fn terms(entry: &Entry) -> impl Iterator<Item = Term> + '_ {
    let labels = entry.labels.iter();
    let labels = labels.flat_map(|(key, value)| [Term::HasLabel(key.clone()), Term::Label(key.clone(), value.clone())]);
    [Term::State(entry.state), Term::Server(entry.server.clone())]
        .into_iter()
        .chain(entry.lock_reason.map(Term::LockReason))
        .chain(entry.protected.then_some(Term::Protected))
        .chain(labels)
}

fn texts(entry: &Entry) -> impl Iterator<Item = (Text, char, char)> + '_ {
    let of = |place, text| grams(text).map(move |(first, second)| (place, first, second));
    of(Text::Name, &*entry.name).chain(of(Text::Code, &*entry.code))
}
