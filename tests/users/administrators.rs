//! A tenant keeps its last administrator.

use landlord::proto::v1;
use tonic::{Code, Status};

use crate::support::client::{Api, assert_refused};
use crate::support::server::TestServer;

const PRIVILEGE: &str = "privileges/user-administrator";

#[track_caller]
fn kept<T: std::fmt::Debug>(answer: Result<T, Status>) {
    assert_refused(answer, Code::FailedPrecondition, "LAST_ADMINISTRATOR");
}

/// Every way to take the tenant's administrator away who holds the role by itself.
async fn take_away(api: &Api, tenant: &str, name: &str) {
    let role = api.role_named(tenant, "Administrator").await;
    kept(api.remove_user(name).await);
    kept(api.lock_out(name).await);
    kept(api.unassign_users(tenant, &[name]).await);
    kept(api.unassign_tenants(name, &[tenant]).await);
    kept(api.take(&role, &[name]).await);
    kept(api.revoke(&role, &[PRIVILEGE]).await);
    let tried = v1::DeleteUserRequest { name: name.into(), validate_only: true, ..Default::default() };
    kept(api.delete_user(tried).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_one_can_be_taken_away_in_no_way_and_one_of_two_can() {
    let server = TestServer::start().await;
    let (acme, anna) = server.administrator("Acme").await;
    let own = anna.user_named(&acme, "anna").await;
    let role = anna.role_named(&acme, "Administrator").await;
    take_away(&anna, &acme, &own).await;
    // A guest and one who is locked are none: the tenant can't count on them.
    let (beta, _) = server.another("Beta", "bert").await;
    let operator = server.operator().await;
    let ben = anna.new_user(&acme, "ben").await.unwrap().name;
    anna.give(&role, &[&ben]).await.unwrap();
    anna.lock_out(&ben).await.unwrap();
    take_away(&anna, &acme, &own).await;
    anna.remove_user(&ben).await.unwrap();
    let bert = server.anonymous().await.log_in("bert@beta", crate::support::lifecycle::ADMIN_PASSWORD).await;
    let bert = bert.user_named(&beta, "bert").await;
    operator.assign_users(&acme, &[&bert]).await.unwrap();
    let guest = anna.user_named(&acme, "bert").await;
    anna.give(&role, &[&guest]).await.unwrap();
    take_away(&anna, &acme, &own).await;
    kept(operator.unassign_users(&acme, &[&own]).await);
    kept(operator.unassign_tenants(&own, &[&acme]).await);
    anna.unassign_users(&acme, &[&guest]).await.unwrap();
    // One who is invited counts.
    let carl = anna.new_user(&acme, "carl").await.unwrap().name;
    anna.give(&role, &[&carl]).await.unwrap();
    anna.remove_user(&own).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_group_gives_is_kept_as_well() {
    let server = TestServer::start().await;
    let (acme, anna) = server.administrator("Acme").await;
    let own = anna.user_named(&acme, "anna").await;
    let built_in = anna.role_named(&acme, "Administrator").await;
    let role = anna.new_role(&acme, "Head", &[PRIVILEGE]).await.unwrap();
    let heads = anna.new_group(&acme, "Heads").await.unwrap();
    let others = anna.new_group(&acme, "Others").await.unwrap();
    let groups = vec![heads.clone()];
    anna.assign_role(v1::AssignRoleRequest { role: role.clone(), groups: groups.clone(), ..Default::default() })
        .await
        .unwrap();
    anna.add(&heads, &[&own]).await.unwrap();
    anna.take(&built_in, &[&own]).await.expect("the group is enough");
    kept(anna.remove(&heads, &[&own]).await);
    kept(anna.delete_group(v1::DeleteGroupRequest { name: heads.clone(), ..Default::default() }).await);
    kept(anna.delete_role(v1::DeleteRoleRequest { name: role.clone(), ..Default::default() }).await);
    kept(anna.revoke(&role, &[PRIVILEGE]).await);
    kept(anna.unassign_role(v1::UnassignRoleRequest { role, groups, ..Default::default() }).await);
    let go = v1::MoveGroupMemberRequest { user: own, source_group: heads, target_group: others, ..Default::default() };
    kept(anna.move_group_member(go).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_infrastructure_tenant_keeps_its_last_one_too() {
    let server = TestServer::start().await;
    let operator = server.operator().await;
    let own = operator.user_named("tenants/infrastructure", "operator").await;
    take_away(&operator, "tenants/infrastructure", &own).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_that_has_none_is_held_to_nothing() {
    let server = TestServer::start().await;
    let (acme, anna) = server.administrator("Acme").await;
    let operator = server.operator().await;
    let beta = operator.active_tenant("Beta").await;
    let ben = anna.new_user(&acme, "ben").await.unwrap().name;
    operator.assign_users(&beta, &[&ben]).await.unwrap();
    operator.unassign_users(&beta, &[&ben]).await.unwrap();
}
