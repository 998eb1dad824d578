//! What the object store says, in our words.

use std::time::Duration;

use crate::domain::error::{Error, Reason, Refusal};

/// Why something was not read or written.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// There is no such object.
    #[error("there is no object {path}")]
    Missing {
        /// Where it should be.
        path: String,
    },
    /// There is one already.
    #[error("there is an object {path} already")]
    Present {
        /// Where.
        path: String,
    },
    /// The store takes a second object in the place of one that is there, although it was told not to.
    #[error("the object store writes over what is there even when told not to; backups would not be safe in it")]
    WritesOver,
    /// The store can't be reached, or does not do what it is asked.
    #[error("the object store: {0}")]
    Unavailable(String),
}

impl From<VaultError> for Error {
    fn from(error: VaultError) -> Self {
        match error {
            VaultError::Unavailable(_) => {
                tracing::warn!(%error, "the object store is unavailable");
                let text =
                    "the object store can't be reached or takes nothing; repeat the call with the same request_id";
                Refusal::new(Reason::ObjectStoreUnavailable, text).retry_after(Duration::from_secs(1)).into()
            }
            other => Self::internal("object store", other),
        }
    }
}

pub(super) fn failed(error: object_store::Error) -> VaultError {
    match error {
        object_store::Error::NotFound { path, .. } => VaultError::Missing { path },
        object_store::Error::AlreadyExists { path, .. } | object_store::Error::Precondition { path, .. } => {
            VaultError::Present { path }
        }
        other => VaultError::Unavailable(other.to_string()),
    }
}

/// The refusal of content that is not what was stored. Its place in the store is for the log alone.
pub(super) fn broken(place: &str, how: &'static str) -> Error {
    tracing::error!(object = place, how, "stored content is not what it was");
    let text = format!("a part of the stored content {how}; nothing of it is given out");
    Refusal::new(Reason::ContentCorrupt, text).into()
}

/// The refusal of content whose key can't be had.
pub(super) fn lost(why: &'static str) -> Error {
    tracing::error!(why, "a tenant's key can't be had");
    let text = "the tenant's key can't be opened, so nothing that is sealed with it can be read: bring back the root key that \
                it was sealed with, or the objects below `keys/`";
    Refusal::new(Reason::KeyUnavailable, text).into()
}
