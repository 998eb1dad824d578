//! Real files, many of them: what a tenant of a gibibyte takes to be uploaded, backed up, downloaded and restored.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use futures::{StreamExt as _, TryStreamExt as _};
use landlord::proto::v1;
use tokio_stream::wrappers::ReceiverStream;
use v1::download_backup_response::Content as Downloaded;
use v1::upload_backup_request::Content as Uploaded;

use super::restore_new::to_new;
use crate::assets::{s3, store};
use crate::support::assets::{CHUNK, header, sha256};
use crate::support::backups::whole;
use crate::support::client::Api;
use crate::support::database::Database;
use crate::support::files::real_files;
use crate::support::lifecycle::ADMIN_PASSWORD;
use crate::support::process::Process;
use crate::support::random::{seed, wanted};
use crate::support::server::TestServer;

/// Uploads at the same time.
const LANES: usize = 8;

/// What a tenant has: the hash of each asset's content, by its name.
type Contents = BTreeMap<String, String>;

/// Says how long something took.
pub(super) fn told(what: &str, since: Instant, bytes: u64) {
    let seconds = since.elapsed().as_secs_f64();
    #[expect(clippy::cast_precision_loss, reason = "people don't read sixteen digits")]
    let rate = bytes as f64 / seconds / f64::from(1 << 20);
    println!("{what:32} {seconds:8.1} s {rate:8.1} MiB/s");
}

/// A service with such options, as it runs in the chart.
async fn serving(database: &Database, options: &[(&'static str, String)]) -> Process {
    let options = [options, &[("operations.lease_ms", "30000".into())]].concat();
    Process::with(database, &[("MALLOC_ARENA_MAX", "2")], &options).await.unwrap()
}

/// The same, with the tenant Acme.
pub(super) async fn acme_at(options: &[(&'static str, String)]) -> (Process, String) {
    let maker = TestServer::start().await;
    let (acme, _) = maker.administrator("Acme").await;
    let database = maker.database.clone();
    maker.stop().await.unwrap();
    (serving(&database, options).await, acme)
}

/// Anna, with a token that lasts for five minutes.
pub(super) async fn anna_at(server: &Process) -> Api {
    Api::connect(server.address).await.log_in("anna@acme", ADMIN_PASSWORD).await
}

async fn upload(server: &Process, tenant: &str, files: &[PathBuf]) -> (Contents, u64) {
    let mut done = Vec::new();
    // With each token so many that it lasts for them.
    for some in files.chunks(2000) {
        let api = &anna_at(server).await;
        let uploads = futures::stream::iter(some.iter().cloned()).map(|file| async move {
            let content = std::fs::read(&file).ok()?;
            let asset = api.upload(header(tenant, &file.display().to_string(), &content), &content).await.unwrap();
            Some((asset.name, asset.sha256, content.len() as u64))
        });
        let uploaded = uploads.buffer_unordered(LANES).filter_map(futures::future::ready);
        done.extend(uploaded.collect::<Vec<_>>().await);
    }
    let bytes = done.iter().map(|(_, _, bytes)| bytes).sum();
    (done.into_iter().map(|(name, hash, _)| (name, hash)).collect(), bytes)
}

/// Waits until an operation has succeeded, for longer than a token lasts: an hour at most.
pub(super) async fn succeeds(server: &Process, operation: Option<v1::Operation>) {
    let name = operation.unwrap().name;
    for _ in 0..60 {
        let timeout = Some(prost_types::Duration { seconds: 60, nanos: 0 });
        let request = v1::WaitOperationRequest { name: name.clone(), timeout };
        let operator = server.operator().await;
        let waited = operator.client.operations().wait_operation(request).await.unwrap().into_inner();
        let operation = waited.operation.unwrap();
        if operation.end_time.is_some() {
            return assert_eq!(operation.state(), v1::operation::State::Succeeded, "{operation:?}");
        }
    }
    panic!("{name} did not end");
}

/// Reads all of it, which has to be as it was.
async fn compare(server: &Process, user: &str, contents: &Contents) {
    let contents: Vec<_> = contents.iter().collect();
    for some in contents.chunks(2000) {
        let api = &Api::connect(server.address).await.log_in(user, ADMIN_PASSWORD).await;
        let compared = futures::stream::iter(some).map(|(name, hash)| async move {
            let (_, content) = api.download(name, 0).await.unwrap();
            assert_eq!(sha256(&content), **hash, "{name}");
        });
        compared.buffer_unordered(LANES).collect::<()>().await;
    }
}

async fn contents(api: &Api, tenant: &str) -> Contents {
    let (mut all, mut page_token) = (Contents::new(), String::new());
    loop {
        let request =
            v1::ListAssetsRequest { parent: tenant.into(), page_size: 1000, page_token, ..Default::default() };
        let page = api.list_assets(request).await.unwrap();
        all.extend(page.assets.into_iter().map(|asset| (asset.name, asset.sha256)));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return all;
        }
    }
}

async fn download(api: &Api, backup: &str, file: &Path) -> u64 {
    let request = v1::DownloadBackupRequest { name: backup.into(), offset: 0, ..Default::default() };
    let mut stream = api.client.backups().download_backup(request).await.unwrap().into_inner();
    let (mut file, mut bytes) = (std::fs::File::create(file).unwrap(), 0);
    while let Some(message) = stream.try_next().await.unwrap() {
        if let Some(Downloaded::Chunk(chunk)) = message.content {
            file.write_all(&chunk.data).unwrap();
            bytes += chunk.data.len() as u64;
        }
    }
    bytes
}

/// The most memory that the process has had, in MiB.
pub(super) fn peak(process: &Process) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", process.pid())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() / 1024
}

/// Uploads the archive in a file, to the operators.
pub(super) async fn send_archive(operator: &Api, archive: &Path, size: u64) -> v1::UploadBackupResponse {
    let announced = v1::UploadBackupHeader {
        parent: "tenants/infrastructure".into(),
        size: i64::try_from(size).unwrap(),
        ..Default::default()
    };
    let (sender, messages) = tokio::sync::mpsc::channel(4);
    let path = archive.to_owned();
    tokio::task::spawn_blocking(move || {
        let message = |content| sender.blocking_send(v1::UploadBackupRequest { content: Some(content) });
        message(Uploaded::Header(announced)).unwrap();
        let (mut file, mut offset, mut data) = (std::fs::File::open(path).unwrap(), 0, vec![0; CHUNK]);
        while let read @ 1.. = file.read(&mut data).unwrap() {
            let chunk = v1::Chunk { offset, data: data[..read].to_vec().into(), crc32c: None };
            message(Uploaded::Chunk(chunk)).unwrap();
            offset += i64::try_from(read).unwrap();
        }
    });
    operator.client.backups().upload_backup(ReceiverStream::new(messages)).await.unwrap().into_inner()
}

/// A second Landlord takes the archive in and makes a tenant of it, which has all these contents under the same ids.
async fn elsewhere(archive: &Path, size: u64, wanted: &Contents) {
    let maker = TestServer::start().await;
    let database = maker.database.clone();
    maker.stop().await.unwrap();
    let server = serving(&database, &[]).await;
    let operator = server.operator().await;
    let since = Instant::now();
    let arrived = send_archive(&operator, archive, size).await;
    told("uploaded elsewhere", since, size);
    let since = Instant::now();
    succeeds(&server, arrived.operation).await;
    told("read there", since, size);
    let (operator, since) = (server.operator().await, Instant::now());
    let request = to_new(&arrived.backup.unwrap().name, "Moved");
    let begun = operator.restore(request).await.unwrap();
    succeeds(&server, begun.operation).await;
    told("restored to a new tenant there", since, size);
    let anna = Api::connect(server.address).await.log_in("anna@moved", ADMIN_PASSWORD).await;
    let moved = contents(&anna, "tenants/moved").await;
    let wanted: Contents =
        wanted.iter().map(|(name, hash)| (name.replace("tenants/acme/", "tenants/moved/"), hash.clone())).collect();
    assert_eq!(moved, wanted);
    let since = Instant::now();
    compare(&server, "anna@moved", &moved).await;
    told("compared there", since, size);
    println!("{} MiB in memory at most there", peak(&server));
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "it takes minutes; make real-input runs it"]
async fn what_a_tenant_of_real_files_had_comes_back_as_it_was() {
    let count = usize::try_from(wanted("FILES").unwrap_or(20_000)).unwrap();
    let store = std::env::var("STORE").unwrap_or_default();
    let service = match store.as_str() {
        "" | "folder" => None,
        "moto" => Some(s3::Service::moto().await),
        "s3s-fs" => Some(s3::Service::s3s().await),
        other => panic!("STORE must be folder, moto or s3s-fs, and is {other}"),
    };
    comes_back(count, wanted("MEGABYTES").unwrap_or(1024), seed(), service.as_ref()).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs moto: make e2e"]
async fn e2e_it_does_with_a_store_that_takes_any_key() {
    comes_back(300, 20, 1, Some(&s3::Service::moto().await)).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs s3s-fs: make e2e"]
async fn e2e_it_does_with_a_store_that_checks_signatures() {
    comes_back(300, 20, 1, Some(&s3::Service::s3s().await)).await;
}

/// A tenant with so many files and megabytes, in a folder or in an S3 service.
async fn comes_back(count: usize, megabytes: u64, seed: u64, service: Option<&s3::Service>) {
    println!("FILES={count} MEGABYTES={megabytes} SEED={seed}");
    let (files, _) = real_files(count + count / 20, (megabytes << 20) / 20 * 21, seed);
    let count = count.min(files.len());
    let files: Vec<_> = files.into_iter().map(|(file, _)| file).collect();
    let mut options = service.map(|service| store::s3(&format!("http://{}", service.address))).unwrap_or_default();
    options.push(("objects.timeout_seconds", "60".into()));
    let (server, acme) = acme_at(&options).await;

    let since = Instant::now();
    let (mut first, mut bytes) = upload(&server, &acme, &files[..count]).await;
    told("uploaded", since, bytes);
    println!("{} assets, {} MiB, {} MiB in memory at most", first.len(), bytes >> 20, peak(&server));
    let anna = anna_at(&server).await;
    let since = Instant::now();
    let before = anna.back_up(&acme).await;
    told("backed up", since, bytes);
    assert_eq!(contents(&anna, &acme).await, first);

    // One in twenty goes, one in twenty comes.
    let gone: Vec<_> = first.keys().step_by(20).cloned().collect();
    for name in &gone {
        anna.remove_asset(name).await.unwrap();
    }
    let (came, more) = upload(&server, &acme, &files[count..]).await;
    let anna = anna_at(&server).await;
    let mut second = first.clone();
    second.retain(|name, _| !gone.contains(name));
    second.extend(came);
    bytes += more;
    let since = Instant::now();
    let after = anna.back_up(&acme).await;
    told("backed up again", since, bytes);
    let since = Instant::now();
    let request = v1::VerifyBackupRequest { name: after.name.clone(), ..Default::default() };
    succeeds(&server, anna.client.backups().verify_backup(request).await.unwrap().into_inner().operation).await;
    told("verified", since, bytes);

    let folder = tempfile::tempdir().unwrap();
    let since = Instant::now();
    let size = download(&anna, &after.name, &folder.path().join("backup.tar.zst")).await;
    told("downloaded", since, size);
    let open = "set -e; zstd -dc backup.tar.zst | tar x --strip-components 1 --one-top-level=unpacked; cd unpacked
                sha256sum --check --quiet --strict SHA256SUMS; ls content | sort > ../have";
    let opened = Command::new("bash").args(["-o", "pipefail", "-c", open]).current_dir(folder.path()).status().unwrap();
    assert!(opened.success());
    let have = std::fs::read_to_string(folder.path().join("have")).unwrap();
    let mut wanted: Vec<_> = second.values().cloned().collect();
    wanted.sort();
    wanted.dedup();
    assert!(have.lines().eq(wanted.iter().map(String::as_str)), "each content once, and nothing else");
    println!("an archive of {} MiB, {} MiB in memory at most", size >> 20, peak(&server));

    elsewhere(&folder.path().join("backup.tar.zst"), size, &second).await;

    let (anna, since) = (anna_at(&server).await, Instant::now());
    let begun = anna.restore(whole(&before.name)).await.unwrap().operation;
    succeeds(&server, begun).await;
    told("restored", since, bytes);
    assert_eq!(contents(&anna_at(&server).await, &acme).await, first);
    first.retain(|name, _| gone.contains(name));
    compare(&server, "anna@acme", &first).await;
    println!("{} MiB in memory at most", peak(&server));
}
