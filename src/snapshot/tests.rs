//! The index against a plain list that is searched, filtered and sorted anew for each query.

use std::cmp::{Ordering, Reverse};
use std::collections::BTreeMap;

use chrono::DateTime;
use proptest::prelude::*;
use uuid::Uuid;

use super::names::sort_key;
use super::{Change, Entry, Facts, Index, Query, Snapshot};
use crate::domain::filter::{Compare, Filter};
use crate::domain::fold::fold;
use crate::domain::id::TenantUid;
use crate::domain::lifecycle::{LockReason, State};
use crate::domain::name::Labels;
use crate::domain::tenant_list::{Order, TenantCondition, TenantFilter};
use crate::store::tenant_list::Reading;

#[derive(Clone, Debug)]
struct Row {
    uid: TenantUid,
    version: i64,
    code: String,
    name: String,
    state: State,
    lock_reason: Option<LockReason>,
    server: String,
    labels: Labels,
    protected: bool,
    created: i64,
}

impl Row {
    fn entry(&self) -> Entry {
        Entry::new(&Facts {
            uid: self.uid,
            version: self.version,
            code: &self.code,
            display_name: &self.name,
            state: self.state,
            lock_reason: self.lock_reason,
            server: &self.server,
            labels: &self.labels,
            protected: self.protected,
            created_at: DateTime::from_timestamp_micros(self.created).unwrap(),
        })
    }

    fn compare(&self, other: &Self, order: Order) -> Ordering {
        let keys = match order {
            Order::DisplayName => sort_key(&self.name).cmp(&sort_key(&other.name)),
            Order::Code => self.code.cmp(&other.code),
            Order::State => self.state.name().cmp(other.state.name()),
            Order::CreateTime => self.created.cmp(&other.created),
        };
        keys.then(self.uid.cmp(&other.uid))
    }

    fn has(&self, text: &str) -> bool {
        fold(&self.name).contains(&fold(text)) || self.code.contains(&fold(text))
    }

    fn fits(&self, filter: &TenantFilter) -> bool {
        use TenantCondition as Is;
        match filter {
            Filter::And(all) => all.iter().all(|part| self.fits(part)),
            Filter::Or(any) => any.iter().any(|part| self.fits(part)),
            Filter::Not(inner) => !self.fits(inner),
            Filter::Is(condition) => match condition {
                Is::State(state) => self.state == *state,
                Is::LockReason(reason) => self.lock_reason == Some(*reason),
                Is::Server(server) => self.server == *server,
                Is::HasLabel(key) => self.labels.contains_key(key),
                Is::Label(key, value) => self.labels.get(key) == Some(value),
                Is::Code(code) => self.code == *code,
                Is::DisplayName(name) => fold(&self.name) == fold(name),
                Is::DisplayNameHas(part) => fold(&self.name).contains(&fold(part)),
                Is::Protected => self.protected,
                Is::CreateTime(compare, time) => compare.lets(self.created.cmp(&time.timestamp_micros())),
            },
        }
    }
}

/// Names from few letters of several scripts, so that they have parts in common.
fn name() -> impl Strategy<Value = String> {
    let letter = prop::sample::select(vec!["a", "A", "b", "ä", "Ä", "ß", "я", "Я", "σ", "ς", "東", "京", " ", "-"]);
    prop::collection::vec(letter, 1..6).prop_map(|letters| letters.concat())
}

fn row() -> impl Strategy<Value = Row> {
    let state = prop::sample::select(State::ALL);
    let labels = prop::collection::btree_map(prop::sample::select(vec!["k".to_owned(), "l".to_owned()]), "[xy]", 0..3);
    (0..40_u128, 1..5_i64, name(), state, "[st]", labels, any::<bool>(), 0..6_i64).prop_map(
        |(uid, version, name, state, server, labels, protected, created)| {
            let lock_reason = (state == State::Locked).then_some(LockReason::Operator);
            let code = format!("t-{uid}");
            let uid = TenantUid(Uuid::from_u128(uid));
            Row { uid, version, code, name, state, lock_reason, server, labels, protected, created }
        },
    )
}

#[derive(Clone, Debug)]
enum Step {
    Is(Row),
    Gone(u128),
}

fn steps() -> impl Strategy<Value = Vec<Vec<Step>>> {
    let step = prop_oneof![8 => row().prop_map(Step::Is), 1 => (0..40_u128).prop_map(Step::Gone)];
    // A few at a time are sorted in one by one, many are merged.
    let batch = prop_oneof![prop::collection::vec(step.clone(), 0..5), prop::collection::vec(step, 5..80)];
    prop::collection::vec(batch, 1..6)
}

fn filter() -> impl Strategy<Value = TenantFilter> {
    use TenantCondition as Is;
    let compare = prop::sample::select(vec![
        Compare::Less,
        Compare::LessOrEqual,
        Compare::Equal,
        Compare::NotEqual,
        Compare::Greater,
    ]);
    let condition = prop_oneof![
        prop::sample::select(State::ALL).prop_map(Is::State),
        Just(Is::LockReason(LockReason::Operator)),
        "[stu]".prop_map(Is::Server),
        "[klm]".prop_map(Is::HasLabel),
        ("[kl]", "[xyz]").prop_map(|(key, value)| Is::Label(key, value)),
        (0..40).prop_map(|n| Is::Code(format!("t-{n}"))),
        name().prop_map(Is::DisplayName),
        prop_oneof![name(), Just(String::new())].prop_map(Is::DisplayNameHas),
        Just(Is::Protected),
        (compare, 0..6_i64).prop_map(|(c, at)| Is::CreateTime(c, DateTime::from_timestamp_micros(at).unwrap())),
    ];
    condition.prop_map(Filter::Is).prop_recursive(3, 8, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 1..3).prop_map(Filter::And),
            prop::collection::vec(inner.clone(), 1..3).prop_map(Filter::Or),
            inner.prop_map(|f| Filter::Not(Box::new(f))),
        ]
    })
}

/// Searches, filters and orders, with a direction and a size.
fn query() -> impl Strategy<Value = (String, Option<TenantFilter>, Order, bool, usize)> {
    let search = prop_oneof![Just(String::new()), name(), "t-[0-9]{1,2}"];
    (search, prop::option::of(filter()), prop::sample::select(Order::ALL.to_vec()), any::<bool>(), 1..5_usize)
}

proptest! {
    #[test]
    fn pages_are_those_of_a_list_that_is_searched_filtered_and_sorted_anew(
        batches in steps(),
        queries in prop::collection::vec(query(), 6),
    ) {
        let mut index = Index::default();
        let mut rows: BTreeMap<TenantUid, Row> = BTreeMap::new();
        let mut gone = std::collections::BTreeSet::new();
        for batch in batches {
            let mut changes = Vec::new();
            for step in batch {
                match step {
                    // What is gone does not come back.
                    Step::Is(row) if gone.contains(&row.uid) => {}
                    Step::Is(row) => {
                        changes.push(Change::Is(Box::new(row.entry())));
                        if rows.get(&row.uid).is_none_or(|known| known.version < row.version) {
                            rows.insert(row.uid, row);
                        }
                    }
                    Step::Gone(uid) => {
                        let uid = TenantUid(Uuid::from_u128(uid));
                        changes.push(Change::Gone(uid));
                        rows.remove(&uid);
                        gone.insert(uid);
                    }
                }
            }
            index.apply(changes);
            prop_assert_eq!(index.len(), rows.len());
        }
        for (search, filter, order, descending, limit) in queries {
            let mut wanted: Vec<_> = rows.values().filter(|r| r.has(&search) && filter.as_ref().is_none_or(|f| r.fits(f))).collect();
            wanted.sort_by(|a, b| if descending { b.compare(a, order) } else { a.compare(b, order) });
            let mut after = None;
            let mut found = Vec::new();
            loop {
                let query = Query { search: search.clone(), filter: filter.clone(), order, descending, after, limit };
                let page = index.query(&query);
                for steps in [0, usize::MAX] {
                    prop_assert_eq!(&index.matches_of(&query, steps), &page, "both ways to a page lead to the same");
                }
                prop_assert_eq!((page.total, page.estimated), (wanted.len(), false));
                prop_assert!(page.uids.len() <= limit);
                found.extend(page.uids.iter().copied());
                prop_assert_eq!(&page.next, &page.next.as_ref().and(page.uids.last()).map(|uid| rows[uid].entry().place(order)));
                after = page.next;
                if after.is_none() {
                    break;
                }
            }
            prop_assert_eq!(found, wanted.iter().map(|r| r.uid).collect::<Vec<_>>());
        }
    }
}

#[test]
fn totals_of_searches_with_very_many_matches_are_estimated() {
    let entry = |i: u128| {
        let name = if i.is_multiple_of(2) { format!("abcd {i}") } else { format!("bcd ab {i}") };
        let uid = TenantUid(Uuid::from_u128(i));
        let row = Row {
            uid,
            version: 1,
            code: format!("t-{i}"),
            name,
            state: State::Active,
            lock_reason: None,
            server: "s".into(),
            labels: Labels::new(),
            protected: false,
            created: 0,
        };
        row.entry()
    };
    let index = Index::of((0..30_000).map(entry).collect());
    let query = |search: &str| Query {
        search: search.into(),
        filter: None,
        order: Order::DisplayName,
        descending: false,
        after: None,
        limit: 10,
    };
    // Both kinds of names have the pairs of letters that are asked for; half of them have them in that order.
    let some = index.query(&query("abcd"));
    assert!(some.estimated && (14_000..16_000).contains(&some.total), "{some:?}");
    let all = index.query(&query("bcd"));
    assert_eq!((all.total, all.estimated, all.uids.len(), all.next.is_some()), (30_000, true, 10, true));
    let few = index.query(&query("abcd 1234"));
    assert_eq!((few.total, few.estimated), (6, false));
}

#[test]
fn a_reading_that_comes_late_does_not_bring_back_what_is_gone() {
    let row = Row {
        uid: TenantUid(Uuid::from_u128(1)),
        version: 1,
        code: "acme".into(),
        name: "Acme".into(),
        state: State::Active,
        lock_reason: None,
        server: "s".into(),
        labels: Labels::new(),
        protected: false,
        created: 0,
    };
    let is = || vec![Change::Is(Box::new(row.entry()))];
    let query =
        Query { search: String::new(), filter: None, order: Order::Code, descending: false, after: None, limit: 9 };
    let reading =
        |position, end, open| Reading { end, open: Reverse(open), position, seen: String::new(), cluster: "a".into() };
    let snapshot = Snapshot::default();
    snapshot.fill(Index::default(), reading(5, 5, 0));
    // The transaction 9 that deletes the tenant was open for the one, and over for the other, who is faster.
    let (earlier, later) = (reading(9, 12, 1), reading(12, 12, 0));
    assert!(earlier < later && later < reading(9, 13, 5));
    snapshot.advance(vec![Change::Gone(row.uid)], later.clone());
    snapshot.advance(is(), earlier);
    assert_eq!(snapshot.query(&query).unwrap().total, 0);
    assert_eq!(snapshot.reading(), Some(later));
    let elsewhere = Reading { cluster: "b".into(), ..reading(14, 14, 0) };
    snapshot.advance(is(), elsewhere);
    assert_eq!(snapshot.query(&query).unwrap().total, 0, "one of another cluster is not comparable");
    snapshot.advance(is(), reading(13, 13, 0));
    assert_eq!(snapshot.query(&query).unwrap().total, 1, "a later one is taken");
    snapshot.forget(&reading(12, 12, 0));
    assert!(snapshot.reading().is_some(), "it has gone on from there");
    snapshot.forget(&reading(13, 13, 0));
    assert!(snapshot.query(&query).is_none());
}
