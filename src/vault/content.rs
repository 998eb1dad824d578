//! What the content of a blob is told by.

use aws_lc_rs::digest::{Context, SHA256};

use crate::domain::blob::ContentId;

/// Takes bytes in, and gives the ids of all of them.
pub struct Content {
    keyed: blake3::Hasher,
    sha256: Context,
}

impl Content {
    pub(super) fn keyed(key: &[u8; 32]) -> Self {
        Self { keyed: blake3::Hasher::new_keyed(key), sha256: Context::new(&SHA256) }
    }

    /// Takes the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.keyed.update(bytes);
        self.sha256.update(bytes);
    }

    /// The id of the content within its tenant, and its SHA-256, which everybody can compare.
    pub fn finish(self) -> (ContentId, [u8; 32]) {
        let mut sha256 = [0; 32];
        sha256.copy_from_slice(self.sha256.finish().as_ref());
        (ContentId(*self.keyed.finalize().as_bytes()), sha256)
    }
}
