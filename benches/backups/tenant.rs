//! A tenant and its backups, as an operator works with them who acts for the tenant's superuser.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use futures::StreamExt as _;
use landlord::client::Client;
use landlord::proto::v1;
use v1::backup::Storage;
use v1::download_backup_response::Content as Downloaded;
use v1::upload_asset_request::Content as Uploaded;

use crate::others::{settle, timed};
use crate::raw::CHUNK;
use crate::service::{Service, log_in};

/// Uploads at the same time.
const LANES: usize = 8;

/// A tenant of a service.
pub struct Tenant<'a> {
    service: &'a Service,
    anonymous: Client,
    pub name: String,
}

impl<'a> Tenant<'a> {
    /// The one of that name; made, if it is not there.
    pub async fn new(service: &'a Service, code: &str) -> Self {
        let found = Self { service, anonymous: service.anonymous().await, name: format!("tenants/{code}") };
        let tenant = Some(v1::Tenant { display_name: code.into(), ..Default::default() });
        let request = v1::CreateTenantRequest { tenant_id: code.into(), tenant, ..Default::default() };
        if let Ok(made) = found.operator().await.tenants().create_tenant(request).await {
            ended(&found.operator().await, &made.into_inner().operation.unwrap().name).await;
        }
        found
    }

    /// A client of the operator. Tokens last for five minutes, and nothing here takes longer than one.
    pub async fn operator(&self) -> Client {
        self.anonymous.clone().with_token(&log_in(&self.anonymous).await).unwrap()
    }

    async fn superuser(&self) -> Client {
        self.operator().await.impersonating("superuser", "it is measured").unwrap()
    }

    /// Uploads files; says how long that took.
    pub async fn upload(&self, files: &[PathBuf]) -> Duration {
        settle();
        let began = Instant::now();
        // Files of a minute or so with each token.
        for some in files.chunks(2000) {
            let client = self.superuser().await;
            let upload = |file: PathBuf| {
                let client = client.clone();
                async move { self.upload_one(&client, &file.display().to_string(), std::fs::read(&file).unwrap()).await }
            };
            futures::stream::iter(some.to_vec()).map(upload).buffer_unordered(LANES).collect::<Vec<_>>().await;
        }
        began.elapsed()
    }

    /// Uploads bytes as an asset; gives its name.
    pub async fn upload_bytes(&self, name: &str, content: Vec<u8>) -> String {
        self.upload_one(&self.superuser().await, name, content).await
    }

    async fn upload_one(&self, client: &Client, name: &str, content: Vec<u8>) -> String {
        let header = v1::UploadAssetHeader {
            parent: self.name.clone(),
            kind: v1::asset::Kind::Document.into(),
            display_name: name.into(),
            size: content.len().try_into().unwrap(),
            ..Default::default()
        };
        let chunks = content.chunks(CHUNK).enumerate().map(|(number, data)| {
            let offset = (number * CHUNK).try_into().unwrap();
            Uploaded::Chunk(v1::Chunk { offset, data: data.to_vec().into(), crc32c: None })
        });
        let messages: Vec<_> = std::iter::once(Uploaded::Header(header)).chain(chunks).collect();
        let messages = messages.into_iter().map(|content| v1::UploadAssetRequest { content: Some(content) });
        let answer = client.assets().upload_asset(futures::stream::iter(messages)).await.unwrap();
        answer.into_inner().asset.unwrap().name
    }

    /// Makes a backup of these components, all if none is named; says how long that took.
    pub async fn back_up(&self, components: &[&str]) -> (String, Duration) {
        self.back_up_as(&self.superuser().await, components).await
    }

    async fn back_up_as(&self, client: &Client, components: &[&str]) -> (String, Duration) {
        let components = components.iter().map(|&component| component.to_owned()).collect();
        let request = v1::CreateBackupRequest { parent: self.name.clone(), components, ..Default::default() };
        settle();
        let began = Instant::now();
        let begun = client.backups().create_backup(request).await.unwrap().into_inner();
        ended(client, &begun.operation.unwrap().name).await;
        (begun.backup.unwrap().name, began.elapsed())
    }

    /// Makes one of everything; says how long that took, and how long until it was in the second store as well.
    pub async fn back_up_twice(&self) -> (Duration, Duration) {
        let client = self.superuser().await;
        let (name, took) = self.back_up_as(&client, &[]).await;
        let made = Instant::now();
        copied(&client, &name).await;
        (took, took + made.elapsed())
    }

    /// Waits until a backup is in the second store.
    pub async fn copied(&self, name: &str) {
        copied(&self.superuser().await, name).await;
    }

    /// How long `landlord recover` takes to write the archive of a backup to nothing. The root key and the store are in that folder.
    pub fn archive(folder: &Path, name: &str) -> Duration {
        let key = format!("root_key_file={}", folder.join("root.key").display());
        let objects = format!("objects.url=file://{}", folder.join("objects").display());
        let id = name.rsplit('/').next().unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_landlord"));
        command.args(["recover", "archive", id, "--set", &key, "--set", &objects]);
        timed(command)
    }

    /// How long the last copying to the second store has worked.
    pub async fn copying(&self) -> Duration {
        let request = v1::ListOperationsRequest { parent: self.name.clone(), ..Default::default() };
        let listed = self.operator().await.operations().list_operations(request).await.unwrap().into_inner();
        let copying = listed.operations.into_iter().filter(|operation| operation.kind == "copy-backups");
        let lasted =
            copying.filter_map(|operation| Some(seconds(&operation.end_time?) - seconds(&operation.start_time?)));
        Duration::from_secs_f64(lasted.fold(0.0, f64::max))
    }

    /// Verifies a backup, perhaps no more than its seals.
    pub async fn verify(&self, name: &str, seals_only: bool) -> Duration {
        let client = self.superuser().await;
        let request = v1::VerifyBackupRequest { name: name.into(), seals_only, ..Default::default() };
        let began = Instant::now();
        let begun = client.backups().verify_backup(request).await.unwrap().into_inner();
        ended(&client, &begun.operation.unwrap().name).await;
        began.elapsed()
    }

    /// Restores a backup in place.
    pub async fn restore(&self, name: &str) -> Duration {
        let request = v1::RestoreBackupRequest { name: name.into(), ..Default::default() };
        let client = self.superuser().await;
        settle();
        let began = Instant::now();
        let begun = client.backups().restore_backup(request).await.unwrap().into_inner();
        ended(&self.operator().await, &begun.operation.unwrap().name).await;
        began.elapsed()
    }

    /// Downloads a backup to nothing.
    pub async fn download(&self, name: &str) -> (u64, Duration) {
        let client = self.superuser().await;
        let (began, mut bytes) = (Instant::now(), 0);
        let request = v1::DownloadBackupRequest { name: name.into(), ..Default::default() };
        let mut stream = client.backups().download_backup(request).await.unwrap().into_inner();
        while let Some(message) = stream.message().await.unwrap() {
            if let Some(Downloaded::Chunk(chunk)) = message.content {
                bytes += chunk.data.len() as u64;
            }
        }
        (bytes, began.elapsed())
    }

    /// Downloads an asset to nothing.
    pub async fn download_asset(&self, name: &str) -> Duration {
        let client = self.superuser().await;
        let began = Instant::now();
        let request = v1::DownloadAssetRequest { name: name.into(), ..Default::default() };
        let mut stream = client.assets().download_asset(request).await.unwrap().into_inner();
        while stream.message().await.unwrap().is_some() {}
        began.elapsed()
    }

    /// Deletes the tenant; says how long its keys were still there, which are below that folder.
    pub async fn erase(&self, keys: &Path) -> Duration {
        let client = self.operator().await;
        let request = v1::PrepareTenantDeletionRequest { name: self.name.clone(), ..Default::default() };
        let begun = client.tenants().prepare_tenant_deletion(request).await.unwrap().into_inner();
        ended(&client, &begun.operation.unwrap().name).await;
        let confirm_name = self.name.trim_start_matches("tenants/").to_owned();
        let request = v1::DeleteTenantRequest { name: self.name.clone(), confirm_name, ..Default::default() };
        let began = Instant::now();
        let begun = client.tenants().delete_tenant(request).await.unwrap().into_inner();
        while keys.read_dir().is_ok_and(|mut keys| keys.next().is_some()) {
            tokio::time::sleep(Duration::from_micros(200)).await;
        }
        let erased = began.elapsed();
        ended(&client, &begun.operation.unwrap().name).await;
        erased
    }

    /// Memory that the service had at most, in MiB.
    pub fn peak_mib(&self) -> u64 {
        self.service.memory_mib("VmHWM")
    }
}

/// Waits until a backup is in the second store.
async fn copied(client: &Client, name: &str) {
    loop {
        let request = v1::GetBackupRequest { name: name.into() };
        let backup = client.backups().get_backup(request).await.unwrap().into_inner().backup.unwrap();
        if backup.storage() == Storage::Backup {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Waits for the end of an operation, which must be a good one.
async fn ended(client: &Client, name: &str) {
    loop {
        let timeout = Some(prost_types::Duration { seconds: 30, nanos: 0 });
        let request = v1::WaitOperationRequest { name: name.into(), timeout };
        let waited = client.operations().wait_operation(request).await.unwrap();
        let operation = waited.into_inner().operation.unwrap();
        if operation.end_time.is_some() {
            assert_eq!(operation.error, None);
            return;
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "differences of times are small")]
fn seconds(time: &prost_types::Timestamp) -> f64 {
    (time.seconds - 1_700_000_000) as f64 + f64::from(time.nanos) / 1e9
}
