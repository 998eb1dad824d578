//! The generated messages and clients, and the descriptor set that reflection serves.

/// Package `landlord.v1`.
#[allow(missing_docs, clippy::all, clippy::pedantic, reason = "generated code")]
pub mod v1 {
    tonic::include_proto!("landlord.v1");
    include!(concat!(env!("OUT_DIR"), "/redacted.rs"));
}

/// The encoded `FileDescriptorSet` of all protos, with their comments and options.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));
