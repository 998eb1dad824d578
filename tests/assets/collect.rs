//! Content that nothing has any more goes, and no other.

use std::path::{Path, PathBuf};

use crate::support::assets::{header, noise};
use crate::support::lifecycle::ADMIN_PASSWORD;
use crate::support::process::Process;
use crate::support::server::TestServer;

/// Collects at once.
pub fn options() -> [(&'static str, String); 2] {
    [("objects.keep_unused_seconds", "0".into()), ("housekeeping_seconds", "1".into())]
}

/// The files below a folder.
pub fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found.sort();
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn the_content_of_deleted_assets_goes_from_the_store_and_what_another_asset_has_stays() {
    let server = TestServer::with(&options()).await;
    let (acme, anna) = server.administrator("Acme").await;
    let blobs = server.database.objects().join("blobs");
    let (shared, own) = (noise(9 << 20, 1), noise(1000, 2));
    let one = anna.new_asset(&acme, "one", &shared).await;
    let two = anna.new_asset(&acme, "two", &shared).await;
    let three = anna.new_asset(&acme, "three", &own).await;
    server.until("SELECT count(*) = 2 FROM blobs").await;
    assert_eq!(files(&blobs).len(), 3, "what came a second time is removed");
    anna.remove_asset(&one.name).await.unwrap();
    anna.remove_asset(&three.name).await.unwrap();
    server.until("SELECT count(*) = 1 AND bool_and(state = 'LIVE') FROM blobs").await;
    assert_eq!(files(&blobs).len(), 2);
    assert!(anna.download(&two.name, 0).await.unwrap().1 == shared);
    anna.remove_asset(&two.name).await.unwrap();
    server.until("SELECT count(*) = 0 FROM blobs").await;
    assert!(files(&blobs).is_empty());
    let events = anna.events(&acme, "").await.unwrap().events;
    let collected = |event: &landlord::proto::v1::Event| {
        event.details.get("operation").is_some_and(|kind| kind == "collect-content")
    };
    assert!(!events.iter().any(collected), "tidying up is no news: {events:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_replica_that_was_killed_had_removed_another_one_forgets() {
    let maker = TestServer::start().await;
    let server = TestServer::on(maker.database.clone(), &[("operations.workers", "0".into())]).await;
    let (acme, _) = maker.administrator("Acme").await;
    maker.stop().await.unwrap();
    let anna = server.anonymous().await.log_in("anna@acme", ADMIN_PASSWORD).await;
    let made = anna.new_asset(&acme, "report", &noise(1000, 1)).await;
    anna.remove_asset(&made.name).await.unwrap();
    let mut victim =
        Process::with(&server.database, &[("LANDLORD_KILL_AT", "collect.removed")], &options()).await.unwrap();
    assert_eq!(victim.ended().await, Some(9));
    assert!(files(&server.database.objects().join("blobs")).is_empty());
    server.until("SELECT count(*) = 1 FROM blobs WHERE state = 'CONDEMNED'").await;
    let _next = TestServer::on(server.database.clone(), &options()).await;
    server.until("SELECT count(*) = 0 FROM blobs").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_again_while_it_is_collected_is_there_whole() {
    let server = TestServer::with(&options()).await;
    let (acme, anna) = server.administrator("Acme").await;
    let contents: Vec<_> = (0..4).map(|seed| noise(2000, seed)).collect();
    let mut last: Vec<Option<String>> = vec![None; contents.len()];
    for _ in 0..25 {
        for (content, last) in contents.iter().zip(&mut last) {
            if let Some(name) = last.take() {
                anna.remove_asset(&name).await.unwrap();
            }
            let made = anna.upload(header(&acme, "again", content), content).await.unwrap();
            assert!(anna.download(&made.name, 0).await.unwrap().1 == *content);
            *last = Some(made.name);
        }
    }
    server.until("SELECT count(*) = 4 FROM blobs").await;
    for (content, name) in contents.iter().zip(&last) {
        assert!(anna.download(name.as_deref().unwrap(), 0).await.unwrap().1 == *content);
    }
}
