//! BackupService: decode, call the use case, encode.

use futures::StreamExt as _;
use futures::stream::once;

use super::convert::operation::operation;
use super::convert::{asset, backup, names, page, tenant};
use super::guard::{Answers, Messages};
use super::guarded::BackupServiceHandler;
use crate::app::App;
use crate::app::backups::Download;
use crate::context::OpContext;
use crate::domain::backup_list::{BackupQuery, backup_filter};
use crate::domain::error::Result;
use crate::proto::v1;

/// The service.
pub struct BackupService(pub App);

#[tonic::async_trait]
impl BackupServiceHandler for BackupService {
    async fn create_backup(&self, op: OpContext, request: v1::CreateBackupRequest) -> Result<v1::CreateBackupResponse> {
        let begun = self.0.create_backup(op.clone(), backup::create(request)?).await?;
        Ok(v1::CreateBackupResponse {
            operation: Some(operation(begun.operation)).filter(|_| !op.validate_only()),
            backup: Some(backup::backup(begun.backup)),
        })
    }

    async fn get_backup(&self, op: OpContext, request: v1::GetBackupRequest) -> Result<v1::GetBackupResponse> {
        let found = self.0.get_backup(op, names::id("name", &request.name)?).await?;
        Ok(v1::GetBackupResponse { backup: Some(backup::backup(found)) })
    }

    async fn list_backups(&self, op: OpContext, request: v1::ListBackupsRequest) -> Result<v1::ListBackupsResponse> {
        page::check_parent(&request.parent)?;
        let arguments =
            [&request.parent, &request.search, &request.filter, &request.order_by].map(String::as_str).join("\n");
        let by = if request.order_by.is_empty() { "create_time desc" } else { &request.order_by };
        let ((), descending) = page::order(by, &[()], |()| "create_time")?;
        let query = BackupQuery {
            search: page::search(request.search)?,
            filter: backup_filter(&request.filter)?,
            descending,
            after: page::open(&self.0.root, &op, &arguments, &request.page_token)?,
            size: page::size(request.page_size)?,
        };
        let (found, total) = self.0.list_backups(op.clone(), query).await?;
        Ok(v1::ListBackupsResponse {
            next_page_token: page::seal(&self.0.root, &op, &arguments, found.next.as_ref())?,
            backups: found.rows.into_iter().map(backup::backup).collect(),
            total_size: page::total(total),
            total_size_estimated: page::is_estimate(total),
        })
    }

    async fn update_backup(&self, op: OpContext, request: v1::UpdateBackupRequest) -> Result<v1::UpdateBackupResponse> {
        let changed = self.0.update_backup(op, backup::update(request)?).await?;
        Ok(v1::UpdateBackupResponse { backup: Some(backup::backup(changed)) })
    }

    async fn delete_backup(&self, op: OpContext, request: v1::DeleteBackupRequest) -> Result<v1::DeleteBackupResponse> {
        self.0.delete_backup(op, names::id("name", &request.name)?, request.etag).await?;
        Ok(v1::DeleteBackupResponse {})
    }

    async fn verify_backup(&self, op: OpContext, request: v1::VerifyBackupRequest) -> Result<v1::VerifyBackupResponse> {
        let id = names::id("name", &request.name)?;
        let begun = self.0.verify_backup(op.clone(), id, request.seals_only).await?;
        Ok(v1::VerifyBackupResponse { operation: Some(operation(begun)).filter(|_| !op.validate_only()) })
    }

    async fn download_backup(
        &self,
        op: OpContext,
        request: v1::DownloadBackupRequest,
    ) -> Result<Answers<v1::DownloadBackupResponse>> {
        let download = self.0.download_backup(op, backup::download(request)?).await?;
        let Download { backup, file_name, bytes, chunks } = download;
        let header = once(async move { Ok(backup::download_header(backup, bytes, file_name)) });
        Ok(header.chain(chunks.map(|chunk| chunk.map(backup::downloaded))).boxed())
    }

    async fn upload_backup(
        &self,
        op: OpContext,
        first: v1::UploadBackupRequest,
        rest: Messages<v1::UploadBackupRequest>,
    ) -> Result<v1::UploadBackupResponse> {
        let new = backup::announced(first)?;
        let (chunks, passphrase) = backup::uploaded(rest);
        let arrived = self.0.upload_backup(op, new, chunks, passphrase).await?;
        let Some(arrived) = arrived else { return Ok(Default::default()) };
        Ok(v1::UploadBackupResponse {
            operation: Some(operation(arrived.operation)),
            backup: Some(backup::backup(arrived.backup)),
        })
    }

    async fn restore_backup(
        &self,
        op: OpContext,
        request: v1::RestoreBackupRequest,
    ) -> Result<v1::RestoreBackupResponse> {
        let (new, to_new) = backup::restore(request)?;
        let (begun, preview, made) = match to_new {
            None => {
                let begun = self.0.restore_backup(op.clone(), new).await?;
                (begun.operation, begun.preview, None)
            }
            Some(make) => {
                let begun = self.0.restore_to_new(op.clone(), new, make).await?;
                (begun.created.operation, begun.preview, Some(tenant::tenant(begun.created.tenant)))
            }
        };
        Ok(v1::RestoreBackupResponse {
            operation: Some(operation(begun)).filter(|_| !op.validate_only()),
            preview: Some(backup::preview(preview)),
            tenant: made,
        })
    }

    async fn get_upload(&self, op: OpContext, request: v1::GetUploadRequest) -> Result<v1::GetUploadResponse> {
        let found = self.0.get_upload(op, names::upload("name", &request.name)?).await?;
        Ok(v1::GetUploadResponse { upload: Some(asset::upload(found)) })
    }
}
