//! AdminService.

use landlord::proto::v1;
use tonic::Code;

use crate::support::client::{Api, assert_refused, fields};
use crate::support::server::TestServer;

fn cooldown(seconds: i64, etag: &str) -> v1::UpdateSettingsRequest {
    let failed_tenant_cooldown = Some(prost_types::Duration { seconds, nanos: 0 });
    let settings = Some(v1::Settings { failed_tenant_cooldown, etag: etag.into(), ..Default::default() });
    v1::UpdateSettingsRequest { settings, ..Default::default() }
}

async fn update(api: &Api, request: v1::UpdateSettingsRequest) -> Result<v1::Settings, tonic::Status> {
    api.client.admin().update_settings(request).await.map(|r| r.into_inner().settings.unwrap())
}

async fn settings(api: &Api) -> Result<v1::Settings, tonic::Status> {
    let request = v1::GetSettingsRequest {};
    api.client.admin().get_settings(request).await.map(|r| r.into_inner().settings.unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn anybody_may_ask_for_the_version() {
    let server = TestServer::start().await;
    let version = server.anonymous().await.client.admin().get_version(v1::GetVersionRequest {}).await.unwrap();
    let version = version.into_inner();
    assert_eq!(version.version, env!("CARGO_PKG_VERSION"));
    let newest = "SELECT max(version) FROM __diesel_schema_migrations";
    let newest: String = server.sql().await.query_one(newest, &[]).await.unwrap().get(0);
    assert!(version.schema_version.replace('-', "").starts_with(&newest[..8]), "{} {newest}", version.schema_version);
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_change_and_a_stale_etag_is_refused() {
    let server = TestServer::start().await;
    let operator = server.operator().await;
    let before = settings(&operator).await.unwrap();
    assert_eq!(before.failed_tenant_cooldown.unwrap().seconds, 86_400);
    let changed = update(&operator, cooldown(60, &before.etag)).await.unwrap();
    assert_eq!(changed.failed_tenant_cooldown.unwrap().seconds, 60);
    assert_eq!(settings(&operator).await.unwrap(), changed);
    let stale = update(&operator, cooldown(90, &before.etag)).await;
    assert_refused(stale, Code::Aborted, "ETAG_MISMATCH");
    let dry = v1::UpdateSettingsRequest { validate_only: true, ..cooldown(90, &changed.etag) };
    assert_eq!(update(&operator, dry).await.unwrap().failed_tenant_cooldown.unwrap().seconds, 90);
    assert_eq!(settings(&operator).await.unwrap(), changed);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_ten_changes_with_one_etag_one_wins() {
    let server = TestServer::start().await;
    let operator = server.operator().await;
    let etag = settings(&operator).await.unwrap().etag;
    let all = futures::future::join_all((1..=10).map(|i| update(&operator, cooldown(i, &etag)))).await;
    let (won, lost): (Vec<_>, Vec<_>) = all.into_iter().partition(Result::is_ok);
    assert_eq!(won.len(), 1);
    for answer in lost {
        assert_refused(answer, Code::Aborted, "ETAG_MISMATCH");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_sends_no_etag_is_not_refused_for_one() {
    let server = TestServer::start().await;
    let operator = server.operator().await;
    let all = futures::future::join_all((1..=5).map(|i| update(&operator, cooldown(i, "")))).await;
    assert!(all.iter().all(Result::is_ok), "{all:?}");
    let features = futures::future::join_all((1..=5).map(|i| {
        let request = v1::UpdateDefaultFeaturesRequest { enable: vec![format!("f{i}")], ..Default::default() };
        let api = operator.clone();
        async move { api.client.tenants().update_default_features(request).await }
    }));
    let features = features.await;
    assert!(features.iter().all(Result::is_ok), "{features:?}");
    let request = v1::GetDefaultFeaturesRequest {};
    let now = operator.client.tenants().get_default_features(request).await.unwrap().into_inner().features.unwrap();
    assert_eq!(now.features.len(), 5, "none took back what another had done");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mask_that_names_nothing_known_is_refused() {
    let server = TestServer::start().await;
    let operator = server.operator().await;
    for paths in [vec![], vec!["etag".to_owned()], vec!["failed_tenant_cooldown".to_owned(), "x".to_owned()]] {
        let update_mask = Some(prost_types::FieldMask { paths });
        let request = v1::UpdateSettingsRequest { update_mask, ..cooldown(5, "") };
        let refused = assert_refused(update(&operator, request).await, Code::InvalidArgument, "FIELDS_INVALID");
        assert_eq!(fields(&refused)[0].0, "update_mask");
    }
    let nothing = update(&operator, v1::UpdateSettingsRequest::default()).await;
    assert_refused(nothing, Code::InvalidArgument, "FIELDS_INVALID");
    assert_eq!(settings(&operator).await.unwrap().failed_tenant_cooldown.unwrap().seconds, 86_400);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenants_administrator_neither_sees_nor_changes_settings() {
    let server = TestServer::start().await;
    let (_, anna) = server.administrator("Acme").await;
    assert_refused(settings(&anna).await, Code::PermissionDenied, "PRIVILEGE_MISSING");
    assert_refused(update(&anna, cooldown(0, "")).await, Code::PermissionDenied, "PRIVILEGE_MISSING");
    let nobody = server.anonymous().await;
    assert_refused(settings(&nobody).await, Code::Unauthenticated, "TOKEN_MISSING");
}
