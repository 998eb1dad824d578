//! Single-tenant mode.

use landlord::proto::v1;
use tonic::Code;

use crate::support::client::{Api, assert_refused};
use crate::support::lifecycle::ADMIN_PASSWORD;
use crate::support::server::TestServer;

async fn multi_tenancy(api: &Api, enabled: bool) {
    let settings = v1::Settings { multi_tenancy_enabled: Some(enabled), ..Default::default() };
    let set = api.set(settings, &["multi_tenancy_enabled"]).await.unwrap();
    assert_eq!(set.multi_tenancy_enabled, Some(enabled));
}

async fn create(api: &Api, name: &str) -> Result<v1::CreateTenantResponse, tonic::Status> {
    let tenant = Some(v1::Tenant { display_name: name.into(), ..Default::default() });
    let request = v1::CreateTenantRequest { tenant, ..Default::default() };
    api.client.tenants().create_tenant(request).await.map(tonic::Response::into_inner)
}

#[tokio::test(flavor = "multi_thread")]
async fn with_multi_tenancy_off_there_is_one_tenant_and_log_in_needs_no_code() {
    let server = TestServer::start().await;
    let operator = server.operator().await;
    multi_tenancy(&operator, false).await;
    let (name, _) = server.administrator("Acme").await;
    assert_refused(create(&operator, "Beta").await, Code::FailedPrecondition, "MULTI_TENANCY_OFF");
    server.anonymous().await.log_in("anna", ADMIN_PASSWORD).await;
    multi_tenancy(&operator, true).await;
    create(&operator, "Beta").await.unwrap();
    let ambiguous = server.anonymous().await.session("anna", ADMIN_PASSWORD).await;
    assert_refused(ambiguous, Code::InvalidArgument, "FIELDS_INVALID");
    multi_tenancy(&operator, false).await;
    assert_refused(create(&operator, "Gamma").await, Code::FailedPrecondition, "MULTI_TENANCY_OFF");
    assert_eq!(operator.tenant(&name).await.name, name, "those that are there stay");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_who_create_the_only_tenant_at_once_one_does() {
    let server = TestServer::start().await;
    let second = TestServer::on(server.database.clone(), &[]).await;
    let (one, two) = (server.operator().await, second.operator().await);
    multi_tenancy(&one, false).await;
    let names: Vec<_> = (0..6).map(|i| format!("Tenant {i}")).collect();
    let asked = names.iter().enumerate().map(|(i, name)| create(if i % 2 == 0 { &one } else { &two }, name));
    let answers = futures::future::join_all(asked).await;
    let (made, refused): (Vec<_>, Vec<_>) = answers.into_iter().partition(Result::is_ok);
    assert_eq!(made.len(), 1);
    for answer in refused {
        assert_refused(answer, Code::FailedPrecondition, "MULTI_TENANCY_OFF");
    }
}
