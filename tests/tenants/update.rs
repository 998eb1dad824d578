//! UpdateTenant.

use landlord::proto::v1::{self, tenant::State};
use tonic::Code;

use crate::support::client::{Api, assert_refused, eventually, fields, refusal};
use crate::support::lifecycle::facts;
use crate::support::server::TestServer;

fn named(name: &str, display_name: &str) -> v1::Tenant {
    v1::Tenant { name: name.into(), display_name: display_name.into(), ..Default::default() }
}

/// UpdateTenant without a mask.
async fn populated(api: &Api, tenant: v1::Tenant) -> Result<v1::Tenant, tonic::Status> {
    let request = v1::UpdateTenantRequest { tenant: Some(tenant), ..Default::default() };
    api.client.tenants().update_tenant(request).await.map(|r| r.into_inner().tenant.unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rename_renames_the_root_group_and_nothing_else() {
    let server = TestServer::start().await;
    let operator = server.operator().await;
    let name = operator.active_tenant("Acme").await;
    let before = operator.tenant(&name).await;
    let after = operator.update(named(&name, "Acme Two"), &["display_name"]).await.unwrap();
    assert_eq!((after.display_name.as_str(), after.code.as_str()), ("Acme Two", "acme"));
    assert_ne!(after.etag, before.etag);
    assert_eq!(operator.tenant(&name).await, after);
    let sql = server.sql().await;
    let groups = sql.query("SELECT name FROM groups ORDER BY name", &[]).await.unwrap();
    let groups: Vec<String> = groups.iter().map(|row| row.get(0)).collect();
    assert_eq!(groups, ["Acme Two", "Infrastructure"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_populated_fields_change_without_a_mask_and_masked_ones_can_be_cleared() {
    let server = TestServer::start().await;
    let operator = server.operator().await;
    let name = operator.active_tenant("Acme").await;
    let labels = [("team".to_owned(), "blue".to_owned())].into();
    let change = v1::Tenant {
        name: name.clone(),
        company_name: "Acme Ltd.".into(),
        labels,
        protected: true,
        time_zone: "Europe/Berlin".into(),
        ..Default::default()
    };
    let changed = populated(&operator, change).await.unwrap();
    assert_eq!((changed.display_name.as_str(), changed.company_name.as_str()), ("Acme", "Acme Ltd."));
    assert_eq!((changed.labels.len(), changed.protected, changed.time_zone.as_str()), (1, true, "Europe/Berlin"));
    let cleared = operator.update(named(&name, "ignored"), &["company_name", "labels", "protected"]).await.unwrap();
    assert_eq!((cleared.display_name.as_str(), cleared.company_name.as_str()), ("Acme", ""));
    assert_eq!((cleared.labels.len(), cleared.protected, cleared.time_zone.as_str()), (0, false, "Europe/Berlin"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mask_names_known_fields_and_at_least_one() {
    let server = TestServer::start().await;
    let operator = server.operator().await;
    let name = operator.active_tenant("Acme").await;
    let before = operator.tenant(&name).await;
    for paths in [&["state"][..], &["display_name", "labels.team"], &["*"], &["code"], &[""], &[]] {
        let refused = operator.update(named(&name, "Other"), paths).await;
        let refused = assert_refused(refused, Code::InvalidArgument, "FIELDS_INVALID");
        let (field, allowed) = fields(&refused).remove(0);
        assert_eq!(field, "update_mask");
        assert!(allowed.contains("display_name, company_name, labels, protected, time_zone"), "{allowed}");
    }
    assert_refused(populated(&operator, named(&name, "")).await, Code::InvalidArgument, "FIELDS_INVALID");
    assert_eq!(operator.tenant(&name).await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stale_etag_is_refused_and_of_two_with_the_same_one_wins() {
    let server = TestServer::start().await;
    let operator = server.operator().await;
    let name = operator.active_tenant("Acme").await;
    let etag = operator.tenant(&name).await.etag;
    let change = |text: &str| v1::Tenant { etag: etag.clone(), ..named(&name, text) };
    let (left, right) = (change("Left"), change("Right"));
    let both =
        futures::future::join(operator.update(left, &["display_name"]), operator.update(right, &["display_name"]));
    let both = both.await;
    let (won, lost) = if both.0.is_ok() { both } else { (both.1, both.0) };
    assert_refused(lost, Code::Aborted, "ETAG_MISMATCH");
    assert_eq!(operator.tenant(&name).await, won.unwrap());
    for wrong in ["x", "1", "\"\""] {
        let stale = v1::Tenant { etag: wrong.into(), ..named(&name, "Other") };
        assert_refused(operator.update(stale, &["display_name"]).await, Code::Aborted, "ETAG_MISMATCH");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_administrator_changes_the_profile_but_neither_labels_nor_protection() {
    let server = TestServer::start().await;
    let (name, anna) = server.administrator("Acme").await;
    let profile =
        v1::Tenant { company_name: "Acme Ltd.".into(), time_zone: "Europe/Paris".into(), ..named(&name, "Acme Three") };
    let changed = populated(&anna, profile).await.unwrap();
    assert_eq!(changed.display_name, "Acme Three");
    for field in ["labels", "protected"] {
        let refused = anna.update(named(&name, "Acme Four"), &["display_name", field]).await;
        let refused = assert_refused(refused, Code::PermissionDenied, "PRIVILEGE_MISSING");
        assert!(facts(&refused)["privilege"].contains("tenant-administrator"));
    }
    assert_eq!(anna.tenant(&name).await, changed);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_the_infrastructure_tenant_only_name_and_labels_change() {
    let server = TestServer::start().await;
    let operator = server.operator().await;
    let name = "tenants/infrastructure";
    let labels = [("site".to_owned(), "one".to_owned())].into();
    let allowed = v1::Tenant { labels, ..named(name, "Platform") };
    let changed = operator.update(allowed, &["display_name", "labels"]).await.unwrap();
    assert_eq!((changed.display_name.as_str(), changed.labels.len()), ("Platform", 1));
    let wanted =
        v1::Tenant { company_name: "x".into(), protected: true, time_zone: "Europe/Berlin".into(), ..named(name, "x") };
    for field in ["company_name", "protected", "time_zone"] {
        let refused = operator.update(wanted.clone(), &["display_name", field]).await;
        let refused = assert_refused(refused, Code::FailedPrecondition, "TENANT_READ_ONLY");
        assert!(refused.message().ends_with(field), "{}", refused.message());
    }
    assert_eq!(operator.tenant(name).await, changed);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_on_its_way_out_does_not_change() {
    let server = TestServer::start().await;
    let operator = server.operator().await;
    let name = operator.active_tenant("Acme").await;
    operator.prepare_fully(&name).await;
    let refused = operator.update(named(&name, "Other"), &["display_name"]).await;
    let refused = assert_refused(refused, Code::FailedPrecondition, "TENANT_STATE_INVALID");
    assert_eq!(facts(&refused)["state"], "PREPARED");
    assert!(facts(&refused)["allowed_states"].starts_with("ACTIVE, LOCKED"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_another_group_has_is_refused() {
    let server = TestServer::start().await;
    let operator = server.operator().await;
    let name = operator.active_tenant("Acme").await;
    let group = "INSERT INTO groups (tenant_id, id, own_name)
        SELECT tenant_id, gen_random_uuid(), 'Sales' FROM tenants WHERE code = 'acme'";
    server.sql().await.batch_execute(group).await.unwrap();
    let refused = operator.update(named(&name, "Sales"), &["display_name"]).await;
    assert_refused(refused, Code::AlreadyExists, "RESOURCE_EXISTS");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_protected_tenant_that_failed_is_not_stuck_for_ever() {
    let server = TestServer::start().await;
    let operator = server.operator().await;
    server.break_provisioning().await;
    let tenant = v1::Tenant { display_name: "Broken".into(), protected: true, ..Default::default() };
    let request = v1::CreateTenantRequest { tenant: Some(tenant), ..Default::default() };
    let created = operator.client.tenants().create_tenant(request).await.unwrap().into_inner();
    operator.wait(&created.operation.unwrap().name).await;
    let name = created.tenant.unwrap().name;
    assert_eq!(operator.tenant(&name).await.state(), State::Failed);
    let rest = "UPDATE tenants SET cooldown_until = clock_timestamp() WHERE state = 'FAILED'";
    server.sql().await.batch_execute(rest).await.unwrap();
    assert_refused(operator.delete(&name, "Broken").await, Code::FailedPrecondition, "TENANT_PROTECTED");
    operator.update(named(&name, ""), &["protected"]).await.unwrap();
    let begun = operator.delete(&name, "Broken").await.unwrap();
    operator.succeed(begun.operation).await;
}

/// The answer of a call that is repeated while there are more callers than connections.
async fn let_in<T, F: Future<Output = Result<T, tonic::Status>>>(call: impl Fn() -> F) -> Result<T, tonic::Status> {
    eventually("a connection", || async {
        Some(call().await).filter(|answer| !matches!(answer, Err(status) if refusal(status).1 == "STORE_UNAVAILABLE"))
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn many_changes_of_the_own_tenant_at_once_do_not_lock_each_other_out() {
    let server = TestServer::start().await;
    let (name, anna) = server.administrator("Acme").await;
    let operator = server.operator().await;
    let own = (0..20).map(|i| {
        let (tenant, anna) = (named(&name, &format!("Acme {i}")), anna.clone());
        async move { let_in(|| anna.update(tenant.clone(), &["display_name"])).await }
    });
    let platform = (0..20).map(|i| {
        let (tenant, operator) = (named("tenants/infrastructure", &format!("Platform {i}")), operator.clone());
        async move { let_in(|| operator.update(tenant.clone(), &["display_name"])).await }
    });
    let (own, platform) =
        futures::future::join(futures::future::join_all(own), futures::future::join_all(platform)).await;
    for answer in own.into_iter().chain(platform) {
        answer.unwrap();
    }
    let deadlocks = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()";
    let deadlocks: i64 = server.sql().await.query_one(deadlocks, &[]).await.unwrap().get(0);
    assert_eq!(deadlocks, 0);
}
