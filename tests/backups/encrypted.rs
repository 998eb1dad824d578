//! Archives that are encrypted with a passphrase.

use landlord::proto::v1;
use tonic::{Code, Status};
use v1::upload_backup_request::Content as Uploaded;

use crate::support::archives::{header, messages};
use crate::support::assets::noise;
use crate::support::backups::whole;
use crate::support::client::{Api, assert_refused, fields};
use crate::support::lifecycle::ADMIN_PASSWORD;
use crate::support::process::Process;
use crate::support::server::TestServer;

const PASSPHRASE: &str = "several unrelated words";

async fn encrypted(api: &Api, name: &str, offset: usize) -> (v1::DownloadBackupHeader, Vec<u8>) {
    let offset = i64::try_from(offset).unwrap();
    let request = v1::DownloadBackupRequest { name: name.into(), offset, passphrase: PASSPHRASE.into() };
    api.archive_of(request, usize::MAX).await.unwrap()
}

/// What opens an archive, as a message.
fn unlock(passphrase: &str) -> v1::UploadBackupRequest {
    let unlock = v1::UploadBackupUnlock { passphrase: passphrase.into() };
    v1::UploadBackupRequest { content: Some(Uploaded::Unlock(unlock)) }
}

/// All messages of an upload that is unlocked with a passphrase.
fn unlocked(header: v1::UploadBackupHeader, archive: &[u8], passphrase: &str) -> Vec<v1::UploadBackupRequest> {
    let mut messages = messages(header, archive, 0);
    messages.insert(1, unlock(passphrase));
    messages
}

/// Wants one field to be refused; gives why.
#[track_caller]
fn assert_field<T: std::fmt::Debug>(answer: Result<T, Status>, field: &str) -> String {
    let refused = assert_refused(answer, Code::InvalidArgument, "FIELDS_INVALID");
    let [(named, why)] = fields(&refused).try_into().unwrap();
    assert_eq!(named, field);
    why
}

/// What the library of age finds in an archive.
fn opened(archive: &[u8]) -> Vec<u8> {
    let identity = age::scrypt::Identity::new(PASSPHRASE.to_owned().into());
    age::decrypt(&identity, archive).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn age_opens_it_and_it_is_the_same_from_any_byte_on_and_on_any_replica() {
    let server = TestServer::start().await;
    let (acme, anna) = server.administrator("Acme").await;
    anna.new_asset(&acme, "large", &noise((8 << 20) + 1000, 1)).await;
    let backup = anna.back_up(&acme).await;
    let (plain_header, plain) = anna.archive(&backup.name, 0, usize::MAX).await.unwrap();
    let (header, archive) = encrypted(&anna, &backup.name, 0).await;
    assert_eq!(header.file_name, format!("{}.age", plain_header.file_name));
    assert_eq!(header.size, i64::try_from(archive.len()).unwrap());
    assert!(opened(&archive) == plain);
    let other = TestServer::on(server.database.clone(), &[]).await;
    let there = other.anonymous().await.log_in("anna@acme", ADMIN_PASSWORD).await;
    let begins = archive.len() - (plain.len() + plain.len().div_ceil(65_536) * 16);
    let places = [1, begins - 1, begins, begins + 1, begins + 65_552 * 3, begins + 65_552 * 3 - 1, begins + 100_000];
    for offset in places.into_iter().chain([archive.len() - 1, archive.len()]) {
        assert!(encrypted(&there, &backup.name, offset).await.1 == archive[offset..], "from byte {offset}");
    }
    let request = v1::DownloadBackupRequest { name: backup.name.clone(), passphrase: "short".into(), offset: 0 };
    assert!(assert_field(anna.archive_of(request, 1).await, "passphrase").contains("12 to 1000"));
    let told = server.operator().await.audit(&acme, "method = DownloadBackup").await.unwrap();
    let kinds: Vec<_> = told.iter().map(|record| record.details["encrypted"].as_str()).collect();
    assert!(kinds.contains(&"true") && kinds.contains(&"false"), "{kinds:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn it_comes_into_another_landlord_and_a_wrong_passphrase_costs_no_second_upload() {
    let (here, there) = (TestServer::start().await, TestServer::start().await);
    let (acme, anna) = here.administrator("Acme").await;
    let content = noise((8 << 20) + 1000, 1);
    anna.new_asset(&acme, "large", &content).await;
    let backup = anna.back_up(&acme).await;
    let (_, archive) = encrypted(&anna, &backup.name, 0).await;
    let (beta, bert) = there.administrator("Beta").await;
    let id = uuid::Uuid::new_v4().to_string();
    let named = v1::UploadBackupHeader { request_id: id.clone(), ..header(&beta, &archive) };
    let upload = format!("{beta}/uploads/{id}");
    for (wrong, says) in [
        (unlocked(named.clone(), &archive, "several unrelated word"), "does not open"),
        (messages(named.clone(), &archive, 0), "is required"),
    ] {
        let mut sent = wrong;
        let arrived = bert.get_upload(&upload).await.map_or(0, |upload| upload.received);
        sent.retain(|message| match &message.content {
            Some(Uploaded::Chunk(chunk)) => chunk.offset >= arrived,
            _ => true,
        });
        let why = assert_field(bert.send_backup(sent).await, "unlock.passphrase");
        assert!(why.contains(says), "{why}");
    }
    let arrived = usize::try_from(bert.get_upload(&upload).await.map_or(0, |upload| upload.received)).unwrap();
    assert!(arrived >= 8 << 20, "most of it is there: {arrived}");
    let mut rest = messages(named, &archive, arrived);
    // Behind the chunks is as good as before them.
    rest.push(unlock(PASSPHRASE));
    let begun = bert.send_backup(rest).await.unwrap();
    let ended = bert.wait(&begun.operation.unwrap().name).await;
    assert_eq!(ended.error, None);
    let taken_in = begun.backup.unwrap().name;
    assert_eq!(bert.verify(&taken_in).await.unwrap().error, None);
    assert!(bert.archive(&taken_in, 0, usize::MAX).await.unwrap().1.len() > 8 << 20);
    let refused = bert.restore(whole(&taken_in)).await;
    assert_refused(refused, Code::FailedPrecondition, "BACKUP_OF_ANOTHER_TENANT");

    let plain = opened(&archive);
    let sent = unlocked(header(&beta, &plain), &plain, PASSPHRASE);
    assert!(assert_field(bert.send_backup(sent).await, "unlock.passphrase").contains("is not: leave it out"));
    let mut twice = unlocked(header(&beta, &archive), &archive, PASSPHRASE);
    twice.insert(1, unlock(PASSPHRASE));
    assert_field(bert.send_backup(twice).await, "unlock");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_damaged_on_the_way_is_refused_and_what_opened_it_is_forgotten() {
    let server = TestServer::start().await;
    let (acme, anna) = server.administrator("Acme").await;
    anna.new_asset(&acme, "report", &noise(200_000, 1)).await;
    let backup = anna.back_up(&acme).await;
    let (_, archive) = encrypted(&anna, &backup.name, 0).await;
    let mut changed = archive.clone();
    let middle = changed.len() / 2;
    changed[middle] ^= 1;
    // Behind the header and its end, the nonce.
    let ends = archive.windows(5).position(|at| at == b"\n--- ").unwrap();
    let (piece, begins) = (65_552, ends + "\n--- ".len() + 43 + "\n".len() + 16);
    let mut swapped = archive.clone();
    let (one, two) = swapped[begins..].split_at_mut(piece);
    one.swap_with_slice(&mut two[..piece]);
    let shorter = [archive.len() - 1, begins + 2 * piece].map(|bytes| archive[..bytes].to_vec());
    for archive in [&changed, &swapped, &shorter[0], &shorter[1]] {
        let begun = anna.send_backup(unlocked(header(&acme, archive), archive, PASSPHRASE)).await.unwrap();
        let ended = anna.wait(&begun.operation.unwrap().name).await;
        assert_eq!(ended.error.unwrap().reason, "ARCHIVE_INVALID");
    }
    let begun = anna.send_backup(unlocked(header(&acme, &archive), &archive, PASSPHRASE)).await.unwrap();
    assert_eq!(anna.wait(&begun.operation.unwrap().name).await.error, None);
    server.until("SELECT count(*) = 0 FROM backups WHERE archive_key IS NOT NULL").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_worker_reads_it_when_the_first_one_is_killed() {
    let maker = TestServer::start().await;
    let (acme, anna) = maker.administrator("Acme").await;
    anna.new_asset(&acme, "report", &noise(1000, 1)).await;
    let backup = anna.back_up(&acme).await;
    let (_, archive) = encrypted(&anna, &backup.name, 0).await;
    let idle = maker.without_workers().await;
    let anna = idle.anonymous().await.log_in("anna@acme", ADMIN_PASSWORD).await;
    let begun = anna.send_backup(unlocked(header(&acme, &archive), &archive, PASSPHRASE)).await.unwrap();
    let mut victim = Process::start(&idle.database, &[("LANDLORD_KILL_AT", "import.read")]).await;
    assert_eq!(victim.ended().await, Some(9));
    let _next = TestServer::on(idle.database.clone(), &[]).await;
    anna.succeed(begun.operation).await;
    assert_eq!(anna.verify(&begun.backup.unwrap().name).await.unwrap().error, None);
}
