//! Several administrators at once.

use futures::future::{join, join_all};
use tonic::{Code, Status};

use crate::support::client::{Api, assert_refused, refusal};
use crate::support::server::TestServer;

/// A tenant with two administrators, with their names and clients.
async fn two(server: &TestServer) -> (String, [String; 2], [Api; 2]) {
    let (acme, anna) = server.administrator("Acme").await;
    let own = anna.user_named(&acme, "anna").await;
    let other = anna.new_user(&acme, "ben").await.unwrap().name;
    let role = anna.role_named(&acme, "Administrator").await;
    anna.give(&role, &[&other]).await.unwrap();
    let ben = server.enter("ben@acme").await;
    (acme, [own, other], [anna, ben])
}

/// Nobody waited for somebody who waited for it: the order in which rows are held is one.
async fn assert_no_deadlock(server: &TestServer) {
    let deadlocks = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()";
    let deadlocks: i64 = server.sql().await.query_one(deadlocks, &[]).await.unwrap().get(0);
    assert_eq!(deadlocks, 0);
}

/// Who is too late is told that it would be the last one, or that its own session has ended.
#[track_caller]
fn assert_one_won(answers: (Result<(), Status>, Result<(), Status>)) {
    let (lost, won) = if answers.0.is_err() { answers } else { (answers.1, answers.0) };
    won.expect("one of both");
    let (code, reason) = refusal(&lost.expect_err("only one of both"));
    let told = [
        (Code::FailedPrecondition, "LAST_ADMINISTRATOR"),
        (Code::Unauthenticated, "TOKEN_INVALID"),
        (Code::PermissionDenied, "PRIVILEGE_MISSING"),
    ];
    assert!(told.contains(&(code, reason.as_str())), "{code:?} {reason}");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_who_delete_each_other_one_is_left() {
    let server = TestServer::start().await;
    let (_, [a, b], [anna, ben]) = two(&server).await;
    assert_one_won(join(anna.remove_user(&b), ben.remove_user(&a)).await);
    assert_no_deadlock(&server).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_who_take_each_others_role_one_keeps_it() {
    let server = TestServer::start().await;
    let (acme, [a, b], [anna, ben]) = two(&server).await;
    let role = anna.role_named(&acme, "Administrator").await;
    for _ in 0..4 {
        let answers = join(anna.take(&role, &[&b]), ben.take(&role, &[&a])).await;
        let (left, taken) = if answers.0.is_ok() { (&anna, &b) } else { (&ben, &a) };
        assert_one_won((answers.0.map(|_| ()), answers.1.map(|_| ())));
        left.give(&role, &[taken]).await.unwrap();
    }
    assert_no_deadlock(&server).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_who_step_down_at_once_one_stays() {
    let server = TestServer::start().await;
    let (acme, [a, b], [anna, ben]) = two(&server).await;
    let (left, right) = join(anna.unassign_users(&acme, &[&a]), ben.lock_out(&b)).await;
    assert_one_won((left, right.map(|_| ())));
}

#[tokio::test(flavor = "multi_thread")]
async fn of_ten_who_take_one_name_one_gets_it_and_the_limit_is_kept_to_the_last_place() {
    let server = TestServer::start().await;
    let (acme, anna) = server.administrator("Acme").await;
    let same = join_all((0..10).map(|_| anna.new_user(&acme, "ben"))).await;
    assert_eq!(same.iter().filter(|answer| answer.is_ok()).count(), 1);
    for status in same.into_iter().filter_map(Result::err) {
        assert_refused::<()>(Err(status), Code::AlreadyExists, "RESOURCE_EXISTS");
    }
    server.operator().await.set_max_users(&acme, Some(5)).await.unwrap();
    let names: Vec<_> = (0..10).map(|i| format!("user{i}")).collect();
    let many = join_all(names.iter().map(|name| anna.new_user(&acme, name))).await;
    assert_eq!(many.iter().filter(|answer| answer.is_ok()).count(), 3);
    for status in many.into_iter().filter_map(Result::err) {
        assert_refused::<()>(Err(status), Code::ResourceExhausted, "USER_LIMIT_REACHED");
    }
}
