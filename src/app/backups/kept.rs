//! The content that a backup refers to. There may be a million of it, so each takes as little memory as it can.

use crate::app::content::Size;
use crate::domain::blob::{Blob, ContentId, Part, Sha256};
use crate::domain::error::{Error, Result};
use crate::domain::id::{BlobId, KeyId, TenantUid};
use crate::store::copy::Record;
use crate::vault::OVERHEAD;

use super::open::StoredObject;

/// A blob that a backup refers to.
pub(crate) struct KeptBlob {
    /// The blob and its parts.
    pub blob: Blob,
    /// What its content is found by.
    pub content: ContentId,
    /// What everybody can compare.
    pub sha256: Sha256,
}

impl KeptBlob {
    /// What it is called where it is damaged.
    pub fn what(&self) -> String {
        format!("the content {}", self.blob.id)
    }

    /// How much there is to do when it is read part by part.
    pub fn size(&self) -> Size {
        let at_once = self.blob.parts.iter().map(|part| i64::from(part.stored_bytes)).max();
        Size { at_once: at_once.unwrap_or(0), whole: self.blob.bytes }
    }

    /// Its parts.
    pub fn objects(&self) -> impl Iterator<Item = StoredObject> {
        self.blob.parts.iter().map(|part| {
            let bytes = i64::from(part.stored_bytes) - OVERHEAD;
            StoredObject { key: self.blob.key, name: self.blob.part(part).into(), bytes, what: self.what() }
        })
    }
}

/// All of them, in the order of their ids.
pub(crate) struct KeptBlobs {
    tenant: TenantUid,
    /// The keys that they are sealed with.
    keys: Vec<KeyId>,
    blobs: Vec<Entry>,
    /// The parts of all, in their order.
    parts: Vec<Part>,
}

/// One of them.
struct Entry {
    id: BlobId,
    content: ContentId,
    sha256: Sha256,
    /// Which of the keys.
    key: usize,
    /// Where its parts end.
    end: usize,
}

impl KeptBlobs {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.blobs.len()
    }

    /// One of them.
    pub fn get(&self, at: usize) -> Option<KeptBlob> {
        let Entry { id, content, sha256, key, end } = self.blobs.get(at)?;
        let begin = at.checked_sub(1).and_then(|before| self.blobs.get(before)).map_or(0, |before| before.end);
        let parts = self.parts.get(begin..*end)?.to_vec();
        let bytes = parts.iter().map(|part| i64::from(part.bytes)).sum();
        let blob = Blob { tenant: self.tenant, id: *id, key: *self.keys.get(*key)?, bytes, parts };
        Some(KeptBlob { blob, content: *content, sha256: *sha256 })
    }

    /// From one of them on.
    pub fn from(&self, at: usize) -> impl Iterator<Item = KeptBlob> + '_ {
        (at..self.len()).filter_map(|at| self.get(at))
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = KeptBlob> + '_ {
        self.from(0)
    }

    /// The SHA-256 of the content of one.
    pub fn sha256(&self, id: BlobId) -> Option<&Sha256> {
        let at = self.blobs.binary_search_by_key(&id, |entry| entry.id).ok()?;
        self.blobs.get(at).map(|entry| &entry.sha256)
    }

    /// The keys that they are sealed with.
    pub fn keys(&self) -> &[KeyId] {
        &self.keys
    }
}

/// Them on their way out of the rows of a backup: all parts first.
#[derive(Default)]
pub(super) struct Reading {
    keys: Vec<KeyId>,
    blobs: Vec<Entry>,
    parts: Vec<(BlobId, Part)>,
}

impl Reading {
    /// Takes a row of the parts.
    pub fn part(&mut self, row: &Record<'_>) -> Result<()> {
        let (part, attempt) = (row.integer("part")?, row.integer("attempt")?);
        let (bytes, stored_bytes) = (row.integer("bytes")?, row.integer("stored_bytes")?);
        self.parts.push((BlobId(row.uuid("blob_id")?), Part { part, attempt, bytes, stored_bytes }));
        Ok(())
    }

    /// Takes a row of the blobs.
    pub fn blob(&mut self, row: &Record<'_>) -> Result<()> {
        let content = <[u8; 32]>::try_from(row.bytes("content")?);
        let content = ContentId(content.map_err(|e| Error::internal("content id in a backup", e))?);
        let sha256 = <Sha256>::try_from(row.bytes("sha256")?);
        let sha256 = sha256.map_err(|e| Error::internal("hash in a backup", e))?;
        let (id, key) = (BlobId(row.uuid("id")?), KeyId(row.uuid("key_id")?));
        let key = self.keys.iter().position(|known| *known == key).unwrap_or_else(|| {
            self.keys.push(key);
            self.keys.len() - 1
        });
        self.blobs.push(Entry { id, content, sha256, key, end: 0 });
        Ok(())
    }

    /// All of them.
    pub fn done(self, tenant: TenantUid) -> KeptBlobs {
        let Self { keys, mut blobs, mut parts } = self;
        blobs.sort_unstable_by_key(|blob| blob.id);
        parts.sort_unstable_by_key(|(blob, part)| (*blob, part.part));
        let (mut sorted, mut rest) = (Vec::with_capacity(parts.len()), parts.into_iter().peekable());
        for blob in &mut blobs {
            while rest.next_if(|(of, _)| *of < blob.id).is_some() {}
            while let Some((_, part)) = rest.next_if(|(of, _)| *of == blob.id) {
                sorted.push(part);
            }
            blob.end = sorted.len();
        }
        KeptBlobs { tenant, keys, blobs, parts: sorted }
    }
}
