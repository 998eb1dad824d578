//! GetTenant: what a caller sees, and may do now.

use std::collections::BTreeSet;

use landlord::proto::v1::{self, AccessStatus};
use tonic::Code;
use tonic_types::StatusExt as _;

use crate::support::client::{Api, assert_refused};
use crate::support::server::TestServer;

/// Status, reason and allowed actions, as the caller sees them.
async fn seen(api: &Api, name: &str) -> (AccessStatus, String, BTreeSet<String>) {
    let access = api.row(name).await.unwrap().access.unwrap();
    (access.status(), access.reason, access.allowed_actions.into_iter().collect())
}

fn expected(status: AccessStatus, reason: &str, actions: &[&str]) -> (AccessStatus, String, BTreeSet<String>) {
    (status, reason.to_owned(), actions.iter().map(|a| (*a).to_owned()).collect())
}

/// What operators may do to a tenant as long as it is active or locked.
const ALWAYS: [&str; 7] = [
    "UpdateTenant",
    "UpdateTenantLimits",
    "UpdateTenantLicenses",
    "UpdateTenantFeatures",
    "UpdateTenantMailTexts",
    "SetTenantDomain",
    "SetTenantExtensions",
];

fn with(others: &[&'static str]) -> Vec<&'static str> {
    ALWAYS.iter().chain(others).copied().collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_is_found_by_code_and_by_uid_and_an_absent_one_is_not() {
    let server = TestServer::start().await;
    let operator = server.operator().await;
    let name = operator.active_tenant("Acme").await;
    let by_code = operator.row(&name).await.unwrap();
    let uid = by_code.tenant.as_ref().unwrap().uid.clone();
    assert_eq!(operator.row(&format!("tenants/{uid}")).await.unwrap(), by_code);
    let refused = assert_refused(operator.row("tenants/nobody").await, Code::NotFound, "RESOURCE_NOT_FOUND");
    assert_eq!(refused.get_details_resource_info().unwrap().resource_name, "tenants/nobody");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_sees_status_and_allowed_actions_follow_the_state() {
    let server = TestServer::start().await;
    let operator = server.operator().await;
    let infrastructure = seen(&operator, "tenants/infrastructure").await;
    assert_eq!(infrastructure, expected(AccessStatus::ReadOnly, "INFRASTRUCTURE_TENANT", &["UpdateTenant"]));

    let held = server.hold("groups").await;
    let created = operator.create("Acme").await;
    let name = created.tenant.unwrap().name;
    assert_eq!(seen(&operator, &name).await, expected(AccessStatus::Locked, "PROVISIONING", &ALWAYS));
    drop(held);
    operator.succeed(created.operation).await;
    let active = expected(AccessStatus::Active, "", &with(&["LockTenant", "PrepareTenantDeletion"]));
    assert_eq!(seen(&operator, &name).await, active);
    operator.lock(&name).await.unwrap();
    let locked = expected(AccessStatus::Locked, "OPERATOR", &with(&["UnlockTenant", "PrepareTenantDeletion"]));
    assert_eq!(seen(&operator, &name).await, locked);
    operator.prepare_fully(&name).await;
    let prepared = expected(AccessStatus::Prepared, "", &["CancelTenantDeletion", "DeleteTenant"]);
    assert_eq!(seen(&operator, &name).await, prepared);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_protected_tenant_cannot_be_prepared_and_a_failed_one_is_corrupt_until_it_has_rested() {
    let server = TestServer::start().await;
    let operator = server.operator().await;
    let name = operator.active_tenant("Acme").await;
    let tenant = v1::Tenant { name: name.clone(), protected: true, ..Default::default() };
    operator.update(tenant, &["protected"]).await.unwrap();
    assert_eq!(seen(&operator, &name).await.2, expected(AccessStatus::Active, "", &with(&["LockTenant"])).2);

    server.break_provisioning().await;
    let name = operator.failed_tenant("Broken").await;
    let corrupt = seen(&operator, &name).await;
    let corrupt_is = expected(
        AccessStatus::Corrupt,
        "TENANT_COOLING_DOWN",
        &["UpdateTenant", "SetTenantDomain", "RetryTenantProvisioning"],
    );
    assert_eq!(corrupt, corrupt_is);
    let rest = "UPDATE tenants SET cooldown_until = clock_timestamp() WHERE state = 'FAILED'";
    server.sql().await.batch_execute(rest).await.unwrap();
    let failed_is = expected(
        AccessStatus::Failed,
        "",
        &["UpdateTenant", "SetTenantDomain", "DeleteTenant", "RetryTenantProvisioning"],
    );
    assert_eq!(seen(&operator, &name).await, failed_is);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_administrator_sees_the_own_tenant_and_may_update_it() {
    let server = TestServer::start().await;
    let (name, anna) = server.administrator("Acme").await;
    assert_eq!(seen(&anna, &name).await, expected(AccessStatus::Active, "", &["UpdateTenant"]));
    assert_refused(anna.row("tenants/infrastructure").await, Code::NotFound, "RESOURCE_NOT_FOUND");
}

#[tokio::test(flavor = "multi_thread")]
async fn access_is_denied_where_nobody_can_be_acted_for() {
    let server = TestServer::start().await;
    let operator = server.operator().await;
    let name = operator.active_tenant("Acme").await;
    let sql = server.sql().await;
    sql.batch_execute("UPDATE users SET impersonation_target = false").await.unwrap();
    let (status, reason, _) = seen(&operator, &name).await;
    assert_eq!((status, reason.as_str()), (AccessStatus::AccessDenied, "IMPERSONATION_TARGET_NOT_DEFINED"));
    sql.batch_execute("DELETE FROM role_privileges WHERE privilege = 'impersonation'").await.unwrap();
    let (status, reason, _) = seen(&operator, &name).await;
    assert_eq!((status, reason.as_str()), (AccessStatus::AccessDenied, "IMPERSONATION_NOT_PERMITTED"));
}

#[tokio::test(flavor = "multi_thread")]
async fn no_call_is_offered_that_an_operation_keeps_off() {
    let server = TestServer::with(&[("operations.workers", "0".into())]).await;
    let operator = server.operator().await;
    let worker = TestServer::on(server.database.clone(), &[]).await;
    let (acme, beta) = (operator.active_tenant("Acme").await, operator.active_tenant("Beta").await);
    operator.prepare_fully(&acme).await;
    operator.prepare_fully(&beta).await;
    worker.stop().await.unwrap();
    operator.delete(&acme, "Acme").await.unwrap();
    let purged = seen(&operator, &acme).await;
    assert_eq!(purged, expected(AccessStatus::Prepared, "PURGE_STARTED", &[]), "its purge runs");
    assert_refused(operator.delete(&acme, "Acme").await, Code::Aborted, "OPERATION_IN_PROGRESS");
    let thaw = operator.cancel_deletion(&beta).await.unwrap().operation;
    let locked = |actions| expected(AccessStatus::Locked, "UNDELETED", actions);
    assert_eq!(seen(&operator, &beta).await, locked(&ALWAYS), "its thaw runs");
    assert_refused(operator.prepare(&beta).await, Code::Aborted, "OPERATION_IN_PROGRESS");
    let _worker = TestServer::on(server.database.clone(), &[]).await;
    operator.succeed(thaw).await;
    assert_eq!(seen(&operator, &beta).await, locked(&with(&["UnlockTenant", "PrepareTenantDeletion"])));
}
