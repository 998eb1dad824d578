//! What a tenant's utilization is called, where it is shown, and when it is not known.

use landlord::proto::v1::{self, Utilization};
use tonic::Code;

use crate::support::client::{Api, assert_refused};
use crate::support::licenses::kind;
use crate::support::server::TestServer;

/// What GetTenant and GetTenantUtilization say, which is the same.
async fn level(api: &Api, tenant: &str) -> Utilization {
    let told = api.utilization(tenant).await.unwrap();
    assert_eq!(api.overview(tenant).await.utilization(), told.utilization(), "{told:?}");
    told.utilization()
}

fn days(told: &v1::TenantUtilization, now: &prost_types::Timestamp) -> f64 {
    let start = told.week_start_time.unwrap();
    ((now.seconds - start.seconds) as f64 / 86_400.0).max(1.0)
}

#[tokio::test(flavor = "multi_thread")]
async fn log_ins_of_a_day_are_compared_with_the_licences_of_all_kinds() {
    let server = TestServer::start().await;
    let operator = server.operator().await;
    let acme = operator.active_tenant("Acme").await;
    operator.set_kinds(&[kind("viewer", None, false, &[])], &[]).await.unwrap();
    operator.allot(&acme, &[("base", 400_000), ("viewer", 600_000)]).await.unwrap();
    let told = operator.utilization(&acme).await.unwrap();
    assert_eq!((told.utilization(), told.log_ins, told.licenses), (Utilization::Low, Some(0), Some(1_000_000)));
    assert_eq!((told.log_ins_per_day, told.unknown_reason.as_str()), (Some(0.0), ""));
    assert_eq!(told.name, "tenants/acme/utilization");
    assert_eq!(operator.utilization("tenants/acme/utilization").await.unwrap().licenses, Some(1_000_000));

    // As long as the test takes, the days grow by less than a thousandth.
    let now = prost_types::Timestamp { seconds: server.now().await, nanos: 0 };
    let once = 1_000_000.0 * days(&told, &now);
    let mut had = 0;
    for (times, wanted) in [
        (0.999, Utilization::Low),
        (1.001, Utilization::Average),
        (2.999, Utilization::Average),
        (3.001, Utilization::High),
    ] {
        let log_ins = (once * times) as i64;
        server.had_log_ins(&acme, log_ins - had, "UTC", "monday").await;
        had = log_ins;
        assert_eq!(level(&operator, &acme).await, wanted, "{times}");
        let told = operator.utilization(&acme).await.unwrap();
        assert_eq!(told.log_ins, Some(log_ins));
        let each = told.log_ins_per_day.unwrap() / 1_000_000.0;
        assert!((each - times).abs() < 0.001, "{each} {times}");
    }
    operator.allot(&acme, &[("viewer", 0)]).await.unwrap();
    assert_eq!(operator.utilization(&acme).await.unwrap().licenses, Some(400_000), "fewer licences are used more");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_week_begins_where_the_server_stands_and_not_where_the_tenant_does() {
    let server = TestServer::start().await;
    let operator = server.operator().await;
    for (id, zone) in [("east", "Pacific/Chatham"), ("west", "America/New_York")] {
        let there = v1::Server { time_zone: zone.into(), ..Default::default() };
        operator.create_server(id, there).await.unwrap();
        let tenant = v1::Tenant {
            display_name: id.into(),
            server: format!("servers/{id}"),
            time_zone: "Europe/Berlin".into(),
            ..Default::default()
        };
        let request = v1::CreateTenantRequest { tenant: Some(tenant), ..Default::default() };
        let made = operator.client.tenants().create_tenant(request).await.unwrap().into_inner();
        operator.succeed(made.operation).await;
        let name = made.tenant.unwrap().name;
        operator.allot(&name, &[("base", 5)]).await.unwrap();
        let monday = async || -> i64 {
            let sql = format!(
                "SELECT extract(epoch FROM date_trunc('week', clock_timestamp() AT TIME ZONE '{zone}') AT TIME ZONE '{zone}')::bigint"
            );
            server.sql().await.query_one(&sql, &[]).await.unwrap().get(0)
        };
        // A week may end in the middle of this.
        let mut last = 0;
        while last != monday().await {
            last = monday().await;
            server.sql().await.execute("DELETE FROM log_ins", &[]).await.unwrap();
            for (count, at) in [
                (1, "monday"),
                (10, "clock_timestamp()"),
                (100, "monday - interval '1 microsecond'"),
                (1000, "monday - interval '15 minutes'"),
            ] {
                server.had_log_ins(&name, count, zone, at).await;
            }
            let told = operator.utilization(&name).await.unwrap();
            let found = (told.week_start_time.unwrap().seconds, told.log_ins);
            assert!(found == (last, Some(11)) || last != monday().await, "{zone}: {found:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_not_known_of_tenants_that_are_locked_out_of_reach_or_without_licences() {
    let server = TestServer::start().await;
    let operator = server.operator().await;
    let acme = operator.active_tenant("Acme").await;
    let unknown = async |because: &str| {
        assert_eq!(level(&operator, &acme).await, Utilization::Unknown, "{because}");
        let told = operator.utilization(&acme).await.unwrap();
        assert!(told.unknown_reason.contains(because), "{told:?}");
        let absent = (told.week_start_time, told.log_ins, told.log_ins_per_day, told.licenses);
        assert_eq!(absent, (None, None, None, None));
    };
    unknown("no licences").await;
    operator.allot(&acme, &[("base", 5)]).await.unwrap();
    assert_eq!(level(&operator, &acme).await, Utilization::Low);
    let here =
        |reachable| v1::Server { name: "servers/default".into(), reachable: Some(reachable), ..Default::default() };
    operator.update_server(here(false), &["reachable"]).await.unwrap();
    unknown("can't be reached").await;
    operator.update_server(here(true), &["reachable"]).await.unwrap();
    assert_eq!(level(&operator, &acme).await, Utilization::Low);
    operator.lock(&acme).await.unwrap();
    unknown("LOCKED").await;
    operator.unlock(&acme).await.unwrap();
    assert_eq!(level(&operator, &acme).await, Utilization::Low);
    let infrastructure = operator.utilization("tenants/infrastructure").await.unwrap();
    assert_eq!(infrastructure.utilization(), Utilization::Unknown, "operators need no licences");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_shows_it_with_the_view_full_of_each_tenant_its_own() {
    let server = TestServer::start().await;
    let operator = server.operator().await;
    let mut wanted = Vec::new();
    for (name, licenses, log_ins, level) in [
        ("Alpha", 1_000, 0, Utilization::Low),
        ("Bravo", 0, 0, Utilization::Unknown),
        ("Charlie", 1_000, 14_000, Utilization::Average),
        ("Delta", 1_000, 28_000, Utilization::High),
    ] {
        let tenant = operator.active_tenant(name).await;
        if licenses > 0 {
            operator.allot(&tenant, &[("base", licenses)]).await.unwrap();
            // As many as make it so on the day that it is.
            let told = operator.utilization(&tenant).await.unwrap();
            let now = prost_types::Timestamp { seconds: server.now().await, nanos: 0 };
            let so_far = (f64::from(log_ins) * days(&told, &now) / 7.0) as i64;
            if so_far > 0 {
                server.had_log_ins(&tenant, so_far, "UTC", "monday").await;
            }
        }
        wanted.push((tenant, level));
    }
    wanted.push(("tenants/infrastructure".into(), Utilization::Unknown));
    let list = async |view: v1::TenantView| {
        let request = v1::ListTenantsRequest { order_by: "code".into(), view: view.into(), ..Default::default() };
        operator.client.tenants().list_tenants(request).await.unwrap().into_inner().rows
    };
    let of_row = |row: v1::TenantRow| (row.tenant.unwrap().name, row.overview.unwrap().utilization());
    let shown: Vec<_> = list(v1::TenantView::Full).await.into_iter().map(of_row).collect();
    assert_eq!(shown, wanted);
    assert!(list(v1::TenantView::Basic).await.iter().all(|row| row.overview.is_none()));
}

#[tokio::test(flavor = "multi_thread")]
async fn other_tenants_administrators_are_told_nothing_and_own_users_without_privilege_neither() {
    let server = TestServer::start().await;
    let (acme, anna) = server.administrator("Acme").await;
    let (beta, bert) = server.another("Beta", "bert").await;
    let operator = server.operator().await;
    operator.allot(&acme, &[("base", 5)]).await.unwrap();
    anna.utilization(&acme).await.unwrap();
    assert_refused(bert.utilization(&acme).await, Code::NotFound, "RESOURCE_NOT_FOUND");
    assert_refused(bert.utilization("tenants/nobody").await, Code::NotFound, "RESOURCE_NOT_FOUND");
    anna.new_user(&acme, "carl").await.unwrap();
    server.enter("carl@acme").await;
    let carl = server.anonymous().await.enter_as("carl@acme").await.unwrap();
    let carl = server.anonymous().await.with_token(&carl.access_token);
    assert_refused(carl.utilization(&acme).await, Code::PermissionDenied, "PRIVILEGE_MISSING");
    assert_refused(operator.utilization("tenants/acme/limits").await, Code::InvalidArgument, "FIELDS_INVALID");
    drop(beta);
}
