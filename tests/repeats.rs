//! Request ids and `validate_only`.

use std::collections::BTreeMap;

use landlord::proto::v1;
use prost::Message as _;
use tonic::{Code, Response, Status};

use crate::support::client::{Api, assert_refused};
use crate::support::server::TestServer;

const ID: &str = "0190a0a0-0000-7000-8000-000000000001";

fn create(display_name: &str, request_id: &str) -> v1::CreateTenantRequest {
    let tenant = Some(v1::Tenant { display_name: display_name.into(), ..Default::default() });
    v1::CreateTenantRequest { tenant, request_id: request_id.into(), ..Default::default() }
}

async fn ask(api: &Api, request: v1::CreateTenantRequest) -> Result<v1::CreateTenantResponse, Status> {
    api.client.tenants().create_tenant(request).await.map(Response::into_inner)
}

async fn tenants(api: &Api) -> i32 {
    let request = v1::ListTenantsRequest::default();
    api.client.tenants().list_tenants(request).await.unwrap().into_inner().total_size
}

/// All rows of all tables but those that a call by itself touches, as text.
async fn everything(server: &TestServer) -> BTreeMap<String, String> {
    let sql = server.sql().await;
    let tables = "SELECT relname::text FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace";
    let mut found = BTreeMap::new();
    for row in sql.query(tables, &[]).await.unwrap() {
        let table: String = row.get(0);
        let all = format!("SELECT coalesce(string_agg(t::text, E'\\n' ORDER BY t::text), '') FROM {table} t");
        found.insert(table, sql.query_one(&all, &[]).await.unwrap().get(0));
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeat_gets_the_first_answer_to_the_byte_whatever_has_happened_since() {
    let server = TestServer::start().await;
    let operator = server.operator().await;
    let mut request = create("Acme", ID);
    request.tenant.as_mut().unwrap().labels = (0..20).map(|i| (format!("k{i}"), i.to_string())).collect();
    let first = ask(&operator, request.clone()).await.unwrap();
    operator.succeed(first.operation.clone()).await;
    operator.lock("tenants/acme").await.unwrap();
    let again = ask(&operator, request.clone()).await.unwrap();
    assert_eq!(again.encode_to_vec(), first.encode_to_vec());

    operator.prepare_fully("tenants/acme").await;
    let confirm_name = "Acme".into();
    let etag = operator.tenant("tenants/acme").await.etag;
    let delete = v1::DeleteTenantRequest {
        name: "tenants/acme".into(),
        etag,
        confirm_name,
        request_id: ID.into(),
        ..Default::default()
    };
    let deleted = operator.client.tenants().delete_tenant(delete.clone()).await.unwrap().into_inner();
    operator.succeed(deleted.operation.clone()).await;
    let again = operator.client.tenants().delete_tenant(delete).await.unwrap().into_inner();
    assert_eq!(again.encode_to_vec(), deleted.encode_to_vec());
    assert_eq!(ask(&operator, request).await.unwrap().encode_to_vec(), first.encode_to_vec());
    assert_eq!(tenants(&operator).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeat_from_a_new_session_or_with_the_id_written_otherwise_is_the_same() {
    let server = TestServer::start().await;
    let first = ask(&server.operator().await, create("Acme", ID)).await.unwrap();
    let operator = server.operator().await;
    let written = ID.to_uppercase();
    assert_eq!(ask(&operator, create("Acme", &written)).await.unwrap(), first);
    assert_eq!(tenants(&operator).await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_id_with_another_body_is_refused_even_if_that_body_could_not_be_right() {
    let server = TestServer::start().await;
    let operator = server.operator().await;
    ask(&operator, create("Acme", ID)).await.unwrap();
    for other in [
        create("Acme ", ID),
        create("", ID),
        v1::CreateTenantRequest { validate_only: true, ..create("Acme", ID) },
        v1::CreateTenantRequest { tenant_id: "B".into(), ..create("Acme", ID) },
    ] {
        assert_refused(ask(&operator, other).await, Code::InvalidArgument, "REQUEST_ID_REUSED");
    }
    assert_eq!(tenants(&operator).await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_id_belongs_to_its_caller_and_its_method() {
    let server = TestServer::start().await;
    let operator = server.operator().await;
    let (name, anna) = server.administrator("Acme").await;
    let update = |display_name: &str| {
        let tenant = v1::Tenant { name: name.clone(), display_name: display_name.into(), ..Default::default() };
        v1::UpdateTenantRequest { tenant: Some(tenant), request_id: ID.into(), ..Default::default() }
    };
    operator.client.tenants().update_tenant(update("One")).await.unwrap();
    anna.client.tenants().update_tenant(update("Two")).await.unwrap();
    let lock = v1::LockTenantRequest { name: name.clone(), request_id: ID.into(), ..Default::default() };
    operator.client.tenants().lock_tenant(lock).await.unwrap();
    assert_eq!(operator.tenant(&name).await.display_name, "Two");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_twenty_repeats_at_once_one_acts_and_all_get_its_answer() {
    let server = TestServer::start().await;
    let operator = server.operator().await;
    let replica = TestServer::on(server.database.clone(), &[]).await;
    let other = replica.operator().await;
    let all = (0..20).map(|i| ask(if i % 2 == 0 { &operator } else { &other }, create("Acme", ID)));
    let answers: Vec<_> =
        futures::future::join_all(all).await.into_iter().map(|a| a.unwrap().encode_to_vec()).collect();
    assert!(answers.iter().all(|answer| *answer == answers[0]));
    assert_eq!(tenants(&operator).await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeat_after_a_refusal_runs_anew() {
    let server = TestServer::start().await;
    let operator = server.operator().await;
    let name = operator.active_tenant("Acme").await;
    let unlock = v1::UnlockTenantRequest { name: name.clone(), request_id: ID.into(), ..Default::default() };
    let refused = operator.client.tenants().unlock_tenant(unlock.clone()).await;
    assert_refused(refused, Code::FailedPrecondition, "TENANT_STATE_INVALID");
    operator.lock(&name).await.unwrap();
    operator.client.tenants().unlock_tenant(unlock).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeat_needs_the_privilege_as_the_first_call_did() {
    let server = TestServer::start().await;
    let operator = server.operator().await;
    ask(&operator, create("Acme", ID)).await.unwrap();
    let revoke = "DELETE FROM role_privileges WHERE privilege IN ('manage-tenants', 'tenant-administrator')";
    server.sql().await.batch_execute(revoke).await.unwrap();
    assert_refused(ask(&operator, create("Acme", ID)).await, Code::PermissionDenied, "PRIVILEGE_MISSING");
}

#[tokio::test(flavor = "multi_thread")]
async fn validation_alone_checks_everything_and_changes_and_records_nothing() {
    let server = TestServer::start().await;
    let operator = server.operator().await;
    let (acme, _) = server.administrator("Acme").await;
    operator.active_tenant("Beta").await;
    operator.prepare_fully("tenants/beta").await;
    server.break_provisioning().await;
    operator.failed_tenant("Broken").await;
    operator.active_tenant("Gamma").await;
    operator.lock("tenants/gamma").await.unwrap();
    let before = everything(&server).await;

    let (request_id, validate_only) = (ID.to_owned(), true);
    let mut calls = operator.client.tenants();
    let request = v1::CreateTenantRequest { validate_only, ..create("Delta", ID) };
    let created = ask(&operator, request.clone()).await.unwrap();
    assert_eq!((created.operation, created.tenant.unwrap().code.as_str()), (None, "delta"));
    let taken = v1::CreateTenantRequest { tenant_id: "acme".into(), ..request };
    assert_refused(ask(&operator, taken).await, Code::AlreadyExists, "RESOURCE_EXISTS");

    let tenant = Some(v1::Tenant { name: acme.clone(), display_name: "New".into(), ..Default::default() });
    let update = v1::UpdateTenantRequest { tenant, request_id: ID.into(), validate_only, ..Default::default() };
    assert_eq!(calls.update_tenant(update).await.unwrap().into_inner().tenant.unwrap().display_name, "New");
    let lock = v1::LockTenantRequest { name: acme.clone(), request_id: ID.into(), validate_only, ..Default::default() };
    let locked = calls.lock_tenant(lock).await.unwrap().into_inner().tenant.unwrap();
    assert_eq!(locked.state(), v1::tenant::State::Locked);
    let name = "tenants/gamma".to_owned();
    let unlock = v1::UnlockTenantRequest { name, request_id: ID.into(), validate_only, ..Default::default() };
    let unlocked = calls.unlock_tenant(unlock).await.unwrap().into_inner().tenant.unwrap();
    assert_eq!(unlocked.state(), v1::tenant::State::Active);
    let prepare =
        v1::PrepareTenantDeletionRequest { name: acme, request_id: ID.into(), validate_only, ..Default::default() };
    let prepared = calls.prepare_tenant_deletion(prepare).await.unwrap().into_inner();
    assert_eq!((prepared.operation, prepared.preview.unwrap().users), (None, 2));
    let name = "tenants/beta".to_owned();
    let cancel = v1::CancelTenantDeletionRequest {
        name: name.clone(),
        request_id: ID.into(),
        validate_only,
        ..Default::default()
    };
    let back = calls.cancel_tenant_deletion(cancel).await.unwrap().into_inner();
    assert_eq!(back.operation, None);
    assert_eq!(back.tenant.unwrap().lock_reason(), v1::tenant::LockReason::Undeleted);
    let mut delete = v1::DeleteTenantRequest {
        name,
        confirm_name: "wrong".into(),
        request_id: ID.into(),
        validate_only,
        ..Default::default()
    };
    let wrong = calls.delete_tenant(delete.clone()).await;
    assert_refused(wrong, Code::FailedPrecondition, "CONFIRMATION_MISMATCH");
    delete.confirm_name = "Beta".into();
    let deleted = calls.delete_tenant(delete).await.unwrap().into_inner();
    assert_eq!((deleted.operation, deleted.preview.unwrap().users), (None, 1));
    let name = "tenants/broken".to_owned();
    let retry = v1::RetryTenantProvisioningRequest { name, request_id: ID.into(), validate_only, ..Default::default() };
    let retried = calls.retry_tenant_provisioning(retry).await.unwrap().into_inner();
    assert_eq!((retried.operation, retried.tenant.unwrap().state()), (None, v1::tenant::State::Locked));
    let failed_tenant_cooldown = Some(prost_types::Duration { seconds: 5, nanos: 0 });
    let settings = Some(v1::Settings { failed_tenant_cooldown, ..Default::default() });
    let settings = v1::UpdateSettingsRequest { settings, request_id, validate_only, ..Default::default() };
    operator.client.admin().update_settings(settings).await.unwrap();

    let after = everything(&server).await;
    for (table, rows) in &before {
        assert_eq!(&after[table], rows, "{table}");
    }
    let real = ask(&operator, create("Delta", ID)).await.unwrap();
    assert!(real.operation.is_some(), "the id was not used up");
}
