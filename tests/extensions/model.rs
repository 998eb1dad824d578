//! Numbers given and taken by two tenants in any order, against a plain map of numbers.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use tonic::Code;

use crate::support::client::{Api, refusal};
use crate::support::server::TestServer;

/// The numbers that are played with: of two forms, from 80 to 99 and from +00 to +19, which lie next to each other where they
/// are kept.
const FORMS: [(&str, i64); 2] = [("", 80), ("+", 0)];
const NUMBERS: i64 = 20;

/// From one number to another, of one form.
#[derive(Clone, Copy, Debug)]
struct Range {
    form: usize,
    first: i64,
    last: i64,
}

impl Range {
    fn text(self) -> String {
        let (mark, least) = FORMS[self.form];
        let number = |number: i64| format!("{mark}{:02}", least + number);
        if self.first == self.last {
            number(self.first)
        } else {
            format!("{}-{}", number(self.first), number(self.last))
        }
    }

    fn keys(self) -> impl Iterator<Item = (usize, i64)> {
        (self.first..=self.last).map(move |number| (self.form, number))
    }
}

#[derive(Clone, Debug)]
enum Step {
    Set { tenant: usize, ranges: Vec<Range> },
    Allocate { tenant: usize, user: usize, range: Range },
    Release { tenant: usize, user: usize, range: Range },
    Leave { tenant: usize, user: usize },
}

fn range(longest: i64) -> impl Strategy<Value = Range> {
    (0..FORMS.len(), 0..NUMBERS, 0..longest).prop_map(|(form, first, length)| Range {
        form,
        first,
        last: (first + length).min(NUMBERS - 1),
    })
}

fn step() -> impl Strategy<Value = Step> {
    let at = || (0..2_usize, 0..2_usize);
    prop_oneof![
        4 => (0..2_usize, prop::collection::vec(range(8), 0..4)).prop_map(|(tenant, ranges)| Step::Set { tenant, ranges }),
        5 => (at(), range(4)).prop_map(|((tenant, user), range)| Step::Allocate { tenant, user, range }),
        3 => (at(), range(8)).prop_map(|((tenant, user), range)| Step::Release { tenant, user, range }),
        1 => at().prop_map(|(tenant, user)| Step::Leave { tenant, user }),
    ]
}

/// Whose each number is: the tenant, and the user of it that has it.
type Numbers = BTreeMap<(usize, i64), (usize, Option<usize>)>;

/// Makes the step, or says why not.
fn make(numbers: &mut Numbers, step: &Step) -> Result<(), (Code, &'static str)> {
    match step {
        Step::Set { tenant, ranges } => {
            let wanted: Vec<_> = ranges.iter().flat_map(|range| range.keys()).collect();
            let kept = |key: &(usize, i64)| wanted.contains(key);
            if numbers.iter().any(|(key, (of, user))| of == tenant && user.is_some() && !kept(key)) {
                return Err((Code::FailedPrecondition, "EXTENSION_IN_USE"));
            }
            if wanted.iter().any(|key| numbers.get(key).is_some_and(|(of, _)| of != tenant)) {
                return Err((Code::AlreadyExists, "RESOURCE_EXISTS"));
            }
            numbers.retain(|key, (of, _)| of != tenant || kept(key));
            for key in wanted {
                numbers.entry(key).or_insert((*tenant, None));
            }
        }
        Step::Allocate { tenant, user, range } => {
            if !range.keys().all(|key| numbers.get(&key).is_some_and(|(of, _)| of == tenant)) {
                return Err((Code::InvalidArgument, "FIELDS_INVALID"));
            }
            numbers.extend(range.keys().map(|key| (key, (*tenant, Some(*user)))));
        }
        Step::Release { tenant, user, range } => {
            for key in range.keys() {
                if let Some(held) = numbers.get_mut(&key).filter(|held| **held == (*tenant, Some(*user))) {
                    held.1 = None;
                }
            }
        }
        Step::Leave { tenant, user } => {
            for held in numbers.values_mut().filter(|held| **held == (*tenant, Some(*user))) {
                held.1 = None;
            }
        }
    }
    Ok(())
}

/// What the list has of a tenant: each number with its user.
async fn listed(api: &Api, tenant: &str, users: &[String; 2]) -> BTreeMap<(usize, i64), Option<usize>> {
    let request = landlord::proto::v1::ListExtensionsRequest { parent: tenant.into(), ..Default::default() };
    let mut found = BTreeMap::new();
    for extension in api.list_extensions(request).await.unwrap().extensions {
        let (first, last) = extension.extension.split_once('-').unwrap_or((&extension.extension, &extension.extension));
        let form = usize::from(first.starts_with('+'));
        let number = |text: &str| text.trim_start_matches('+').parse::<i64>().unwrap() - FORMS[form].1;
        let user = users.iter().position(|user| *user == extension.user);
        for key in (Range { form, first: number(first), last: number(last) }).keys() {
            assert_eq!(found.insert(key, user), None, "{key:?} is listed twice");
        }
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_gives_and_takes_numbers_no_two_have_one_and_each_is_whose_a_plain_map_says() {
    let server = TestServer::start().await;
    let (acme, anna) = server.administrator("Acme").await;
    let (beta, bert) = server.another("Beta", "bert").await;
    let operator = server.operator().await;
    let (tenants, administrators) = ([acme, beta], [anna, bert]);
    let mut users: [[String; 2]; 2] = Default::default();
    for (tenant, of_tenant) in users.iter_mut().enumerate() {
        for (number, user) in of_tenant.iter_mut().enumerate() {
            *user = administrators[tenant].new_user(&tenants[tenant], &format!("user{number}")).await.unwrap().name;
        }
    }
    let mut numbers = Numbers::new();
    let mut runner = TestRunner::default();
    let mut refused = 0;
    for _ in 0..3 {
        let steps = prop::collection::vec(step(), 40).new_tree(&mut runner).unwrap().current();
        for (number, step) in steps.iter().enumerate() {
            let answer = match step {
                Step::Set { tenant, ranges } => {
                    let ranges: Vec<_> = ranges.iter().map(|range| range.text()).collect();
                    let ranges: Vec<_> = ranges.iter().map(String::as_str).collect();
                    operator.set_extensions(&tenants[*tenant], &ranges).await.map(|_| ())
                }
                Step::Allocate { tenant, user, range } => {
                    administrators[*tenant].allocate(&users[*tenant][*user], &range.text()).await.map(|_| ())
                }
                Step::Release { tenant, user, range } => {
                    administrators[*tenant].release(&users[*tenant][*user], &range.text()).await.map(|_| ())
                }
                Step::Leave { tenant, user } => {
                    let (api, tenant, user) = (&administrators[*tenant], &tenants[*tenant], &users[*tenant][*user]);
                    api.unassign_users(tenant, &[user]).await.unwrap();
                    api.assign_users(tenant, &[user]).await.map(|_| ())
                }
            };
            let so_far = &steps[..=number];
            match (answer, make(&mut numbers, step)) {
                (Ok(()), Ok(())) => {}
                (Err(status), Err((code, reason))) => {
                    assert_eq!(refusal(&status), (code, reason.to_owned()), "{so_far:?}");
                    refused += 1;
                }
                (answer, expected) => panic!("{answer:?} instead of {expected:?}: {so_far:?}"),
            }
            for (tenant, name) in tenants.iter().enumerate() {
                let found = listed(&administrators[tenant], name, &users[tenant]).await;
                let of_tenant = numbers.iter().filter(|(_, (of, _))| *of == tenant);
                let expected: BTreeMap<_, _> = of_tenant.map(|(key, (_, user))| (*key, *user)).collect();
                assert_eq!(found, expected, "{so_far:?}");
            }
        }
    }
    assert!(refused > 10, "{refused}");
}
