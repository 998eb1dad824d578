//! Gives content out, from any byte on.

use bytes::Bytes;
use futures::stream::BoxStream;
use futures::{FutureExt as _, StreamExt as _, TryStreamExt as _};

use super::Chunk;
use crate::app::App;
use crate::context::OpContext;
use crate::domain::blob::{Blob, Part};
use crate::domain::error::{Error, Result};

/// Bytes of a chunk that is given out.
const CHUNK_BYTES: usize = 256 * 1024;

/// Parts that are read ahead of those that are taken.
pub(in crate::app) const AHEAD: usize = 2;

/// Content that is given out.
pub type Given = BoxStream<'static, Result<Chunk>>;

impl App {
    /// The content of a blob from `offset` on, as long as the caller may have it: that is asked again with each part.
    pub(in crate::app) async fn give(&self, op: OpContext, blob: Blob, offset: i64) -> Result<Given> {
        if !(0..=blob.bytes).contains(&offset) {
            return Err(Error::field("offset", format!("must be from 0 to {}, the size of the content", blob.bytes)));
        }
        let key = self.vault.key(blob.tenant, blob.key).await?;
        let (app, parts) = (self.clone(), blob.from(offset));
        let read = move |(part, skip): (Part, usize)| {
            let (app, op, key, name) = (app.clone(), op.clone(), key.clone(), blob.part(&part));
            async move {
                app.check_still_given(op).await?;
                let plain = app.vault.part(key, name).await?;
                if plain.len() != usize::try_from(part.bytes).unwrap_or(0) {
                    return Err(Error::internal("content", "a part has another length than was noted"));
                }
                Ok(plain.slice(skip..))
            }
        };
        Ok(chunks(futures::stream::iter(parts).map(read).buffered(AHEAD).boxed(), offset))
    }
}

impl App {
    /// Refuses to go on for a caller who may not have more of what is given out.
    pub(in crate::app) async fn check_still_given(&self, op: OpContext) -> Result<()> {
        self.db.read(op, "content-still-given", (), |_, ()| async { Ok(()) }.boxed()).await
    }
}

/// Pieces that follow each other from `offset` on, as chunks.
pub(in crate::app) fn chunks(pieces: BoxStream<'static, Result<Bytes>>, offset: i64) -> Given {
    let chunks = pieces.map_ok(|piece| futures::stream::iter(split(piece)).map(Ok)).try_flatten();
    let numbered = chunks.scan(offset, |offset, data: Result<Bytes>| {
        let chunk = data.map(|data| {
            let at = *offset;
            *offset += i64::try_from(data.len()).unwrap_or(0);
            let crc32c = Some(crc32c::crc32c(&data));
            Chunk { offset: at, data, crc32c }
        });
        futures::future::ready(Some(chunk))
    });
    numbered.boxed()
}

/// A part as chunks.
fn split(mut part: Bytes) -> Vec<Bytes> {
    let mut chunks = Vec::new();
    while !part.is_empty() {
        chunks.push(part.split_to(part.len().min(CHUNK_BYTES)));
    }
    chunks
}
