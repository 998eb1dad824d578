//! CreateTenant.

use std::collections::BTreeSet;

use landlord::proto::v1::{self, tenant::LockReason, tenant::State};
use tonic::Code;
use tonic_types::StatusExt as _;

use crate::support::client::{Api, assert_refused, fields};
use crate::support::lifecycle::facts;
use crate::support::server::TestServer;

fn with_code(code: &str) -> v1::CreateTenantRequest {
    let tenant = v1::Tenant { display_name: "Acme".into(), ..Default::default() };
    v1::CreateTenantRequest { tenant_id: code.into(), tenant: Some(tenant), ..Default::default() }
}

async fn create(api: &Api, request: v1::CreateTenantRequest) -> Result<v1::CreateTenantResponse, tonic::Status> {
    api.client.tenants().create_tenant(request).await.map(tonic::Response::into_inner)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_display_name_is_enough_and_the_code_is_its_transliteration() {
    let server = TestServer::start().await;
    let operator = server.operator().await;
    let created = operator.create("Müller & Söhne").await;
    let (tenant, operation) = (created.tenant.unwrap(), created.operation.unwrap());
    assert_eq!((tenant.code.as_str(), tenant.name.as_str()), ("muller-sohne", "tenants/muller-sohne"));
    assert_eq!((tenant.state(), tenant.lock_reason()), (State::Locked, LockReason::Provisioning));
    assert_eq!((tenant.server.as_str(), tenant.time_zone.as_str()), ("servers/default", "UTC"));
    assert!(uuid::Uuid::try_parse(&tenant.uid).is_ok() && tenant.create_time.is_some() && !tenant.etag.is_empty());
    assert_eq!((operation.kind.as_str(), operation.tenant.as_str()), ("provision", tenant.name.as_str()));
    assert!(operation.actor.starts_with("tenants/infrastructure/users/"), "{operation:?}");
    let ended = operator.succeed(Some(operation)).await;
    assert_eq!(ended.results, [tenant.name.clone()]);
    assert_eq!(ended.progress.unwrap().percent, 100);
    assert_eq!(operator.tenant(&tenant.name).await.state(), State::Active);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_that_cannot_be_derived_is_random_and_a_taken_one_is_made_unique() {
    let server = TestServer::start().await;
    let operator = server.operator().await;
    let code = async |name: &str| operator.create(name).await.tenant.unwrap().code;
    let random = code("42").await;
    assert!(random.starts_with("t-") && random.len() == 10, "{random}");
    assert_eq!(code("Acme").await, "acme");
    let second = code("Acme").await;
    assert!(second.starts_with("acme-") && second.len() == 13, "{second}");
    assert!(code("Infrastructure").await.starts_with("t-"), "reserved, and not even a stem of others");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_asked_for_is_kept_and_what_the_server_sets_is_not_taken() {
    let server = TestServer::start().await;
    let operator = server.operator().await;
    let wanted = v1::Tenant {
        display_name: "Acme".into(),
        company_name: "Acme Ltd.".into(),
        labels: [("team".to_owned(), "blue".to_owned())].into(),
        protected: true,
        server: "servers/default".into(),
        time_zone: "Europe/Berlin".into(),
        // From here on: the server's.
        name: "tenants/infrastructure".into(),
        uid: "11111111-1111-1111-1111-111111111111".into(),
        code: "other".into(),
        state: State::Prepared.into(),
        purge_started: true,
        etag: "\"77\"".into(),
        ..Default::default()
    };
    let request =
        v1::CreateTenantRequest { tenant_id: "a-1".into(), tenant: Some(wanted.clone()), ..Default::default() };
    let got = create(&operator, request).await.unwrap().tenant.unwrap();
    assert_eq!(got.name, "tenants/a-1");
    assert_ne!(got.uid, wanted.uid);
    assert_eq!((got.state(), got.purge_started), (State::Locked, false));
    let sent = (&wanted.display_name, &wanted.company_name, &wanted.labels, wanted.protected, &wanted.time_zone);
    assert_eq!((&got.display_name, &got.company_name, &got.labels, got.protected, &got.time_zone), sent);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_is_never_used_again() {
    let server = TestServer::start().await;
    let operator = server.operator().await;
    operator.succeed(create(&operator, with_code("acme")).await.unwrap().operation).await;
    let taken = assert_refused(create(&operator, with_code("acme")).await, Code::AlreadyExists, "RESOURCE_EXISTS");
    assert_eq!(taken.get_details_resource_info().unwrap().resource_name, "tenants/acme");
    operator.delete_fully("tenants/acme").await;
    assert_refused(create(&operator, with_code("acme")).await, Code::AlreadyExists, "RESOURCE_EXISTS");
    let derived = operator.create("Acme").await.tenant.unwrap().code;
    assert_ne!(derived, "acme");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_ten_who_want_one_code_at_once_one_gets_it() {
    let server = TestServer::start().await;
    let operator = server.operator().await;
    let all = futures::future::join_all((0..10).map(|_| create(&operator, with_code("acme")))).await;
    let (made, refused): (Vec<_>, Vec<_>) = all.into_iter().partition(Result::is_ok);
    assert_eq!(made.len(), 1);
    for answer in refused {
        assert_refused(answer, Code::AlreadyExists, "RESOURCE_EXISTS");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_starts_with_a_root_group_of_its_name_three_roles_and_a_superuser() {
    let server = TestServer::start().await;
    server.operator().await.active_tenant("Acme").await;
    let sql = server.sql().await;
    let texts = async |query: &str| -> BTreeSet<String> {
        sql.query(query, &[]).await.unwrap().iter().map(|row| row.get(0)).collect()
    };
    let of = "tenant_id <> '11111111-1111-1111-1111-111111111111'";
    assert_eq!(texts(&format!("SELECT name FROM groups WHERE {of}")).await, ["Acme".to_owned()].into());
    let roles =
        texts(&format!("SELECT name || CASE WHEN read_only THEN ' ro' ELSE '' END FROM roles WHERE {of}")).await;
    assert_eq!(roles, ["Administrator", "User", "Viewer ro"].map(String::from).into());
    let users = texts(&format!("SELECT user_name FROM users WHERE {of} AND impersonation_target")).await;
    assert_eq!(users, ["superuser".to_owned()].into());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_server_and_every_wrong_field_are_named_at_once() {
    let server = TestServer::start().await;
    let operator = server.operator().await;
    let mut request = with_code("acme");
    request.tenant.as_mut().unwrap().server = "servers/nowhere".into();
    let refused = assert_refused(create(&operator, request).await, Code::InvalidArgument, "FIELDS_INVALID");
    assert_eq!(fields(&refused)[0].0, "tenant.server");

    let tenant = v1::Tenant { time_zone: "Mars/Olympus".into(), ..Default::default() };
    let request = v1::CreateTenantRequest { tenant_id: "A".into(), tenant: Some(tenant), ..Default::default() };
    let refused = assert_refused(create(&operator, request).await, Code::InvalidArgument, "FIELDS_INVALID");
    let named: BTreeSet<String> = fields(&refused).into_iter().map(|f| f.0).collect();
    assert_eq!(named, ["tenant.display_name", "tenant.time_zone", "tenant_id"].map(String::from).into());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenants_administrator_cannot_create_tenants_and_is_told_which_privilege_is_missing() {
    let server = TestServer::start().await;
    let (_, anna) = server.administrator("Acme").await;
    let refused = assert_refused(create(&anna, with_code("b-1")).await, Code::PermissionDenied, "PRIVILEGE_MISSING");
    assert_eq!(facts(&refused)["privilege"], "tenant-administrator,manage-tenants");
}
