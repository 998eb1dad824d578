//! Assignments from both sides, by everybody, in any order, against a set of pairs.

use std::collections::BTreeSet;

use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use tonic::{Code, Status};

use crate::support::client::{Api, refusal};
use crate::support::server::TestServer;

/// Which call is made.
#[derive(Clone, Copy, Debug)]
enum Call {
    AssignUsers,
    UnassignUsers,
    AssignTenants,
    UnassignTenants,
}

/// A call by the administrator of a tenant, or by an operator, on a user and a tenant.
#[derive(Clone, Copy, Debug)]
struct Step {
    by: Option<usize>,
    call: Call,
    user: usize,
    tenant: usize,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let calls =
        prop::sample::select(vec![Call::AssignUsers, Call::UnassignUsers, Call::AssignTenants, Call::UnassignTenants]);
    let step = (prop::option::of(0..2_usize), calls, 0..3_usize, 0..3_usize)
        .prop_map(|(by, call, user, tenant)| Step { by, call, user, tenant });
    prop::collection::vec(step, 40)
}

/// Whose home is where.
const HOMES: [usize; 3] = [0, 0, 1];

/// Makes the step on the pairs; None: it is told that there is no such thing. Gives how many pairs are new.
fn make(pairs: &mut BTreeSet<(usize, usize)>, step: Step) -> Option<i32> {
    let Step { by, call, user, tenant } = step;
    let home = HOMES[user];
    let own = |side: usize| by.is_none_or(|by| by == side);
    match call {
        // Administrators give their own users back to their own tenant, no more.
        Call::AssignUsers | Call::AssignTenants if own(home) && own(tenant) => {
            Some(i32::from(pairs.insert((user, tenant))))
        }
        // They see the guests that are there already, so assigning those is nothing new.
        Call::AssignUsers if own(tenant) && pairs.contains(&(user, tenant)) => Some(0),
        Call::UnassignUsers if own(tenant) => pairs.remove(&(user, tenant)).then_some(0),
        Call::UnassignTenants if own(home) => pairs.remove(&(user, tenant)).then_some(0),
        _ => None,
    }
}

async fn ask(api: &Api, call: Call, user: &str, tenant: &str) -> Result<i32, Status> {
    match call {
        Call::AssignUsers => api.assign_users(tenant, &[user]).await,
        Call::AssignTenants => api.assign_tenants(user, &[tenant]).await,
        Call::UnassignUsers => api.unassign_users(tenant, &[user]).await.map(|()| 0),
        Call::UnassignTenants => api.unassign_tenants(user, &[tenant]).await.map(|()| 0),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_assigns_and_unassigns_the_pairs_are_those_of_a_plain_set() {
    let server = TestServer::start().await;
    let (acme, anna) = server.administrator("Acme").await;
    let (beta, bert) = server.another("Beta", "bert").await;
    let operator = server.operator().await;
    let tenants = [acme.clone(), beta.clone(), operator.active_tenant("Gamma").await];
    let mut users = Vec::new();
    for (api, tenant, name) in [(&anna, &acme, "ben"), (&anna, &acme, "carl"), (&bert, &beta, "dora")] {
        users.push(api.new_user(tenant, name).await.unwrap().name);
    }
    let mut pairs: BTreeSet<_> = HOMES.into_iter().enumerate().collect();
    let mut runner = TestRunner::default();
    for _ in 0..3 {
        let steps = steps().new_tree(&mut runner).unwrap().current();
        for (number, step) in steps.iter().enumerate() {
            let api = step.by.map_or(&operator, |by| [&anna, &bert][by]);
            let answer = ask(api, step.call, &users[step.user], &tenants[step.tenant]).await;
            let so_far = &steps[..=number];
            match (answer, make(&mut pairs, *step)) {
                (Ok(new), Some(expected)) => assert_eq!(new, expected, "{so_far:?}"),
                (Err(status), None) => {
                    assert_eq!(refusal(&status), (Code::NotFound, "RESOURCE_NOT_FOUND".into()), "{so_far:?}");
                }
                (answer, expected) => panic!("{answer:?} instead of {expected:?}: {so_far:?}"),
            }
            let works_in = operator.tenants_of(&users[step.user]).await.unwrap();
            let expected = pairs.iter().filter(|pair| pair.0 == step.user).map(|pair| tenants[pair.1].clone());
            assert_eq!(works_in, expected.collect::<Vec<_>>(), "{so_far:?}");
        }
    }
}
