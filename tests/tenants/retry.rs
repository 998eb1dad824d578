//! RetryTenantProvisioning.

use landlord::proto::v1::{self, operation, tenant::LockReason, tenant::State};
use tonic::Code;

use crate::support::client::{activation_code, assert_refused};
use crate::support::lifecycle::facts;
use crate::support::server::TestServer;

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_tenant_is_set_up_again_with_the_administrator_that_was_asked_for() {
    let server = TestServer::start().await;
    let operator = server.operator().await;
    server.break_provisioning().await;
    let tenant = Some(v1::Tenant { display_name: "Broken".into(), ..Default::default() });
    let email = "anna@example.com".into();
    let initial_admin = Some(v1::InitialAdmin { user_name: "anna".into(), email, ..Default::default() });
    let request = v1::CreateTenantRequest { tenant, initial_admin, ..Default::default() };
    let created = operator.client.tenants().create_tenant(request).await.unwrap().into_inner();
    let failed = operator.wait(&created.operation.unwrap().name).await;
    assert_eq!(failed.state(), operation::State::Failed);
    let error = failed.error.unwrap();
    assert!(!error.code.is_empty() && !error.reason.is_empty(), "{error:?}");
    assert!(!error.message.contains("in the way"), "{error:?}");
    let name = created.tenant.unwrap().name;
    assert_eq!(operator.tenant(&name).await.state(), State::Failed);

    let again = operator.retry(&name).await.unwrap();
    let tenant = again.tenant.unwrap();
    assert_eq!((tenant.state(), tenant.lock_reason()), (State::Locked, LockReason::Provisioning));
    assert_eq!(tenant.cooldown_expire_time, None);
    let ended = operator.wait(&again.operation.unwrap().name).await;
    assert_eq!(ended.state(), operation::State::Failed, "the obstacle is still there");

    server.mend_provisioning().await;
    let again = operator.retry(&name).await.unwrap();
    operator.succeed(again.operation).await;
    assert_eq!(operator.tenant(&name).await.state(), State::Active);
    let code = activation_code(&server.mail_folder()).await;
    let activate = v1::ActivateUserRequest { code, password: "a password of her own".into() };
    let activated = operator.client.users().activate_user(activate).await;
    assert_eq!(activated.unwrap().into_inner().user_name, "anna");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_failed_tenant_can_be_retried_and_only_by_who_has_read_it() {
    let server = TestServer::start().await;
    let operator = server.operator().await;
    let name = operator.active_tenant("Acme").await;
    let refused = assert_refused(operator.retry(&name).await, Code::FailedPrecondition, "TENANT_STATE_INVALID");
    assert_eq!((&*facts(&refused)["state"], &*facts(&refused)["allowed_states"]), ("ACTIVE", "FAILED"));
    server.break_provisioning().await;
    let name = operator.failed_tenant("Broken").await;
    let stale = v1::RetryTenantProvisioningRequest { name: name.clone(), etag: "\"1\"".into(), ..Default::default() };
    let stale = operator.client.tenants().retry_tenant_provisioning(stale).await;
    assert_refused(stale, Code::Aborted, "ETAG_MISMATCH");
    assert_eq!(operator.tenant(&name).await.state(), State::Failed);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_cool_down_is_as_long_as_the_settings_say() {
    let server = TestServer::start().await;
    let operator = server.operator().await;
    server.break_provisioning().await;
    let failed_tenant_cooldown = Some(prost_types::Duration { seconds: 0, nanos: 0 });
    let settings = Some(v1::Settings { failed_tenant_cooldown, ..Default::default() });
    let request = v1::UpdateSettingsRequest { settings, ..Default::default() };
    operator.client.admin().update_settings(request).await.unwrap();
    let name = operator.failed_tenant("Broken").await;
    let begun = operator.delete(&name, "Broken").await.unwrap();
    operator.succeed(begun.operation).await;
}
