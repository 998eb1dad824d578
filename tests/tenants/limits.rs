//! Limits: reserved from the system licence, enforced whoever uses them, and warned of before they are reached.

use landlord::proto::v1;
use tonic::Code;

use crate::support::client::{Api, assert_refused, fields};
use crate::support::lifecycle::facts;
use crate::support::server::TestServer;

/// The events of the operators' log about limits.
async fn warnings(operator: &Api) -> Vec<(String, String)> {
    let events = operator.events("tenants/infrastructure", "severity = WARNING").await.unwrap().events;
    events.into_iter().rev().map(|e| (e.kind, e.message)).collect()
}

/// Runs SQL in a transaction for the tenant `acme`, as the service does.
async fn for_acme(server: &TestServer, sql: &str) -> Result<(), tokio_postgres::Error> {
    let uid = "SELECT tenant_id::text FROM tenants WHERE code = 'acme'";
    let uid: String = server.sql().await.query_one(uid, &[]).await.unwrap().get(0);
    let whole = format!("BEGIN; SELECT set_config('landlord.tenant', '{uid}', true); {sql}; COMMIT");
    server.database.connect("landlord_app").await.batch_execute(&whole).await
}

/// Adds users, whoever it is that adds them.
async fn add_users(server: &TestServer, from: i32, to: i32) -> Result<(), tokio_postgres::Error> {
    let add = format!(
        "INSERT INTO users (tenant_id, id, user_name, user_name_key, state)
         SELECT current_tenant(), gen_random_uuid(), 'u' || n, 'u' || n, 'ACTIVE' FROM generate_series({from}, {to}) n"
    );
    for_acme(server, &add).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_has_no_limits_unless_it_is_given_some() {
    let server = TestServer::start().await;
    let operator = server.operator().await;
    let (name, anna) = server.administrator("Acme").await;
    let limits = operator.limits(&name).await.unwrap();
    assert_eq!((limits.max_users, limits.disk_quota_bytes, limits.users, limits.storage_bytes), (None, None, 1, 0));
    assert_eq!(limits.name, "tenants/acme/limits");
    assert_eq!(operator.limits("tenants/acme/limits").await.unwrap(), limits);
    assert_eq!(anna.limits(&name).await.unwrap(), limits, "its administrators see them");
    let refused = anna.set_max_users(&name, Some(5)).await;
    assert_refused(refused, Code::PermissionDenied, "PRIVILEGE_MISSING");
    for wrong in ["tenants/-", "tenants/acme/features", "acme"] {
        assert_refused(operator.limits(wrong).await, Code::InvalidArgument, "FIELDS_INVALID");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_maximum_of_users_is_reserved_from_the_base_seats_and_given_back() {
    let server = TestServer::start().await;
    let operator = server.operator().await;
    let acme = operator.active_tenant("Acme").await;
    let beta = operator.active_tenant("Beta").await;
    assert_eq!((operator.base_seats().await.quantity, operator.base_seats().await.reserved), (None, 0));
    operator.set_base_seats(Some(100)).await.unwrap();
    operator.set_max_users(&acme, Some(60)).await.unwrap();
    assert_eq!(operator.base_seats().await.reserved, 60);
    let exhausted = operator.set_max_users(&beta, Some(41)).await;
    assert_refused(exhausted, Code::ResourceExhausted, "LICENSES_EXHAUSTED");
    assert_eq!(operator.limits(&beta).await.unwrap().max_users, None);
    operator.set_max_users(&beta, Some(40)).await.unwrap();
    let below = assert_refused(operator.set_base_seats(Some(99)).await, Code::FailedPrecondition, "LIMIT_BELOW_USE");
    assert_eq!(facts(&below)["reserved"], "100");
    operator.set_max_users(&acme, Some(10)).await.unwrap();
    operator.set_max_users(&beta, None).await.unwrap();
    assert_eq!(operator.base_seats().await.reserved, 10);
    operator.delete_fully(&acme).await;
    assert_eq!(operator.base_seats().await.reserved, 0, "a tenant that is gone holds nothing");
    operator.set_base_seats(Some(0)).await.unwrap();
    assert_refused(operator.set_max_users(&beta, Some(1)).await, Code::ResourceExhausted, "LICENSES_EXHAUSTED");
    operator.set_base_seats(None).await.unwrap();
    operator.set_max_users(&beta, Some(1_000_000_000)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn of_ten_who_change_the_system_licence_with_one_etag_one_wins_and_the_audit_trail_has_both_numbers() {
    let server = TestServer::start().await;
    let operator = server.operator().await;
    let request = v1::GetSystemLicenseRequest {};
    let license = operator.client.admin().get_system_license(request).await.unwrap().into_inner().license.unwrap();
    let set = async |quantity| {
        let kinds = vec![v1::SystemLicenseKind { kind: "base".into(), quantity: Some(quantity), ..Default::default() }];
        let license = Some(v1::SystemLicense { kinds, etag: license.etag.clone() });
        let request = v1::UpdateSystemLicenseRequest { license, ..Default::default() };
        operator.client.admin().update_system_license(request).await
    };
    let all = futures::future::join_all((101..=110).map(set)).await;
    let (won, lost): (Vec<_>, Vec<_>) = all.into_iter().partition(Result::is_ok);
    assert_eq!((won.len(), lost.len()), (1, 9));
    for answer in lost {
        assert_refused(answer, Code::Aborted, "ETAG_MISMATCH");
    }
    let quantity = operator.base_seats().await.quantity.unwrap();
    operator.set_base_seats(None).await.unwrap();
    let audit = operator.audit("tenants/infrastructure", "method = UpdateSystemLicense").await.unwrap();
    let told: Vec<_> = audit.iter().rev().map(|record| record.details["quantity"].clone()).collect();
    assert_eq!(told, [format!("base: none to {quantity}"), format!("base: {quantity} to none")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn operators_are_warned_once_when_the_seats_run_out_whoever_takes_them() {
    let server = TestServer::start().await;
    let operator = server.operator().await;
    let (acme, beta) = (operator.active_tenant("Acme").await, operator.active_tenant("Beta").await);
    operator.set_base_seats(Some(10)).await.unwrap();
    operator.set_max_users(&acme, Some(8)).await.unwrap();
    assert_eq!(warnings(&operator).await, []);
    operator.set_max_users(&beta, Some(1)).await.unwrap();
    let warning = |kind: &str, numbers: &str| {
        (kind.to_owned(), format!("{numbers} seats of the kind base are reserved by tenants"))
    };
    let mut wanted = vec![warning("SEATS_NEARLY_RESERVED", "9 of 10")];
    assert_eq!(warnings(&operator).await, wanted);
    operator.set_max_users(&beta, Some(2)).await.unwrap();
    wanted.push(warning("SEATS_ALL_RESERVED", "10 of 10"));
    assert_eq!(warnings(&operator).await, wanted, "each is told once");
    operator.set_base_seats(Some(20)).await.unwrap();
    operator.set_base_seats(Some(11)).await.unwrap();
    wanted.push(warning("SEATS_NEARLY_RESERVED", "10 of 11"));
    assert_eq!(warnings(&operator).await, wanted, "fewer seats are as good as more tenants");
    let about = operator.events("tenants/infrastructure", "resource = systemLicense AND severity = WARNING").await;
    assert_eq!(about.unwrap().total_size, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_who_reserve_the_last_seats_at_once_no_more_get_some_than_there_are() {
    let server = TestServer::start().await;
    let second = TestServer::on(server.database.clone(), &[]).await;
    let (one, two) = (server.operator().await, second.operator().await);
    let mut names = Vec::new();
    for i in 0..8 {
        names.push(one.active_tenant(&format!("Tenant {i}")).await);
    }
    one.set_base_seats(Some(35)).await.unwrap();
    let asked = names.iter().enumerate().map(|(i, name)| {
        let api = if i % 2 == 0 { &one } else { &two };
        api.set_max_users(name, Some(10))
    });
    let answers = futures::future::join_all(asked).await;
    let (got, refused): (Vec<_>, Vec<_>) = answers.into_iter().partition(Result::is_ok);
    assert_eq!((got.len(), one.base_seats().await.reserved), (3, 30));
    for answer in refused {
        assert_refused(answer, Code::ResourceExhausted, "LICENSES_EXHAUSTED");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_adds_more_users_than_the_limit_and_people_are_warned_on_the_way_there() {
    let server = TestServer::start().await;
    let operator = server.operator().await;
    let name = operator.active_tenant("Acme").await;
    operator.set_max_users(&name, Some(10)).await.unwrap();
    add_users(&server, 1, 8).await.unwrap();
    assert_eq!((warnings(&operator).await, operator.limits(&name).await.unwrap().warnings), (vec![], vec![]));
    add_users(&server, 9, 9).await.unwrap();
    let near = ("USERS_NEAR_LIMIT".to_owned(), "tenants/acme has 9 of 10 users".to_owned());
    assert_eq!(warnings(&operator).await, std::slice::from_ref(&near));
    let shown = &operator.limits(&name).await.unwrap().warnings[0];
    assert_eq!((shown.limit.as_str(), shown.used, shown.most), ("max_users", 9, 10));
    let conditions = operator.tenant(&name).await.conditions;
    assert_eq!(conditions[0].kind(), v1::tenant_condition::Kind::LimitNear);
    let error = add_users(&server, 10, 11).await.unwrap_err();
    assert!(error.as_db_error().unwrap().message().contains("USER_LIMIT_REACHED"), "{error:?}");
    add_users(&server, 10, 10).await.unwrap();
    let at = ("USERS_AT_LIMIT".to_owned(), "tenants/acme has 10 of 10 users".to_owned());
    assert_eq!(warnings(&operator).await, [near, at], "each is told once");
    assert_eq!(operator.overview(&name).await.users, Some(10));

    let below =
        assert_refused(operator.set_max_users(&name, Some(9)).await, Code::FailedPrecondition, "LIMIT_BELOW_USE");
    assert_eq!((facts(&below)["limit"].as_str(), facts(&below)["used"].as_str()), ("max_users", "10"));
    let sql = server.sql().await;
    sql.batch_execute("DELETE FROM users WHERE user_name IN ('u1', 'u2')").await.unwrap();
    assert_eq!(operator.limits(&name).await.unwrap().users, 8);
    operator.set_max_users(&name, Some(8)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_tenant_has_the_limits_of_the_settings_or_its_own_and_is_refused_when_no_seats_are_left() {
    let server = TestServer::start().await;
    let operator = server.operator().await;
    let settings =
        v1::Settings { default_max_users: Some(5), default_disk_quota_bytes: Some(1 << 30), ..Default::default() };
    operator.set(settings, &["default_max_users", "default_disk_quota_bytes"]).await.unwrap();
    let name = operator.active_tenant("Acme").await;
    let limits = operator.limits(&name).await.unwrap();
    assert_eq!((limits.max_users, limits.disk_quota_bytes), (Some(5), Some(1 << 30)), "as the settings have it");
    let tenant = Some(v1::Tenant { display_name: "Beta".into(), ..Default::default() });
    let limits = Some(v1::TenantLimits { max_users: Some(7), ..Default::default() });
    let request = v1::CreateTenantRequest { tenant, limits, ..Default::default() };
    let made = operator.client.tenants().create_tenant(request.clone()).await.unwrap().into_inner();
    operator.succeed(made.operation).await;
    let limits = operator.limits("tenants/beta").await.unwrap();
    assert_eq!((limits.max_users, limits.disk_quota_bytes), (Some(7), Some(1 << 30)), "its own go before");
    assert_eq!(operator.base_seats().await.reserved, 12);
    operator.set_base_seats(Some(12)).await.unwrap();
    let exhausted = operator.client.tenants().create_tenant(request).await;
    assert_refused(exhausted, Code::ResourceExhausted, "LICENSES_EXHAUSTED");
    assert_eq!(operator.base_seats().await.reserved, 12, "what was refused has taken nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_may_not_be_stored_is_refused_by_the_database_and_a_quota_below_use_by_the_call() {
    let server = TestServer::start().await;
    let operator = server.operator().await;
    let name = operator.active_tenant("Acme").await;
    let quota = |bytes| v1::TenantLimits { name: name.clone(), disk_quota_bytes: bytes, ..Default::default() };
    operator.set_limits(quota(Some(1000)), &["disk_quota_bytes"]).await.unwrap();
    let store = async |bytes| for_acme(&server, &format!("UPDATE tenant_limits SET storage_bytes = {bytes}")).await;
    store(900).await.unwrap();
    let error = store(1001).await.unwrap_err();
    assert!(error.as_db_error().unwrap().message().contains("DISK_QUOTA_EXCEEDED"), "{error:?}");
    let refused = operator.set_limits(quota(Some(899)), &["disk_quota_bytes"]).await;
    assert_refused(refused, Code::FailedPrecondition, "LIMIT_BELOW_USE");
    assert_eq!(warnings(&operator).await[0].1, "tenants/acme stores 900 of 1000 bytes");
    operator.set_limits(quota(None), &["disk_quota_bytes"]).await.unwrap();
    assert_eq!(operator.limits(&name).await.unwrap().disk_quota_bytes, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_have_etags_bounds_and_masks_of_their_own_and_the_infrastructure_tenant_has_none() {
    let server = TestServer::start().await;
    let operator = server.operator().await;
    let name = operator.active_tenant("Acme").await;
    let tenant_etag = operator.tenant(&name).await.etag;
    let first = operator.limits(&name).await.unwrap();
    let changed = operator.set_max_users(&name, Some(5)).await.unwrap();
    assert_ne!(first.etag, changed.etag);
    assert_eq!(operator.tenant(&name).await.etag, tenant_etag, "limits are not the tenant's profile");
    let stale = v1::TenantLimits { etag: first.etag, max_users: Some(6), name: name.clone(), ..Default::default() };
    assert_refused(operator.set_limits(stale, &["max_users"]).await, Code::Aborted, "ETAG_MISMATCH");
    for (wrong, field) in [(0, "limits.max_users"), (-1, "limits.max_users"), (1_000_000_001, "limits.max_users")] {
        let refused = operator.set_max_users(&name, Some(wrong)).await;
        let refused = assert_refused(refused, Code::InvalidArgument, "FIELDS_INVALID");
        assert_eq!(fields(&refused)[0].0, field);
    }
    for paths in [&["users"][..], &[]] {
        let nothing = v1::TenantLimits { name: name.clone(), ..Default::default() };
        assert_refused(operator.set_limits(nothing, paths).await, Code::InvalidArgument, "FIELDS_INVALID");
    }
    let infrastructure = operator.set_max_users("tenants/infrastructure", Some(5)).await;
    assert_refused(infrastructure, Code::FailedPrecondition, "TENANT_READ_ONLY");
    let sql = server.sql().await;
    let by_sql = "UPDATE tenant_limits SET max_users = 5 WHERE tenant_id = '11111111-1111-1111-1111-111111111111'";
    assert!(sql.batch_execute(by_sql).await.is_err(), "not even by SQL");
    operator.prepare_fully(&name).await;
    assert_refused(operator.set_max_users(&name, None).await, Code::FailedPrecondition, "TENANT_STATE_INVALID");
}
