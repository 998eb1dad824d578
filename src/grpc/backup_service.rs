//! BackupService: decode, call the use case, encode.

use super::convert::{asset, names};
use super::guarded::BackupServiceHandler;
use crate::app::App;
use crate::context::OpContext;
use crate::domain::error::Result;
use crate::proto::v1;

/// The service.
pub struct BackupService(pub App);

#[tonic::async_trait]
impl BackupServiceHandler for BackupService {
    async fn get_upload(&self, op: OpContext, request: v1::GetUploadRequest) -> Result<v1::GetUploadResponse> {
        let found = self.0.get_upload(op, names::id("name", &request.name)?).await?;
        Ok(v1::GetUploadResponse { upload: Some(asset::upload(found)) })
    }
}
