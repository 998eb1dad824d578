//! Content in the object store: how it comes in and goes out, and how what nobody has any more is removed.

mod beside;
mod collect;
mod give;
mod key;
mod mend;
mod receive;
mod take_in;
mod upload;

use std::time::Duration;

use bytes::Bytes;

pub(crate) use beside::{Room, Size, beside, each_beside};
pub use give::Given;
pub(super) use give::{Leave, chunks, gathered};
pub(super) use receive::{Received, receive};
pub(super) use take_in::{Intake, SMALL, Small};
pub(super) use upload::{key, uploader};

/// How content is kept.
#[derive(Clone, Copy, Debug)]
pub struct ContentRules {
    /// How long an upload that does not go on is kept.
    pub keep_uploads: Duration,
    /// How long content that nothing has any more stays.
    pub keep_unused: Duration,
}

/// A piece of content on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chunk {
    /// Of its first byte.
    pub offset: i64,
    /// The bytes.
    pub data: Bytes,
    /// Their CRC-32C, if who sends them says it.
    pub crc32c: Option<u32>,
}
