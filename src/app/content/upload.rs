//! Takes in what a caller uploads: what is announced is reserved before a byte of it is stored, and what breaks off goes on.

use std::sync::Arc;

use futures::FutureExt as _;
use futures::stream::BoxStream;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use super::{Chunk, Received, receive};
use crate::app::App;
use crate::context::OpContext;
use crate::domain::error::{Error, Result};
use crate::domain::id::UploadId;
use crate::domain::upload::{Announced, UploadKey};
use crate::store::tx::{Prepared, Tx, Work};
use crate::store::uploads;

impl App {
    /// Takes it in, if `check` finds that it may come; or gives what the same request was answered with before.
    pub(in crate::app) async fn take_upload<I, A>(
        &self,
        op: OpContext,
        input: I,
        check: impl Work<Tx, I, ()>,
        announced: Announced,
        chunks: BoxStream<'static, Result<Chunk>>,
    ) -> Result<Prepared<Received, A>>
    where
        I: Send + Sync + 'static,
        A: DeserializeOwned + Send + 'static,
    {
        let sealed_with = self.sealing_key(op.target()?).await?.id;
        let request = op.call().and_then(|call| call.request.as_ref());
        let body_hash = request.map(|request| request.body_hash.clone()).unwrap_or_default();
        let input = (input, (key(&op)?, body_hash), announced.clone(), (sealed_with, self.content.keep_uploads));
        let check = Arc::new(check);
        let begun =
            self.db.prepare(op.clone(), "begin-upload", input, move |tx, (input, upload, announced, content)| {
                let check = check.clone();
                async move {
                    check(tx, input).await?;
                    let ((key, body_hash), (sealed_with, keep)) = (upload, content);
                    uploads::begin(tx, *key, body_hash, announced, *sealed_with, *keep).await
                }
                .boxed()
            });
        let upload = match begun.await? {
            Prepared::Goes(upload) => upload,
            Prepared::Answered(answer) => return Ok(Prepared::Answered(answer)),
        };
        fail::fail_point!("upload.begun");
        let received = receive(self, op, upload, announced, chunks).await?;
        fail::fail_point!("upload.received");
        Ok(Prepared::Goes(received))
    }
}

/// What an upload by that call is known by.
pub(in crate::app) fn key(op: &OpContext) -> Result<UploadKey> {
    let request = op.call().and_then(|call| call.request.as_ref());
    Ok(UploadKey { uploader: uploader(op)?, id: request.map_or_else(UploadId::new, |request| UploadId(request.id)) })
}

/// By whose name uploads by that call are known.
pub(in crate::app) fn uploader(op: &OpContext) -> Result<Uuid> {
    let identity = op.permit().identity();
    identity.map(|(_, id)| id).ok_or_else(|| Error::internal("upload", "nobody uploads"))
}
