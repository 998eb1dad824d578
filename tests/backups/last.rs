//! What the overview of tenants says of backups.

use std::collections::BTreeMap;

use landlord::proto::v1;
use v1::last_backup::Status;

use crate::support::assets::noise;
use crate::support::client::Api;
use crate::support::lifecycle::ADMIN_PASSWORD;
use crate::support::server::TestServer;

async fn last(api: &Api, tenant: &str) -> v1::LastBackup {
    api.overview(tenant).await.last_backup.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_overview_says_how_the_last_backup_is_by_the_clocks_of_the_server() {
    let worker = TestServer::start().await;
    let operator = worker.operator().await;
    let zone = v1::Server { time_zone: "Asia/Kathmandu".into(), ..Default::default() };
    operator.create_server("heights", zone).await.unwrap();
    let (acme, anna) = worker.administrator("Acme").await;
    worker.sql().await.batch_execute("UPDATE tenants SET server = 'heights' WHERE code = 'acme'").await.unwrap();
    let never = v1::LastBackup { status: Status::Never.into(), ..Default::default() };
    assert_eq!(last(&operator, &acme).await, never);
    anna.new_asset(&acme, "report", &noise(1000, 1)).await;
    let backup = anna.back_up(&acme).await;
    let complete = last(&operator, &acme).await;
    assert_eq!(
        (complete.status(), &complete.backup, complete.time),
        (Status::Complete, &backup.name, backup.snapshot_time)
    );
    assert_eq!(complete.utc_offset.unwrap().seconds, (5 * 60 + 45) * 60);
    let overview = operator.overview(&acme).await;
    assert_eq!((overview.objects, overview.storage_bytes), (Some(1), Some(1000)));
    assert_eq!(overview.backup_bytes, Some(backup.stored_bytes));

    let role = anna.new_role(&acme, "Documents", &["privileges/document-administrator"]).await.unwrap();
    let ben = anna.new_user(&acme, "ben").await.unwrap().name;
    anna.give(&role, &[&ben]).await.unwrap();
    worker.enter("ben@acme").await.back_up(&acme).await;
    let partial = last(&operator, &acme).await;
    assert_eq!(partial.status(), Status::Partial);
    let missing = &partial.missing_privileges;
    assert!(missing.contains(&"privileges/user-administrator".to_owned()), "{missing:?}");
    assert!(missing.is_sorted() && !missing.contains(&"privileges/document-administrator".to_owned()), "{missing:?}");

    let idle = worker.without_workers().await;
    let (operator, anna) = (idle.operator().await, idle.anonymous().await.log_in("anna@acme", ADMIN_PASSWORD).await);
    let begun = anna.begin(&acme, &[]).await.unwrap();
    assert_eq!(last(&operator, &acme).await.status(), Status::InProgress);
    operator.prepare(&acme).await.unwrap();
    let failed = last(&operator, &acme).await;
    assert_eq!((failed.status(), failed.reason.as_str()), (Status::Failed, "CANCELLED"));
    assert_eq!(failed.backup, begun.backup.unwrap().name);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_the_list_has_it_for_each_tenant() {
    let server = TestServer::start().await;
    let operator = server.operator().await;
    let (acme, anna) = server.administrator("Acme").await;
    let beta = operator.active_tenant("Beta").await;
    let backup = anna.back_up(&acme).await;
    anna.remove_backup(&anna.back_up(&acme).await.name).await.unwrap();
    let view = v1::TenantView::Full.into();
    let request = v1::ListTenantsRequest { view, ..Default::default() };
    let rows = operator.client.tenants().list_tenants(request).await.unwrap().into_inner().rows;
    let found: BTreeMap<_, _> = rows
        .into_iter()
        .map(|row| (row.tenant.unwrap().name, row.overview.unwrap().last_backup.unwrap()))
        .map(|(name, last)| (name, (last.status(), last.backup)))
        .collect();
    assert_eq!(found[&acme], (Status::Complete, backup.name), "one that was deleted is not the last one");
    assert_eq!(found[&beta], (Status::Never, String::new()));
}
