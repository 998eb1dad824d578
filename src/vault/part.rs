//! The form of a part: one frame of zstd, sealed as a whole.
//!
//! ```text
//! 4 bytes     LLP1
//! 16          id of the tenant's key
//! 32          salt of the part's key
//! …           the frame, sealed with AES-256-GCM; the header and the part's place in the store go with it
//! 16          tag
//! ```

use std::cell::RefCell;

use aws_lc_rs::aead::{Aad, MAX_TAG_LEN, NONCE_LEN, Nonce};
use bytes::{Bytes, BytesMut};
use uuid::Uuid;
use zstd::zstd_safe::{self, DCtx, InBuffer, OutBuffer};

use super::content::ContentHash;
use super::error::broken;
use super::key::{SALT, TenantKey};
use crate::authn::seal::random;
use crate::domain::error::{Error, Result};
use crate::domain::id::KeyId;

/// Bytes of a part before it is compressed, at most; all parts of a blob but its last have as many.
pub const PART_BYTES: usize = 8 << 20;

const MAGIC: &[u8; 4] = b"LLP1";
const ID: usize = 16;
const HEADER: usize = MAGIC.len() + ID + SALT;

/// Bytes that a part takes in the store beside its frame.
pub const OVERHEAD: i64 = (HEADER + MAX_TAG_LEN) as i64;

/// Compresses and seals a part.
pub(super) fn seal(key: &TenantKey, place: &str, plain: &[u8]) -> Result<Vec<u8>> {
    seal_frame(key, place, &zstd::bulk::compress(plain, 1).map_err(|e| Error::internal("compression", e))?)
}

fn seal_frame(key: &TenantKey, place: &str, frame: &[u8]) -> Result<Vec<u8>> {
    let salt: [u8; SALT] = random()?;
    let mut sealed = Vec::with_capacity(HEADER + frame.len() + MAX_TAG_LEN);
    sealed.extend_from_slice(MAGIC);
    sealed.extend_from_slice(key.id.0.as_bytes());
    sealed.extend_from_slice(&salt);
    sealed.extend_from_slice(frame);
    let aad = aad(&sealed[..HEADER], place);
    let tag = key.of_object(&salt)?.seal_in_place_separate_tag(nonce(), Aad::from(aad), &mut sealed[HEADER..]);
    sealed.extend_from_slice(tag.map_err(|e| Error::internal("sealing", e))?.as_ref());
    Ok(sealed)
}

/// Opens and decompresses a part.
pub(super) fn open(key: &TenantKey, place: &str, sealed: Bytes) -> Result<Bytes> {
    unpack(&open_frame(key, place, sealed)?, place)
}

/// Bytes of a part that is decompressed at once: to do it little by little takes as much memory.
const SMALL: u64 = 1 << 20;

/// Opens a part and adds what is in it to a hash, little by little: what is not small is never in memory as a whole.
pub(super) fn hash(key: &TenantKey, place: &str, sealed: Bytes, content: &mut ContentHash) -> Result<()> {
    let frame = open_frame(key, place, sealed)?;
    if zstd_safe::get_frame_content_size(&frame).is_ok_and(|bytes| bytes.is_some_and(|bytes| bytes <= SMALL)) {
        content.update(&unpack(&frame, place)?);
        return Ok(());
    }
    // One of its own: what it has room for stays as long as it does, and threads stay for a while.
    let (mut context, mut piece) = (DCtx::create(), vec![0; DCtx::out_size()]);
    let (mut input, mut wanted) = (InBuffer::around(&frame), 1);
    while wanted > 0 {
        let mut output = OutBuffer::around(piece.as_mut_slice());
        let left = context.decompress_stream(&mut output, &mut input);
        wanted = left.map_err(|_| broken(place, "can't be decompressed"))?;
        content.update(output.as_slice());
        if wanted > 0 && output.as_slice().is_empty() {
            return Err(broken(place, "has no end"));
        }
    }
    if input.pos() == frame.len() { Ok(()) } else { Err(broken(place, "does not end where it should")) }
}

thread_local! {
    /// Making one takes longer than a small part does.
    static DECOMPRESSOR: RefCell<DCtx<'static>> = RefCell::new(DCtx::create());
}

/// What is in a frame, which says how much that is.
fn unpack(frame: &[u8], place: &str) -> Result<Bytes> {
    let bytes = zstd_safe::get_frame_content_size(frame).ok().flatten().and_then(|bytes| usize::try_from(bytes).ok());
    let plain = bytes.filter(|bytes| *bytes <= PART_BYTES).and_then(|bytes| {
        let mut plain = Vec::with_capacity(bytes);
        let unpacked = DECOMPRESSOR.with_borrow_mut(|context| context.decompress(&mut plain, frame));
        unpacked.is_ok_and(|unpacked| unpacked == bytes).then_some(plain)
    });
    plain.map(Bytes::from).ok_or_else(|| broken(place, "can't be decompressed"))
}

/// What a part says of itself: the key that it is sealed with, and the salt.
fn header<'a>(place: &str, sealed: &'a [u8]) -> Result<(KeyId, &'a [u8; SALT])> {
    let header = sealed.first_chunk::<HEADER>().ok_or_else(|| broken(place, "is cut off"))?;
    let said = header.strip_prefix(MAGIC).ok_or_else(|| broken(place, "is no part of a blob"))?;
    let said = said.split_first_chunk::<ID>().and_then(|(id, salt)| Some((id, salt.first_chunk()?)));
    let (id, salt) = said.ok_or_else(|| broken(place, "is cut off"))?;
    Ok((KeyId(Uuid::from_bytes(*id)), salt))
}

/// The key that a part is sealed with, as it says itself.
pub(super) fn key_of(place: &str, sealed: &[u8]) -> Result<KeyId> {
    header(place, sealed).map(|(id, _)| id)
}

/// Opens a part and leaves it compressed.
pub(super) fn open_frame(key: &TenantKey, place: &str, sealed: Bytes) -> Result<Bytes> {
    let (id, salt) = header(place, &sealed)?;
    if id != key.id {
        return Err(broken(place, "is sealed with another key"));
    }
    let (key, aad) = (key.of_object(salt)?, aad(&sealed[..HEADER], place));
    // In place, unless somebody else has it as well.
    let mut body = BytesMut::from(sealed).split_off(HEADER);
    let plain = key.open_in_place(nonce(), Aad::from(aad), &mut body);
    let bytes = plain.map_err(|_| broken(place, "is damaged"))?.len();
    body.truncate(bytes);
    Ok(body.freeze())
}

/// A key seals one object, so every one begins with the same nonce.
fn nonce() -> Nonce {
    Nonce::assume_unique_for_key([0; NONCE_LEN])
}

fn aad(header: &[u8], place: &str) -> Vec<u8> {
    [header, place.as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> TenantKey {
        TenantKey::new(KeyId::new(), &[7; 32]).unwrap()
    }

    #[test]
    fn what_is_sealed_opens_in_its_place_with_its_key() {
        let key = key();
        for plain in [vec![], b"one line".to_vec(), vec![0; PART_BYTES], random::<70_000>().unwrap().to_vec()] {
            let sealed = seal(&key, "blobs/a/1.0", &plain).unwrap();
            assert!(sealed.len() < plain.len() + 1024);
            assert_eq!(open(&key, "blobs/a/1.0", sealed.clone().into()).unwrap(), plain);
            assert!(open(&key, "blobs/a/2.0", sealed.clone().into()).is_err(), "it is moved");
            assert!(open(&self::key(), "blobs/a/1.0", sealed.clone().into()).is_err(), "it is another tenant's");
            let (mut hash, mut little_by_little) = (key.content_hash().unwrap(), key.content_hash().unwrap());
            hash.update(&plain);
            self::hash(&key, "blobs/a/1.0", sealed.into(), &mut little_by_little).unwrap();
            assert_eq!(little_by_little.finish(), hash.finish());
        }
    }

    #[test]
    fn the_same_bytes_are_never_sealed_alike() {
        let key = key();
        assert_ne!(seal(&key, "a", b"the same").unwrap(), seal(&key, "a", b"the same").unwrap());
    }

    #[test]
    fn a_frame_that_has_no_end_or_something_behind_it_has_no_hash() {
        let (key, whole) = (key(), zstd::bulk::compress(&random::<1000>().unwrap().repeat(2000), 1).unwrap());
        for frame in [&whole[..], &whole[..whole.len() / 2], &[&whole[..], b"more"].concat(), b"no frame", b""] {
            let sealed = seal_frame(&key, "a", frame).unwrap();
            let hashed = hash(&key, "a", sealed.into(), &mut key.content_hash().unwrap());
            assert_eq!(hashed.is_ok(), frame == whole);
        }
    }

    #[test]
    fn whatever_bit_is_flipped_and_wherever_it_is_cut_it_does_not_open() {
        let key = key();
        let sealed = seal(&key, "a", b"a few bytes that are not to change").unwrap();
        for at in 0..sealed.len() {
            let mut flipped = sealed.clone();
            flipped[at] ^= 1;
            assert!(open(&key, "a", flipped.into()).is_err(), "bit {at}");
            assert!(open(&key, "a", Bytes::copy_from_slice(&sealed[..at])).is_err(), "cut at {at}");
        }
    }
}
