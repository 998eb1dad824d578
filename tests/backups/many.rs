//! A million small assets: each takes as long as it does where there are few, and all of them little memory.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use futures::{StreamExt as _, TryStreamExt as _};
use landlord::proto::v1;
use sha2::{Digest as _, Sha256};
use tar::EntryType;
use v1::download_backup_response::Content as Downloaded;

use super::real::{acme_at, anna_at, peak, send_archive, succeeds, told};
use super::restore_new::to_new;
use crate::support::archives::{add, taken_apart};
use crate::support::assets::{header, noise, sha256};
use crate::support::backups::whole;
use crate::support::client::Api;
use crate::support::lifecycle::ADMIN_PASSWORD;
use crate::support::process::Process;
use crate::support::random::wanted;

/// MiB of memory that the service may have at most, however many there are: less than the chart gives it.
const MEMORY: u64 = 480;
/// Assets that are uploaded to see how long it takes.
const SOME: u32 = 400;
/// Uploads at the same time.
const LANES: usize = 8;

/// The content of one of them.
fn content(number: u64) -> Vec<u8> {
    format!("This is what the asset {number} of very many has, and no other one.\n").into_bytes()
}

/// Rows as Postgres copies them.
struct Rows {
    columns: Vec<String>,
    row: Vec<Option<Vec<u8>>>,
    copied: Vec<u8>,
}

impl Rows {
    /// Like the first one of a table in an archive.
    fn like(manifest: &serde_json::Value, table: &str, copied: &[u8]) -> Self {
        let segments = manifest["segments"].as_array().unwrap();
        let segment = segments.iter().find(|segment| segment["table"] == table).unwrap();
        let columns =
            segment["columns"].as_array().unwrap().iter().map(|column| column["name"].as_str().unwrap().into());
        let (begin, mut rest) = copied.split_at(21);
        let mut row = Vec::new();
        for _ in 0..i16::from_be_bytes([begin[19], begin[20]]) {
            let length = i32::from_be_bytes(rest[..4].try_into().unwrap());
            rest = &rest[4..];
            row.push(usize::try_from(length).ok().map(|length| rest[..length].to_vec()));
            rest = &rest[row.last().unwrap().as_ref().map_or(0, Vec::len)..];
        }
        Self { columns: columns.collect(), row, copied: begin[..19].to_vec() }
    }

    /// Adds it with other values.
    fn add(&mut self, values: &[(&str, &[u8])]) {
        self.copied.extend(i16::try_from(self.row.len()).unwrap().to_be_bytes());
        for (column, value) in self.columns.iter().zip(&self.row) {
            let other = values.iter().find(|(name, _)| name == column).map(|(_, value)| *value);
            match other.or(value.as_deref()) {
                Some(value) => {
                    self.copied.extend(i32::try_from(value.len()).unwrap().to_be_bytes());
                    self.copied.extend(value);
                }
                None => self.copied.extend((-1_i32).to_be_bytes()),
            }
        }
    }

    fn end(mut self) -> Vec<u8> {
        self.copied.extend((-1_i16).to_be_bytes());
        self.copied
    }
}

/// Writes an archive as of a tenant that has so many assets, made of the one of a tenant that has one.
fn multiply(archive: &[u8], count: u64, path: &Path) {
    let files = taken_apart(archive);
    let manifest: serde_json::Value = serde_json::from_slice(&files[0].1).unwrap();
    let like = |table: &str| {
        let (_, rows) = files.iter().find(|(name, _)| name.ends_with(&format!("/tables/{table}.copy"))).unwrap();
        Rows::like(&manifest, table, rows)
    };
    let (mut assets, mut blobs) = (like("assets"), like("blobs"));
    for number in 0..count {
        let (content, id) = (content(number), uuid::Uuid::now_v7());
        let (name, bytes) = (format!("asset {number}"), i64::try_from(content.len()).unwrap().to_be_bytes());
        let (id, name) = (&id.as_bytes()[..], name.as_bytes());
        assets.add(&[("id", id), ("display_name", name), ("folded", name), ("blob_id", id), ("bytes", &bytes)]);
        blobs.add(&[("id", id), ("sha256", &Sha256::digest(&content)[..])]);
    }
    let (assets, blobs) = (assets.end(), blobs.end());

    let packed = zstd::stream::write::Encoder::new(File::create(path).unwrap(), 1).unwrap();
    let (mut archive, mut sums) = (tar::Builder::new(packed), String::new());
    let folder = files[0].0.split_once('/').unwrap().0;
    let mut put = |file: &str, content: &[u8]| {
        add(&mut archive, &format!("{folder}/{file}"), content, EntryType::Regular);
        sums += &format!("{}  {file}\n", sha256(content));
    };
    for (name, had) in &files {
        match name.split_once('/').unwrap().1 {
            "SHA256SUMS" => {}
            "tables/assets.copy" => put("tables/assets.copy", &assets),
            "tables/blobs.copy" => put("tables/blobs.copy", &blobs),
            file if file.starts_with("content/") => {
                (0..count).map(content).for_each(|content| put(&format!("content/{}", sha256(&content)), &content));
            }
            file => put(file, had),
        }
    }
    add(&mut archive, &format!("{folder}/SHA256SUMS"), sums.as_bytes(), EntryType::Regular);
    archive.into_inner().unwrap().finish().unwrap();
}

/// How long it takes to upload some more.
async fn upload_some(server: &Process, tenant: &str, user: &str) -> Duration {
    let api = &Api::connect(server.address).await.log_in(user, ADMIN_PASSWORD).await;
    let since = Instant::now();
    let uploads = futures::stream::iter(0..SOME).map(|number| async move {
        let content = noise(500, u64::from(number) + 1);
        api.upload(header(tenant, &format!("more {number}"), &content), &content).await.unwrap();
    });
    uploads.buffer_unordered(LANES).collect::<()>().await;
    since.elapsed()
}

/// A page of the list, and how long it took.
async fn page(api: &Api, request: v1::ListAssetsRequest) -> (v1::ListAssetsResponse, Duration) {
    let since = Instant::now();
    (api.list_assets(v1::ListAssetsRequest { page_size: 100, ..request }).await.unwrap(), since.elapsed())
}

/// How many files the archive of a backup has, as tar and zstd see it.
async fn files_in(api: &Api, backup: &str) -> u64 {
    let mut list = Command::new("bash");
    list.args(["-o", "pipefail", "-c", "zstd -dc | tar t | wc -l"]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut list = list.spawn().unwrap();
    let mut archive = list.stdin.take().unwrap();
    let request = v1::DownloadBackupRequest { name: backup.into(), ..Default::default() };
    let mut stream = api.client.backups().download_backup(request).await.unwrap().into_inner();
    while let Some(message) = stream.try_next().await.unwrap() {
        if let Some(Downloaded::Chunk(chunk)) = message.content {
            archive.write_all(&chunk.data).unwrap();
        }
    }
    drop(archive);
    let listed = list.wait_with_output().unwrap();
    assert!(listed.status.success());
    String::from_utf8(listed.stdout).unwrap().trim().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a million take twenty minutes; make many-assets runs it"]
async fn a_million_assets_are_handled_like_a_few_and_take_little_memory() {
    let count = wanted("ASSETS").unwrap_or(1_000_000);
    let (server, acme) = acme_at(&[]).await;
    let anna = anna_at(&server).await;
    anna.new_asset(&acme, "one", b"of many").await;
    let backup = anna.back_up(&acme).await;
    let (_, archive) = anna.archive(&backup.name, 0, usize::MAX).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("many.tar.zst");
    multiply(&archive, count, &path);
    let size = path.metadata().unwrap().len();
    let few = upload_some(&server, &acme, "anna@acme").await;

    let since = Instant::now();
    let arrived = send_archive(&server.operator().await, &path, size).await;
    succeeds(&server, arrived.operation).await;
    told("read", since, size);
    let (operator, since) = (server.operator().await, Instant::now());
    let request = to_new(&arrived.backup.unwrap().name, "Many");
    succeeds(&server, operator.restore(request).await.unwrap().operation).await;
    told("restored to a new tenant", since, size);
    println!("{} MiB in memory at most", peak(&server));

    let (many, user) = ("tenants/many", "anna@many");
    let anna = async || Api::connect(server.address).await.log_in(user, ADMIN_PASSWORD).await;
    let list = |order_by: &str, search: &str| v1::ListAssetsRequest {
        parent: many.into(),
        order_by: order_by.into(),
        search: search.into(),
        ..Default::default()
    };
    let (api, since) = (anna().await, Instant::now());
    let first = api.back_up(many).await;
    told("backed up", since, size);
    assert_eq!(u64::try_from(first.objects).unwrap(), count);
    let (gone, _) = page(&api, list("", "")).await;
    for asset in &gone.assets {
        api.remove_asset(&asset.name).await.unwrap();
    }
    // At once: Postgres has not looked at what came, and plans as if it were not there.
    let (api, since) = (anna().await, Instant::now());
    succeeds(&server, api.restore(whole(&first.name)).await.unwrap().operation).await;
    told("restored", since, size);
    assert!(since.elapsed() < Duration::from_secs(120), "the tenant is not held for minutes");
    let (back, _) = page(&anna().await, list("", "")).await;
    let named = |assets: Vec<v1::Asset>| assets.into_iter().map(|asset| (asset.name, asset.sha256)).collect::<Vec<_>>();
    assert_eq!(named(back.assets), named(gone.assets));

    // Postgres would look by itself, within a minute.
    server.database.connect("postgres").await.batch_execute("ANALYZE").await.unwrap();
    let more = upload_some(&server, many, user).await;
    println!("{SOME} uploaded in {more:?}, where there are few in {few:?}");
    assert!(more < few * 3);
    for request in [list("", ""), list("size desc", ""), list("create_time desc", ""), list("", "set 1999")] {
        let (listed, took) = page(&anna().await, request.clone()).await;
        println!("a page of {} by {:?} with {:?} in {took:?}", listed.assets.len(), request.order_by, request.search);
        assert!(!listed.assets.is_empty());
    }

    let (api, since) = (anna().await, Instant::now());
    let second = api.back_up(many).await;
    told("backed up again", since, size);
    assert_eq!(u64::try_from(second.objects).unwrap(), count + u64::from(SOME));
    println!("{} MiB in memory at most", peak(&server));
    let since = Instant::now();
    let request = v1::VerifyBackupRequest { name: second.name.clone(), ..Default::default() };
    succeeds(&server, anna().await.client.backups().verify_backup(request).await.unwrap().into_inner().operation).await;
    told("verified", since, size);
    println!("{} MiB in memory at most", peak(&server));
    let since = Instant::now();
    let files = files_in(&anna().await, &second.name).await;
    told("downloaded", since, size);
    let tables = u64::try_from(taken_apart(&archive).len() - 1).unwrap();
    assert_eq!(files, count + u64::from(SOME) + tables);
    println!("{} MiB in memory at most", peak(&server));
    assert!(peak(&server) <= MEMORY);
}
