//! What somebody may who acts for an account: what that account may, as long as all conditions hold, and no more.

use landlord::proto::v1;
use tonic::Code;

use super::Stage;
use crate::support::client::{assert_refused, eventually};
use crate::support::licenses::kind;

#[tokio::test(flavor = "multi_thread")]
async fn the_caller_is_the_operator_and_the_rights_are_the_accounts() {
    let stage = Stage::new().await;
    let (operator, superuser) = (stage.operator.who().await.unwrap(), stage.superuser().await);
    for acting in [stage.operator.acting_as("superuser").within("acme"), stage.operator.exchanged(&stage.acme).await] {
        let me = acting.who().await.unwrap();
        assert_eq!((me.user, me.user_name), (operator.user.clone(), operator.user_name.clone()));
        assert_eq!(
            (me.tenant, me.acting_for, &*me.impersonation_reason),
            (stage.acme.clone(), superuser.clone(), "ticket 4711")
        );
        assert!(me.privileges.contains(&"user-administrator".to_owned()));
        assert!(!me.privileges.contains(&"impersonation".to_owned()), "{:?}", me.privileges);
        let privileges = ["privileges/user-administrator", "privileges/impersonation"].map(str::to_owned).to_vec();
        let request = v1::TestPrivilegesRequest { privileges };
        let held = acting.client.sessions().test_privileges(request).await.unwrap().into_inner().privileges;
        assert_eq!(held, ["privileges/user-administrator"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lock_keeps_operators_out_of_nothing_but_a_deletion_does() {
    let stage = Stage::new().await;
    let (acting, token) = (stage.operator.acting_as("superuser"), stage.operator.exchanged(&stage.acme).await);
    stage.operator.lock(&stage.acme).await.unwrap();
    acting.new_group(&stage.acme, "Sales").await.unwrap();
    token.new_group(&stage.acme, "Support").await.unwrap();
    assert_refused(stage.anna.who().await, Code::Unauthenticated, "TOKEN_INVALID");
    stage.operator.prepare_fully(&stage.acme).await;
    for acting in [acting, token] {
        let late = acting.new_group(&stage.acme, "Late").await;
        assert_refused(late, Code::FailedPrecondition, "TENANT_STATE_INVALID");
        let late = acting.targets(&stage.acme).await;
        assert_refused(late, Code::FailedPrecondition, "TENANT_STATE_INVALID");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_changes_what_an_account_may_do_while_acting_for_it() {
    let stage = Stage::new().await;
    let (acme, superuser) = (&*stage.acme, stage.superuser().await);
    let administrator = stage.anna.role_named(acme, "Administrator").await;
    let clerk = stage.anna.new_role(acme, "Clerk", &["privileges/portal-administrator"]).await.unwrap();
    let group = stage.anna.new_group(acme, "Sales").await.unwrap();
    for acting in [stage.operator.acting_as("superuser"), stage.operator.exchanged(acme).await] {
        let mark = acting.mark(&superuser, false).await;
        assert_refused(mark, Code::PermissionDenied, "IMPERSONATION_NOT_PERMITTED");
        let revoke = acting.revoke(&administrator, &["privileges/portal-administrator"]).await;
        assert_refused(revoke, Code::FailedPrecondition, "RESOURCE_PROTECTED");
        assert_refused(
            acting.take(&administrator, &[&superuser]).await,
            Code::FailedPrecondition,
            "RESOURCE_PROTECTED",
        );
        assert_refused(acting.add(&group, &[&superuser]).await, Code::FailedPrecondition, "RESOURCE_PROTECTED");
        // What others may do is a different matter.
        acting.revoke(&clerk, &["privileges/portal-administrator"]).await.unwrap();
        acting.grant(&clerk, &["privileges/portal-administrator"]).await.unwrap();
    }
    let ben = stage.anna.new_user(acme, "ben").await.unwrap().name;
    stage.server.enter("ben@acme").await;
    stage.anna.mark(&ben, true).await.unwrap();
    stage
        .anna
        .give(&stage.anna.new_role(acme, "Head", &["privileges/user-administrator"]).await.unwrap(), &[&ben])
        .await
        .unwrap();
    let acting = stage.operator.acting_as("ben");
    assert_refused(acting.give(&clerk, &[&ben]).await, Code::FailedPrecondition, "RESOURCE_PROTECTED");
    stage.anna.add(&group, &[&ben]).await.unwrap();
    let request = v1::AssignRoleRequest { role: clerk.clone(), groups: vec![group.clone()], ..Default::default() };
    assert_refused(acting.assign_role(request).await, Code::FailedPrecondition, "RESOURCE_PROTECTED");
    let head = acting.role_named(acme, "Head").await;
    let delete = acting.delete_role(v1::DeleteRoleRequest { name: head, ..Default::default() }).await;
    assert!(delete.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mark_that_is_removed_during_a_call_is_missed_by_the_next_one() {
    let stage = Stage::new().await;
    let superuser = stage.superuser().await;
    let acting = stage.operator.acting_as("superuser");
    let held = stage.server.hold("groups").await;
    let running = tokio::spawn({
        let (acting, acme) = (acting.clone(), stage.acme.clone());
        async move { acting.new_group(&acme, "Running").await }
    });
    let sql = stage.server.sql().await;
    let waiting = async |calls: i64| {
        let waiting =
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()";
        eventually("calls that wait", || async {
            sql.query_one(waiting, &[]).await.ok().filter(|row| row.get::<_, i64>(0) == calls)
        })
        .await;
    };
    waiting(1).await;
    let removing = tokio::spawn({
        let (anna, superuser) = (stage.anna.clone(), superuser.clone());
        async move { anna.mark(&superuser, false).await }
    });
    waiting(2).await;
    drop(held);
    running.await.unwrap().expect("it had begun before");
    assert!(!removing.await.unwrap().unwrap().marked);
    let late = acting.new_group(&stage.acme, "Late").await;
    assert_refused(late, Code::PermissionDenied, "IMPERSONATION_TARGET_NOT_DEFINED");
}

#[tokio::test(flavor = "multi_thread")]
async fn acting_for_an_account_takes_no_seat() {
    let stage = Stage::new().await;
    stage.operator.set_kinds(&[kind("base", Some(1), true, &[])], &[]).await.unwrap();
    stage.operator.allot(&stage.acme, &[("base", 1)]).await.unwrap();
    stage.server.enter("anna@acme").await;
    assert_eq!(stage.operator.used(&stage.acme, "base").await, 1);
    stage.operator.acting_as("superuser").new_group(&stage.acme, "Sales").await.unwrap();
    stage.operator.exchanged(&stage.acme).await.new_group(&stage.acme, "Support").await.unwrap();
    assert_eq!(stage.operator.used(&stage.acme, "base").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeat_is_known_by_the_operator_and_the_account() {
    let stage = Stage::new().await;
    let acting = stage.operator.acting_as("superuser");
    let group = v1::Group { display_name: "Sales".into(), ..Default::default() };
    let request = v1::CreateGroupRequest {
        parent: stage.acme.clone(),
        group: Some(group),
        request_id: uuid::Uuid::new_v4().to_string(),
        ..Default::default()
    };
    let first = acting.create_group(request.clone()).await.unwrap();
    assert_eq!(acting.create_group(request.clone()).await.unwrap(), first);
    let validate_only = v1::CreateGroupRequest { request_id: String::new(), validate_only: true, ..request.clone() };
    assert_refused(acting.create_group(validate_only).await, Code::AlreadyExists, "RESOURCE_EXISTS");
    let ben = stage.anna.new_user(&stage.acme, "ben").await.unwrap().name;
    stage.server.enter("ben@acme").await;
    stage.anna.give(&stage.anna.role_named(&stage.acme, "Administrator").await, &[&ben]).await.unwrap();
    stage.anna.mark(&ben, true).await.unwrap();
    let other = stage.operator.acting_as("ben").create_group(request).await;
    assert_refused(other, Code::InvalidArgument, "REQUEST_ID_REUSED");
}
