//! The key of a tenant, and what follows from it.

use aws_lc_rs::aead::{AES_256_GCM, LessSafeKey, UnboundKey};
use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::hkdf::{HKDF_SHA256, Prk, Salt};

use super::content::{Content, ContentHash};
use crate::authn::seal::random;
use crate::domain::error::{Error, Result};
use crate::domain::id::KeyId;

/// Bytes of a salt.
pub(super) const SALT: usize = 32;

/// A tenant's key. What it seals has a key of its own, derived from this one and a random salt, so that no nonce ever comes
/// again for other bytes.
pub struct TenantKey {
    /// Which.
    pub id: KeyId,
    prk: Prk,
}

impl std::fmt::Debug for TenantKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "TenantKey({}, …)", self.id)
    }
}

impl TenantKey {
    /// The secret of a new one.
    pub(super) fn secret() -> Result<[u8; 32]> {
        random()
    }

    /// The key of that secret.
    pub(super) fn new(id: KeyId, secret: &[u8]) -> Result<Self> {
        if secret.len() != 32 {
            return Err(Error::internal("tenant key", "its secret is of another length"));
        }
        Ok(Self { id, prk: Salt::new(HKDF_SHA256, b"landlord tenant key").extract(secret) })
    }

    /// The key of one object.
    pub(super) fn of_object(&self, salt: &[u8; SALT]) -> Result<LessSafeKey> {
        let key = self.derive(&[b"object", salt])?;
        UnboundKey::new(&AES_256_GCM, &key).map(LessSafeKey::new).map_err(|e| Error::internal("object key", e))
    }

    /// The content id of bytes that are still to come. Equal bytes of one tenant have the same, those of two tenants do not, so
    /// nobody learns from it what another tenant has.
    pub fn content_hash(&self) -> Result<ContentHash> {
        Ok(ContentHash::keyed(&self.derive(&[b"content"])?))
    }

    /// The same, and their SHA-256.
    pub fn content(&self) -> Result<Content> {
        self.content_hash().map(Content::new)
    }

    /// A secret of an archive that has this content, for whoever has the passphrase.
    pub(super) fn of_archive(&self, what: &str, passphrase: &[u8], content: &[u8; 32]) -> Result<[u8; 32]> {
        let passphrase = digest(&SHA256, passphrase);
        self.derive(&[what.as_bytes(), passphrase.as_ref(), content])
    }

    fn derive(&self, info: &[&[u8]]) -> Result<[u8; 32]> {
        let mut key = [0; 32];
        let derived = self.prk.expand(info, HKDF_SHA256).and_then(|okm| okm.fill(&mut key));
        derived.map_err(|e| Error::internal("key derivation", e))?;
        Ok(key)
    }
}
