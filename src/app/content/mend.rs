//! Content that comes a second time. It is kept once, so what is there of the first time has to be whole.

use bytes::{Bytes, BytesMut};
use futures::FutureExt as _;

use crate::app::App;
use crate::authz::permit::Purpose;
use crate::context::OpContext;
use crate::domain::blob::{Blob, ContentId};
use crate::domain::error::{Error, Reason, Result};
use crate::domain::id::TenantUid;
use crate::store::blobs;

impl App {
    /// Reads the blob that has this content already, if one has, and writes again what of it is lost: `fresh` has the same. So all
    /// assets and backups that have it are whole again.
    pub(super) async fn mend(&self, content: ContentId, fresh: &Blob) -> Result<()> {
        let Some(known) = self.blob_with(content, fresh.tenant).await? else { return Ok(()) };
        let (key, mut begins) = (self.vault.key(known.tenant, known.key).await?, 0);
        for part in &known.parts {
            match self.vault.part(key.clone(), known.part(part)).await {
                Err(error) if error.reason() == Some(Reason::ContentCorrupt) => {
                    // Nothing is lost of what was condemned meanwhile: it was removed.
                    if self.blob_with(content, fresh.tenant).await?.is_none_or(|live| live.id != known.id) {
                        return Ok(());
                    }
                    let plain = self.piece(fresh, begins, part.bytes).await?;
                    self.vault.put_part(key.clone(), known.part(part), plain).await?;
                    tracing::warn!(blob = %known.id, part = part.part, "content that was damaged came again and is whole");
                }
                read => drop(read?),
            }
            begins += i64::from(part.bytes);
        }
        Ok(())
    }

    /// Whether a blob has these bytes and can be read.
    pub(super) async fn has(&self, blob: &Blob, plain: &[u8]) -> Result<bool> {
        let (key, mut rest) = (self.vault.key(blob.tenant, blob.key).await?, plain);
        for part in &blob.parts {
            rest = match self.vault.part(key.clone(), blob.part(part)).await {
                Err(error) if error.reason() == Some(Reason::ContentCorrupt) => return Ok(false),
                read => match rest.strip_prefix(&read?[..]) {
                    Some(rest) => rest,
                    None => return Ok(false),
                },
            };
        }
        Ok(rest.is_empty())
    }

    async fn blob_with(&self, content: ContentId, tenant: TenantUid) -> Result<Option<Blob>> {
        let op = OpContext::system(Purpose::Content, Some(tenant));
        self.db.read(op, "blob-with", content, |tx, content| blobs::with(tx, content).boxed()).await
    }

    /// Some bytes of a blob.
    async fn piece(&self, blob: &Blob, begins: i64, bytes: i32) -> Result<Bytes> {
        let (key, bytes) = (self.vault.key(blob.tenant, blob.key).await?, usize::try_from(bytes).unwrap_or(0));
        let mut piece = BytesMut::with_capacity(bytes);
        for (part, skip) in blob.from(begins) {
            let plain = self.vault.part(key.clone(), blob.part(&part)).await?;
            let rest = plain.get(skip..).unwrap_or_default();
            piece.extend_from_slice(&rest[..rest.len().min(bytes - piece.len())]);
            if piece.len() == bytes {
                return Ok(piece.freeze());
            }
        }
        Err(Error::internal("content", "two contents with one id have other lengths"))
    }
}
