//! An archive is hostile until it has been read to its end.

use landlord::proto::v1;
use tar::EntryType;
use v1::backup::State;

use crate::assets::collect::options;
use crate::support::archives::{add, packed, put_together, taken_apart};
use crate::support::assets::{noise, sha256};
use crate::support::client::Api;
use crate::support::server::TestServer;

type Files = Vec<(String, Vec<u8>)>;

/// A tenant, and what the archive of a backup of it has.
async fn stage(server: &TestServer) -> (String, Api, Files) {
    let (acme, anna) = server.administrator("Acme").await;
    anna.new_asset(&acme, "report", &noise(100_000, 1)).await;
    anna.new_asset(&acme, "list", &noise(500, 2)).await;
    let backup = anna.back_up(&acme).await;
    let (_, archive) = anna.archive(&backup.name, 0, usize::MAX).await.unwrap();
    let files = taken_apart(&archive);
    (acme, anna, files)
}

/// Where the file of that name is.
fn at(files: &Files, name: &str) -> usize {
    files.iter().position(|(path, _)| path.ends_with(name)).unwrap()
}

/// The archive with a change.
fn changed(files: &Files, change: impl FnOnce(&mut Files)) -> Vec<u8> {
    let mut files = files.clone();
    change(&mut files);
    put_together(&files)
}

/// The archive with its manifest otherwise.
fn manifest(files: &Files, change: impl FnOnce(&mut serde_json::Value)) -> Vec<u8> {
    changed(files, |files| {
        let mut manifest = serde_json::from_slice(&files[0].1).unwrap();
        change(&mut manifest);
        files[0].1 = serde_json::to_vec(&manifest).unwrap();
    })
}

/// The archive with one more file behind the manifest, under whatever name and of whatever kind.
fn with(files: &Files, name: &str, kind: EntryType) -> Vec<u8> {
    let mut archive = tar::Builder::new(Vec::new());
    add(&mut archive, &files[0].0, &files[0].1, EntryType::Regular);
    add(&mut archive, name, b"content", kind);
    packed(archive)
}

fn cases(files: &Files) -> Vec<(&'static str, Vec<u8>)> {
    let folder = files[0].0.split_once('/').unwrap().0.to_owned();
    let inside = |name: &str| format!("{folder}/{name}");
    let whole = put_together(files);
    let mut flipped = whole.clone();
    let middle = flipped.len() / 2;
    flipped[middle] ^= 1;
    let content = at(files, &format!("content/{}", sha256(&noise(500, 2))));
    let rows = at(files, "tables/users.copy");
    let long = "x".repeat(99);
    vec![
        ("nothing", Vec::new()),
        ("no archive", noise(100_000, 7)),
        ("an archive of nothing", put_together(&Vec::new())),
        ("cut off", whole[..whole.len() - 100].to_vec()),
        ("a bit that flipped", flipped),
        ("a parent folder", with(files, "../../etc/passwd", EntryType::Regular)),
        ("an absolute path", with(files, "/etc/passwd", EntryType::Regular)),
        ("another folder", with(files, "elsewhere/assets.ndjson", EntryType::Regular)),
        ("an unknown file", with(files, &inside("notes.txt"), EntryType::Regular)),
        ("an unknown table", with(files, &inside("tables/pg_authid.copy"), EntryType::Regular)),
        ("a table that is none", with(files, &inside("tables/users; DROP TABLE users.copy"), EntryType::Regular)),
        ("a name in capitals", with(files, &inside("MANIFEST.JSON"), EntryType::Regular)),
        (
            "content in capitals",
            with(files, &inside(&format!("content/{}", sha256(b"content").to_uppercase())), EntryType::Regular),
        ),
        ("a long name", with(files, &long, EntryType::Regular)),
        ("a symbolic link", with(files, &inside("assets.ndjson"), EntryType::Symlink)),
        ("a hard link", with(files, &inside("assets.ndjson"), EntryType::Link)),
        ("a device", with(files, &inside("assets.ndjson"), EntryType::Char)),
        ("a folder", with(files, &inside("content/"), EntryType::Directory)),
        ("a name that follows", with(files, &inside("assets.ndjson"), EntryType::GNULongName)),
        ("attributes", with(files, &inside("assets.ndjson"), EntryType::XHeader)),
        ("the manifest twice", changed(files, |files| files.insert(1, files[0].clone()))),
        ("content twice", changed(files, |files| files.insert(content, files[content].clone()))),
        ("no manifest", changed(files, |files| drop(files.remove(0)))),
        ("the manifest last", changed(files, |files| files.rotate_left(1))),
        ("more behind the sums", changed(files, |files| files.push((inside("assets.ndjson"), Vec::new())))),
        ("no sums", changed(files, |files| drop(files.pop()))),
        ("content of another name", changed(files, |files| files[content].1 = b"other".to_vec())),
        ("content that is missing", changed(files, |files| drop(files.remove(content)))),
        ("rows that are missing", changed(files, |files| drop(files.remove(rows)))),
        ("rows in another order", changed(files, |files| files.swap(rows, rows + 1))),
        (
            "rows that are cut off",
            changed(files, |files| {
                files[rows].1.pop();
            }),
        ),
        ("rows with something behind", changed(files, |files| files[rows].1.push(0))),
        ("no rows", changed(files, |files| files[rows].1.clear())),
        (
            "rows of other columns",
            changed(files, |files| {
                files[rows].1 = files[rows + 1].1.clone();
            }),
        ),
        ("rows that are noise", changed(files, |files| files[rows].1 = noise(10_000, 3))),
        ("a manifest that is none", changed(files, |files| files[0].1 = b"{".to_vec())),
        ("no components", manifest(files, |manifest| manifest["components"] = serde_json::json!([]))),
        ("unknown components", manifest(files, |manifest| manifest["components"] = serde_json::json!(["everything"]))),
        ("fewer components", manifest(files, |manifest| manifest["components"] = serde_json::json!(["settings"]))),
        (
            "a column twice",
            manifest(files, |manifest| {
                let columns = &mut manifest["segments"][0]["columns"];
                columns[1] = columns[0].clone();
            }),
        ),
        (
            "users without memberships",
            changed(files, |files| {
                files.remove(at(files, "tables/memberships.copy"));
                let mut manifest: serde_json::Value = serde_json::from_slice(&files[0].1).unwrap();
                manifest["segments"].as_array_mut().unwrap().retain(|segment| segment["table"] != "memberships");
                files[0].1 = serde_json::to_vec(&manifest).unwrap();
            }),
        ),
        (
            "a row without an end",
            changed(files, |files| {
                let rows = &mut files[rows].1;
                rows.truncate(19);
                rows.extend_from_slice(&[0, 1, 0x7f, 0xff, 0xff, 0xff]);
                rows.resize(40 << 20, 0);
            }),
        ),
        ("a name of no tenant", manifest(files, |manifest| manifest["tenant_code"] = "../acme".into())),
        (
            "rows of a table that is none",
            manifest(files, |manifest| manifest["segments"][0]["table"] = "pg_authid".into()),
        ),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_it_has_otherwise_is_refused_and_nothing_of_it_stays() {
    let server = TestServer::with(&options()).await;
    let (acme, anna, files) = stage(&server).await;
    let (before, kept) = (server.picture(&acme).await, "SELECT count(*) = 2 FROM blobs");
    let (read, sound) = anna.upload_archive(&acme, &put_together(&files)).await;
    assert_eq!((read.error, sound.state()), (None, State::Complete), "put together as it was it is sound");
    anna.remove_backup(&sound.name).await.unwrap();
    for (case, archive) in cases(&files) {
        let (read, backup) = anna.upload_archive(&acme, &archive).await;
        let error = read.error.unwrap_or_else(|| panic!("{case}: it was read"));
        assert_eq!(error.reason, "ARCHIVE_INVALID", "{case}: {}", error.message);
        assert!(error.message.len() < 500, "{case}: {}", error.message);
        assert_eq!((backup.state(), backup.reason.as_str()), (State::Failed, "ARCHIVE_INVALID"), "{case}");
    }
    server.until(kept).await;
    server.until("SELECT count(*) = 0 FROM uploads WHERE result = ''").await;
    assert_eq!(server.picture(&acme).await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_a_later_form_is_told_apart_and_one_that_swells_is_not_swallowed() {
    let server = TestServer::start().await;
    let (acme, anna, files) = stage(&server).await;
    let later = manifest(&files, |manifest| manifest["format"] = 1000.into());
    let (read, _) = anna.upload_archive(&acme, &later).await;
    assert_eq!(read.error.unwrap().reason, "BACKUP_FORMAT_UNKNOWN");
    // As much of nothing as the manifest may not have takes a few bytes.
    let swollen = changed(&files, |files| files[0].1 = vec![b' '; 200 << 20]);
    assert!(swollen.len() < 200_000, "{}", swollen.len());
    let (read, _) = anna.upload_archive(&acme, &swollen).await;
    assert_eq!(read.error.unwrap().reason, "ARCHIVE_INVALID");
    let operator = server.operator().await;
    let used = anna.limits(&acme).await.unwrap().storage_bytes;
    let little =
        v1::TenantLimits { name: acme.clone(), disk_quota_bytes: Some(used + (1 << 20)), ..Default::default() };
    operator.set_limits(little, &["disk_quota_bytes"]).await.unwrap();
    let nothing = vec![0; 50 << 20];
    let large = changed(&files, |files| {
        let name = format!("{}/content/{}", files[0].0.split_once('/').unwrap().0, sha256(&nothing));
        files.insert(files.len() - 1, (name, nothing.clone()));
    });
    let (read, _) = anna.upload_archive(&acme, &large).await;
    assert_eq!(read.error.unwrap().reason, "DISK_QUOTA_EXCEEDED", "content has its room while it comes");
    // A frame that wants more to look back at than any part has.
    let mut wide = zstd::stream::Encoder::new(Vec::new(), 1).unwrap();
    wide.window_log(27).unwrap();
    std::io::copy(&mut &noise(40 << 20, 9)[..], &mut wide).unwrap();
    let little = v1::TenantLimits { name: acme.clone(), disk_quota_bytes: Some(1 << 30), ..Default::default() };
    operator.set_limits(little, &["disk_quota_bytes"]).await.unwrap();
    let (read, _) = anna.upload_archive(&acme, &wide.finish().unwrap()).await;
    let error = read.error.unwrap();
    assert_eq!(error.reason, "ARCHIVE_INVALID");
    assert!(error.message.contains("too much memory"), "{}", error.message);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_comes_to_privileges_about_tenants_by_an_archive() {
    let server = TestServer::start().await;
    let (acme, anna, files) = stage(&server).await;
    let granted = at(&files, "tables/role_privileges.copy");
    let forged = changed(&files, |files| {
        let (rows, from, to) = (&mut files[granted].1, b"portal-administrator", b"tenant-administrator");
        while let Some(at) = rows.windows(from.len()).position(|bytes| bytes == from) {
            rows[at..at + to.len()].copy_from_slice(to);
        }
    });
    let (_, backup) = anna.upload_archive(&acme, &forged).await;
    let anna = server.restored(&anna, crate::support::backups::whole(&backup.name), "anna@acme").await;
    let platform = "SELECT count(*) FROM user_privileges JOIN tenants USING (tenant_id)
                    WHERE code = 'acme' AND privilege IN ('tenant-administrator', 'portal-administrator')";
    let held: i64 = server.sql().await.query_one(platform, &[]).await.unwrap().get(0);
    assert_eq!(held, 0, "the one is for nobody here, and the other one was not in the backup");
    anna.new_user(&acme, "ben").await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn neither_superuser_nor_assets_of_other_kinds_change_by_an_archive() {
    let server = TestServer::start().await;
    let (acme, anna, files) = stage(&server).await;
    let assets = at(&files, "tables/assets.copy");
    let list = v1::ListAssetsRequest { parent: acme.clone(), search: "list".into(), ..Default::default() };
    let list = anna.list_assets(list).await.unwrap().assets.remove(0);
    let forged = changed(&files, |files| {
        for (file, from, to) in [
            (at(files, "tables/users.copy"), &b"superuser"[..], &b"ordinary1"[..]),
            (assets, b"OTHER", b"PORTA"),
            (assets, b"list", b"mine"),
        ] {
            let rows = &mut files[file].1;
            while let Some(at) = rows.windows(from.len()).position(|bytes| bytes == from) {
                rows[at..at + to.len()].copy_from_slice(to);
            }
        }
        // The kind that has one letter more.
        let rows = &mut files[assets].1;
        while let Some(at) = rows.windows(9).position(|bytes| bytes == b"\0\0\0\x05PORTA") {
            rows.splice(at..at + 9, *b"\0\0\0\x06PORTAL");
        }
        let mut manifest: serde_json::Value = serde_json::from_slice(&files[0].1).unwrap();
        assert!(manifest["components"].as_array().unwrap().contains(&"portal".into()));
        manifest["note"] = "forged".into();
        files[0].1 = serde_json::to_vec(&manifest).unwrap();
    });
    let (read, backup) = anna.upload_archive(&acme, &forged).await;
    assert_eq!(read.error, None);
    let only = v1::RestoreBackupRequest {
        components: vec!["users".into(), "portal".into()],
        ..crate::support::backups::whole(&backup.name)
    };
    let anna = server.restored(&anna, only, "anna@acme").await;
    let still = anna.asset(&list.name).await.unwrap();
    assert_eq!((still.display_name, still.kind), (list.display_name, list.kind));
    server.operator().await.acting_as("superuser").asset(&list.name).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_the_tables_refuse_change_nothing() {
    let server = TestServer::start().await;
    let (acme, anna, files) = stage(&server).await;
    let users = at(&files, "tables/users.copy");
    let forged = changed(&files, |files| {
        let rows = &mut files[users].1;
        let state = rows.windows(6).position(|bytes| bytes == b"ACTIVE").unwrap();
        rows[state..state + 6].copy_from_slice(b"AKTIVE");
    });
    is_refused_by_the_tables(&server, &acme, &anna, &forged).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_are_there_twice_change_nothing() {
    let server = TestServer::start().await;
    let (acme, anna, files) = stage(&server).await;
    let assets = at(&files, "tables/assets.copy");
    let forged = changed(&files, |files| {
        let rows = &mut files[assets].1;
        // Between what a copy begins with and what it ends with.
        let all = rows[19..rows.len() - 2].to_vec();
        rows.splice(19..19, all);
    });
    let request = v1::ListAssetsRequest { parent: acme.clone(), ..Default::default() };
    for asset in anna.list_assets(request).await.unwrap().assets {
        anna.remove_asset(&asset.name).await.unwrap();
    }
    is_refused_by_the_tables(&server, &acme, &anna, &forged).await;
}

/// Uploads an archive, which is read, and restores it, which changes nothing.
async fn is_refused_by_the_tables(server: &TestServer, acme: &str, anna: &Api, archive: &[u8]) {
    let (read, backup) = anna.upload_archive(acme, archive).await;
    assert_eq!(read.error, None, "what the rows mean is for the tables to judge");
    let before = server.picture(acme).await;
    let begun = anna.restore(crate::support::backups::whole(&backup.name)).await.unwrap().operation.unwrap();
    let failed = server.operator().await.wait(&begun.name).await;
    assert_eq!(failed.error.unwrap().reason, "BACKUP_CORRUPT");
    assert_eq!(server.picture(acme).await, before);
}
