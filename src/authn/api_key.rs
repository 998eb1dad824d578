//! API keys of services (opaque, months).

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use uuid::Uuid;

use super::Proof;
use super::seal::random;
use crate::domain::error::Result;
use crate::domain::id::ServiceId;

/// What every key begins with, so that people and programs that look for leaked secrets know one when they see it. No other
/// credential does.
const PREFIX: &str = "landlord_key_";

/// An API key: whose it is, and 256 random bits. Only a hash of it is stored.
pub struct ApiKey {
    service: ServiceId,
    secret: [u8; 32],
}

impl std::fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ApiKey").field("service", &self.service).finish_non_exhaustive()
    }
}

impl ApiKey {
    /// A new key of that service.
    pub fn generate(service: ServiceId) -> Result<Self> {
        Ok(Self { service, secret: random()? })
    }

    /// Whether a credential is a key, or was one.
    pub fn is_meant(credential: &str) -> bool {
        credential.starts_with(PREFIX)
    }

    /// The key that a caller sent, if it can be one.
    pub fn decode(text: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text.strip_prefix(PREFIX)?).ok()?;
        let (service, secret) = bytes.split_at_checked(16)?;
        Some(Self { service: ServiceId(Uuid::from_slice(service).ok()?), secret: secret.try_into().ok()? })
    }

    /// The key as its service gets it.
    pub fn encode(&self) -> String {
        format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(self.bytes()))
    }

    /// Whether two hashes are the same, in a time that says nothing of where they differ.
    pub fn same(hash: &[u8], other: &[u8]) -> bool {
        aws_lc_rs::constant_time::verify_slices_are_equal(hash, other).is_ok()
    }

    /// What it shows.
    pub fn proof(&self) -> Proof {
        Proof::Key(self.service, self.hash())
    }

    /// The hash to store.
    pub fn hash(&self) -> Vec<u8> {
        digest::digest(&digest::SHA256, &self.bytes()).as_ref().to_vec()
    }

    fn bytes(&self) -> Vec<u8> {
        [self.service.0.as_bytes().as_slice(), &self.secret].concat()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_come_back_whole_and_say_nothing_in_debug() {
        let key = ApiKey::generate(ServiceId::new()).unwrap();
        let text = key.encode();
        assert!(ApiKey::is_meant(&text));
        assert_eq!(ApiKey::decode(&text).unwrap().proof(), key.proof());
        assert!(!format!("{key:?}").contains(&URL_SAFE_NO_PAD.encode(key.secret)));
        let other = ApiKey::generate(ServiceId::new()).unwrap();
        assert_ne!(ApiKey { service: other.service, secret: key.secret }.hash(), key.hash(), "the hash is of both");
        for bad in [&text[..text.len() - 1], &format!("{text}AA"), "", PREFIX, "landlord_key_x", &text[1..]] {
            assert!(ApiKey::decode(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn any_text_is_read_without_a_panic() {
        proptest::proptest!(|(text in "(landlord_key_)?\\PC{0,90}")| {
            if let Some(key) = ApiKey::decode(&text) {
                assert_eq!(key.encode(), text);
            }
        });
    }
}
