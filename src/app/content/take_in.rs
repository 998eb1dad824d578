//! Takes content in as the work of an operation on the tenant that gets it: large content as it comes, by parts, so that whoever takes
//! the operation over goes on with it; small content many at a time.

use std::collections::{HashMap, HashSet};

use bytes::Bytes;
use futures::stream::BoxStream;
use futures::{FutureExt as _, StreamExt as _, TryStreamExt as _};
use uuid::Uuid;

use super::{Chunk, Received, beside, receive};
use crate::app::App;
use crate::authz::permit::Purpose;
use crate::context::OpContext;
use crate::domain::blob::{Blob, ContentId, PartName, Sha256};
use crate::domain::error::{Error, Result};
use crate::domain::id::{BackupId, BlobId, UploadId};
use crate::domain::upload::{Announced, UploadKey};
use crate::store::blobs::{self, Written};
use crate::store::claims::{self, Claim};
use crate::store::tx::Tx;
use crate::store::{uploaded_backups, uploads};

/// Bytes of content that comes with other content, at most.
pub(in crate::app) const SMALL: i64 = 256 << 10;

/// Contents that come together at most, and their bytes.
const TOGETHER: (usize, usize) = (200, 8 << 20);

/// Content that an operation takes in.
pub(in crate::app) struct Intake<'a> {
    app: &'a App,
    claim: Claim,
    /// By whose name its uploads are known.
    uploader: Uuid,
    /// The backup that it comes with, if it does, and is kept for.
    kept_for: Option<BackupId>,
    /// What waits for more.
    small: Vec<Small>,
}

/// Small content. The same at a later attempt has the same id.
pub(in crate::app) struct Small {
    pub id: UploadId,
    pub sha256: Sha256,
    pub plain: Bytes,
}

impl<'a> Intake<'a> {
    /// For that operation.
    pub fn new(app: &'a App, claim: Claim, uploader: Uuid, kept_for: Option<BackupId>) -> Self {
        Self { app, claim, uploader, kept_for, small: Vec::new() }
    }

    /// Takes small content, which may be there only with what comes next.
    pub async fn take(&mut self, small: Small) -> Result<()> {
        self.small.push(small);
        let waiting = self.small.iter().map(|small| small.plain.len()).sum::<usize>();
        if self.small.len() >= TOGETHER.0 || waiting >= TOGETHER.1 { self.end().await } else { Ok(()) }
    }

    /// Takes what waits for more.
    pub async fn end(&mut self) -> Result<()> {
        let small = std::mem::take(&mut self.small);
        if small.is_empty() {
            return Ok(());
        }
        let key = self.app.sealing_key(self.claim.tenant).await?;
        let identified = |small: Small| {
            let mut content = key.content()?;
            content.update(&small.plain);
            let (content, sha256) = content.finish();
            let changed = || Error::internal("content", "it is not what it was said to be");
            if sha256 == small.sha256 { Ok((content, small)) } else { Err(changed()) }
        };
        let small = small.into_iter().map(identified).collect::<Result<Vec<_>>>()?;
        let contents: Vec<_> = small.iter().map(|(content, _)| *content).collect();
        let known = self.app.db.read(self.op(), "which-content", contents, |tx, contents| {
            async move {
                let known = blobs::live_with(tx, contents).await?;
                let mut blobs = blobs::some(tx, known.values()).await?;
                let known = known.into_iter().filter_map(|(content, id)| Some((content, blobs.remove(&id)?)));
                Ok(known.collect::<HashMap<_, _>>())
            }
            .boxed()
        });
        let mut known = known.await?;
        let (mut there, mut new) = (Vec::new(), Vec::new());
        for (content, small) in small {
            match known.remove(&content) {
                Some(blob) => there.push((content, small, blob)),
                None => new.push((content, small)),
            }
        }
        // What can't be read of what is there is mended.
        for Small { id, sha256, plain } in self.take_known(there).await? {
            let announced = Announced { bytes: length(&plain), sha256: Some(sha256) };
            let chunk = Ok(Chunk { offset: 0, data: plain, crc32c: None });
            self.receive(id, announced, futures::stream::iter([chunk]).boxed()).await?;
        }
        self.take_together(new).await
    }

    /// Takes what is there already as it is, if that is whole; gives the rest.
    async fn take_known(&self, known: Vec<(ContentId, Small, Blob)>) -> Result<Vec<Small>> {
        if known.is_empty() {
            return Ok(Vec::new());
        }
        let app = self.app.clone();
        let compare = move |(content, small, blob): (ContentId, Small, Blob)| {
            let app = app.clone();
            async move { Ok((app.has(&blob, &small.plain).await?, content, small)) }
        };
        let all = futures::stream::iter(known);
        let compared: Vec<(bool, ContentId, Small)> =
            beside(all, |(_, small, _)| length(&small.plain), compare).try_collect().await?;
        let whole: Vec<_> = compared.iter().filter(|(whole, ..)| *whole).map(|(_, content, _)| *content).collect();
        let input = (self.claim, self.kept_for, whole);
        let taken = self.app.db.change(self.op(), "take-known-contents", input, |tx, (claim, kept_for, whole)| {
            async move {
                claims::fence(tx, claim).await?;
                let known = blobs::live_with(tx, whole).await?;
                keep(tx, *kept_for, &known.values().copied().collect::<Vec<_>>()).await?;
                Ok(known.into_keys().collect::<Vec<_>>())
            }
            .boxed()
        });
        let taken: HashSet<ContentId> = taken.await?.into_iter().collect();
        Ok(compared.into_iter().filter(|(_, content, _)| !taken.contains(content)).map(|(_, _, small)| small).collect())
    }

    /// Takes in what `chunks` have, from the first byte on.
    pub async fn receive(
        &self,
        id: UploadId,
        announced: Announced,
        chunks: BoxStream<'static, Result<Chunk>>,
    ) -> Result<()> {
        let sealed_with = self.app.sealing_key(self.claim.tenant).await?.id;
        let key = UploadKey { uploader: self.uploader, id };
        let input = (self.claim, key, announced.clone(), (sealed_with, self.app.content.keep_uploads));
        let begun = self.app.db.change(self.op(), "begin-content", input, |tx, (claim, key, announced, content)| {
            async move {
                claims::fence(tx, claim).await?;
                uploads::begin(tx, *key, &[], announced, content.0, content.1).await
            }
            .boxed()
        });
        let upload = begun.await?;
        let chunks = behind(chunks, upload.received());
        let received = receive(self.app, self.op(), upload, announced, chunks).await?;
        let input = (self.claim, self.kept_for, received);
        let taken = self.app.db.change(self.op(), "take-content", input, |tx, (claim, kept_for, received)| {
            async move {
                claims::fence(tx, claim).await?;
                let Received { upload, last, content, sha256, bytes } = received;
                uploads::dissolve(tx, upload, last.as_ref()).await?;
                let blob = blobs::publish(tx, upload.blob, content, sha256, *bytes).await?;
                keep(tx, *kept_for, &[blob]).await
            }
            .boxed()
        });
        taken.await
    }

    /// As with one: room is reserved for all of it, then it is written, and then it is there.
    async fn take_together(&self, small: Vec<(ContentId, Small)>) -> Result<()> {
        if small.is_empty() {
            return Ok(());
        }
        let key = self.app.sealing_key(self.claim.tenant).await?;
        let announced: Vec<_> = small.iter().map(|(_, small)| (small.id, length(&small.plain))).collect();
        let input = ((self.claim, self.uploader), announced, (key.id, self.app.content.keep_uploads));
        let begun =
            self.app.db.change(self.op(), "begin-contents", input, |tx, ((claim, uploader), announced, content)| {
                async move {
                    claims::fence(tx, claim).await?;
                    uploads::begin_all(tx, *uploader, announced, content.0, content.1).await
                }
                .boxed()
            });
        let begun = begun.await?;
        fail::fail_point!("contents.begun");
        let (app, tenant) = (self.app.clone(), self.claim.tenant);
        let write = move |(blob, (content, small)): (BlobId, (ContentId, Small))| {
            let (app, key) = (app.clone(), key.clone());
            async move {
                let Small { sha256, plain, .. } = small;
                let bytes = i32::try_from(plain.len()).unwrap_or(i32::MAX);
                let stored_bytes = match bytes {
                    0 => 0,
                    _ => app.vault.put_part_soon(key, PartName { tenant, blob, part: 0, attempt: 1 }, plain).await?,
                };
                Ok(Written {
                    blob,
                    content,
                    sha256,
                    bytes,
                    stored_bytes: i32::try_from(stored_bytes).unwrap_or(i32::MAX),
                })
            }
        };
        let all = futures::stream::iter(begun.into_iter().zip(small));
        let written: Vec<Written> = beside(all, |(_, (_, small))| length(&small.plain), write).try_collect().await?;
        self.app.vault.settle().await?;
        fail::fail_point!("contents.written");
        let input = ((self.claim, self.uploader), self.kept_for, written);
        let taken =
            self.app.db.change(self.op(), "take-contents", input, |tx, ((claim, uploader), kept_for, written)| {
                async move {
                    claims::fence(tx, claim).await?;
                    uploads::dissolve_all(tx, *uploader, written).await?;
                    let blobs = blobs::publish_all(tx, written).await?;
                    keep(tx, *kept_for, &blobs).await
                }
                .boxed()
            });
        taken.await
    }

    fn op(&self) -> OpContext {
        OpContext::system(Purpose::Worker, Some(self.claim.tenant))
    }
}

/// Keeps content for the backup that it came with, if it did.
async fn keep(tx: &mut Tx, kept_for: Option<BackupId>, blobs: &[BlobId]) -> Result<()> {
    match kept_for {
        Some(backup) => uploaded_backups::keep(tx, backup, blobs).await,
        None => Ok(()),
    }
}

fn length(plain: &Bytes) -> i64 {
    i64::try_from(plain.len()).unwrap_or(i64::MAX)
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
