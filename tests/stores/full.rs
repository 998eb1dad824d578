//! A disk without room: what needs some is refused, whoever asks is told what to do, and once there is room it is done.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use futures::stream;
use landlord::proto::v1;
use tonic::Code;
use v1::backup::State;

use crate::assets::collect::{files, options};
use crate::assets::copy::two_tenants;
use crate::support::assets::{header, messages, noise};
use crate::support::backups::whole;
use crate::support::client::{Api, assert_refused, eventually};
use crate::support::database::Database;
use crate::support::lifecycle::ADMIN_PASSWORD;
use crate::support::process::Process;
use crate::support::server::TestServer;

const FULL: &str = "OBJECT_STORE_FULL";

/// A file that takes all room but two pages of a disk.
fn fill(disk: &Path) -> PathBuf {
    let found = rustix::fs::statvfs(disk).unwrap();
    let room = usize::try_from(found.f_bavail * found.f_frsize).unwrap();
    let filler = disk.join("filler");
    std::fs::write(&filler, vec![0; room - 8192]).unwrap();
    filler
}

/// Files that were begun and are no objects.
fn drafts(disk: &Path) -> Vec<PathBuf> {
    files(disk).into_iter().filter(|file| file.to_str().unwrap().contains('#')).collect()
}

async fn failure(api: &Api, operation: Option<v1::Operation>) -> v1::Operation {
    let ended = api.wait(&operation.unwrap().name).await;
    let error = ended.error.clone().unwrap();
    assert_eq!((error.code.as_str(), error.reason.as_str()), ("RESOURCE_EXHAUSTED", FULL), "{error:?}");
    assert!(error.message.contains("give it more, or delete assets and backups"), "{error:?}");
    ended
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "mounts a small disk where only it sees it: make e2e"]
async fn e2e_what_has_no_room_on_the_disk_is_refused_and_goes_on_once_it_has() {
    let maker = TestServer::start().await;
    let (acme, _, beta, _) = two_tenants(&maker).await;
    let idle = maker.without_workers().await;
    let process = Process::on_small_disk(&idle.database, 40, &options()).await;
    let disk = process.sees(idle.database.objects());
    let enter = async |user_name: &str| Api::connect(process.address).await.log_in(user_name, ADMIN_PASSWORD).await;
    let (anna, bert, operator) = (enter("anna@acme").await, enter("bert@beta").await, idle.operator().await);
    let large = anna.new_asset(&acme, "large", &noise(9 << 20, 1)).await;
    bert.new_asset(&beta, "theirs", b"theirs").await;
    let backup = anna.back_up(&acme).await;
    anna.new_user(&acme, "ben").await.unwrap();
    let (used, of_beta) = (9 << 20, 6);
    let filler = fill(&disk);

    let content = noise((8 << 20) + 300_000, 2);
    let refused = anna.upload(header(&acme, "second", &content), &content).await;
    let refused = assert_refused(refused, Code::ResourceExhausted, FULL);
    assert!(refused.message().contains("give it more, or delete assets and backups"), "{}", refused.message());
    assert_eq!(anna.limits(&acme).await.unwrap().storage_bytes, used, "nothing is reserved any more");
    let request_id = uuid::Uuid::new_v4().to_string();
    let upload = format!("{acme}/uploads/{request_id}");
    let announced = v1::UploadAssetHeader { request_id, ..header(&acme, "second", &content) };
    let refused = anna.send(stream::iter(messages(announced.clone(), &content, 0))).await;
    assert_refused(refused, Code::ResourceExhausted, FULL);
    assert_eq!(anna.get_upload(&upload).await.unwrap().received, 0);
    assert_eq!(anna.assets(&acme, "").await.unwrap(), ["large"]);

    let begun = anna.begin(&acme, &[]).await.unwrap();
    failure(&anna, begun.operation).await;
    let failed = anna.backup(&begun.backup.unwrap().name).await.unwrap();
    assert_eq!((failed.state(), failed.reason.as_str()), (State::Failed, FULL));

    let copying = failure(&anna, anna.copy(&acme, &[&large.name], &beta).await.ok()).await;
    assert_eq!(bert.assets(&beta, "").await.unwrap(), ["theirs"]);
    assert_eq!(bert.limits(&beta).await.unwrap().storage_bytes, of_beta);

    let now = idle.picture(&acme).await;
    let safe = v1::RestoreBackupRequest { safety_backup: true, ..whole(&backup.name) };
    let restoring = failure(&operator, anna.restore(safe).await.unwrap().operation).await;
    assert_eq!(idle.picture(&acme).await, now);
    assert_eq!(operator.tenant(&acme).await.state(), v1::tenant::State::Active);
    let anna = enter("anna@acme").await;

    // What needs no room is done.
    assert!(anna.download(&large.name, 0).await.unwrap().1 == noise(9 << 20, 1));
    assert_eq!(anna.verify(&backup.name).await.unwrap().error, None);
    assert!(drafts(&disk).is_empty(), "{:?}", drafts(&disk));

    std::fs::remove_file(filler).unwrap();
    let made = anna.send(stream::iter(messages(announced, &content, 0))).await.unwrap().unwrap();
    assert!(anna.download(&made.name, 0).await.unwrap().1 == content);
    let again = operator.retry_operation(&copying.name).await.unwrap();
    operator.succeed(Some(again)).await;
    assert_eq!(bert.assets(&beta, "").await.unwrap(), ["large", "theirs"]);
    assert_eq!(anna.back_up(&acme).await.state(), State::Complete);
    let again = operator.retry_operation(&restoring.name).await.unwrap();
    let restored = operator.succeed(Some(again)).await;
    let anna = enter("anna@acme").await;
    assert_eq!(anna.assets(&acme, "").await.unwrap(), ["large"]);
    assert_eq!(anna.backup(&restored.results[1]).await.unwrap().state(), State::Complete, "the safety backup");
    assert!(drafts(&disk).is_empty(), "{:?}", drafts(&disk));
    // Nothing is left of what was refused.
    idle.until("SELECT count(*) = 0 FROM blobs WHERE state <> 'LIVE'").await;
    let mut left: Vec<_> = files(&disk.join("blobs")).iter().map(|file| parent(file)).collect();
    left.dedup();
    let known = idle.sql().await.query("SELECT id::text FROM blobs ORDER BY tenant_id, id", &[]).await.unwrap();
    assert_eq!(left, known.iter().map(|row| row.get(0)).collect::<Vec<String>>());
}

fn parent(file: &Path) -> String {
    file.parent().unwrap().file_name().unwrap().to_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_writer_left_that_was_killed_goes_when_a_replica_starts() {
    let database = Database::create().await;
    let folder = database.objects().join("blobs/a/b");
    std::fs::create_dir_all(&folder).unwrap();
    let [old, young, object] = ["0.1#1", "0.2#12", "0.3"].map(|name| folder.join(name));
    for file in [&old, &young, &object] {
        std::fs::write(file, "half of it").unwrap();
    }
    for file in [&old, &object] {
        File::options().write(true).open(file).unwrap().set_modified(SystemTime::UNIX_EPOCH).unwrap();
    }
    let _server = TestServer::on(database.clone(), &[]).await;
    eventually("the old draft is gone", async || (!old.exists()).then_some(())).await;
    assert!(young.exists(), "it may still be written");
    assert!(object.exists());
}
