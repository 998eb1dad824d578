//! A tenant's life, from end to end.

use landlord::proto::v1::{self, tenant::State};
use tonic::Code;

use crate::support::client::{activation_code, assert_refused};
use crate::support::server::TestServer;

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_is_created_locked_prepared_brought_back_and_deleted() {
    let server = TestServer::start().await;
    let operator = server.operator().await;
    let name = operator.active_tenant("Acme").await;
    assert_eq!(name, "tenants/acme");
    assert_eq!(operator.tenant(&name).await.state(), State::Active);

    let lock = v1::LockTenantRequest { name: name.clone(), ..Default::default() };
    operator.client.tenants().lock_tenant(lock).await.unwrap();
    let prepare = v1::PrepareTenantDeletionRequest { name: name.clone(), ..Default::default() };
    let prepared = operator.client.tenants().prepare_tenant_deletion(prepare.clone()).await.unwrap().into_inner();
    operator.succeed(prepared.operation).await;
    assert_eq!(operator.tenant(&name).await.state(), State::Prepared);

    let cancel = v1::CancelTenantDeletionRequest { name: name.clone(), ..Default::default() };
    let back = operator.client.tenants().cancel_tenant_deletion(cancel).await.unwrap().into_inner();
    assert_eq!(back.tenant.unwrap().lock_reason(), v1::tenant::LockReason::Undeleted);
    operator.succeed(back.operation).await;

    let prepared = operator.client.tenants().prepare_tenant_deletion(prepare).await.unwrap().into_inner();
    operator.succeed(prepared.operation).await;
    let delete = v1::DeleteTenantRequest { name: name.clone(), confirm_name: "Acme".into(), ..Default::default() };
    let deleted = operator.client.tenants().delete_tenant(delete).await.unwrap().into_inner();
    operator.succeed(deleted.operation).await;
    assert_refused(operator.row(&name).await, Code::NotFound, "RESOURCE_NOT_FOUND");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_administrator_activates_the_account_and_logs_in() {
    let server = TestServer::start().await;
    let operator = server.operator().await;
    let request = v1::CreateTenantRequest {
        tenant: Some(v1::Tenant { display_name: "Acme".into(), ..Default::default() }),
        initial_admin: Some(v1::InitialAdmin {
            user_name: "anna".into(),
            email: "anna@example.com".into(),
            ..Default::default()
        }),
        ..Default::default()
    };
    let created = operator.client.tenants().create_tenant(request).await.unwrap().into_inner();
    operator.succeed(created.operation).await;
    let code = activation_code(&server.mail_folder()).await;
    let password = String::from("a password of her own");
    let activate = v1::ActivateUserRequest { code: code.clone(), password: password.clone() };
    let anonymous = server.anonymous().await;
    anonymous.client.users().activate_user(activate.clone()).await.unwrap();
    assert_refused(anonymous.client.users().activate_user(activate).await, Code::FailedPrecondition, "LINK_USED");
    let anna = anonymous.log_in("anna@acme", &password).await;
    let who = anna.client.sessions().get_caller_identity(v1::GetCallerIdentityRequest {}).await.unwrap().into_inner();
    assert_eq!((who.user_name.as_str(), who.tenant.as_str()), ("anna", "tenants/acme"));
}
