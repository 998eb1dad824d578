//! `landlord recover`: what the object stores have is there for who has lost the database.

use std::path::Path;
use std::process::Output;

use landlord::proto::v1;

use crate::assets::collect::files;
use crate::support::assets::noise;
use crate::support::client::Api;
use crate::support::command::landlord;
use crate::support::lifecycle::ADMIN_PASSWORD;
use crate::support::process::Process;
use crate::support::server::TestServer;

use super::restore_new::to_new;
use super::second_store::{copied, lose, with_second};
use super::upload::content;

/// Runs `landlord recover`, which is told of no database.
async fn recover(what: &[&str], server: &TestServer, objects: &Path, more: &[&str]) -> Output {
    let key = format!("root_key_file={}", server.folder.path().join("root.key").display());
    let url = format!("objects.url=file://{}", objects.display());
    let options = ["--set", &key, "--set", &url];
    landlord(&[&["recover"], what, &options, more].concat()).output().await.unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// What it lists, without the heading.
async fn listed(server: &TestServer, objects: &Path, more: &[&str]) -> Vec<String> {
    let output = recover(&["list"], server, objects, more).await;
    assert!(output.status.success(), "{output:?}");
    let lines = text(&output.stdout).lines();
    lines.skip(1).map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
}

/// The archive that it writes.
async fn written(server: &TestServer, objects: &Path, id: &str, more: &[&str]) -> Vec<u8> {
    let output = recover(&["archive", id], server, objects, more).await;
    assert!(output.status.success(), "{}", text(&output.stderr));
    output.stdout
}

/// Why it gives no archive.
async fn refused(server: &TestServer, objects: &Path, id: &str, more: &[&str]) -> String {
    let output = recover(&["archive", id], server, objects, more).await;
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    text(&output.stderr).lines().last().unwrap().to_owned()
}

fn id(backup: &v1::Backup) -> &str {
    backup.name.rsplit('/').next().unwrap()
}

/// A tenant with assets, one of which is large.
async fn stage(server: &TestServer) -> (String, Api, String) {
    let (acme, anna) = server.administrator("Acme").await;
    let ben = anna.new_user(&acme, "ben").await.unwrap().name;
    for (name, content) in [("large", noise(9 << 20, 1)), ("small", noise(700, 2)), ("empty", vec![])] {
        anna.new_asset(&acme, name, &content).await;
    }
    (acme, anna, ben)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_it_writes_is_what_is_downloaded_and_becomes_a_tenant_of_a_landlord_that_begins_anew() {
    let server = TestServer::start().await;
    let (acme, anna, ben) = stage(&server).await;
    let first = anna.back_up(&acme).await;
    let begun = anna.begin(&acme, &["users", "others"]).await.unwrap();
    server.operator().await.succeed(begun.operation).await;
    let second = begun.backup.unwrap();
    let (_, downloaded) = anna.archive(&first.name, 0, usize::MAX).await.unwrap();
    let objects = server.database.objects().to_owned();

    let lines = listed(&server, &objects, &[]).await;
    let moment = lines[0].split(' ').nth(1).unwrap().to_owned();
    assert_eq!(lines[0], format!("{} {moment} acme {} 3 {} all", id(&first), first.rows, (9 << 20) + 700));
    assert!(lines[1].starts_with(id(&second)) && lines[1].ends_with(" users,others"), "{lines:?}");
    assert_eq!(lines.len(), 2);
    let before = files(&objects);
    let archive = written(&server, &objects, id(&first), &[]).await;
    assert!(archive == downloaded, "{} bytes, and not {}", archive.len(), downloaded.len());
    assert_eq!(files(&objects), before, "it writes nothing into the store");

    let anew = TestServer::start().await;
    let operator = anew.operator().await;
    let (read, uploaded) = operator.upload_archive("tenants/infrastructure", &archive).await;
    assert_eq!(read.error, None);
    let begun = operator.restore(to_new(&uploaded.name, "Acme")).await.unwrap();
    operator.succeed(begun.operation).await;
    let anna = anew.anonymous().await.log_in("anna@acme", ADMIN_PASSWORD).await;
    assert_eq!(anna.user(&ben).await.unwrap().user_name, "ben");
    let assets = anna.list_assets(v1::ListAssetsRequest { parent: acme, ..Default::default() }).await.unwrap().assets;
    assert_eq!(assets.len(), 3);
    let large = assets.iter().find(|asset| asset.display_name == "large").unwrap();
    assert!(anna.download(&large.name, 0).await.unwrap().1 == noise(9 << 20, 1));

    // What came as an archive can be recovered as any other, though the operators keep it.
    let again = written(&anew, anew.database.objects(), id(&uploaded), &[]).await;
    assert_eq!(content(&again), content(&archive));
}

#[tokio::test(flavor = "multi_thread")]
async fn with_two_stores_it_reads_what_one_of_them_has_lost_from_the_other() {
    let (server, folder) = with_second().await;
    let (acme, anna, _) = stage(&server).await;
    let backup = copied(&anna, &anna.back_up(&acme).await).await;
    let (_, downloaded) = anna.archive(&backup.name, 0, usize::MAX).await.unwrap();
    let (first, id) = (server.database.objects(), id(&backup));
    assert!(written(&server, folder.path(), id, &[]).await == downloaded, "the second store is enough");
    let second = format!("objects.second.url=file://{}", folder.path().display());
    let both = ["--set", second.as_str()];
    // The manifest says with which key it is sealed; now it says another one.
    let manifest = files(first).into_iter().find(|file| file.ends_with("manifest.0")).unwrap();
    let mut flipped = std::fs::read(&manifest).unwrap();
    flipped[10] ^= 1;
    std::fs::write(&manifest, flipped).unwrap();
    assert!(written(&server, first, id, &both).await == downloaded);
    lose(first);
    assert_eq!(listed(&server, first, &both).await.len(), 1);
    assert!(written(&server, first, id, &both).await == downloaded);
    let nowhere = server.folder.path().join("nowhere");
    assert!(written(&server, &nowhere, id, &both).await == downloaded, "one that is there is enough");
    assert!(written(&server, folder.path(), id, &["--set", "objects.second.url="]).await == downloaded);
    let missing = refused(&server, &nowhere, id, &[]).await;
    assert!(missing.starts_with("landlord: objects.url: ") && missing.contains("nowhere"), "{missing}");
    assert!(!nowhere.exists(), "who reads makes no store");
    lose(first);
    assert_eq!(listed(&server, first, &[]).await, [""; 0]);
    let refused = refused(&server, first, id, &[]).await;
    assert_eq!(
        refused,
        format!(
            "landlord: RESOURCE_NOT_FOUND: the object stores have no backup {id}; `landlord recover list` shows what they have"
        )
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_can_not_be_read_is_said_and_no_archive_looks_whole() {
    let server = TestServer::start().await;
    let (acme, anna, _) = stage(&server).await;
    let backup = anna.back_up(&acme).await;
    let (objects, id) = (server.database.objects(), id(&backup));
    let large = files(&objects.join("blobs")).into_iter().max_by_key(|file| file.metadata().unwrap().len()).unwrap();
    let whole = std::fs::read(&large).unwrap();
    let mut flipped = whole.clone();
    flipped[100_000] ^= 1;
    std::fs::write(&large, flipped).unwrap();
    let damaged = refused(&server, objects, id, &[]).await;
    assert!(damaged.starts_with("landlord: BACKUP_CORRUPT: the content "), "{damaged}");
    std::fs::write(&large, whole).unwrap();

    let other = server.folder.path().join("other.key");
    std::fs::write(&other, "22".repeat(32)).unwrap();
    let other = format!("root_key_file={}", other.display());
    let other = ["--set", other.as_str()];
    let refusal = refused(&server, objects, id, &other).await;
    assert!(refusal.starts_with("landlord: KEY_UNAVAILABLE: the tenant's key can't be opened"), "{refusal}");
    let line = listed(&server, objects, &other).await.remove(0);
    assert!(line.starts_with(&format!("{id} - ")) && line.contains(" KEY_UNAVAILABLE: "), "{line}");

    let operator = server.operator().await;
    let own = operator.back_up("tenants/infrastructure").await;
    let own = refused(&server, objects, self::id(&own), &[]).await;
    assert!(own.starts_with("landlord: RESOURCE_PROTECTED: "), "{own}");
    let output = recover(&["archive", "acme"], &server, objects, &[]).await;
    assert!(text(&output.stderr).contains("must be the id of a backup, a UUID"), "{output:?}");
    let output = landlord(&["recover", "list"]).output().await.unwrap();
    assert!(text(&output.stderr).starts_with("landlord: root_key_file is required and not set"), "{output:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_backup_that_was_begun_twice_it_has_what_became_visible() {
    let maker = TestServer::start().await;
    let (acme, anna, _) = stage(&maker).await;
    let server = maker.without_workers().await;
    let begun = anna_again(&server).await.begin(&acme, &[]).await.unwrap();
    drop(anna);
    let (operation, name) = (begun.operation.unwrap().name, begun.backup.unwrap().name);
    let objects = server.database.objects();
    for (place, there) in [("backup.part.written:3", 0), ("backup.copied", 1)] {
        let mut victim = Process::start(&server.database, &[("LANDLORD_KILL_AT", place)]).await;
        assert_eq!(victim.ended().await, Some(9), "{place}");
        assert_eq!(listed(&server, objects, &[]).await.len(), there, "{place}");
    }
    let mut worker = Process::start(&server.database, &[]).await;
    let operator = server.operator().await;
    assert_eq!(operator.wait(&operation).await.error, None);
    worker.kill().await;
    assert_eq!(listed(&server, objects, &[]).await.len(), 1);
    let (_, downloaded) = anna_again(&server).await.archive(&name, 0, usize::MAX).await.unwrap();
    assert!(written(&server, objects, name.rsplit('/').next().unwrap(), &[]).await == downloaded);
}

async fn anna_again(server: &TestServer) -> Api {
    server.anonymous().await.log_in("anna@acme", ADMIN_PASSWORD).await
}
