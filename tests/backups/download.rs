//! A downloaded backup needs nothing but tar and zstd, and comes whole however often the connection breaks.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use futures::TryStreamExt as _;
use landlord::proto::v1;
use tonic::Code;
use v1::asset::Kind;

use crate::assets::collect::files;
use crate::assets::kinds::of_kind;
use crate::support::assets::{header, noise, sha256};
use crate::support::client::{assert_refused, fields};
use crate::support::lifecycle::facts;
use crate::support::server::TestServer;

/// What is in the archive, unpacked by the system's own tar.
fn unpacked(archive: &[u8], folder: &Path) -> PathBuf {
    let plain = zstd::stream::decode_all(archive).unwrap();
    let mut tar = Command::new("tar").arg("x").current_dir(folder).stdin(Stdio::piped()).spawn().unwrap();
    tar.stdin.take().unwrap().write_all(&plain).unwrap();
    assert!(tar.wait().unwrap().success());
    let inside: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(inside.len(), 1, "it has one folder");
    inside[0].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn tar_and_zstd_open_it_and_the_content_is_there_byte_by_byte() {
    let server = TestServer::start().await;
    let (acme, anna) = server.administrator("Acme").await;
    let contents = [noise(9 << 20, 1), b"January: 4711\n".to_vec(), Vec::new(), noise(512, 3), vec![b'a'; 3 << 20]];
    for (number, content) in contents.iter().enumerate() {
        let metadata = [("number".to_owned(), number.to_string())].into();
        let header = v1::UploadAssetHeader { metadata, ..header(&acme, &format!("../{number} ü"), content) };
        anna.upload(header, content).await.unwrap();
    }
    anna.new_asset(&acme, "the same again", &contents[1]).await;
    anna.upload(of_kind(&acme, Kind::Recording), b"content").await.unwrap();
    let backup = anna.back_up(&acme).await;
    let (header, archive) = anna.archive(&backup.name, 0, usize::MAX).await.unwrap();
    assert_eq!((header.backup, header.size), (Some(backup.clone()), i64::try_from(archive.len()).unwrap()));
    assert_eq!(header.file_name, format!("acme-{}.tar.zst", backup.name.rsplit('/').next().unwrap()));
    assert!(archive.len() < (9 << 20) + (1 << 20), "what was compressed stays so: {}", archive.len());
    let folder = tempfile::tempdir().unwrap();
    let unpacked = unpacked(&archive, folder.path());
    let check =
        Command::new("sha256sum").args(["--check", "--strict", "SHA256SUMS"]).current_dir(&unpacked).output().unwrap();
    assert!(check.status.success(), "{}", String::from_utf8_lossy(&check.stdout));
    let listed = files(&unpacked);
    assert_eq!(String::from_utf8_lossy(&check.stdout).lines().count(), listed.len() - 1, "all but the sums themselves");

    let lines = std::fs::read_to_string(unpacked.join("assets.ndjson")).unwrap();
    let lines: Vec<serde_json::Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let (calls, lines): (Vec<_>, Vec<_>) = lines.into_iter().partition(|line| line["kind"] == "RECORDING");
    let call = serde_json::json!({
        "start_time": "2023-11-14T22:13:20Z", "duration_ms": 61_500, "caller": "0170 1234", "called": "1000", "extension": "1000"
    });
    assert_eq!((calls.len(), &calls[0]["call"]), (1, &call));
    assert_eq!(lines.len(), 6);
    for line in &lines {
        let content = std::fs::read(unpacked.join(line["file"].as_str().unwrap())).unwrap();
        let wanted = match line["metadata"]["number"].as_str() {
            Some(number) => &contents[number.parse::<usize>().unwrap()],
            None => &contents[1],
        };
        assert_eq!((content.len(), sha256(&content)), (wanted.len(), sha256(wanted)), "{line}");
        assert_eq!((line["kind"].as_str(), line["size"].as_u64()), (Some("OTHER"), u64::try_from(wanted.len()).ok()));
    }
    let manifest: serde_json::Value =
        serde_json::from_slice(&std::fs::read(unpacked.join("manifest.json")).unwrap()).unwrap();
    assert_eq!((manifest["tenant_code"].as_str(), manifest["format"].as_u64()), (Some("acme"), Some(1)));
    let users = std::fs::read(unpacked.join("tables/users.copy")).unwrap();
    assert!(users.starts_with(b"PGCOPY\n\xff\r\n\0") && users.windows(4).any(|bytes| bytes == b"anna"));
}

#[tokio::test(flavor = "multi_thread")]
async fn it_goes_on_at_any_byte_and_is_the_same_from_every_replica() {
    let server = TestServer::start().await;
    let (acme, anna) = server.administrator("Acme").await;
    anna.new_asset(&acme, "large", &noise(9 << 20, 1)).await;
    anna.new_asset(&acme, "small", &noise(700, 2)).await;
    let backup = anna.back_up(&acme).await;
    let (header, whole) = anna.archive(&backup.name, 0, usize::MAX).await.unwrap();
    let other = TestServer::on(server.database.clone(), &[]).await;
    let there = other.anonymous().await.log_in("anna@acme", crate::support::lifecycle::ADMIN_PASSWORD).await;
    for offset in [0, 1, 511, 524, 525, 4 << 20, (8 << 20) + 12_345, whole.len() - 1, whole.len()] {
        let (_, rest) = there.archive(&backup.name, i64::try_from(offset).unwrap(), usize::MAX).await.unwrap();
        assert!(rest == whole[offset..], "from {offset}");
    }
    let mut pieces = Vec::new();
    while pieces.len() < whole.len() {
        let at = i64::try_from(pieces.len()).unwrap();
        pieces.extend(anna.archive(&backup.name, at, 1 << 20).await.unwrap().1);
    }
    assert!(pieces == whole, "in pieces, each with a connection of its own");
    for wrong in [-1, header.size + 1] {
        let refused = anna.archive(&backup.name, wrong, 0).await.map(|_| ());
        let refused = assert_refused(refused, Code::InvalidArgument, "FIELDS_INVALID");
        assert_eq!(fields(&refused)[0].0, "offset");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_lacks_the_privilege_of_anything_in_it_has_none_of_it_and_each_download_is_in_the_trail() {
    let server = TestServer::start().await;
    let (acme, anna) = server.administrator("Acme").await;
    let role = anna.new_role(&acme, "Documents", &["privileges/document-administrator"]).await.unwrap();
    let ben = anna.new_user(&acme, "ben").await.unwrap().name;
    anna.give(&role, &[&ben]).await.unwrap();
    let ben = server.enter("ben@acme").await;
    let all = anna.back_up(&acme).await;
    let documents = ben.back_up(&acme).await;
    let refused = ben.archive(&all.name, 0, usize::MAX).await.map(|_| ());
    let refused = assert_refused(refused, Code::PermissionDenied, "PRIVILEGE_MISSING");
    assert!(facts(&refused)["privilege"].ends_with(",user-administrator"), "{refused:?}");
    ben.archive(&documents.name, 0, usize::MAX).await.unwrap();
    let trail = anna.audit(&acme, "method = DownloadBackup").await.unwrap();
    assert_eq!((trail.len(), &trail[0].resource), (1, &documents.name), "what was refused is not there");
    let (_, bert) = server.another("Beta", "bert").await;
    let absent = bert.archive(&all.name, 0, usize::MAX).await.map(|_| ());
    assert_refused(absent, Code::NotFound, "RESOURCE_NOT_FOUND");
    let operator = server.operator().await;
    let denied = operator.archive(&all.name, 0, usize::MAX).await.map(|_| ());
    assert_refused(denied, Code::PermissionDenied, "PRIVILEGE_MISSING");
    operator.exchanged(&acme).await.archive(&all.name, 0, usize::MAX).await.unwrap();
    let own = operator.back_up("tenants/infrastructure").await;
    let protected = operator.archive(&own.name, 0, usize::MAX).await.map(|_| ());
    assert_refused(protected, Code::FailedPrecondition, "RESOURCE_PROTECTED");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_download_ends_when_the_caller_may_have_no_more_and_where_something_is_damaged() {
    let server = TestServer::start().await;
    let (acme, anna) = server.administrator("Acme").await;
    anna.new_asset(&acme, "large", &noise(40 << 20, 1)).await;
    let backup = anna.back_up(&acme).await;
    let request = v1::DownloadBackupRequest { name: backup.name.clone(), offset: 0, ..Default::default() };
    let mut stream = anna.client.backups().download_backup(request).await.unwrap().into_inner();
    stream.try_next().await.unwrap();
    server.operator().await.lock(&acme).await.unwrap();
    let ended = loop {
        match stream.try_next().await {
            Ok(Some(_)) => {}
            ended => break ended,
        }
    };
    assert_refused(ended, Code::Unauthenticated, "TOKEN_INVALID");
    server.operator().await.unlock(&acme).await.unwrap();
    let anna = server.anonymous().await.log_in("anna@acme", crate::support::lifecycle::ADMIN_PASSWORD).await;
    let part =
        files(&server.database.objects().join("blobs")).into_iter().max_by_key(|file| file.metadata().unwrap().len());
    let part = part.unwrap();
    let mut content = std::fs::read(&part).unwrap();
    let middle = content.len() / 2;
    content[middle] ^= 1;
    std::fs::write(&part, content).unwrap();
    let broken = anna.archive(&backup.name, 0, usize::MAX).await.map(|_| ());
    let broken = assert_refused(broken, Code::DataLoss, "BACKUP_CORRUPT");
    assert!(facts(&broken)["damaged"].starts_with("the content "), "{broken:?}");
}
