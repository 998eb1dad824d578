//! Blobs: the content that is kept in the object store, in parts.

use serde::{Deserialize, Serialize};

use super::id::{BlobId, KeyId, TenantUid};

/// What content is found by within its tenant: a hash with a key of the tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ContentId(pub [u8; 32]);

/// The SHA-256 of content, which everybody can compare.
pub type Sha256 = [u8; 32];

/// It in hexadecimal digits.
pub fn hex(hash: &Sha256) -> String {
    let digit = |half: u8| char::from_digit(half.into(), 16).unwrap_or_default();
    hash.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

/// The hash that is written so.
pub fn parse_hex(text: &str) -> Option<Sha256> {
    if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let digits = |at: usize| u8::from_str_radix(&text[at..at + 2], 16).ok();
    let bytes: Vec<u8> = (0..64).step_by(2).map(digits).collect::<Option<_>>()?;
    bytes.try_into().ok()
}

/// The name of a part of a blob in the object store. The attempt is that of the upload which wrote it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PartName {
    /// Whose.
    pub tenant: TenantUid,
    /// Of which blob.
    pub blob: BlobId,
    /// Which part, from 0.
    pub part: i32,
    /// At which attempt it was written, from 1.
    pub attempt: i32,
}

/// The name of an object in the object store. Only what has a place there makes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectName(String);

impl ObjectName {
    pub(super) fn new(name: String) -> Self {
        Self(name)
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<PartName> for ObjectName {
    fn from(PartName { tenant, blob, part, attempt }: PartName) -> Self {
        Self(format!("blobs/{tenant}/{blob}/{part}.{attempt}"))
    }
}

/// A part as it is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// Which, from 0.
    pub part: i32,
    /// At which attempt it was written.
    pub attempt: i32,
    /// Bytes of it, plain.
    pub bytes: i32,
    /// Bytes that it takes in the object store.
    pub stored_bytes: i32,
}

/// A blob as it can be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Blob {
    /// Whose.
    pub tenant: TenantUid,
    /// Which.
    pub id: BlobId,
    /// The key that it is sealed with.
    pub key: KeyId,
    /// Bytes of it, plain.
    pub bytes: i64,
    /// Its parts, in order.
    pub parts: Vec<Part>,
}

impl Blob {
    /// The name of one of its parts.
    pub fn part(&self, part: &Part) -> PartName {
        PartName { tenant: self.tenant, blob: self.id, part: part.part, attempt: part.attempt }
    }

    /// The parts that have something from `offset` on, each with the bytes at its beginning that come before.
    pub fn from(&self, offset: i64) -> Vec<(Part, usize)> {
        let mut begins = 0;
        let mut wanted = Vec::new();
        for part in &self.parts {
            let ends = begins + i64::from(part.bytes);
            if ends > offset {
                wanted.push((*part, usize::try_from((offset - begins).max(0)).unwrap_or(0)));
            }
            begins = ends;
        }
        wanted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reading_begins_in_the_part_that_has_the_offset() {
        let part = |part, bytes| Part { part, attempt: 1, bytes, stored_bytes: 1 };
        let parts = vec![part(0, 10), part(1, 5), part(2, 10)];
        let (tenant, id, key) = (TenantUid::new(), BlobId::new(), KeyId::new());
        let blob = Blob { tenant, id, key, bytes: 25, parts };
        let from = |offset| blob.from(offset).into_iter().map(|(part, skip)| (part.part, skip)).collect::<Vec<_>>();
        assert_eq!(from(0), [(0, 0), (1, 0), (2, 0)]);
        assert_eq!(from(9), [(0, 9), (1, 0), (2, 0)]);
        assert_eq!(from(10), [(1, 0), (2, 0)]);
        assert_eq!(from(24), [(2, 9)]);
        assert_eq!(from(25), []);
    }
}
