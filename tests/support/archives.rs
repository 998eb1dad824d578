//! Archives of backups: how they come and go, and how they are taken apart and put together otherwise.

use std::io::{Read as _, Write};

use futures::{StreamExt as _, TryStreamExt as _};
use landlord::proto::v1;
use tonic::{Response, Status};
use v1::download_backup_response::Content as Downloaded;
use v1::upload_backup_request::Content as Uploaded;

use super::assets::{CHUNK, sha256};
use super::client::Api;

/// Announces an archive.
pub fn header(parent: &str, archive: &[u8]) -> v1::UploadBackupHeader {
    let size = i64::try_from(archive.len()).unwrap();
    v1::UploadBackupHeader { parent: parent.into(), size, sha256: sha256(archive), ..Default::default() }
}

/// All messages of an upload that goes on at a byte.
pub fn messages(header: v1::UploadBackupHeader, archive: &[u8], from: usize) -> Vec<v1::UploadBackupRequest> {
    let chunk = |(number, data): (usize, &[u8])| {
        let (offset, crc32c) = (i64::try_from(from + number * CHUNK).unwrap(), Some(crc32c::crc32c(data)));
        Uploaded::Chunk(v1::Chunk { offset, data: data.to_vec().into(), crc32c })
    };
    let chunks = archive[from..].chunks(CHUNK).enumerate().map(chunk);
    let message = |content| v1::UploadBackupRequest { content: Some(content) };
    std::iter::once(Uploaded::Header(header)).chain(chunks).map(message).collect()
}

impl Api {
    /// DownloadBackup: the header, and at most so many bytes from there on. Each chunk must be the next one and be whole.
    pub async fn archive(
        &self,
        name: &str,
        offset: i64,
        most: usize,
    ) -> Result<(v1::DownloadBackupHeader, Vec<u8>), Status> {
        self.archive_of(v1::DownloadBackupRequest { name: name.into(), offset, ..Default::default() }, most).await
    }

    /// The same, as it is asked for.
    pub async fn archive_of(
        &self,
        request: v1::DownloadBackupRequest,
        most: usize,
    ) -> Result<(v1::DownloadBackupHeader, Vec<u8>), Status> {
        let offset = request.offset;
        let mut stream = self.client.backups().download_backup(request).await?.into_inner();
        let Some(Downloaded::Header(header)) = stream.try_next().await?.unwrap().content else { panic!("no header") };
        let mut content = Vec::new();
        while content.len() < most
            && let Some(message) = stream.next().await
        {
            let Some(Downloaded::Chunk(chunk)) = message?.content else { panic!("another header") };
            assert_eq!(chunk.offset, offset + i64::try_from(content.len()).unwrap());
            assert_eq!(chunk.crc32c, Some(crc32c::crc32c(&chunk.data)));
            content.extend_from_slice(&chunk.data);
        }
        Ok((header, content))
    }

    /// UploadBackup with these messages.
    pub async fn send_backup(
        &self,
        messages: Vec<v1::UploadBackupRequest>,
    ) -> Result<v1::UploadBackupResponse, Status> {
        self.client.backups().upload_backup(futures::stream::iter(messages)).await.map(Response::into_inner)
    }

    /// Uploads an archive; gives the reading as it ends, and the backup.
    pub async fn upload_archive(&self, parent: &str, archive: &[u8]) -> (v1::Operation, v1::Backup) {
        let arrived = self.send_backup(messages(header(parent, archive), archive, 0)).await.unwrap();
        let ended = self.wait(&arrived.operation.unwrap().name).await;
        (ended, self.backup(&arrived.backup.unwrap().name).await.unwrap())
    }
}

/// What is in an archive, in its order.
pub fn taken_apart(archive: &[u8]) -> Vec<(String, Vec<u8>)> {
    let plain = zstd::stream::decode_all(archive).unwrap();
    let mut files = Vec::new();
    for entry in tar::Archive::new(&plain[..]).entries().unwrap() {
        let mut entry = entry.unwrap();
        let (name, mut content) = (entry.path().unwrap().display().to_string(), Vec::new());
        entry.read_to_end(&mut content).unwrap();
        files.push((name, content));
    }
    files
}

/// An archive of these files, with sums that are right.
pub fn put_together(files: &[(String, Vec<u8>)]) -> Vec<u8> {
    let (mut archive, mut sums) = (tar::Builder::new(Vec::new()), String::new());
    for (name, content) in files {
        let (_, file) = name.split_once('/').unwrap_or(("", name));
        let content = if file == "SHA256SUMS" { sums.clone().into_bytes() } else { content.clone() };
        add(&mut archive, name, &content, tar::EntryType::Regular);
        sums += &format!("{}  {file}\n", sha256(&content));
    }
    packed(archive)
}

/// Adds a file under whatever name.
pub fn add(archive: &mut tar::Builder<impl Write>, name: &str, content: &[u8], kind: tar::EntryType) {
    let mut header = tar::Header::new_ustar();
    // Names that no archive should have are written as they are.
    if header.set_path(name).is_err() {
        header.as_ustar_mut().unwrap().name[..name.len()].copy_from_slice(name.as_bytes());
    }
    header.set_entry_type(kind);
    header.set_size(content.len().try_into().unwrap());
    header.set_mode(0o644);
    header.set_cksum();
    archive.append(&header, content).unwrap();
}

/// What was put together, compressed.
pub fn packed(archive: tar::Builder<Vec<u8>>) -> Vec<u8> {
    zstd::stream::encode_all(&archive.into_inner().unwrap()[..], 1).unwrap()
}
