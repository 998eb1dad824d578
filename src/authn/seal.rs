//! What the root key does: it seals what leaves the service and comes back (page tokens) or rests in the database
//! (signing keys), and makes the codes and tokens of which only hashes are stored.
//!
//! Each purpose has a key of its own, derived from the root key, so that nothing sealed for one opens for another.

use std::sync::Arc;

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use aws_lc_rs::{digest, hkdf, hmac, rand};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::domain::error::{Error, Result};

/// What a sealed thing is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Tokens of pages.
    PageToken,
    /// Signing keys at rest.
    SigningKey,
    /// Hashes of requests' bodies.
    RequestBody,
    /// Refresh tokens.
    RefreshToken,
    /// Looks at a status log.
    SeenToken,
    /// Hashes of accounts and addresses by which attempts are counted.
    Attempts,
    /// Tenants' keys in the object store.
    TenantKey,
    /// Keys of archives that are to be read.
    ArchiveKey,
}

impl Purpose {
    const fn label(self) -> &'static [u8] {
        match self {
            Self::PageToken => b"landlord page token v1",
            Self::SigningKey => b"landlord signing key v1",
            Self::RequestBody => b"landlord request body v1",
            Self::RefreshToken => b"landlord refresh token v1",
            Self::SeenToken => b"landlord seen token v1",
            Self::Attempts => b"landlord attempts v1",
            Self::TenantKey => b"landlord tenant key v1",
            Self::ArchiveKey => b"landlord archive key v1",
        }
    }
}

/// The root key, shared by all replicas.
#[derive(Clone)]
pub struct RootKey(Arc<hkdf::Prk>);

impl std::fmt::Debug for RootKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RootKey(…)")
    }
}

impl RootKey {
    /// The key of 32 random bytes.
    pub fn new(bytes: &[u8; 32]) -> Self {
        Self(Arc::new(hkdf::Salt::new(hkdf::HKDF_SHA256, b"landlord root key").extract(bytes)))
    }

    /// The key as it stands in a key file: 64 hexadecimal digits, or 43 characters of unpadded URL-safe base64.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let bytes: Vec<u8> = if text.len() == 64 {
            (0..64).step_by(2).map(|i| u8::from_str_radix(text.get(i..i + 2)?, 16).ok()).collect::<Option<_>>()?
        } else {
            URL_SAFE_NO_PAD.decode(text).ok()?
        };
        Some(Self::new(&bytes.try_into().ok()?))
    }

    fn derive(&self, purpose: Purpose) -> Result<[u8; 32]> {
        let mut key = [0; 32];
        self.0
            .expand(&[purpose.label()], hkdf::HKDF_SHA256)
            .and_then(|okm| okm.fill(&mut key))
            .map_err(|e| Error::internal("key derivation", e))?;
        Ok(key)
    }

    /// Seals bytes; `context` is not stored, but must be the same to open them.
    pub fn seal(&self, purpose: Purpose, context: &[u8], plain: &[u8]) -> Result<Vec<u8>> {
        let key = RandomizedNonceKey::new(&AES_256_GCM, &self.derive(purpose)?)
            .map_err(|e| Error::internal("sealing key", e))?;
        let mut body = plain.to_vec();
        let nonce =
            key.seal_in_place_append_tag(Aad::from(context), &mut body).map_err(|e| Error::internal("sealing", e))?;
        let mut sealed = nonce.as_ref().to_vec();
        sealed.append(&mut body);
        Ok(sealed)
    }

    /// Opens what [`Self::seal`] sealed for the same purpose and context; None for anything else.
    pub fn open(&self, purpose: Purpose, context: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
        let (nonce, body) = sealed.split_at_checked(NONCE_LEN)?;
        let key = RandomizedNonceKey::new(&AES_256_GCM, &self.derive(purpose).ok()?).ok()?;
        let mut body = body.to_vec();
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let plain = key.open_in_place(nonce, Aad::from(context), &mut body).ok()?;
        Some(plain.to_vec())
    }

    /// A keyed hash that nobody without the root key can make or compare.
    pub fn mac(&self, purpose: Purpose, bytes: &[u8]) -> Result<Vec<u8>> {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &self.derive(purpose)?);
        Ok(hmac::sign(&key, bytes).as_ref().to_vec())
    }
}

/// Random bytes for a secret.
pub fn random<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    rand::fill(&mut bytes).map_err(|e| Error::internal("random numbers", e))?;
    Ok(bytes)
}

/// A code of 256 random bits for a link, and the hash to store of it.
pub fn link_code() -> Result<(String, Vec<u8>)> {
    let code = URL_SAFE_NO_PAD.encode(random::<32>()?);
    let hash = code_hash(&code);
    Ok((code, hash))
}

/// The hash by which a link's code is found. The code has 256 random bits, so a plain hash will do.
pub fn code_hash(code: &str) -> Vec<u8> {
    digest::digest(&digest::SHA256, code.as_bytes()).as_ref().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_opens_only_for_the_same_purpose_and_context() {
        let root = RootKey::new(&[7; 32]);
        let sealed = root.seal(Purpose::PageToken, b"caller", b"position").expect("seals");
        assert_eq!(root.open(Purpose::PageToken, b"caller", &sealed).as_deref(), Some(&b"position"[..]));
        assert_eq!(root.open(Purpose::PageToken, b"another", &sealed), None);
        assert_eq!(root.open(Purpose::SigningKey, b"caller", &sealed), None);
        assert_eq!(RootKey::new(&[8; 32]).open(Purpose::PageToken, b"caller", &sealed), None);
        for cut in 0..sealed.len() {
            assert_eq!(root.open(Purpose::PageToken, b"caller", &sealed[..cut]), None);
            let mut flipped = sealed.clone();
            flipped[cut] ^= 1;
            assert_eq!(root.open(Purpose::PageToken, b"caller", &flipped), None);
        }
    }

    #[test]
    fn key_files_hold_hexadecimal_or_base64() {
        assert!(RootKey::parse(&"0a".repeat(32)).is_some());
        assert!(RootKey::parse(&format!("{}\n", URL_SAFE_NO_PAD.encode([1; 32]))).is_some());
        assert!(RootKey::parse("").is_none());
        assert!(RootKey::parse(&"zz".repeat(32)).is_none());
        assert!(RootKey::parse(&"é".repeat(32)).is_none());
    }
}
