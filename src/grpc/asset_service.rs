//! AssetService: decode, call the use case, encode.

use futures::StreamExt as _;
use futures::stream::once;

use super::convert::operation::operation;
use super::convert::{asset, backup, names, page};
use super::guard::{Answers, Messages};
use super::guarded::AssetServiceHandler;
use crate::app::App;
use crate::context::OpContext;
use crate::domain::asset_list::{AssetOrder, AssetQuery, asset_filter};
use crate::domain::error::Result;
use crate::domain::fold::fold;
use crate::proto::v1;

/// The service.
pub struct AssetService(pub App);

#[tonic::async_trait]
impl AssetServiceHandler for AssetService {
    async fn upload_asset(
        &self,
        op: OpContext,
        first: v1::UploadAssetRequest,
        rest: Messages<v1::UploadAssetRequest>,
    ) -> Result<v1::UploadAssetResponse> {
        let (new, announced) = asset::announced(first)?;
        let chunks = rest.map(|message| message.and_then(asset::uploaded)).boxed();
        let made = self.0.upload_asset(op, new, announced, chunks).await?;
        Ok(v1::UploadAssetResponse { asset: made.map(asset::asset) })
    }

    async fn download_asset(
        &self,
        op: OpContext,
        request: v1::DownloadAssetRequest,
    ) -> Result<Answers<v1::DownloadAssetResponse>> {
        let id = names::id("name", &request.name)?;
        let (found, chunks) = self.0.download_asset(op, id, request.offset).await?;
        let header = once(async { Ok(asset::download_header(found)) });
        Ok(header.chain(chunks.map(|chunk| chunk.map(asset::downloaded))).boxed())
    }

    async fn get_asset(&self, op: OpContext, request: v1::GetAssetRequest) -> Result<v1::GetAssetResponse> {
        let found = self.0.get_asset(op, names::id("name", &request.name)?).await?;
        Ok(v1::GetAssetResponse { asset: Some(asset::asset(found)) })
    }

    async fn list_assets(&self, op: OpContext, request: v1::ListAssetsRequest) -> Result<v1::ListAssetsResponse> {
        names::tenant("parent", &request.parent)?;
        let arguments =
            [&request.parent, &request.search, &request.filter, &request.order_by].map(String::as_str).join("\n");
        let (order, descending) = page::order(&request.order_by, &AssetOrder::ALL, AssetOrder::field)?;
        let query = AssetQuery {
            search: fold(&page::search(request.search)?),
            filter: asset_filter(&request.filter)?,
            order,
            descending,
            after: page::open(&self.0.root, &op, &arguments, &request.page_token)?,
            size: page::size(request.page_size)?,
        };
        let (found, total) = self.0.list_assets(op.clone(), query).await?;
        Ok(v1::ListAssetsResponse {
            next_page_token: page::seal(&self.0.root, &op, &arguments, found.next.as_ref())?,
            assets: found.rows.into_iter().map(asset::asset).collect(),
            total_size: page::total(total),
            total_size_estimated: page::is_estimate(total),
        })
    }

    async fn update_asset(&self, op: OpContext, request: v1::UpdateAssetRequest) -> Result<v1::UpdateAssetResponse> {
        let changed = self.0.update_asset(op, asset::update(request)?).await?;
        Ok(v1::UpdateAssetResponse { asset: Some(asset::asset(changed)) })
    }

    async fn delete_asset(&self, op: OpContext, request: v1::DeleteAssetRequest) -> Result<v1::DeleteAssetResponse> {
        self.0.delete_asset(op, names::id("name", &request.name)?, request.etag).await?;
        Ok(v1::DeleteAssetResponse {})
    }

    async fn copy_assets(&self, op: OpContext, request: v1::CopyAssetsRequest) -> Result<v1::CopyAssetsResponse> {
        let begun = self.0.copy_assets(op.clone(), asset::copy(request)?).await?;
        Ok(v1::CopyAssetsResponse { operation: Some(operation(begun)).filter(|_| !op.validate_only()) })
    }

    async fn backup_assets(&self, op: OpContext, request: v1::BackupAssetsRequest) -> Result<v1::BackupAssetsResponse> {
        let begun = self.0.backup_assets(op.clone(), asset::back_up(request)?).await?;
        Ok(v1::BackupAssetsResponse {
            operation: Some(operation(begun.operation)).filter(|_| !op.validate_only()),
            backup: Some(backup::backup(begun.backup)),
        })
    }

    async fn restore_assets(
        &self,
        op: OpContext,
        request: v1::RestoreAssetsRequest,
    ) -> Result<v1::RestoreAssetsResponse> {
        let begun = self.0.restore_assets(op.clone(), asset::restore(request)?).await?;
        Ok(v1::RestoreAssetsResponse { operation: Some(operation(begun)).filter(|_| !op.validate_only()) })
    }

    async fn assign_recordings(
        &self,
        op: OpContext,
        request: v1::AssignRecordingsRequest,
    ) -> Result<v1::AssignRecordingsResponse> {
        names::tenant_or_open("parent", &request.parent)?;
        let begun = self.0.assign_recordings(op.clone()).await?;
        Ok(v1::AssignRecordingsResponse { operation: Some(operation(begun)).filter(|_| !op.validate_only()) })
    }
}
