//! Many who log in and are given and lose seats at once, on two replicas: never more than there are, and none is lost.

use futures::future::join_all;
use landlord::proto::v1;
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use tonic::{Code, Status};

use crate::support::client::{Api, assert_refused, refusal};
use crate::support::licenses::kind;
use crate::support::lifecycle::ADMIN_PASSWORD;
use crate::support::server::TestServer;

const USERS: usize = 8;
/// Seats of the kinds base and viewer: together fewer than there are users.
const SEATS: [(&str, i64); 2] = [("base", 3), ("viewer", 2)];

/// What is done to a user, by way of one of two replicas.
#[derive(Clone, Copy, Debug)]
enum Call {
    LogIn,
    Switch,
    Assign(usize),
    Unassign(usize),
    Leave,
    Come,
}

#[derive(Clone, Copy, Debug)]
struct Step {
    call: Call,
    user: usize,
    replica: usize,
}

/// Steps that are made at once.
fn steps() -> impl Strategy<Value = Vec<Step>> {
    let call = prop_oneof![
        4 => Just(Call::LogIn),
        2 => Just(Call::Switch),
        2 => (0..SEATS.len()).prop_map(Call::Assign),
        2 => (0..SEATS.len()).prop_map(Call::Unassign),
        1 => Just(Call::Leave),
        1 => Just(Call::Come),
    ];
    let step = (call, 0..USERS, 0..2_usize).prop_map(|(call, user, replica)| Step { call, user, replica });
    prop::collection::vec(step, 16)
}

/// Two replicas, on each an administrator of Acme and one of Beta and an operator, and the users of Acme, who are guests in
/// Beta, which is metered.
struct Arena {
    servers: [TestServer; 2],
    hosts: [Api; 2],
    homes: [Api; 2],
    operators: [Api; 2],
    acme: String,
    beta: String,
    users: Vec<String>,
}

impl Arena {
    async fn open() -> Self {
        // As many connections as there are calls at once: nobody is refused for want of one.
        let options = [("database.pool_size", "20".into())];
        let first = TestServer::with(&options).await;
        let (acme, anna) = first.administrator("Acme").await;
        let (beta, bert) = first.another("Beta", "bert").await;
        let operator = first.operator().await;
        let mut users = Vec::new();
        for i in 0..USERS {
            users.push(anna.new_user(&acme, &format!("user{i}")).await.unwrap().name);
        }
        first.enter("user0@acme").await;
        let named: Vec<_> = users.iter().map(String::as_str).collect();
        operator.assign_users(&beta, &named).await.unwrap();
        // The administrators' sessions began before the tenant was metered, so they have no seats.
        let second = TestServer::on(first.database.clone(), &options).await;
        let other = second.anonymous().await;
        let homes = [anna, other.log_in("anna@acme", ADMIN_PASSWORD).await];
        let hosts = [bert, other.log_in("bert@beta", ADMIN_PASSWORD).await];
        let operators = [operator.clone(), second.operator().await];
        operator.set_kinds(&[kind("viewer", None, true, &[])], &[]).await.unwrap();
        operator.allot(&beta, &SEATS).await.unwrap();
        Self { servers: [first, second], hosts, homes, operators, acme, beta, users }
    }

    /// Makes a step. What can be in its way is told, and nothing else.
    async fn make(&self, step: Step) {
        let Step { call, user, replica } = step;
        let (host, anonymous) = (&self.hosts[replica], self.servers[replica].anonymous().await);
        let guest = self.users[user].replace(&self.acme, &self.beta);
        let log_in = format!("user{user}@acme");
        let answer: Result<(), Status> = match call {
            Call::LogIn => anonymous.session_in(&log_in, "beta").await.map(|_| ()),
            Call::Switch => match anonymous.session_in(&log_in, "acme").await {
                Ok(session) => anonymous.with_token(&session.access_token).switch_to(&self.beta).await.map(|_| ()),
                Err(status) => Err(status),
            },
            Call::Assign(kind) => host.assign_license(&self.beta, SEATS[kind].0, &[&guest]).await.map(|_| ()),
            Call::Unassign(kind) => host.unassign_license(&self.beta, SEATS[kind].0, &[&guest]).await.map(|_| ()),
            Call::Leave => self.homes[replica].unassign_tenants(&self.users[user], &[&self.beta]).await,
            Call::Come => self.operators[replica].assign_users(&self.beta, &[&self.users[user]]).await.map(|_| ()),
        };
        let Err(status) = answer else { return };
        let (code, reason) = refusal(&status);
        let told = [
            (Code::ResourceExhausted, "LICENSES_EXHAUSTED"),
            // It has left, or leaves at the same time.
            (Code::NotFound, "RESOURCE_NOT_FOUND"),
            (Code::FailedPrecondition, "NOT_A_MEMBER"),
            (Code::Unauthenticated, "TOKEN_INVALID"),
            (Code::Unauthenticated, "CREDENTIALS_INVALID"),
            (Code::Aborted, "ETAG_MISMATCH"),
        ];
        assert!(told.contains(&(code, reason.as_str())), "{step:?}: {status:?}");
    }

    /// The seats that users have, by kind, as each user shows them, are those that are counted, and no more than there are.
    async fn assert_counted(&self, after: &[Step]) {
        let request = v1::ListUsersRequest { parent: self.beta.clone(), ..Default::default() };
        let shown: Vec<_> = self.hosts[0].list_users(request).await.unwrap().users;
        for (kind, quantity) in SEATS {
            let held = shown.iter().filter(|user| user.licenses.iter().any(|held| held == kind)).count();
            let used = self.operators[1].used(&self.beta, kind).await;
            assert_eq!(i64::try_from(held).unwrap(), used, "{kind}, after {after:?}");
            assert!(used <= quantity, "{kind}: {used}, after {after:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_happens_at_once_seats_are_never_more_than_there_are_and_none_is_lost() {
    let arena = Arena::open().await;
    let mut runner = TestRunner::default();
    for _ in 0..8 {
        let steps = steps().new_tree(&mut runner).unwrap().current();
        join_all(steps.iter().map(|step| arena.make(*step))).await;
        arena.assert_counted(&steps).await;
    }
    // Whatever went before, all seats can be taken in the end, and given back.
    let named: Vec<_> = arena.users.iter().map(String::as_str).collect();
    arena.operators[0].assign_users(&arena.beta, &named).await.unwrap();
    let guests: Vec<_> = arena.users.iter().map(|user| user.replace(&arena.acme, &arena.beta)).collect();
    let guests: Vec<_> = guests.iter().map(String::as_str).collect();
    for (kind, _) in SEATS {
        arena.hosts[0].unassign_license(&arena.beta, kind, &guests).await.unwrap();
        assert_eq!(arena.operators[0].used(&arena.beta, kind).await, 0);
    }
    let all = join_all((0..USERS).map(async |user| {
        let anonymous = arena.servers[user % 2].anonymous().await;
        anonymous.session_in(&format!("user{user}@acme"), "beta").await
    }));
    let (got, refused): (Vec<_>, Vec<_>) = all.await.into_iter().partition(Result::is_ok);
    assert_eq!(got.len(), 5, "as many as there are seats");
    for answer in refused {
        assert_refused(answer, Code::ResourceExhausted, "LICENSES_EXHAUSTED");
    }
    arena.assert_counted(&[]).await;
    for (kind, quantity) in SEATS {
        assert_eq!(arena.operators[0].used(&arena.beta, kind).await, quantity);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_user_who_logs_in_on_two_replicas_at_once_takes_one_seat() {
    let arena = Arena::open().await;
    for user in 0..3 {
        let name = format!("user{user}@acme");
        let answers =
            join_all((0..6).map(async |i| arena.servers[i % 2].anonymous().await.session_in(&name, "beta").await));
        assert!(answers.await.iter().all(Result::is_ok));
        arena.assert_counted(&[]).await;
        assert_eq!(arena.operators[0].used(&arena.beta, "base").await, user + 1);
    }
    assert_eq!(arena.operators[0].used(&arena.beta, "viewer").await, 0);
}
