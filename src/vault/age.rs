//! Archives that are encrypted with a passphrase, as the programs of age have it (age-encryption.org/v1).
//!
//! What one is encrypted with follows from its tenant's key, the passphrase and what is in it. So the same archive with the same
//! passphrase is the same bytes each time, from any of them on, and nothing else is ever encrypted with that key.

use std::cell::OnceCell;
use std::io::{self, BufReader, Read};

use age_core::format::{FileKey as AgeKey, Stanza};
use aws_lc_rs::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::hkdf::{HKDF_SHA256, Salt};
use aws_lc_rs::hmac::{self, HMAC_SHA256};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use bytes::Bytes;
use secrecy::{ExposeSecret as _, SecretString};

use super::TenantKey;
use crate::domain::error::{Error, Result};

/// Bytes that are encrypted at once; of an archive all pieces but the last one have as many.
pub const PIECE_BYTES: usize = 64 * 1024;

/// Bytes that a piece grows by.
const TAG: usize = 16;
/// Bytes of the salts, the nonce and the key of a file.
const SHORT: usize = 16;
/// How much work it is to try a passphrase, as a power of two: 64 MiB of memory.
const WORK: u8 = 16;
/// Work that is done for an archive that comes from elsewhere: 256 MiB, which is what the programs ask for.
const MOST_WORK: u8 = 18;
/// Bytes within which the header of an archive ends.
pub const HEADER_BYTES: usize = 64 * 1024;

const MARK: &[u8] = b"age-encryption.org/";
const SCRYPT: &str = "scrypt";

/// The key of an archive.
#[derive(Clone)]
pub struct FileKey([u8; SHORT]);

impl std::fmt::Debug for FileKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("FileKey(…)")
    }
}

impl FileKey {
    /// The one that consists of these bytes.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        bytes.try_into().map(Self).map_err(|e| Error::internal("key of an archive", e))
    }

    /// Its bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// What encrypts an archive.
pub struct Encryption {
    /// What comes before the first piece.
    pub header: Bytes,
    payload: LessSafeKey,
}

impl Encryption {
    /// For an archive with this content, which has to tell it from all others. It takes a while and 64 MiB of memory.
    pub fn new(key: &TenantKey, passphrase: &SecretString, content: &[u8; 32]) -> Result<Self> {
        let passphrase = passphrase.expose_secret().as_bytes();
        let [file_key, salt, nonce] = ["age file key", "age salt", "age nonce"].map(|what| {
            let derived = key.of_archive(what, passphrase, content)?;
            derived[..SHORT].try_into().map_err(|e| Error::internal("key of an archive", e))
        });
        Self::with(file_key?, salt?, nonce?, passphrase)
    }

    fn with(file_key: [u8; SHORT], salt: [u8; SHORT], nonce: [u8; SHORT], passphrase: &[u8]) -> Result<Self> {
        let wrong = |error: &dyn std::fmt::Display| Error::internal("scrypt", error.to_string());
        let params = scrypt::Params::new(WORK, 8, 1, 32).map_err(|e| wrong(&e))?;
        let (labelled, mut wrapping) = ([b"age-encryption.org/v1/scrypt", &salt[..]].concat(), [0; 32]);
        scrypt::scrypt(passphrase, &labelled, &params, &mut wrapping).map_err(|e| wrong(&e))?;
        let mut wrapped = file_key.to_vec();
        seal(&chacha(&wrapping)?, [0; NONCE_LEN], &mut wrapped)?;
        let (salt, wrapped) = (STANDARD_NO_PAD.encode(salt), STANDARD_NO_PAD.encode(wrapped));
        let mut header = format!("age-encryption.org/v1\n-> {SCRYPT} {salt} {WORK}\n{wrapped}\n---").into_bytes();
        let mac = hmac::sign(&hmac::Key::new(HMAC_SHA256, &derive(&[], &file_key, b"header")?), &header);
        header.extend_from_slice(format!(" {}\n", STANDARD_NO_PAD.encode(mac)).as_bytes());
        header.extend_from_slice(&nonce);
        Ok(Self { header: header.into(), payload: chacha(&derive(&nonce, &file_key, b"payload")?)? })
    }

    /// Bytes of an archive of so many, encrypted.
    pub fn bytes(&self, plain: i64) -> i64 {
        let length = |bytes: usize| i64::try_from(bytes).unwrap_or(i64::MAX);
        let pieces =
            plain.max(1).div_euclid(length(PIECE_BYTES)) + i64::from(plain.max(1).rem_euclid(length(PIECE_BYTES)) > 0);
        length(self.header.len()) + plain + pieces * length(TAG)
    }

    /// The piece in which a byte behind the header is, and which byte of that piece it is.
    pub fn piece_at(&self, offset: i64) -> (u64, usize) {
        let bytes = i64::try_from(PIECE_BYTES + TAG).unwrap_or(i64::MAX);
        let (piece, rest) = (offset.div_euclid(bytes), offset.rem_euclid(bytes));
        (piece.unsigned_abs(), usize::try_from(rest).unwrap_or(0))
    }

    /// A piece, encrypted.
    pub fn piece(&self, number: u64, last: bool, plain: &[u8]) -> Result<Bytes> {
        let mut nonce = [0; NONCE_LEN];
        nonce[3..11].copy_from_slice(&number.to_be_bytes());
        nonce[11] = u8::from(last);
        let mut piece = Vec::with_capacity(plain.len() + TAG);
        piece.extend_from_slice(plain);
        seal(&self.payload, nonce, &mut piece)?;
        Ok(piece.into())
    }
}

fn chacha(key: &[u8; 32]) -> Result<LessSafeKey> {
    UnboundKey::new(&CHACHA20_POLY1305, key).map(LessSafeKey::new).map_err(|e| Error::internal("key of an archive", e))
}

fn seal(key: &LessSafeKey, nonce: [u8; NONCE_LEN], bytes: &mut Vec<u8>) -> Result<()> {
    let sealed = key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::empty(), bytes);
    sealed.map_err(|e| Error::internal("encryption of an archive", e))
}

fn derive(salt: &[u8], secret: &[u8], info: &[u8]) -> Result<[u8; 32]> {
    let mut key = [0; 32];
    let prk = Salt::new(HKDF_SHA256, salt).extract(secret);
    let derived = prk.expand(&[info], HKDF_SHA256).and_then(|okm| okm.fill(&mut key));
    derived.map_err(|e| Error::internal("key derivation", e))?;
    Ok(key)
}

/// Why an archive is not opened with a passphrase.
#[derive(Debug, thiserror::Error)]
pub enum Locked {
    /// It is another one.
    #[error("does not open the archive")]
    WrongPassphrase,
    /// Passphrases open none of its kind.
    #[error("opens nothing: the archive is not encrypted with a passphrase, or is damaged")]
    NoPassphrase,
    /// It would take too much work to try.
    #[error("can't be tried: the archive wants more work for it than 2^{MOST_WORK}; encrypt it with less")]
    TooMuchWork,
}

/// Whether an archive that begins so is encrypted.
pub fn is_encrypted(beginning: &[u8]) -> bool {
    beginning.starts_with(MARK)
}

/// The key that a passphrase opens an archive with, which begins so. It takes a while and 256 MiB of memory.
pub fn unlock(beginning: &[u8], passphrase: &SecretString) -> Result<FileKey, Locked> {
    let decryptor = age::Decryptor::new_buffered(beginning).map_err(|_| Locked::NoPassphrase)?;
    if !decryptor.is_scrypt() {
        return Err(Locked::NoPassphrase);
    }
    let mut passphrase = age::scrypt::Identity::new(passphrase.expose_secret().to_owned().into());
    passphrase.set_max_work_factor(MOST_WORK);
    let trying = Trying { passphrase, found: OnceCell::new() };
    decryptor.decrypt(std::iter::once(&trying as &dyn age::Identity)).map_err(|error| match error {
        age::DecryptError::ExcessiveWork { .. } => Locked::TooMuchWork,
        age::DecryptError::InvalidHeader | age::DecryptError::InvalidMac => Locked::NoPassphrase,
        _ => Locked::WrongPassphrase,
    })?;
    trying.found.into_inner().map(FileKey).ok_or(Locked::WrongPassphrase)
}

/// What is in an archive that this key opens.
pub fn decrypt(archive: impl Read, key: &FileKey) -> io::Result<impl Read> {
    let decryptor = age::Decryptor::new_buffered(BufReader::new(archive)).map_err(io::Error::other)?;
    decryptor.decrypt(std::iter::once(key as &dyn age::Identity)).map_err(io::Error::other)
}

/// A passphrase that is tried; the key is what counts.
struct Trying {
    passphrase: age::scrypt::Identity,
    found: OnceCell<[u8; SHORT]>,
}

impl age::Identity for Trying {
    fn unwrap_stanza(&self, stanza: &Stanza) -> Option<Result<AgeKey, age::DecryptError>> {
        let unwrapped = self.passphrase.unwrap_stanza(stanza)?;
        if let Ok(key) = &unwrapped {
            // There is one stanza.
            let _ = self.found.set(*key.expose_secret());
        }
        Some(unwrapped)
    }
}

impl age::Identity for FileKey {
    fn unwrap_stanza(&self, stanza: &Stanza) -> Option<Result<AgeKey, age::DecryptError>> {
        (stanza.tag == SCRYPT).then(|| Ok(AgeKey::new(Box::new(self.0))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::id::KeyId;

    fn encrypted(plain: &[u8], passphrase: &str, content: u8) -> Vec<u8> {
        let key = TenantKey::new(KeyId::new(), &[7; 32]).unwrap();
        let encryption = Encryption::new(&key, &passphrase.into(), &[content; 32]).unwrap();
        let pieces: Vec<_> = plain.chunks(PIECE_BYTES).collect();
        let mut archive = encryption.header.to_vec();
        for (number, piece) in pieces.iter().enumerate() {
            let last = number + 1 == pieces.len();
            archive.extend_from_slice(&encryption.piece(number.try_into().unwrap(), last, piece).unwrap());
        }
        assert_eq!(encryption.bytes(plain.len().try_into().unwrap()), i64::try_from(archive.len()).unwrap());
        archive
    }

    #[test]
    fn what_is_encrypted_the_library_opens_and_we_open_with_the_key_alone() {
        for bytes in [1, PIECE_BYTES - 1, PIECE_BYTES, PIECE_BYTES + 1, 3 * PIECE_BYTES] {
            let plain: Vec<u8> = (0..bytes).map(|at| u8::try_from(at % 251).unwrap()).collect();
            let archive = encrypted(&plain, "several unrelated words", 1);
            let identity = age::scrypt::Identity::new("several unrelated words".to_owned().into());
            assert_eq!(age::decrypt(&identity, &archive).unwrap(), plain);
            assert!(is_encrypted(&archive));
            let key = unlock(&archive[..archive.len().min(200)], &"several unrelated words".into()).unwrap();
            let mut opened = Vec::new();
            decrypt(&archive[..], &key).unwrap().read_to_end(&mut opened).unwrap();
            assert_eq!(opened, plain);
        }
    }

    #[test]
    fn the_same_is_the_same_bytes_and_anything_else_has_another_key() {
        let one = encrypted(b"content", "several unrelated words", 1);
        assert_eq!(one, encrypted(b"content", "several unrelated words", 1));
        let key = |archive: &[u8], passphrase: &str| unlock(archive, &passphrase.into()).unwrap().0;
        let other = encrypted(b"content", "other unrelated words", 1);
        let changed = encrypted(b"content", "several unrelated words", 2);
        assert_ne!(key(&one, "several unrelated words"), key(&other, "other unrelated words"));
        assert_ne!(key(&one, "several unrelated words"), key(&changed, "several unrelated words"));
    }

    #[test]
    fn what_a_passphrase_does_not_open_says_why() {
        let archive = encrypted(b"content", "several unrelated words", 1);
        let locked = |archive: &[u8], passphrase: &str| unlock(archive, &passphrase.into()).unwrap_err();
        assert!(matches!(locked(&archive, "several unrelated word"), Locked::WrongPassphrase));
        assert!(matches!(locked(b"age-encryption.org/v1\n", "anything"), Locked::NoPassphrase));
        let costly = String::from_utf8_lossy(&archive[..150]).replacen(&format!(" {WORK}\n"), " 19\n", 1);
        let costly = [costly.as_bytes(), &archive[150..]].concat();
        assert!(matches!(locked(&costly, "several unrelated words"), Locked::TooMuchWork));
        let key = age::x25519::Identity::generate().to_public();
        let for_a_key = age::encrypt(&key, b"content").unwrap();
        assert!(matches!(locked(&for_a_key, "several unrelated words"), Locked::NoPassphrase));
    }
}
