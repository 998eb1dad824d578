//! Takes content in: by parts, each of which stays once it is written, so that a connection that breaks loses little.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures::stream::BoxStream;
use futures::{FutureExt as _, StreamExt as _};

use super::Chunk;
use crate::app::App;
use crate::context::OpContext;
use crate::domain::blob::{Blob, ContentId, Part, PartName, Sha256};
use crate::domain::error::{Error, Reason, Refusal, Result};
use crate::domain::id::TenantUid;
use crate::domain::upload::{Announced, Upload, interrupted, wrong_offset};
use crate::store::tx::Prepared;
use crate::store::uploads;
use crate::vault::{Content, PART_BYTES, TenantKey};

/// How long a caller may take for the next chunk.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// Bytes that are worth being kept when the connection breaks.
const WORTH_KEEPING: usize = 256 * 1024;

/// Content that has arrived whole.
#[derive(Clone, Debug)]
pub(in crate::app) struct Received {
    /// The upload that it came with.
    pub upload: Upload,
    /// The last part of it, which is written but not noted.
    pub last: Option<Part>,
    /// By what it is found.
    pub content: ContentId,
    /// What everybody can compare.
    pub sha256: Sha256,
    /// Bytes of it.
    pub bytes: i64,
}

impl Received {
    /// The blob that it makes of that tenant.
    pub fn blob(&self, tenant: TenantUid) -> Blob {
        let Upload { blob, sealed_with, parts, .. } = &self.upload;
        Blob { tenant, id: *blob, key: *sealed_with, bytes: self.bytes, parts: parts.clone() }
    }
}

/// Takes all the content of an upload of the caller's in.
pub(in crate::app) async fn receive(
    app: &App,
    op: OpContext,
    upload: Upload,
    announced: Announced,
    chunks: BoxStream<'static, Result<Chunk>>,
) -> Result<Received> {
    let key = app.vault.key(op.target()?, upload.sealed_with).await?;
    let received = upload.received();
    let (content, buffer) = (key.content()?, BytesMut::new());
    // Without a request id nobody can name it, and so nobody goes on with it; whoever takes an operation over does.
    let resumable = op.call().is_none_or(|call| call.request.is_some());
    let abandoned = (!resumable).then(|| (app.clone(), op.clone(), upload.clone()));
    let receiver = Receiver { app: app.clone(), op, key, upload, announced, content, buffer, received, resumable };
    // In a task of its own, which writes down what has arrived also when the caller is gone.
    let task = tokio::spawn(async move {
        let received = receiver.run(chunks).await;
        if let (Err(_), Some((app, op, upload))) = (&received, abandoned)
            && let Err(error) = give_up(&app, op, upload).await
        {
            tracing::debug!(%error, "an upload was not given up; it is when its time is over");
        }
        received
    });
    task.await.map_err(|e| Error::internal("upload", e))?
}

/// Gives up an upload of which nothing can come any more: what it reserved is free.
async fn give_up(app: &App, op: OpContext, upload: Upload) -> Result<()> {
    let given_up = app.db.prepare::<_, _, serde_json::Value>(op, "give-upload-up", upload, |tx, upload| {
        uploads::give_up(tx, upload).boxed()
    });
    given_up.await.map(|_| ())
}

struct Receiver {
    app: App,
    op: OpContext,
    key: Arc<TenantKey>,
    upload: Upload,
    announced: Announced,
    content: Content,
    /// What is not written yet.
    buffer: BytesMut,
    /// Bytes that have arrived.
    received: i64,
    /// Whether somebody can go on with it.
    resumable: bool,
}

impl Receiver {
    async fn run(mut self, mut chunks: BoxStream<'static, Result<Chunk>>) -> Result<Received> {
        self.catch_up().await?;
        while self.received < self.announced.bytes {
            let next = tokio::time::timeout(LONGEST_WAIT, chunks.next()).await;
            let problem = match next {
                Ok(Some(Ok(chunk))) => {
                    self.take(chunk).await?;
                    continue;
                }
                Ok(Some(Err(error))) => error,
                Ok(None) => self.broken_off("the chunks ended"),
                Err(_) => self.broken_off("no chunk came for a minute"),
            };
            if self.resumable && self.buffer.len() >= WORTH_KEEPING {
                self.keep().await?;
            }
            return Err(problem);
        }
        // Whoever sends more than was announced is told so; whoever does not end the call is not waited for.
        if let Ok(Some(more)) = tokio::time::timeout(LONGEST_WAIT, chunks.next()).await {
            self.check(&more?)?;
        }
        self.finish().await
    }

    /// Reads what came with earlier connections again: what the whole content is found by has to be made of all of it. What can't
    /// be read any more never becomes whole, so the upload begins anew.
    async fn catch_up(&mut self) -> Result<()> {
        for part in self.upload.parts.clone() {
            match self.app.vault.part(self.key.clone(), self.name(part.part, part.attempt)?).await {
                Ok(plain) => self.content.update(&plain),
                Err(error) if error.reason() == Some(Reason::ContentCorrupt) => {
                    give_up(&self.app, self.op.clone(), self.upload.clone()).await?;
                    let text = "what arrived before can't be read back from the object store, so the upload was given up; begin \
                                again at byte 0, with the same request_id";
                    return Err(Refusal::new(Reason::UploadInterrupted, text).into());
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    async fn take(&mut self, chunk: Chunk) -> Result<()> {
        self.check(&chunk)?;
        self.content.update(&chunk.data);
        self.received += i64::try_from(chunk.data.len()).unwrap_or(i64::MAX);
        let mut rest = chunk.data;
        while !rest.is_empty() {
            if self.buffer.len() == PART_BYTES {
                self.keep().await?;
            }
            let fits = rest.len().min(PART_BYTES - self.buffer.len());
            self.buffer.extend_from_slice(&rest.split_to(fits));
        }
        Ok(())
    }

    fn check(&self, chunk: &Chunk) -> Result<()> {
        if chunk.offset != self.received {
            return Err(wrong_offset(self.received, chunk.offset));
        }
        if chunk.crc32c.is_some_and(|sent| sent != crc32c::crc32c(&chunk.data)) {
            let text =
                format!("is not that of the data of the chunk at byte {}; send it again from there", chunk.offset);
            return Err(Error::field("chunk.crc32c", text));
        }
        let sent = self.received + i64::try_from(chunk.data.len()).unwrap_or(i64::MAX);
        if sent > self.announced.bytes {
            let text = format!("goes beyond the {} bytes that header.size announces", self.announced.bytes);
            return Err(Error::field("chunk.data", text));
        }
        Ok(())
    }

    fn broken_off(&self, how: &str) -> Error {
        let (at, of) = (self.received, self.announced.bytes);
        let text = format!("{how} at byte {at} of {of}; GetUpload says where to go on, with the same request_id");
        Refusal::new(Reason::UploadInterrupted, text).into()
    }

    fn name(&self, part: i32, attempt: i32) -> Result<PartName> {
        Ok(PartName { tenant: self.op.target()?, blob: self.upload.blob, part, attempt })
    }

    /// Writes what is in the buffer as a part.
    async fn write(&mut self) -> Result<Part> {
        let (part, attempt) = (i32::try_from(self.upload.parts.len()).unwrap_or(i32::MAX), self.upload.attempt);
        let plain: Bytes = self.buffer.split().freeze();
        let bytes = i32::try_from(plain.len()).unwrap_or(i32::MAX);
        let stored = self.app.vault.put_part(self.key.clone(), self.name(part, attempt)?, plain).await?;
        fail::fail_point!("upload.part.written");
        let part = Part { part, attempt, bytes, stored_bytes: i32::try_from(stored).unwrap_or(i32::MAX) };
        self.upload.parts.push(part);
        Ok(part)
    }

    /// Writes what is in the buffer, and notes that it is there.
    async fn keep(&mut self) -> Result<()> {
        let part = self.write().await?;
        let input = (self.upload.clone(), part, self.app.content.keep_uploads);
        let noted = self.app.db.prepare::<_, _, serde_json::Value>(
            self.op.clone(),
            "upload-part",
            input,
            |tx, (upload, part, keep)| uploads::add_part(tx, upload, part, *keep).boxed(),
        );
        match noted.await? {
            Prepared::Goes(()) => Ok(()),
            Prepared::Answered(_) => Err(interrupted()),
        }
    }

    async fn finish(mut self) -> Result<Received> {
        let last = if self.buffer.is_empty() { None } else { Some(self.write().await?) };
        let (content, sha256) = self.content.finish();
        if self.announced.sha256.is_some_and(|announced| announced != sha256) {
            give_up(&self.app, self.op, self.upload).await?;
            return Err(Error::field(
                "header.sha256",
                "is not that of the content that arrived; nothing of it is kept",
            ));
        }
        let received = Received { upload: self.upload, last, content, sha256, bytes: self.received };
        self.app.mend(content, &received.blob(self.op.target()?)).await?;
        Ok(received)
    }
}
