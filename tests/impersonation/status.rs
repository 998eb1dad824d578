//! How tenants look to operators who could act in them.

use landlord::domain::impersonation::OF_TARGET;
use landlord::proto::v1::{self, AccessStatus};

use super::Stage;
use crate::support::client::Api;
use crate::support::licenses::kind;

/// Status and reason, which GetTenant and ListTenants tell alike.
async fn seen(api: &Api, name: &str) -> (AccessStatus, String) {
    let row = api.row(name).await.unwrap();
    let list = api.client.tenants().list_tenants(v1::ListTenantsRequest::default()).await.unwrap().into_inner();
    let listed = list.rows.into_iter().find(|listed| listed.tenant.as_ref().unwrap().name == name).unwrap();
    assert_eq!(listed.access, row.access);
    let access = row.access.unwrap();
    (access.status(), access.reason)
}

fn failed() -> (AccessStatus, String) {
    (AccessStatus::ImpersonationFailed, "IMPERSONATION_TARGET_UNDERPRIVILEGED".into())
}

fn active() -> (AccessStatus, String) {
    (AccessStatus::Active, String::new())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_database_knows_the_same_privileges_of_targets_as_the_service() {
    let stage = Stage::new().await;
    let names = "SELECT name FROM function_privileges WHERE of_target ORDER BY name";
    let stored = stage.server.sql().await.query(names, &[]).await.unwrap();
    let stored: Vec<String> = stored.iter().map(|row| row.get(0)).collect();
    let mut known = OF_TARGET.map(|privilege| privilege.name().to_owned()).to_vec();
    known.sort();
    assert_eq!(stored, known);
}

#[tokio::test(flavor = "multi_thread")]
async fn operators_see_that_an_account_lacks_a_privilege_and_others_do_not() {
    let stage = Stage::new().await;
    let (acme, anna, operator) = (&*stage.acme, &stage.anna, &stage.operator);
    assert_eq!(seen(operator, acme).await, active());
    let administrator = anna.role_named(acme, "Administrator").await;
    anna.revoke(&administrator, &["privileges/portal-administrator"]).await.unwrap();
    assert_eq!(seen(operator, acme).await, failed());
    let own = anna.row(acme).await.unwrap().access.unwrap();
    assert_eq!(own.status(), AccessStatus::Active, "whoever works there is not told of it");
    operator.lock(acme).await.unwrap();
    assert_eq!(seen(operator, acme).await, failed());
    operator.unlock(acme).await.unwrap();
    let anna = stage.server.enter("anna@acme").await;
    anna.grant(&administrator, &["privileges/portal-administrator"]).await.unwrap();
    assert_eq!(seen(operator, acme).await, active());
}

#[tokio::test(flavor = "multi_thread")]
async fn any_account_that_is_marked_and_active_counts_and_no_other() {
    let stage = Stage::new().await;
    let (acme, superuser) = (&*stage.acme, stage.superuser().await);
    let ben = stage.anna.new_user(acme, "ben").await.unwrap().name;
    stage.server.enter("ben@acme").await;
    stage.anna.mark(&superuser, false).await.unwrap();
    let none = (AccessStatus::AccessDenied, "IMPERSONATION_TARGET_NOT_DEFINED".to_owned());
    assert_eq!(seen(&stage.operator, acme).await, none);
    stage.anna.mark(&ben, true).await.unwrap();
    assert_eq!(seen(&stage.operator, acme).await, failed());
    let administrator = stage.anna.role_named(acme, "Administrator").await;
    stage.anna.give(&administrator, &[&ben]).await.unwrap();
    assert_eq!(seen(&stage.operator, acme).await, active());
    stage.anna.take(&administrator, &[&ben]).await.unwrap();
    assert_eq!(seen(&stage.operator, acme).await, failed());
    let group = stage.anna.new_group(acme, "Heads").await.unwrap();
    stage.anna.add(&group, &[&ben]).await.unwrap();
    let (role, groups) = (administrator, vec![group.clone()]);
    let holders = v1::AssignRoleRequest { role: role.clone(), groups: groups.clone(), ..Default::default() };
    stage.anna.assign_role(holders).await.unwrap();
    assert_eq!(seen(&stage.operator, acme).await, active());
    stage.anna.remove(&group, &[&ben]).await.unwrap();
    assert_eq!(seen(&stage.operator, acme).await, failed());
    stage.anna.add(&group, &[&ben]).await.unwrap();
    assert_eq!(seen(&stage.operator, acme).await, active());
    let holders = v1::UnassignRoleRequest { role: role.clone(), groups, ..Default::default() };
    stage.anna.unassign_role(holders).await.unwrap();
    assert_eq!(seen(&stage.operator, acme).await, failed());
    stage.anna.give(&role, &[&ben]).await.unwrap();
    assert_eq!(seen(&stage.operator, acme).await, active());
    stage.anna.lock_out(&ben).await.unwrap();
    assert_eq!(seen(&stage.operator, acme).await, none);
    let (olga, _) = stage.colleague("olga", &["manage-tenants"]).await;
    let denied = (AccessStatus::AccessDenied, "IMPERSONATION_NOT_PERMITTED".to_owned());
    assert_eq!(seen(&olga, acme).await, denied);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_no_licence_opens_nobody_lacks() {
    let stage = Stage::new().await;
    let kinds = [kind("base", Some(10), true, &[]), kind("portal", Some(10), false, &["portal-administrator"])];
    stage.operator.set_kinds(&kinds, &[]).await.unwrap();
    stage.operator.allot(&stage.acme, &[("base", 5)]).await.unwrap();
    let administrator = stage.anna.role_named(&stage.acme, "Administrator").await;
    stage.anna.revoke(&administrator, &["privileges/portal-administrator"]).await.unwrap();
    assert_eq!(seen(&stage.operator, &stage.acme).await, active());
    stage.operator.allot(&stage.acme, &[("portal", 1)]).await.unwrap();
    assert_eq!(seen(&stage.operator, &stage.acme).await, failed());
}
