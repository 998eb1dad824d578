//! What the content of a blob is told by.

use aws_lc_rs::digest::{Context, SHA256};

use crate::domain::blob::{ContentId, Sha256};

/// Takes bytes in, and gives the id of all of them within their tenant.
#[derive(Clone)]
pub struct ContentHash(blake3::Hasher);

impl ContentHash {
    pub(super) fn keyed(key: &[u8; 32]) -> Self {
        Self(blake3::Hasher::new_keyed(key))
    }

    /// Takes the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The id.
    pub fn finish(self) -> ContentId {
        ContentId(*self.0.finalize().as_bytes())
    }
}

/// Takes bytes in, and gives both ids of all of them.
pub struct Content {
    hash: ContentHash,
    sha256: Context,
}

impl Content {
    pub(super) fn new(hash: ContentHash) -> Self {
        Self { hash, sha256: Context::new(&SHA256) }
    }

    /// Takes the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.hash.update(bytes);
        self.sha256.update(bytes);
    }

    /// The id of the content within its tenant, and its SHA-256, which everybody can compare.
    pub fn finish(self) -> (ContentId, Sha256) {
        (self.hash.finish(), sha256(self.sha256))
    }
}

/// The SHA-256 of what that context has taken in.
pub fn sha256(context: Context) -> Sha256 {
    let mut sha256 = [0; 32];
    sha256.copy_from_slice(context.finish().as_ref());
    sha256
}
