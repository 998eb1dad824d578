//! Gives content out, from any byte on.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use futures::stream::BoxStream;
use futures::{FutureExt as _, StreamExt as _, TryStreamExt as _};
use tokio::sync::Mutex;

use super::{Chunk, beside};
use crate::app::App;
use crate::context::OpContext;
use crate::domain::blob::{Blob, Part};
use crate::domain::error::{Error, Result};

/// Bytes of a chunk that is given out.
const CHUNK_BYTES: usize = 256 * 1024;

/// Content that is given out.
pub type Given = BoxStream<'static, Result<Chunk>>;

impl App {
    /// The content of a blob from `offset` on, as long as the caller may have it: that is asked again and again.
    pub(in crate::app) async fn give(&self, op: OpContext, blob: Blob, offset: i64) -> Result<Given> {
        if !(0..=blob.bytes).contains(&offset) {
            return Err(Error::field("offset", format!("must be from 0 to {}, the size of the content", blob.bytes)));
        }
        let key = self.vault.key(blob.tenant, blob.key).await?;
        let (app, parts, leave) = (self.clone(), blob.from(offset), Leave::new(self.clone(), op));
        let read = move |(part, skip): (Part, usize)| {
            let (app, leave, key, name) = (app.clone(), leave.clone(), key.clone(), blob.part(&part));
            async move {
                let plain = leave.read(part.bytes.into(), app.vault.part(key, name)).await?;
                if plain.len() != usize::try_from(part.bytes).unwrap_or(0) {
                    return Err(Error::internal("content", "a part has another length than was noted"));
                }
                Ok(plain.slice(skip..))
            }
        };
        let plain = |(part, _): &(Part, usize)| part.bytes.into();
        Ok(chunks(beside(futures::stream::iter(parts), plain, read).boxed(), offset))
    }
}

/// For how long, and for how many bytes, an answer counts to whether a caller may have more.
const LEAVE: (Duration, i64) = (Duration::from_millis(250), 8 << 20);

/// The leave of a caller to have more of what is given out. It is asked for again with each large part, and once for many small ones.
#[derive(Clone)]
pub(in crate::app) struct Leave {
    app: App,
    op: OpContext,
    /// When it was asked for last, and for how many bytes more that counts.
    asked: Arc<Mutex<Option<(Instant, i64)>>>,
}

impl Leave {
    pub fn new(app: App, op: OpContext) -> Self {
        Self { app, op, asked: Arc::default() }
    }

    /// Reads so many bytes for a caller who may have them. Why they can't be read is told only to who still may have them.
    pub async fn read<T>(&self, bytes: i64, read: impl Future<Output = Result<T>>) -> Result<T> {
        self.check(bytes).await?;
        fail::fail_point!("content.allowed");
        match read.await {
            Err(error) => self.still(Instant::now()).await.and(Err(error)),
            read => read,
        }
    }

    /// Refuses a caller who may not have so many bytes more.
    async fn check(&self, bytes: i64) -> Result<()> {
        let mut asked = self.asked.lock().await;
        let (at, left) = match *asked {
            Some((at, left)) if at.elapsed() < LEAVE.0 && left >= bytes => (at, left),
            _ => self.ask().await?,
        };
        *asked = Some((at, left - bytes));
        Ok(())
    }

    /// Refuses a caller who did not have it at that time any more.
    async fn still(&self, at: Instant) -> Result<()> {
        let mut asked = self.asked.lock().await;
        if asked.is_none_or(|(asked_at, _)| asked_at < at) {
            *asked = Some(self.ask().await?);
        }
        Ok(())
    }

    async fn ask(&self) -> Result<(Instant, i64)> {
        let at = Instant::now();
        let read = self.app.db.read(self.op.clone(), "content-still-given", (), |_, ()| async { Ok(()) }.boxed());
        read.await.map(|()| (at, LEAVE.1))
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

/// Pieces of which small ones that follow each other are one.
pub(in crate::app) fn gathered(pieces: BoxStream<'static, Result<Bytes>>) -> BoxStream<'static, Result<Bytes>> {
    let pieces = futures::stream::try_unfold((pieces, None::<Bytes>), |(mut pieces, kept)| async move {
        if let Some(large) = kept {
            return Ok(Some((large, (pieces, None))));
        }
        let mut small = BytesMut::new();
        while let Some(piece) = pieces.try_next().await? {
            if piece.len() < CHUNK_BYTES && small.len() + piece.len() <= CHUNK_BYTES {
                small.extend_from_slice(&piece);
            } else if small.is_empty() {
                return Ok(Some((piece, (pieces, None))));
            } else {
                return Ok(Some((small.freeze(), (pieces, Some(piece)))));
            }
        }
        Ok((!small.is_empty()).then(|| (small.freeze(), (pieces, None))))
    });
    pieces.boxed()
}

/// A part as chunks.
fn split(mut part: Bytes) -> Vec<Bytes> {
    let mut chunks = Vec::new();
    while !part.is_empty() {
        chunks.push(part.split_to(part.len().min(CHUNK_BYTES)));
    }
    chunks
}
