//! A second store: what is backed up outlives the loss of the first one, and what is deleted is gone from both.

use std::path::{Path, PathBuf};

use landlord::boot::BootError;
use landlord::proto::v1;
use tempfile::TempDir;
use v1::backup::{State, Storage};

use crate::assets::collect::{files, options as collecting};
use crate::assets::store::s3;
use crate::support::assets::noise;
use crate::support::backups::whole;
use crate::support::bucket::Bucket;
use crate::support::client::{Api, eventually};
use crate::support::database::Database;
use crate::support::lifecycle::ADMIN_PASSWORD;
use crate::support::process::Process;
use crate::support::proxy::{ALWAYS, Fault, Proxy};
use crate::support::server::TestServer;

/// The option for a second store in a folder.
fn second(folder: &Path) -> (&'static str, String) {
    ("objects.second.url", format!("file://{}", folder.display()))
}

/// A server with a second store, which lasts as long as the folder.
pub(super) async fn with_second() -> (TestServer, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    (TestServer::with(&[second(folder.path()), ("housekeeping_seconds", "1".into())]).await, folder)
}

/// Waits until a backup is in the second store as well.
pub(super) async fn copied(api: &Api, backup: &v1::Backup) -> v1::Backup {
    eventually("the backup is copied", || async {
        let backup = api.backup(&backup.name).await.unwrap();
        (backup.storage() == Storage::Backup).then_some(backup)
    })
    .await
}

fn seconds(time: Option<prost_types::Timestamp>) -> (i64, i32) {
    time.map(|time| (time.seconds, time.nanos)).unwrap()
}

/// What is below a folder, as paths from there.
fn names(folder: &Path) -> Vec<PathBuf> {
    files(folder).iter().map(|file| file.strip_prefix(folder).unwrap().to_owned()).collect()
}

/// Loses all that a store has but for what shows which it is.
pub(super) fn lose(store: &Path) {
    for entry in std::fs::read_dir(store).unwrap().map(Result::unwrap) {
        if entry.file_type().unwrap().is_dir() {
            std::fs::remove_dir_all(entry.path()).unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn where_there_is_one_backups_are_told_from_snapshots_and_are_in_both() {
    let server = TestServer::start().await;
    let (acme, anna) = server.administrator("Acme").await;
    anna.new_asset(&acme, "large", &noise((8 << 20) + 1000, 1)).await;
    let alone = anna.back_up(&acme).await;
    assert_eq!((alone.storage(), alone.copy_time), (Storage::Snapshot, None));
    let folder = tempfile::tempdir().unwrap();
    let server = TestServer::on(server.database.clone(), &[second(folder.path())]).await;
    // What there was before is copied as well.
    let alone = copied(&anna, &alone).await;
    assert!(seconds(alone.copy_time) >= seconds(alone.end_time), "{alone:?}");
    let (snapshots, backups) = ("storage = SNAPSHOT", "storage = BACKUP AND state = COMPLETE");
    assert_eq!(anna.backups(&acme, snapshots).await.unwrap().len(), 0);
    assert_eq!(anna.backups(&acme, backups).await.unwrap().len(), 1);
    let last = server.operator().await.overview(&acme).await.last_backup.unwrap();
    assert_eq!(last.storage(), Storage::Backup);

    let anna = server.anonymous().await.log_in("anna@acme", ADMIN_PASSWORD).await;
    anna.new_asset(&acme, "another", &noise(1000, 2)).await;
    let before = names(folder.path());
    let next = anna.back_up(&acme).await;
    copied(&anna, &next).await;
    let came: Vec<_> = names(folder.path()).into_iter().filter(|name| !before.contains(name)).collect();
    assert_eq!(came.iter().filter(|name| name.starts_with("blobs")).count(), 1, "only what is new: {came:?}");
    let first = server.database.objects();
    for name in names(folder.path()).iter().filter(|name| name.components().count() > 1) {
        assert!(
            std::fs::read(folder.path().join(name)).unwrap() == std::fs::read(first.join(name)).unwrap(),
            "{name:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_first_store_has_lost_is_read_from_the_second_one_and_put_back() {
    let (server, folder) = with_second().await;
    let (acme, anna) = server.administrator("Acme").await;
    let contents = [noise((8 << 20) + 1000, 1), noise(1000, 2)];
    let assets =
        [anna.new_asset(&acme, "large", &contents[0]).await, anna.new_asset(&acme, "small", &contents[1]).await];
    let backup = anna.back_up(&acme).await;
    copied(&anna, &backup).await;
    let had = names(server.database.objects());
    lose(server.database.objects());
    // One that has no key in its memory.
    let fresh = TestServer::on(server.database.clone(), &[second(folder.path())]).await;
    let anna = fresh.anonymous().await.log_in("anna@acme", ADMIN_PASSWORD).await;
    for (asset, content) in assets.iter().zip(&contents) {
        assert!(anna.download(&asset.name, 0).await.unwrap().1 == *content);
    }
    anna.remove_asset(&assets[1].name).await.unwrap();
    let anna = fresh.restored(&anna, whole(&backup.name), "anna@acme").await;
    assert!(anna.download(&assets[1].name, 0).await.unwrap().1 == contents[1]);
    assert_eq!(anna.verify(&backup.name).await.unwrap().error, None);
    let now = names(server.database.objects());
    let lost: Vec<_> = had.iter().filter(|name| !now.contains(name) && !name.starts_with("probe")).collect();
    assert!(lost.iter().all(|name| name.starts_with("keys")), "verification puts everything back: {lost:?}");
    anna.new_asset(&acme, "one more", &noise(1000, 3)).await;
    let next = anna.back_up(&acme).await;
    copied(&anna, &next).await;
    assert!(!names(&server.database.objects().join("keys")).is_empty(), "the key is in both stores again");
    lose(folder.path());
    assert_eq!(anna.verify(&next.name).await.unwrap().error, None, "the first one has all of it");
}

#[tokio::test(flavor = "multi_thread")]
async fn verification_makes_whole_what_one_of_the_two_has_lost_and_names_what_both_have() {
    let (server, folder) = with_second().await;
    let (acme, anna) = server.administrator("Acme").await;
    anna.new_asset(&acme, "report", &noise(70_000, 1)).await;
    let backup = anna.back_up(&acme).await;
    copied(&anna, &backup).await;
    let first = server.database.objects().to_owned();
    let parts = ["blobs", "backups"]
        .map(|below| names(&first.join(below)).into_iter().map(move |name| Path::new(below).join(name)));
    let parts: Vec<_> = parts.into_iter().flatten().collect();
    assert!(parts.len() > 10, "{parts:?}");
    let kept: Vec<_> = parts.iter().map(|name| std::fs::read(first.join(name)).unwrap()).collect();
    for seals_only in [false, true] {
        // Every other file is damaged here, and the rest there.
        for (at, (name, whole)) in parts.iter().zip(&kept).enumerate() {
            let mut damaged = whole.clone();
            *damaged.last_mut().unwrap() ^= 1;
            std::fs::write(if at % 2 == 0 { &first } else { folder.path() }.join(name), damaged).unwrap();
        }
        let verified = if seals_only { anna.verify_seals(&backup.name).await } else { anna.verify(&backup.name).await };
        assert_eq!(verified.unwrap().error, None);
        for (name, whole) in parts.iter().zip(&kept) {
            for store in [&first, folder.path()] {
                assert!(std::fs::read(store.join(name)).unwrap() == *whole, "{name:?} in {}", store.display());
            }
        }
    }
    let blob = parts.iter().find(|name| name.starts_with("blobs")).unwrap();
    for store in [&first, folder.path()] {
        std::fs::write(store.join(blob), b"nothing that it was").unwrap();
    }
    let error = anna.verify(&backup.name).await.unwrap().error.unwrap();
    assert_eq!(error.reason, "BACKUP_CORRUPT");
    assert!(error.metadata["damaged"].starts_with("the content "), "{error:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_damaged_before_it_is_copied_is_named_and_keeps_no_other_backup_from_being_copied() {
    let maker = TestServer::start().await;
    let (acme, anna) = maker.administrator("Acme").await;
    anna.new_asset(&acme, "report", &noise(1000, 1)).await;
    let (damaged, sound) = (anna.back_up(&acme).await, anna.back_up(&acme).await);
    let id = damaged.name.rsplit('/').next().unwrap();
    let rows = files(maker.database.objects()).into_iter().find(|file| {
        let file = file.to_str().unwrap();
        file.contains(id) && file.contains("/users.")
    });
    std::fs::write(rows.unwrap(), b"nothing that it was").unwrap();
    let (server, folder) = (maker.database.clone(), tempfile::tempdir().unwrap());
    let server = TestServer::on(server, &[second(folder.path()), ("housekeeping_seconds", "1".into())]).await;
    copied(&anna, &sound).await;
    let damaged = anna.backup(&damaged.name).await.unwrap();
    assert_eq!((damaged.storage(), damaged.reason.as_str()), (Storage::Snapshot, "BACKUP_CORRUPT"));
    assert!(damaged.message.contains("the rows of users"), "{}", damaged.message);
    drop(server);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_store_that_is_away_keeps_no_backup_from_being_made_and_gets_it_when_it_is_back() {
    let proxy = Proxy::start(&Bucket::start().await.address).await;
    proxy.plan(Fault::Unavailable, ALWAYS, |_, _| true);
    let mut options = vec![("housekeeping_seconds", "1".into())];
    options.extend(s3(&proxy.endpoint).into_iter().map(|(name, value)| match name {
        "objects.url" => ("objects.second.url", value),
        "objects.s3.endpoint" => ("objects.second.s3.endpoint", value),
        "objects.s3.region" => ("objects.second.s3.region", value),
        "objects.s3.access_key_id" => ("objects.second.s3.access_key_id", value),
        "objects.s3.secret_access_key_file" => ("objects.second.s3.secret_access_key_file", value),
        other => (other, value),
    }));
    let server = TestServer::with(&options).await;
    let (acme, anna) = server.administrator("Acme").await;
    anna.new_asset(&acme, "report", &noise(1000, 1)).await;
    let backup = anna.back_up(&acme).await;
    assert_eq!((backup.state(), backup.storage()), (State::Complete, Storage::Snapshot));
    proxy.heal();
    copied(&anna, &backup).await;
    proxy.plan(Fault::Unavailable, ALWAYS, |_, _| true);
    let next = anna.back_up(&acme).await;
    let copying = || async {
        let all = anna.operations_of(&acme).await;
        all.into_iter().filter(|operation| operation.kind == "copy-backups").collect::<Vec<_>>()
    };
    let waits = eventually("the copying waits for the store", || async {
        let waits = |operation: &v1::Operation| !operation.progress.as_ref().unwrap().waiting_for.is_empty();
        copying().await.into_iter().find(waits)
    });
    let waits = waits.await;
    let why = waits.progress.unwrap().waiting_for;
    assert_eq!(why, "the second object store can't be reached or takes nothing");
    proxy.heal();
    copied(&anna, &next).await;
    assert!(copying().await.iter().all(|operation| operation.error.is_none()), "it waits, and does not fail");
    assert_eq!(anna.wait(&waits.name).await.state(), v1::operation::State::Succeeded, "it is the same that goes on");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_deleted_is_gone_from_both_and_the_keys_of_a_tenant_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut options = vec![second(folder.path())];
    options.extend(collecting());
    let server = TestServer::with(&options).await;
    let (acme, anna) = server.administrator("Acme").await;
    let asset = anna.new_asset(&acme, "report", &noise(1000, 1)).await;
    let (one, two) = (anna.back_up(&acme).await, anna.back_up(&acme).await);
    copied(&anna, &one).await;
    copied(&anna, &two).await;
    let (beta, bert) = server.another("Beta", "bert").await;
    bert.new_asset(&beta, "theirs", &noise(1000, 2)).await;
    let theirs = bert.back_up(&beta).await;
    copied(&bert, &theirs).await;
    anna.remove_backup(&one.name).await.unwrap();
    anna.remove_asset(&asset.name).await.unwrap();
    server.until("SELECT count(*) = 2 FROM backups").await;
    let of = |name: &str| names(folder.path()).into_iter().filter(|file| file.to_str().unwrap().contains(name)).count();
    assert_eq!(of(one.name.rsplit('/').next().unwrap()), 0);
    assert!(of(two.name.rsplit('/').next().unwrap()) > 10);
    anna.remove_backup(&two.name).await.unwrap();
    server.until("SELECT count(*) = 1 FROM blobs").await;
    assert_eq!(names(&folder.path().join("blobs")).len(), 1, "the other tenant's");

    let operator = server.operator().await;
    let uid = operator.tenant(&acme).await.uid;
    assert_eq!(of(&uid), 1, "its key");
    operator.delete_fully(&acme).await;
    assert_eq!(of(&uid), 0);
    let fresh = TestServer::on(server.database.clone(), &options).await;
    let bert = fresh.anonymous().await.log_in("bert@beta", ADMIN_PASSWORD).await;
    assert_eq!(bert.verify(&theirs.name).await.unwrap().error, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn into_another_store_in_its_place_everything_is_copied_anew() {
    let (server, folder) = with_second().await;
    let (acme, anna) = server.administrator("Acme").await;
    anna.new_asset(&acme, "report", &noise(1000, 1)).await;
    let backup = anna.back_up(&acme).await;
    let first_time = copied(&anna, &backup).await.copy_time;
    let database = server.database.clone();
    server.stop().await.unwrap();
    let other = tempfile::tempdir().unwrap();
    let server = TestServer::on(database.clone(), &[second(other.path())]).await;
    let anna = server.anonymous().await.log_in("anna@acme", ADMIN_PASSWORD).await;
    eventually("it is copied anew", || async {
        let backup = anna.backup(&backup.name).await.unwrap();
        (backup.storage() == Storage::Backup && seconds(backup.copy_time) > seconds(first_time)).then_some(())
    })
    .await;
    let things =
        |store: &Path| names(store).into_iter().filter(|name| name.components().count() > 1).collect::<Vec<_>>();
    assert_eq!(things(folder.path()), things(other.path()));
    server.stop().await.unwrap();
    let alone = TestServer::on(database, &[]).await;
    let anna = alone.anonymous().await.log_in("anna@acme", ADMIN_PASSWORD).await;
    eventually("it is a snapshot", || async {
        let backup = anna.backup(&backup.name).await.unwrap();
        (backup.storage() == Storage::Snapshot && backup.copy_time.is_none()).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_store_by_another_name_is_no_second_one() {
    let database = Database::create().await;
    let folder = database.objects();
    let again = folder.join("..").join(folder.file_name().unwrap());
    let refused = TestServer::refused(&[("objects.url", format!("file://{}", folder.display())), second(&again)]).await;
    assert!(matches!(refused, BootError::Unreliable(_)), "{refused}");
    assert!(refused.to_string().contains("objects.second.url"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_worker_copies_it_when_the_first_one_is_killed_anywhere() {
    let maker = TestServer::start().await;
    let (acme, anna) = maker.administrator("Acme").await;
    let content = noise(1000, 1);
    anna.new_asset(&acme, "report", &content).await;
    let backup = anna.back_up(&acme).await;
    let idle = maker.without_workers().await;
    let anna = idle.anonymous().await.log_in("anna@acme", ADMIN_PASSWORD).await;
    for place in
        ["copy.content", "copy.backup", "objects.put.before:3", "objects.put.after:2", "step.outside", "step.after"]
    {
        let folder = tempfile::tempdir().unwrap();
        let options = [second(folder.path())];
        let mut victim = Process::with(&idle.database, &[("LANDLORD_KILL_AT", place)], &options).await.unwrap();
        assert_eq!(victim.ended().await, Some(9), "{place}");
        let mut next = Process::with(&idle.database, &[], &options).await.unwrap();
        copied(&anna, &backup).await;
        lose(&idle.database.objects().join("blobs"));
        lose(&idle.database.objects().join("backups"));
        assert_eq!(anna_at(&next).await.verify(&backup.name).await.unwrap().error, None, "{place}");
        next.kill().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_that_is_made_while_the_copying_ends_is_copied_too() {
    let maker = TestServer::start().await;
    let (acme, anna) = maker.administrator("Acme").await;
    anna.new_asset(&acme, "report", &noise(1000, 1)).await;
    let first = anna.back_up(&acme).await;
    let idle = maker.without_workers().await;
    let folder = tempfile::tempdir().unwrap();
    let patient = [second(folder.path()), ("operations.lease_ms", "60000".into())];
    // The content, the backup, and then nothing is left.
    let worker = Process::with(&idle.database, &[("LANDLORD_STOP_AT", "step.outside:3")], &patient).await.unwrap();
    worker.stopped().await;
    let next = TestServer::on(idle.database.clone(), &[second(folder.path())]).await;
    let anna = next.anonymous().await.log_in("anna@acme", ADMIN_PASSWORD).await;
    copied(&anna, &first).await;
    let meanwhile = anna.back_up(&acme).await;
    worker.signal(rustix::process::Signal::CONT);
    copied(&anna, &meanwhile).await;
    let copying = anna.operations_of(&acme).await;
    assert_eq!(copying.iter().filter(|operation| operation.kind == "copy-backups").count(), 1, "by the same operation");
}

async fn anna_at(process: &Process) -> Api {
    Api::connect(process.address).await.log_in("anna@acme", ADMIN_PASSWORD).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_that_comes_when_its_key_is_destroyed_leaves_no_key() {
    let maker = TestServer::start().await;
    let (acme, anna) = maker.administrator("Acme").await;
    anna.new_asset(&acme, "report", &noise(1000, 1)).await;
    anna.back_up(&acme).await;
    let database: Database = maker.database.clone();
    maker.stop().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let options = [second(folder.path())];
    let at = [
        ("LANDLORD_STOP_AT", "objects.put.before"),
        // Nobody answers at first whether the key is destroyed.
        ("FAILPOINTS", "copy.key.looked-for=1*return->off"),
        ("LANDLORD_KILL_AT", "copy.key.destroyed"),
    ];
    let mut stale = Process::with(&database, &at, &options).await.unwrap();
    stale.stopped().await;
    let next = TestServer::on(database, &options).await;
    let operator = next.operator().await;
    operator.delete_fully(&acme).await;
    stale.signal(rustix::process::Signal::CONT);
    assert_eq!(stale.ended().await, Some(9), "it destroys what it has copied, though its lease is lost");
    assert!(names(&folder.path().join("keys")).is_empty());
    next.until("SELECT count(*) = 0 FROM operations WHERE ended_at IS NULL").await;
    assert_eq!(names(folder.path()).iter().filter(|name| name.components().count() > 1).count(), 0);
}
