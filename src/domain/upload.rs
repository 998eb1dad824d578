//! Uploads: content on its way, which can be gone on with after the connection broke.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::blob::{Part, Sha256};
use super::error::{Error, Reason, Refusal};
use super::id::{BlobId, KeyId, UploadId};

/// Bytes that may be uploaded at once.
pub const MOST_BYTES: i64 = 1 << 40;

/// What is to come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Announced {
    /// Bytes in all.
    pub bytes: i64,
    /// Their SHA-256, if the caller says it.
    pub sha256: Option<Sha256>,
}

/// Which upload: everybody has ids of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UploadKey {
    /// Who uploads: a user, a service, or an operation.
    pub uploader: Uuid,
    /// The id.
    pub id: UploadId,
}

/// An upload that is under way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Upload {
    /// Which.
    pub key: UploadKey,
    /// The blob that it makes.
    pub blob: BlobId,
    /// The key that this is sealed with.
    pub sealed_with: KeyId,
    /// Which connection goes on with it.
    pub attempt: i32,
    /// Parts that have arrived.
    pub parts: Vec<Part>,
}

impl Upload {
    /// Bytes that have arrived.
    pub fn received(&self) -> i64 {
        received(&self.parts)
    }
}

/// An upload as its caller sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Code of its tenant.
    pub tenant_code: String,
    /// Which.
    pub id: UploadId,
    /// Bytes in all.
    pub bytes: i64,
    /// Bytes that have arrived and stay.
    pub received: i64,
    /// What it has become; empty: it is not done.
    pub result: String,
    /// When it is given up.
    pub expires_at: DateTime<Utc>,
}

/// Bytes of parts.
pub fn received(parts: &[Part]) -> i64 {
    parts.iter().map(|part| i64::from(part.bytes)).sum()
}

/// The refusal of bytes that are not the next ones.
pub fn wrong_offset(expected: i64, sent: i64) -> Error {
    let text = format!("the next byte is {expected}, not {sent}; go on with chunks from there");
    Refusal::new(Reason::UploadOffsetMismatch, text).with("offset", expected.to_string()).into()
}

/// The refusal of who goes on with an upload that another connection has, or that was given up.
pub fn interrupted() -> Error {
    let text = "another connection goes on with the upload, or it was given up; GetUpload says how far it is";
    Refusal::new(Reason::UploadInterrupted, text).into()
}
