//! What of licences operators and administrators see at a glance: figures, warnings, conditions and events.

use landlord::proto::v1::{self, tenant_condition::Kind};

use crate::support::client::Api;
use crate::support::licenses::kind;
use crate::support::server::TestServer;

/// The warnings of a log, oldest first.
async fn warnings(api: &Api, log: &str) -> Vec<(String, String)> {
    let events = api.events(log, "severity = WARNING").await.unwrap().events;
    events.into_iter().rev().map(|event| (event.kind, event.message)).collect()
}

/// What is in use of a kind.
fn in_use(kind: &str, used: i64, quantity: i64) -> v1::LicenseUse {
    v1::LicenseUse { kind: kind.into(), quantity, used, available: quantity - used }
}

/// The messages of the condition that a kind is used up.
async fn exhausted(operator: &Api, name: &str) -> Vec<String> {
    let conditions = operator.tenant(name).await.conditions.into_iter();
    conditions.filter(|found| found.kind() == Kind::LicensesExhausted).map(|found| found.message).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_overview_has_the_figures_of_each_metered_tenant_on_a_page_and_none_of_others() {
    let server = TestServer::start().await;
    let (acme, anna) = server.administrator("Acme").await;
    let operator = server.operator().await;
    let beta = operator.active_tenant("Beta").await;
    operator.active_tenant("Gamma").await;
    operator.set_kinds(&[kind("viewer", None, true, &[])], &[]).await.unwrap();
    operator.allot(&acme, &[("base", 1), ("viewer", 2)]).await.unwrap();
    operator.allot(&beta, &[("viewer", 4)]).await.unwrap();
    anna.assign_license(&acme, "base", &[&anna.user_named(&acme, "anna").await]).await.unwrap();
    let request = v1::ListTenantsRequest { view: v1::TenantView::Full.into(), ..Default::default() };
    let rows = operator.client.tenants().list_tenants(request).await.unwrap().into_inner().rows;
    let of = |name: &str| {
        let row = rows.iter().find(|row| row.tenant.as_ref().unwrap().name == name).unwrap();
        let overview = row.overview.clone().unwrap();
        (overview.licenses, overview.license_total)
    };
    let total = |used, quantity, percent| Some(v1::LicenseTotal { used, quantity, percent });
    assert_eq!(of(&acme), (vec![in_use("base", 1, 1), in_use("viewer", 0, 2)], total(1, 3, 33)));
    assert_eq!(of(&beta), (vec![in_use("viewer", 0, 4)], total(0, 4, 0)));
    assert_eq!(of("tenants/gamma"), (vec![], None));
    assert_eq!(of("tenants/infrastructure"), (vec![], None));
    let one = operator.overview(&acme).await;
    assert_eq!((one.licenses, one.license_total), of(&acme));
    let own = anna.overview(&acme).await;
    assert_eq!((own.licenses, own.license_total), of(&acme), "its administrators see it, too");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kind_that_runs_out_is_warned_of_once_on_the_way_up_and_shown_as_long_as_it_lasts() {
    let server = TestServer::start().await;
    let (acme, anna) = server.administrator("Acme").await;
    let operator = server.operator().await;
    let mut users = Vec::new();
    for i in 0..10 {
        users.push(anna.new_user(&acme, &format!("user{i}")).await.unwrap().name);
    }
    let users: Vec<_> = users.iter().map(String::as_str).collect();
    operator.allot(&acme, &[("base", 10)]).await.unwrap();
    let etag = operator.licenses(&acme).await.unwrap().etag;
    anna.assign_license(&acme, "base", &users[..8]).await.unwrap();
    assert_eq!(
        (warnings(&operator, "tenants/infrastructure").await, exhausted(&operator, &acme).await),
        (vec![], vec![])
    );
    anna.assign_license(&acme, "base", &users[..9]).await.unwrap();
    let warning = |kind: &str, used: i64, limit: i64| {
        (kind.to_owned(), format!("tenants/acme uses {used} of {limit} licences of the kind base"))
    };
    let mut wanted = vec![warning("LICENSES_NEARLY_USED_UP", 9, 10)];
    assert_eq!(warnings(&operator, "tenants/infrastructure").await, wanted);
    let shown = operator.licenses(&acme).await.unwrap();
    assert_eq!(shown.warnings, [v1::LicenseWarning { kind: "base".into(), used: 9, quantity: 10 }]);
    assert_eq!(shown.total, Some(v1::LicenseTotal { used: 9, quantity: 10, percent: 90 }));
    assert_eq!(shown.etag, etag, "what is in use is no change of the licences");
    assert_eq!(exhausted(&operator, &acme).await, [""; 0]);

    anna.assign_license(&acme, "base", &users).await.unwrap();
    wanted.push(warning("LICENSES_USED_UP", 10, 10));
    assert_eq!(warnings(&operator, "tenants/infrastructure").await, wanted, "each is told once");
    assert_eq!(exhausted(&operator, &acme).await, ["all 10 licences of the kind base are in use"]);
    anna.unassign_license(&acme, "base", &users[..5]).await.unwrap();
    assert_eq!(exhausted(&operator, &acme).await, [""; 0]);
    assert_eq!(operator.licenses(&acme).await.unwrap().warnings, []);
    operator.allot(&acme, &[("base", 5)]).await.unwrap();
    wanted.extend([warning("LICENSES_NEARLY_USED_UP", 5, 5), warning("LICENSES_USED_UP", 5, 5)]);
    let mut told = warnings(&operator, "tenants/infrastructure").await;
    told[2..].sort();
    assert_eq!(told, wanted, "fewer licences are as good as more users");
    let mut own = warnings(&anna, &acme).await;
    own[2..].sort();
    assert_eq!(own, wanted, "they stand in the tenant's own log, too");
}
