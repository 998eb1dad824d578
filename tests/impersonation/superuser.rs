//! CheckImpersonation and RepairImpersonation: what a tenant's superuser lacks, and how it gets that in one call.

use landlord::domain::impersonation::OF_TARGET;
use landlord::proto::v1;
use tonic::{Code, Response, Status};

use super::Stage;
use crate::support::client::{Api, assert_refused};
use crate::support::licenses::kind;

async fn check(api: &Api, tenant: &str) -> Result<v1::CheckImpersonationResponse, Status> {
    let request = v1::CheckImpersonationRequest { tenant: tenant.into() };
    api.client.users().check_impersonation(request).await.map(Response::into_inner)
}

async fn repair(api: &Api, tenant: &str) -> Result<v1::RepairImpersonationResponse, Status> {
    let request = v1::RepairImpersonationRequest { tenant: tenant.into(), ..Default::default() };
    api.client.users().repair_impersonation(request).await.map(Response::into_inner)
}

/// Reason, who lacks it, and the privileges, of each.
fn told(obstacles: &[v1::Obstacle]) -> Vec<(&str, &str, Vec<&str>)> {
    let privileges = |o: &'_ v1::Obstacle| o.privileges.len();
    let mut told: Vec<_> = obstacles
        .iter()
        .map(|o| (&*o.reason, &*o.resource, o.privileges.iter().map(|p| p.trim_start_matches("privileges/")).collect()))
        .collect();
    assert!(obstacles.iter().all(|o| !o.message.is_empty() && (privileges(o) == 0) != o.all_needed), "{obstacles:?}");
    told.sort();
    told
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_missing_is_named_and_mended_in_one_call_and_nobody_else_gets_more() {
    let stage = Stage::new().await;
    let (acme, superuser) = (&*stage.acme, &*stage.superuser().await);
    let (anna, operator) = (&stage.anna, &stage.operator);
    let fine = check(operator, acme).await.unwrap();
    assert_eq!((fine.complete, &*fine.superuser, fine.missing.len()), (true, superuser, 0));

    let administrator = anna.role_named(acme, "Administrator").await;
    anna.revoke(&administrator, &["privileges/portal-administrator", "privileges/server-administrator"]).await.unwrap();
    anna.mark(superuser, false).await.unwrap();
    let broken = check(operator, acme).await.unwrap();
    assert!(!broken.complete);
    let missing = [
        ("IMPERSONATION_TARGET_NOT_DEFINED", superuser, vec![]),
        ("IMPERSONATION_TARGET_UNDERPRIVILEGED", superuser, vec!["portal-administrator", "server-administrator"]),
    ];
    assert_eq!(told(&broken.missing), missing);
    assert_eq!(told(&check(anna, acme).await.unwrap().missing), missing, "the tenant's own administrators see it, too");

    let dry = v1::RepairImpersonationRequest { tenant: acme.into(), validate_only: true, ..Default::default() };
    let dry = operator.client.users().repair_impersonation(dry).await.unwrap().into_inner();
    assert_eq!(check(operator, acme).await.unwrap(), broken);
    let repaired = repair(operator, acme).await.unwrap();
    assert_eq!(repaired, dry);
    assert_eq!((told(&repaired.mended), &*repaired.superuser), (missing.to_vec(), superuser));
    assert!(repaired.missing.is_empty() && check(operator, acme).await.unwrap().complete);
    assert!(repair(operator, acme).await.unwrap().mended.is_empty(), "twice is the same as once");
    operator.acting_as("superuser").new_group(acme, "Sales").await.unwrap();
    let held = anna.who().await.unwrap().privileges;
    assert!(!held.contains(&"portal-administrator".to_owned()), "{held:?}");
    let trail = anna.audit(acme, "method = RepairImpersonation").await.unwrap();
    let told = &trail[1].details["IMPERSONATION_TARGET_UNDERPRIVILEGED"];
    assert_eq!((trail.len(), &**told), (2, "portal-administrator server-administrator"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_superuser_that_is_gone_locked_or_out_comes_back_with_all_that_it_needs() {
    let stage = Stage::new().await;
    let (acme, sql) = (&*stage.acme, stage.server.sql().await);
    let of_acme = "tenant_id = (SELECT tenant_id FROM tenants WHERE code = 'acme')
        AND user_id = (SELECT id FROM users JOIN tenants USING (tenant_id) WHERE code = 'acme' AND user_name = 'superuser')";
    sql.batch_execute(&format!("DELETE FROM memberships WHERE {of_acme}")).await.unwrap();
    sql.batch_execute("UPDATE users SET state = 'LOCKED' WHERE user_name = 'superuser'").await.unwrap();
    let reasons = async || -> Vec<String> {
        let missing = check(&stage.operator, acme).await.unwrap().missing;
        missing.into_iter().map(|obstacle| obstacle.reason).collect()
    };
    let undefined = "IMPERSONATION_TARGET_NOT_DEFINED";
    assert_eq!(reasons().await, [undefined, undefined, "IMPERSONATION_TARGET_UNDERPRIVILEGED"]);
    stage.operator.lock(acme).await.unwrap();
    repair(&stage.operator, acme).await.unwrap();
    assert!(reasons().await.is_empty());
    // As in a tenant that another tool has made.
    let gone = "DELETE FROM users USING tenants t WHERE t.tenant_id = users.tenant_id AND code = 'acme' AND user_name = 'superuser'";
    sql.batch_execute(gone).await.unwrap();
    assert_eq!(reasons().await, [undefined]);
    let repaired = repair(&stage.operator, acme).await.unwrap();
    let made = check(&stage.operator, acme).await.unwrap();
    assert_eq!((made.complete, made.superuser), (true, repaired.superuser));
    let me = stage.operator.acting_as("superuser").within("acme").who().await.unwrap();
    let mut needed = OF_TARGET.map(|privilege| privilege.name().to_owned()).to_vec();
    let mut held = me.privileges;
    needed.sort();
    held.sort();
    assert_eq!(held, needed);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_is_told_what_the_operator_lacks_and_nobody_gives_that_to_oneself() {
    let stage = Stage::new().await;
    let (olga, _) = stage.colleague("olga", &["manage-tenants", "user-administrator"]).await;
    let own = olga.who().await.unwrap().user;
    let lacks = [
        ("IMPERSONATION_NOT_PERMITTED", &*own, vec!["impersonation"]),
        ("PRIVILEGE_MISSING", &*own, vec!["tenant-administrator", "technical-configuration-administrator"]),
    ];
    let checked = check(&olga, &stage.acme).await.unwrap();
    assert_eq!((checked.complete, told(&checked.missing)), (false, lacks.to_vec()));
    let repaired = repair(&olga, &stage.acme).await.unwrap();
    assert_eq!((repaired.mended.len(), told(&repaired.missing)), (0, lacks.to_vec()));
    assert!(check(&stage.anna, &stage.acme).await.unwrap().complete, "it is nothing of the tenant's");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_no_licence_opens_is_not_missed() {
    let stage = Stage::new().await;
    let kinds = [kind("base", Some(10), true, &[]), kind("portal", Some(10), false, &["portal-administrator"])];
    stage.operator.set_kinds(&kinds, &[]).await.unwrap();
    let administrator = stage.anna.role_named(&stage.acme, "Administrator").await;
    stage.anna.revoke(&administrator, &["privileges/portal-administrator"]).await.unwrap();
    assert!(!check(&stage.operator, &stage.acme).await.unwrap().complete);
    stage.operator.allot(&stage.acme, &[("base", 5)]).await.unwrap();
    assert!(check(&stage.operator, &stage.acme).await.unwrap().complete);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_operators_repair_and_nobody_the_infrastructure_tenant() {
    let stage = Stage::new().await;
    assert_refused(repair(&stage.anna, &stage.acme).await, Code::PermissionDenied, "PRIVILEGE_MISSING");
    let acting = stage.operator.acting_as("superuser");
    assert_refused(repair(&acting, &stage.acme).await, Code::PermissionDenied, "IMPERSONATION_NOT_PERMITTED");
    let infrastructure = "tenants/infrastructure";
    assert_refused(repair(&stage.operator, infrastructure).await, Code::FailedPrecondition, "TENANT_READ_ONLY");
    let checked = check(&stage.operator, infrastructure).await.unwrap();
    assert_eq!(told(&checked.missing), [("IMPERSONATION_TARGET_NOT_DEFINED", infrastructure, vec![])]);
    let (beta, _) = stage.server.another("Beta", "bert").await;
    assert_refused(check(&stage.anna, &beta).await, Code::NotFound, "RESOURCE_NOT_FOUND");
}
