//! Takes content in as the work of an operation on the tenant that gets it: by parts, so that whoever takes the operation over goes on with it.

use futures::stream::BoxStream;
use futures::{FutureExt as _, StreamExt as _};

use super::{Chunk, Received, receive};
use crate::app::App;
use crate::authz::permit::Purpose;
use crate::context::OpContext;
use crate::domain::error::Result;
use crate::domain::upload::{Announced, UploadKey};
use crate::store::claims::{self, Claim};
use crate::store::uploads;

impl App {
    /// Takes in what `chunks` have, from the first byte on.
    pub(in crate::app) async fn take_in(
        &self,
        claim: Claim,
        key: UploadKey,
        announced: Announced,
        chunks: BoxStream<'static, Result<Chunk>>,
    ) -> Result<Received> {
        let op = OpContext::system(Purpose::Worker, Some(claim.tenant));
        let sealed_with = self.sealing_key(claim.tenant).await?.id;
        let input = (claim, key, announced.clone(), (sealed_with, self.content.keep_uploads));
        let begun = self.db.change(op.clone(), "begin-content", input, |tx, (claim, key, announced, content)| {
            async move {
                claims::fence(tx, claim).await?;
                uploads::begin(tx, *key, &[], announced, content.0, content.1).await
            }
            .boxed()
        });
        let upload = begun.await?;
        let chunks = behind(chunks, upload.received());
        receive(self, op, upload, announced, chunks).await
    }
}

/// What is behind the first `from` bytes. In the place of what is before there is nothing, so that whoever waits sees that it goes on.
fn behind(chunks: BoxStream<'static, Result<Chunk>>, from: i64) -> BoxStream<'static, Result<Chunk>> {
    let rest = move |chunk: Result<Chunk>| match chunk {
        Ok(mut chunk) => {
            let skip = usize::try_from((from - chunk.offset).max(0)).unwrap_or(usize::MAX).min(chunk.data.len());
            chunk.data = chunk.data.split_off(skip);
            Ok(Chunk { offset: chunk.offset.max(from), crc32c: None, ..chunk })
        }
        Err(error) => Err(error),
    };
    chunks.map(rest).boxed()
}
