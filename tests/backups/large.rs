//! One asset of many gibibytes: it takes time, and no more memory than a small one.

use std::io::{Read, Write as _};
use std::process::{Command, Stdio};
use std::time::Instant;

use blake3::OutputReader;
use futures::TryStreamExt as _;
use landlord::proto::v1;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Status};
use v1::download_asset_response::Content as Given;
use v1::download_backup_response::Content as Downloaded;

use super::real::{acme_at, anna_at, peak, succeeds, told};
use crate::support::assets::{CHUNK, chunk, first};
use crate::support::backups::whole;
use crate::support::client::{Api, assert_refused};
use crate::support::random::wanted;

/// MiB of memory that the service may have at most, whatever the size.
const MEMORY: u64 = 256;

/// What the asset has from a byte on: nothing that can be compressed, and the same each time.
fn content(from: u64) -> OutputReader {
    let mut content = blake3::Hasher::new().finalize_xof();
    content.set_position(from);
    content
}

/// Wants what the asset has from a byte on, until there is no more; gives where that is.
fn compare(mut read: impl Read, from: u64) -> u64 {
    let (mut wanted, mut at) = (content(from), from);
    let (mut have, mut want) = (vec![0; CHUNK], vec![0; CHUNK]);
    while let bytes @ 1.. = read.read(&mut have).unwrap() {
        wanted.fill(&mut want[..bytes]);
        assert!(have[..bytes] == want[..bytes], "behind byte {at}");
        at += bytes as u64;
    }
    at
}

/// Sends what is between two bytes of it, and then no more.
async fn send(api: &Api, header: v1::UploadAssetHeader, from: u64, to: u64) -> Result<Option<v1::Asset>, Status> {
    let (sender, messages) = tokio::sync::mpsc::channel(4);
    tokio::task::spawn_blocking(move || {
        let (mut content, mut at, mut data) = (content(from), from, vec![0; CHUNK]);
        let mut message = first(header);
        // Who takes no more says why.
        while sender.blocking_send(message).is_ok() && at < to {
            data.truncate(usize::try_from(to - at).unwrap());
            content.fill(&mut data);
            message = chunk(usize::try_from(at).unwrap(), &data);
            at += data.len() as u64;
        }
    });
    api.send(ReceiverStream::new(messages)).await
}

/// Reads the asset from a byte on; gives where it ends.
async fn downloaded(api: &Api, name: &str, from: u64) -> u64 {
    let request = v1::DownloadAssetRequest { name: name.into(), offset: i64::try_from(from).unwrap() };
    let mut stream = api.client.assets().download_asset(request).await.unwrap().into_inner();
    let mut at = from;
    while let Some(message) = stream.try_next().await.unwrap() {
        if let Some(Given::Chunk(chunk)) = message.content {
            at = compare(&chunk.data[..], at);
        }
    }
    at
}

/// Opens the archive of a backup as it comes, and reads the asset in it; gives where that ends.
async fn unpacked(api: &Api, backup: &str) -> u64 {
    let open = "zstd -dc | tar xO --wildcards '*/content/*'";
    let mut opening = Command::new("bash");
    let opening = opening.args(["-o", "pipefail", "-c", open]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut opening = opening.spawn().unwrap();
    let (mut archive, content) = (opening.stdin.take().unwrap(), opening.stdout.take().unwrap());
    let compared = tokio::task::spawn_blocking(|| compare(content, 0));
    let request = v1::DownloadBackupRequest { name: backup.into(), ..Default::default() };
    let mut stream = api.client.backups().download_backup(request).await.unwrap().into_inner();
    while let Some(message) = stream.try_next().await.unwrap() {
        if let Some(Downloaded::Chunk(chunk)) = message.content {
            archive = tokio::task::spawn_blocking(move || archive.write_all(&chunk.data).map(|()| archive))
                .await
                .unwrap()
                .unwrap();
        }
    }
    drop(archive);
    let end = compared.await.unwrap();
    assert!(opening.wait().unwrap().success());
    end
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "it takes minutes, and its size on the disk; make large-input runs it"]
async fn one_asset_of_many_gibibytes_comes_back_as_it_was_and_takes_little_memory() {
    let bytes = wanted("GIBIBYTES").unwrap_or(10) << 30;
    let (server, acme) = acme_at(&[]).await;

    let request_id = uuid::Uuid::new_v4().to_string();
    let upload = format!("{acme}/uploads/{request_id}");
    let header = v1::UploadAssetHeader {
        parent: acme.clone(),
        kind: v1::asset::Kind::Database.into(),
        display_name: "large".into(),
        size: i64::try_from(bytes).unwrap(),
        request_id,
        ..Default::default()
    };
    let since = Instant::now();
    let broken_off = send(&anna_at(&server).await, header.clone(), 0, bytes / 2).await;
    assert_refused(broken_off, Code::Aborted, "UPLOAD_INTERRUPTED");
    let anna = anna_at(&server).await;
    let received = u64::try_from(anna.get_upload(&upload).await.unwrap().received).unwrap();
    assert!(received.is_multiple_of(8 << 20) && bytes / 2 - received < 8 << 20, "{received}");
    let asset = send(&anna, header, received, bytes).await.unwrap().unwrap();
    told("uploaded, broken off in the middle", since, bytes);

    let (anna, since) = (anna_at(&server).await, Instant::now());
    let backup = anna.back_up(&acme).await;
    told("backed up", since, bytes);
    let since = Instant::now();
    let request = v1::VerifyBackupRequest { name: backup.name.clone(), ..Default::default() };
    succeeds(&server, anna.client.backups().verify_backup(request).await.unwrap().into_inner().operation).await;
    told("verified", since, bytes);
    let (anna, since) = (anna_at(&server).await, Instant::now());
    assert_eq!(unpacked(&anna, &backup.name).await, bytes);
    told("downloaded and opened", since, bytes);

    anna_at(&server).await.remove_asset(&asset.name).await.unwrap();
    let (anna, since) = (anna_at(&server).await, Instant::now());
    succeeds(&server, anna.restore(whole(&backup.name)).await.unwrap().operation).await;
    told("restored", since, bytes);
    let (anna, since) = (anna_at(&server).await, Instant::now());
    assert_eq!(downloaded(&anna, &asset.name, 0).await, bytes);
    told("downloaded", since, bytes);
    assert_eq!(downloaded(&anna, &asset.name, bytes - 1).await, bytes);
    println!("{} MiB in memory at most", peak(&server));
    assert!(peak(&server) <= MEMORY);
}
