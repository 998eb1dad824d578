//! A backup that was downloaded can be uploaded again, here or elsewhere, and is then like any other.

use landlord::proto::v1;
use tonic::Code;
use v1::backup::State;

use crate::assets::collect::{files, options};
use crate::assets::kinds::of_kind;
use crate::support::archives::{header, messages, taken_apart};
use crate::support::assets::noise;
use crate::support::backups::whole;
use crate::support::client::{Api, assert_refused, fields};
use crate::support::lifecycle::{ADMIN_PASSWORD, facts};
use crate::support::process::Process;
use crate::support::server::TestServer;

/// A tenant with assets, one of which is large and two of which have the same content, and the archive of a backup of it.
async fn stage(server: &TestServer) -> (String, Api, Vec<u8>) {
    let (acme, anna) = server.administrator("Acme").await;
    anna.new_user(&acme, "ben").await.unwrap();
    for (name, content) in
        [("large", noise(9 << 20, 1)), ("small", noise(700, 2)), ("again", noise(700, 2)), ("empty", vec![])]
    {
        anna.new_asset(&acme, name, &content).await;
    }
    anna.upload(of_kind(&acme, v1::asset::Kind::Recording), b"content").await.unwrap();
    let backup = anna.back_up(&acme).await;
    let (_, archive) = anna.archive(&backup.name, 0, usize::MAX).await.unwrap();
    (acme, anna, archive)
}

/// What an archive has but what says which backup it is of, and by which blobs content was kept.
pub(super) fn content(archive: &[u8]) -> Vec<(String, Vec<u8>)> {
    let of_one_backup =
        ["manifest.json", "SHA256SUMS", "tables/assets.copy", "tables/blobs.copy", "tables/blob_parts.copy"];
    let files =
        taken_apart(archive).into_iter().map(|(name, content)| (name.split_once('/').unwrap().1.to_owned(), content));
    let mut files: Vec<_> = files.filter(|(name, _)| !of_one_backup.contains(&name.as_str())).collect();
    files.sort();
    files
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_restored_in_place_though_the_backup_and_all_content_were_deleted() {
    let server = TestServer::with(&options()).await;
    let (acme, anna, archive) = stage(&server).await;
    let before = server.picture(&acme).await;
    for backup in
        anna.list_backups(v1::ListBackupsRequest { parent: acme.clone(), ..Default::default() }).await.unwrap().backups
    {
        anna.remove_backup(&backup.name).await.unwrap();
    }
    let list = v1::ListAssetsRequest { parent: acme.clone(), ..Default::default() };
    for asset in anna.list_assets(list.clone()).await.unwrap().assets {
        anna.remove_asset(&asset.name).await.unwrap();
    }
    server.until("SELECT count(*) = 0 FROM blobs").await;
    let (read, backup) = anna.upload_archive(&acme, &archive).await;
    assert_eq!((read.kind.as_str(), read.error), ("import-backup", None));
    assert_eq!(read.results, [backup.name.as_str()]);
    assert_eq!((backup.state(), backup.source_tenant.as_str()), (State::Complete, acme.as_str()));
    assert_eq!((backup.objects, backup.content_bytes), (5, (9 << 20) + 1400 + 7));
    assert_eq!(anna.verify(&backup.name).await.unwrap().error, None);
    assert_eq!(anna.limits(&acme).await.unwrap().storage_bytes, 0, "content of backups takes nothing from the quota");
    server.until("SELECT count(*) = 4 FROM blobs").await;
    let anna = server.restored(&anna, whole(&backup.name), "anna@acme").await;
    let without_blobs = |picture: Vec<(String, String)>| {
        let blob = |row: &str| {
            serde_json::from_str::<serde_json::Value>(row).ok()?.get("blob_id")?.as_str().map(str::to_owned)
        };
        picture
            .into_iter()
            .map(move |(table, row)| match blob(&row) {
                Some(blob) => (table, row.replace(&blob, "")),
                None => (table, row),
            })
            .collect::<Vec<_>>()
    };
    assert_eq!(without_blobs(server.picture(&acme).await), without_blobs(before));
    let large =
        anna.list_assets(list).await.unwrap().assets.into_iter().find(|asset| asset.display_name == "large").unwrap();
    assert!(anna.download(&large.name, 0).await.unwrap().1 == noise(9 << 20, 1));
    anna.remove_backup(&backup.name).await.unwrap();
    server.until("SELECT count(*) = 0 FROM backups").await;
    server.until("SELECT count(*) = 4 FROM blobs").await;
    assert!(anna.download(&large.name, 0).await.unwrap().1 == noise(9 << 20, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn elsewhere_it_is_kept_and_given_out_again_but_not_restored_over_another_tenant() {
    let server = TestServer::start().await;
    let (acme, _, archive) = stage(&server).await;
    let other = TestServer::with(&options()).await;
    let (beta, bert) = other.administrator("Beta").await;
    // Content that is there already is not stored twice.
    bert.new_asset(&beta, "the same", &noise(700, 2)).await;
    let (read, backup) = bert.upload_archive(&beta, &archive).await;
    assert_eq!(read.error, None);
    assert_eq!((backup.state(), backup.source_tenant.as_str()), (State::Complete, acme.as_str()));
    let refused = bert.restore(whole(&backup.name)).await;
    assert_refused(refused, Code::FailedPrecondition, "BACKUP_OF_ANOTHER_TENANT");
    other.until("SELECT count(*) = 4 FROM blobs").await;
    let (_, again) = bert.archive(&backup.name, 0, usize::MAX).await.unwrap();
    assert!(content(&again) == content(&archive));
    let (read, twice) = bert.upload_archive(&beta, &again).await;
    assert_eq!((read.error, twice.source_tenant.as_str()), (None, acme.as_str()), "what it was made of stays known");
    let last = other.operator().await.overview(&beta).await.last_backup.unwrap();
    assert_eq!(last.status(), v1::last_backup::Status::Never, "nobody has backed this tenant up");
    for name in [&backup.name, &twice.name] {
        bert.remove_backup(name).await.unwrap();
    }
    other.until("SELECT count(*) = 1 FROM blobs").await;
    assert_eq!(bert.assets(&beta, "").await.unwrap(), ["the same"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn it_goes_on_after_whatever_broke_it_off_and_the_same_request_is_one_backup() {
    let server = TestServer::start().await;
    let (acme, anna, archive) = stage(&server).await;
    let request_id = uuid::Uuid::new_v4().to_string();
    let announced = v1::UploadBackupHeader {
        request_id: request_id.clone(),
        note: "from outside".into(),
        ..header(&acme, &archive)
    };
    let some = messages(announced.clone(), &archive[..(8 << 20) + 300_000], 0);
    assert_refused(anna.send_backup(some).await, Code::Aborted, "UPLOAD_INTERRUPTED");
    let upload = format!("{acme}/uploads/{request_id}");
    let at = usize::try_from(anna.get_upload(&upload).await.unwrap().received).unwrap();
    assert_eq!(at, (8 << 20) + 300_000);
    let arrived = anna.send_backup(messages(announced.clone(), &archive, at)).await.unwrap();
    let backup = arrived.backup.clone().unwrap();
    assert_eq!((backup.state(), backup.note.as_str()), (State::Running, "from outside"));
    assert_eq!(anna.get_upload(&upload).await.unwrap().result, backup.name);
    anna.succeed(arrived.operation.clone()).await;
    assert_eq!(anna.send_backup(messages(announced, &archive, 0)).await.unwrap(), arrived);
    let tried = v1::UploadBackupHeader { validate_only: true, ..header(&acme, &archive) };
    assert_eq!(anna.send_backup(messages(tried, &[], 0)).await.unwrap(), v1::UploadBackupResponse::default());
    let other = v1::UploadBackupHeader { sha256: "0".repeat(64), ..header(&acme, &archive) };
    let refused =
        assert_refused(anna.send_backup(messages(other, &archive, 0)).await, Code::InvalidArgument, "FIELDS_INVALID");
    assert_eq!(fields(&refused)[0].0, "header.sha256");
    let operator = server.operator().await;
    let used = anna.limits(&acme).await.unwrap().storage_bytes;
    let little = v1::TenantLimits { name: acme.clone(), disk_quota_bytes: Some(used + 1000), ..Default::default() };
    operator.set_limits(little, &["disk_quota_bytes"]).await.unwrap();
    let refused = anna.send_backup(messages(header(&acme, &archive), &archive, 0)).await;
    let refused = assert_refused(refused, Code::ResourceExhausted, "DISK_QUOTA_EXCEEDED");
    assert_eq!(facts(&refused)["limit"], (used + 1000).to_string());
}

#[tokio::test(flavor = "multi_thread")]
async fn another_worker_goes_on_when_the_first_one_is_killed_anywhere() {
    let maker = TestServer::start().await;
    let (_, _, archive) = stage(&maker).await;
    for name in ["One", "Two"] {
        maker.operator().await.active_tenant(name).await;
    }
    let idle = maker.without_workers().await;
    for (place, tenant) in [
        // Where nothing of it is known, small content comes together.
        ("contents.begun", "one"),
        ("contents.written", "two"),
        ("upload.part.written", "acme"),
        ("import.content", "acme"),
        ("import.content:2", "acme"),
        ("backup.part.written:3", "acme"),
        ("import.read", "acme"),
        ("step.after:2", "acme"),
    ] {
        let upload = messages(header(&format!("tenants/{tenant}"), &archive), &archive, 0);
        let (operator, tenants) = (idle.operator().await, idle.operator().await.acting_as("superuser"));
        let arrived = tenants.send_backup(upload).await.unwrap();
        let mut victim = Process::start(&idle.database, &[("LANDLORD_KILL_AT", place)]).await;
        assert_eq!(victim.ended().await, Some(9), "{place}");
        let mut next = Process::start(&idle.database, &[]).await;
        operator.succeed(arrived.operation).await;
        let name = arrived.backup.unwrap().name;
        assert_eq!(tenants.verify(&name).await.unwrap().error, None, "{place}");
        let (_, again) = tenants.archive(&name, 0, usize::MAX).await.unwrap();
        assert!(content(&again) == content(&archive), "{place}");
        next.kill().await;
    }
    let gone = "SELECT count(*) = 0 FROM departed_content d JOIN backups b ON b.archive_id = d.blob_id";
    idle.until(gone).await;
    assert!(!files(&idle.database.objects().join("backups")).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_store_has_lost_comes_back_with_an_archive() {
    let server = TestServer::start().await;
    let (acme, anna, archive) = stage(&server).await;
    let list = v1::ListBackupsRequest { parent: acme.clone(), ..Default::default() };
    let made_here = anna.list_backups(list).await.unwrap().backups.remove(0).name;
    for part in files(&server.database.objects().join("blobs")) {
        let mut damaged = std::fs::read(&part).unwrap();
        damaged[60] ^= 1;
        std::fs::write(&part, damaged).unwrap();
    }
    assert_eq!(anna.verify(&made_here).await.unwrap().error.unwrap().reason, "BACKUP_CORRUPT");
    let (read, _) = anna.upload_archive(&acme, &archive).await;
    assert_eq!(read.error, None);
    assert_eq!(anna.verify(&made_here).await.unwrap().error, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_is_cancelled_leaves_nothing_behind() {
    let maker = TestServer::start().await;
    let (acme, _, archive) = stage(&maker).await;
    let idle = maker.without_workers().await;
    let anna = idle.anonymous().await.log_in("anna@acme", ADMIN_PASSWORD).await;
    let before = files(&idle.database.objects().join("blobs"));
    let arrived = anna.send_backup(messages(header(&acme, &archive), &archive, 0)).await.unwrap();
    anna.cancel(&arrived.operation.unwrap().name).await.unwrap();
    let name = arrived.backup.unwrap().name;
    let _worker = TestServer::on(idle.database.clone(), &options()).await;
    idle.until("SELECT count(*) = 1 FROM backups WHERE state = 'FAILED'").await;
    assert_eq!(anna.backup(&name).await.unwrap().reason, "CANCELLED");
    idle.until("SELECT count(*) = 0 FROM departed_content").await;
    idle.until("SELECT count(*) = 4 FROM blobs").await;
    assert!(files(&idle.database.objects().join("blobs")).iter().all(|file| before.contains(file)));
}
