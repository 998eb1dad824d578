//! Features: a default set, changed at creation and later, seen at once.

use landlord::proto::v1;
use tonic::Code;

use crate::support::client::{Api, assert_refused, fields};
use crate::support::server::TestServer;

async fn set_defaults(api: &Api, enable: &[&str], etag: &str) -> Result<v1::TenantFeatures, tonic::Status> {
    let enable = enable.iter().map(|n| (*n).to_owned()).collect();
    let request = v1::UpdateDefaultFeaturesRequest { enable, etag: etag.into(), ..Default::default() };
    api.client.tenants().update_default_features(request).await.map(|r| r.into_inner().features.unwrap())
}

async fn defaults(api: &Api) -> v1::TenantFeatures {
    let request = v1::GetDefaultFeaturesRequest {};
    api.client.tenants().get_default_features(request).await.unwrap().into_inner().features.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_tenant_has_the_default_features_of_that_time_or_those_that_it_is_given() {
    let server = TestServer::start().await;
    let operator = server.operator().await;
    let early = operator.active_tenant("Early").await;
    let first = defaults(&operator).await;
    assert_eq!((first.name.as_str(), first.features.len()), ("defaultFeatures", 0));
    let set = set_defaults(&operator, &["reports", "api"], &first.etag).await.unwrap();
    assert_eq!(set.features, ["api", "reports"]);
    assert_refused(set_defaults(&operator, &["x"], &first.etag).await, Code::Aborted, "ETAG_MISMATCH");
    let late = operator.active_tenant("Late").await;
    assert_eq!(operator.features(&late).await.unwrap().features, ["api", "reports"]);
    assert_eq!(operator.features(&early).await.unwrap().features, [""; 0], "who was there keeps what it had");

    let tenant = Some(v1::Tenant { display_name: "Own".into(), ..Default::default() });
    let features = Some(v1::TenantFeatures { features: vec!["sso".into()], ..Default::default() });
    let request = v1::CreateTenantRequest { tenant, features, ..Default::default() };
    operator.client.tenants().create_tenant(request.clone()).await.unwrap();
    assert_eq!(operator.features("tenants/own").await.unwrap().features, ["sso"]);
    let none = Some(v1::TenantFeatures::default());
    let tenant = Some(v1::Tenant { display_name: "None".into(), ..Default::default() });
    operator
        .client
        .tenants()
        .create_tenant(v1::CreateTenantRequest { tenant, features: none, ..request })
        .await
        .unwrap();
    assert_eq!(operator.features("tenants/none").await.unwrap().features, [""; 0], "none are some, too");
}

#[tokio::test(flavor = "multi_thread")]
async fn features_are_turned_on_and_off_and_another_replica_sees_it_at_once() {
    let server = TestServer::start().await;
    // Before there is another replica, which would deliver the mail to a folder of its own.
    let (name, anna) = server.administrator("Acme").await;
    let second = TestServer::on(server.database.clone(), &[]).await;
    let (operator, other) = (server.operator().await, second.operator().await);
    let on = operator.switch(&name, &["b", "a"], &[]).await.unwrap();
    assert_eq!((on.name.as_str(), on.features.clone()), ("tenants/acme/features", vec!["a".into(), "b".to_owned()]));
    assert_eq!(other.features(&name).await.unwrap(), on);
    assert_eq!(anna.features(&name).await.unwrap(), on, "its administrators see them");
    assert_refused(anna.switch(&name, &["c"], &[]).await, Code::PermissionDenied, "PRIVILEGE_MISSING");
    let off = other.switch(&name, &["c"], &["a", "never-on"]).await.unwrap();
    assert_eq!(operator.features(&name).await.unwrap().features, ["b", "c"]);
    assert_ne!(on.etag, off.etag);
    let stale = v1::UpdateTenantFeaturesRequest {
        name: name.clone(),
        enable: vec!["d".into()],
        etag: on.etag,
        ..Default::default()
    };
    let stale = operator.client.tenants().update_tenant_features(stale).await;
    assert_refused(stale, Code::Aborted, "ETAG_MISMATCH");
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_names_and_too_many_are_refused_and_the_infrastructure_tenant_has_none() {
    let server = TestServer::start().await;
    let operator = server.operator().await;
    let name = operator.active_tenant("Acme").await;
    for (enable, disable, field) in
        [(&["A"][..], &[][..], "enable"), (&["a"], &["a"], "disable"), (&[], &["ä"], "disable"), (&[], &[], "enable")]
    {
        let refused = operator.switch(&name, enable, disable).await;
        let refused = assert_refused(refused, Code::InvalidArgument, "FIELDS_INVALID");
        assert_eq!(fields(&refused)[0].0, field);
    }
    let many: Vec<_> = (0..200).map(|i| format!("f{i}")).collect();
    operator.switch(&name, &many.iter().map(String::as_str).collect::<Vec<_>>(), &[]).await.unwrap();
    assert_refused(operator.switch(&name, &["one-more"], &[]).await, Code::InvalidArgument, "FIELDS_INVALID");
    operator.switch(&name, &["one-more"], &["f0"]).await.unwrap();
    let infrastructure = operator.switch("tenants/infrastructure", &["a"], &[]).await;
    assert_refused(infrastructure, Code::FailedPrecondition, "TENANT_READ_ONLY");
}
