//! The calls on assets, and content for them.

use futures::{StreamExt as _, TryStreamExt as _};
use landlord::proto::v1;
use sha2::{Digest as _, Sha256};
use tonic::{Response, Status};
use v1::download_asset_response::Content as Downloaded;
use v1::upload_asset_request::Content as Uploaded;

use super::client::{Api, eventually};
use super::server::TestServer;

/// Bytes of a chunk that tests send.
pub const CHUNK: usize = 256 * 1024;

/// Bytes that look random, and are the same each time.
pub fn noise(bytes: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    let mut content = Vec::with_capacity(bytes + 8);
    while content.len() < bytes {
        content.extend_from_slice(&next());
    }
    content.truncate(bytes);
    content
}

/// The SHA-256 as it is written.
pub fn sha256(content: &[u8]) -> String {
    Sha256::digest(content).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Announces content as an asset of the kind OTHER.
pub fn header(parent: &str, display_name: &str, content: &[u8]) -> v1::UploadAssetHeader {
    v1::UploadAssetHeader {
        parent: parent.into(),
        kind: v1::asset::Kind::Other.into(),
        display_name: display_name.into(),
        size: i64::try_from(content.len()).unwrap(),
        sha256: sha256(content),
        ..Default::default()
    }
}

/// The first message of an upload.
pub fn first(header: v1::UploadAssetHeader) -> v1::UploadAssetRequest {
    v1::UploadAssetRequest { content: Some(Uploaded::Header(header)) }
}

/// Another message of it.
pub fn chunk(offset: usize, data: &[u8]) -> v1::UploadAssetRequest {
    let crc32c = Some(crc32c::crc32c(data));
    let offset = i64::try_from(offset).unwrap();
    v1::UploadAssetRequest { content: Some(Uploaded::Chunk(v1::Chunk { offset, data: data.to_vec().into(), crc32c })) }
}

/// All messages of an upload that goes on at a byte.
pub fn messages(header: v1::UploadAssetHeader, content: &[u8], from: usize) -> Vec<v1::UploadAssetRequest> {
    let chunks = content[from..].chunks(CHUNK).enumerate().map(|(i, data)| chunk(from + i * CHUNK, data));
    std::iter::once(first(header)).chain(chunks).collect()
}

impl Api {
    /// UploadAsset with these messages.
    pub async fn send(
        &self,
        messages: impl futures::Stream<Item = v1::UploadAssetRequest> + Send + 'static,
    ) -> Result<Option<v1::Asset>, Status> {
        self.client.assets().upload_asset(messages).await.map(|r| r.into_inner().asset)
    }

    /// UploadAsset of that content.
    pub async fn upload(&self, header: v1::UploadAssetHeader, content: &[u8]) -> Result<v1::Asset, Status> {
        self.send(futures::stream::iter(messages(header, content, 0))).await.map(Option::unwrap)
    }

    /// Uploads an asset of the kind OTHER.
    pub async fn new_asset(&self, parent: &str, display_name: &str, content: &[u8]) -> v1::Asset {
        self.upload(header(parent, display_name, content), content).await.unwrap()
    }

    /// DownloadAsset: the asset, and its content from a byte on. Each chunk must be the next one and be whole.
    pub async fn download(&self, name: &str, offset: i64) -> Result<(v1::Asset, Vec<u8>), Status> {
        let request = v1::DownloadAssetRequest { name: name.into(), offset };
        let mut stream = self.client.assets().download_asset(request).await?.into_inner();
        let Some(Downloaded::Header(header)) = stream.try_next().await?.unwrap().content else { panic!("no header") };
        let mut content = Vec::new();
        while let Some(message) = stream.next().await {
            let Some(Downloaded::Chunk(chunk)) = message?.content else { panic!("another header") };
            assert_eq!(chunk.offset, offset + i64::try_from(content.len()).unwrap());
            assert_eq!(chunk.crc32c, Some(crc32c::crc32c(&chunk.data)));
            assert!((1..=CHUNK).contains(&chunk.data.len()));
            content.extend_from_slice(&chunk.data);
        }
        Ok((header.asset.unwrap(), content))
    }

    /// GetAsset.
    pub async fn asset(&self, name: &str) -> Result<v1::Asset, Status> {
        let request = v1::GetAssetRequest { name: name.into() };
        self.client.assets().get_asset(request).await.map(|r| r.into_inner().asset.unwrap())
    }

    /// ListAssets.
    pub async fn list_assets(&self, request: v1::ListAssetsRequest) -> Result<v1::ListAssetsResponse, Status> {
        self.client.assets().list_assets(request).await.map(Response::into_inner)
    }

    /// The names of the assets that match a filter, in their order.
    pub async fn assets(&self, parent: &str, filter: &str) -> Result<Vec<String>, Status> {
        let request = v1::ListAssetsRequest { parent: parent.into(), filter: filter.into(), ..Default::default() };
        let page = self.list_assets(request).await?;
        Ok(page.assets.into_iter().map(|asset| asset.display_name).collect())
    }

    /// UpdateAsset.
    pub async fn change_asset(&self, asset: v1::Asset, paths: &[&str]) -> Result<v1::Asset, Status> {
        let paths = paths.iter().map(|path| (*path).to_owned()).collect();
        let update_mask = Some(prost_types::FieldMask { paths });
        let request = v1::UpdateAssetRequest { asset: Some(asset), update_mask, ..Default::default() };
        self.client.assets().update_asset(request).await.map(|r| r.into_inner().asset.unwrap())
    }

    /// DeleteAsset.
    pub async fn remove_asset(&self, name: &str) -> Result<(), Status> {
        let request = v1::DeleteAssetRequest { name: name.into(), ..Default::default() };
        self.client.assets().delete_asset(request).await.map(|_| ())
    }

    /// GetUpload.
    pub async fn get_upload(&self, name: &str) -> Result<v1::Upload, Status> {
        let request = v1::GetUploadRequest { name: name.into() };
        self.client.backups().get_upload(request).await.map(|r| r.into_inner().upload.unwrap())
    }
}

impl TestServer {
    /// Waits until this query answers true.
    pub async fn until(&self, query: &str) {
        let sql = self.sql().await;
        let holds = || async { sql.query_one(query, &[]).await.unwrap().get::<_, bool>(0).then_some(()) };
        eventually(query, holds).await;
    }

    /// Waits until this table has a row.
    pub async fn until_there_is(&self, table: &str) {
        self.until(&format!("SELECT count(*) > 0 FROM {table}")).await;
    }
}
