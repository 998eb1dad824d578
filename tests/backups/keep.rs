//! What a backup shows is kept as long as it is there, and no longer.

use tonic::Code;

use crate::assets::collect::{files, options};
use crate::support::assets::noise;
use crate::support::client::assert_refused;
use crate::support::lifecycle::ADMIN_PASSWORD;
use crate::support::server::TestServer;

#[tokio::test(flavor = "multi_thread")]
async fn content_stays_as_long_as_a_backup_that_shows_it_and_goes_with_the_last_one() {
    let server = TestServer::with(&options()).await;
    let (acme, anna) = server.administrator("Acme").await;
    let content = noise(100_000, 1);
    let asset = anna.new_asset(&acme, "report", &content).await;
    let before = anna.back_up(&acme).await;
    let again = anna.back_up(&acme).await;
    anna.remove_asset(&asset.name).await.unwrap();
    let after = anna.back_up(&acme).await;
    assert_eq!((before.objects, again.objects, after.objects), (1, 1, 0));
    anna.remove_backup(&before.name).await.unwrap();
    anna.remove_backup(&after.name).await.unwrap();
    server.until("SELECT count(*) = 1 FROM backups").await;
    let verified = anna.verify(&again.name).await.unwrap();
    assert_eq!(verified.error, None, "its content is there");
    anna.remove_backup(&again.name).await.unwrap();
    server.until("SELECT count(*) = 0 FROM backups").await;
    server.until("SELECT count(*) = 0 FROM blobs").await;
    assert!(files(&server.database.objects().join("blobs")).is_empty());
    assert!(files(&server.database.objects().join("backups")).is_empty());
    for name in [&before.name, &again.name] {
        assert_refused(anna.backup(name).await, Code::NotFound, "RESOURCE_NOT_FOUND");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_that_is_made_while_a_later_one_has_begun_keeps_what_it_shows() {
    let maker = TestServer::start().await;
    let (acme, _) = maker.administrator("Acme").await;
    let idle = maker.without_workers().await;
    let anna = idle.anonymous().await.log_in("anna@acme", ADMIN_PASSWORD).await;
    let earlier = anna.begin(&acme, &[]).await.unwrap();
    let later = anna.begin(&acme, &[]).await.unwrap();
    let asset = anna.new_asset(&acme, "report", &noise(100_000, 1)).await;
    anna.cancel(&later.operation.unwrap().name).await.unwrap();
    let worker = TestServer::on(idle.database.clone(), &options()).await;
    let earlier = anna.succeed(earlier.operation).await.results.remove(0);
    assert_eq!(anna.backup(&earlier).await.unwrap().objects, 1);
    anna.remove_asset(&asset.name).await.unwrap();
    // What nothing has goes in the same round in which the content would.
    let other = anna.new_asset(&acme, "other", &noise(1000, 2)).await;
    anna.remove_asset(&other.name).await.unwrap();
    worker.until("SELECT count(*) = 1 FROM blobs").await;
    let verified = anna.verify(&earlier).await.unwrap();
    assert_eq!(verified.error, None);
    anna.remove_backup(&earlier).await.unwrap();
    worker.until("SELECT count(*) = 0 FROM blobs").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn assets_that_come_and_go_while_backups_are_made_leave_every_backup_whole() {
    let server = TestServer::with(&options()).await;
    let (acme, anna) = server.administrator("Acme").await;
    let stop = tokio_util::sync::CancellationToken::new();
    let churning = {
        let (anna, stop, acme) = (anna.clone(), stop.clone(), acme.clone());
        tokio::spawn(async move {
            let mut seed = 0;
            while !stop.is_cancelled() {
                // The same contents come again, so that some are collected just then.
                let made = anna.new_asset(&acme, "comes and goes", &noise(3000, seed % 5)).await;
                anna.remove_asset(&made.name).await.unwrap();
                seed += 1;
            }
        })
    };
    let mut backups = Vec::new();
    for round in 0..12 {
        backups.push(anna.back_up(&acme).await);
        if round % 3 == 2 {
            anna.remove_backup(&backups.remove(0).name).await.unwrap();
        }
    }
    stop.cancel();
    churning.await.unwrap();
    server.until("SELECT count(*) = 0 FROM blobs WHERE state = 'CONDEMNED'").await;
    for backup in backups {
        let verified = anna.verify(&backup.name).await.unwrap();
        assert_eq!(verified.error, None, "{backup:?}");
        assert!(anna.backup(&backup.name).await.unwrap().verify_time.is_some());
        anna.remove_backup(&backup.name).await.unwrap();
    }
    server.until("SELECT count(*) = 0 FROM blobs").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_tenant_takes_its_backups_along() {
    let server = TestServer::start().await;
    let (acme, anna) = server.administrator("Acme").await;
    let asset = anna.new_asset(&acme, "report", &noise(1000, 1)).await;
    anna.back_up(&acme).await;
    anna.remove_asset(&asset.name).await.unwrap();
    server.operator().await.delete_fully(&acme).await;
    assert_eq!(files(server.database.objects()).len(), 1, "the probe alone");
    server.until("SELECT count(*) = 0 FROM backups").await;
    server.until("SELECT count(*) = 0 FROM departed_content").await;
}
