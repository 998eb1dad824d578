//! What is taken away is gone for sessions that are running.

use landlord::proto::v1;
use tonic::Code;

use crate::support::client::{Api, assert_refused, eventually};
use crate::support::server::TestServer;

/// A tenant with two administrators: its name, the clients of both, and the name of the second one.
async fn two(server: &TestServer) -> (String, Api, Api, String) {
    let (acme, anna) = server.administrator("Acme").await;
    let name = anna.new_user(&acme, "ben").await.unwrap().name;
    let role = anna.role_named(&acme, "Administrator").await;
    anna.give(&role, &[&name]).await.unwrap();
    let ben = server.enter("ben@acme").await;
    ben.user(&name).await.unwrap();
    (acme, anna, ben, name)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_a_group_and_a_privilege_are_missed_by_the_next_call_and_no_new_log_in_is_needed() {
    let server = TestServer::start().await;
    let (acme, anna, ben, name) = two(&server).await;
    let built_in = anna.role_named(&acme, "Administrator").await;
    let missing = || async { assert_refused(ben.user(&name).await, Code::PermissionDenied, "PRIVILEGE_MISSING") };
    anna.take(&built_in, &[&name]).await.unwrap();
    missing().await;
    let role = anna.new_role(&acme, "Head", &["privileges/user-administrator"]).await.unwrap();
    anna.give(&role, &[&name]).await.unwrap();
    ben.user(&name).await.unwrap();
    anna.revoke(&role, &["privileges/user-administrator"]).await.unwrap();
    missing().await;
    anna.grant(&role, &["privileges/user-administrator"]).await.unwrap();
    anna.take(&role, &[&name]).await.unwrap();
    let group = anna.new_group(&acme, "Heads").await.unwrap();
    let groups = vec![group.clone()];
    anna.assign_role(v1::AssignRoleRequest { role, groups, ..Default::default() }).await.unwrap();
    anna.add(&group, &[&name]).await.unwrap();
    ben.user(&name).await.unwrap();
    anna.remove(&group, &[&name]).await.unwrap();
    missing().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_taken_out_of_the_tenant_is_out_and_coming_back_begins_anew() {
    let server = TestServer::start().await;
    let (acme, anna, ben, name) = two(&server).await;
    anna.unassign_users(&acme, &[&name]).await.unwrap();
    assert_refused(ben.user(&name).await, Code::Unauthenticated, "TOKEN_INVALID");
    anna.assign_users(&acme, &[&name]).await.unwrap();
    assert_refused(ben.user(&name).await, Code::Unauthenticated, "TOKEN_INVALID");
    assert!(anna.user(&name).await.unwrap().roles.is_empty(), "roles don't come back by themselves");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_runs_while_its_caller_is_locked_is_waited_for_and_none_comes_after() {
    let server = TestServer::start().await;
    let (acme, anna, ben, name) = two(&server).await;
    // While groups are held, whatever ben has begun can't end.
    let held = server.hold("groups").await;
    let running = tokio::spawn({
        let (acme, ben) = (acme.clone(), ben.clone());
        async move { ben.new_group(&acme, "Late").await }
    });
    let waiting =
        "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()";
    let sql = server.sql().await;
    let wait = async |calls: i64| {
        eventually("calls that wait", || async {
            sql.query_one(waiting, &[]).await.ok().filter(|row| row.get::<_, i64>(0) == calls)
        })
        .await;
    };
    wait(1).await;
    let locking = tokio::spawn({
        let (anna, name) = (anna.clone(), name.clone());
        async move { anna.lock_out(&name).await }
    });
    // The lock waits for what is running.
    wait(2).await;
    drop(held);
    running.await.unwrap().expect("it had begun before");
    locking.await.unwrap().unwrap();
    assert_refused(ben.new_group(&acme, "Later").await, Code::Unauthenticated, "TOKEN_INVALID");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_privilege_that_is_taken_away_while_a_call_waits_is_missed_by_it() {
    let server = TestServer::start().await;
    let (acme, _, ben, name) = two(&server).await;
    let sql = server.sql().await;
    let id = name.rsplit('/').next().unwrap();
    let take = format!(
        "BEGIN; SELECT FROM tenants WHERE code = 'acme' FOR UPDATE; DELETE FROM user_roles WHERE user_id = '{id}'"
    );
    sql.batch_execute(&take).await.unwrap();
    let call = tokio::spawn(async move { ben.new_group(&acme, "Late").await });
    let look = server.sql().await;
    eventually("a call that waits", || async {
        let waiting =
            "SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database() LIMIT 1";
        look.query_opt(waiting, &[]).await.unwrap()
    })
    .await;
    sql.batch_execute("COMMIT").await.unwrap();
    assert_refused(call.await.unwrap(), Code::PermissionDenied, "PRIVILEGE_MISSING");
}
