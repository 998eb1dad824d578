//! SetImpersonationTarget and ListImpersonationTargets.

use tonic::Code;

use super::Stage;
use crate::support::client::assert_refused;

#[tokio::test(flavor = "multi_thread")]
async fn a_new_tenant_has_superuser_marked_and_its_administrators_and_operators_change_that() {
    let stage = Stage::new().await;
    let superuser = stage.superuser().await;
    let names = async || -> Vec<_> {
        let targets = stage.operator.targets(&stage.acme).await.unwrap();
        targets.into_iter().map(|target| (target.user_name, target.usable)).collect()
    };
    assert_eq!(names().await, [("superuser".to_owned(), true)]);
    let ben = stage.anna.new_user(&stage.acme, "ben").await.unwrap().name;
    let marked = stage.operator.mark(&ben, true).await.unwrap();
    assert_eq!((&*marked.user, marked.marked, marked.usable), (&*ben, true, false), "he is only invited");
    assert_eq!(names().await, [("ben".to_owned(), false), ("superuser".to_owned(), true)]);
    for caller in [&stage.anna, &stage.operator] {
        caller.mark(&superuser, false).await.unwrap();
        assert_eq!(names().await.len(), 1);
        caller.mark(&superuser, true).await.unwrap();
        caller.mark(&superuser, true).await.unwrap();
        assert_eq!(names().await.len(), 2);
    }
    let trail = stage.anna.audit(&stage.acme, "method = SetImpersonationTarget").await.unwrap();
    assert_eq!((trail[0].details["user_name"].as_str(), trail[0].details["marked"].as_str()), ("superuser", "true"));
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_else_changes_marks_and_the_infrastructure_tenant_has_none() {
    let stage = Stage::new().await;
    let superuser = stage.superuser().await;
    let (olga, _) = stage.colleague("olga", &["impersonation"]).await;
    assert_refused(olga.mark(&superuser, false).await, Code::PermissionDenied, "PRIVILEGE_MISSING");
    let ben = stage.anna.new_user(&stage.acme, "ben").await.unwrap().name;
    let him = stage.server.enter("ben@acme").await;
    assert_refused(him.mark(&ben, true).await, Code::PermissionDenied, "PRIVILEGE_MISSING");
    let (beta, bert) = stage.server.another("Beta", "bert").await;
    assert_refused(bert.mark(&ben, true).await, Code::NotFound, "RESOURCE_NOT_FOUND");
    stage.operator.assign_users(&beta, &[&ben]).await.unwrap();
    let guest = ben.replace(&stage.acme, &beta);
    assert_refused(bert.mark(&guest, true).await, Code::FailedPrecondition, "USER_IS_GUEST");
    let own = stage.operator.who().await.unwrap().user;
    assert_refused(stage.operator.mark(&own, true).await, Code::FailedPrecondition, "TENANT_READ_ONLY");
    assert!(stage.operator.targets("tenants/infrastructure").await.unwrap().is_empty());
    let mark = "UPDATE users SET impersonation_target = true WHERE user_name = 'operator'";
    assert!(stage.server.sql().await.batch_execute(mark).await.is_err());
}
