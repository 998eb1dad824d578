//! What the object store says, in our words.

use std::error::Error as StdError;
use std::io;
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
    #[error("{store} writes over what is there even when told not to; backups would not be safe in it")]
    WritesOver {
        /// What it is called.
        store: &'static str,
    },
    /// What is called the second store is the first one.
    #[error("objects.second.url is the store that objects.url is; a copy there would be none")]
    OneStore,
    /// There is something else than Landlord writes.
    #[error("{path} is not what it should be; is the store used by something else?")]
    Strange {
        /// Where.
        path: String,
    },
    /// The store has no room left.
    #[error("{store} is full: {why}")]
    Full {
        /// What it is called.
        store: &'static str,
        /// What it says.
        why: String,
    },
    /// The store can't be reached, or does not do what it is asked.
    #[error("{store}: {why}")]
    Unavailable {
        /// What it is called.
        store: &'static str,
        /// What it says.
        why: String,
    },
}

impl From<VaultError> for Error {
    fn from(error: VaultError) -> Self {
        match error {
            VaultError::Unavailable { store, .. } => {
                tracing::warn!(%error, "an object store is unavailable");
                let text =
                    format!("{store} can't be reached or takes nothing; repeat the call with the same request_id");
                let refusal = Refusal::new(Reason::ObjectStoreUnavailable, text).with("store", store);
                refusal.retry_after(Duration::from_secs(1)).into()
            }
            VaultError::Full { store, .. } => {
                tracing::error!(%error, "nothing more can be stored");
                let text = format!(
                    "{store} has no room left: give it more, or delete assets and backups, whose room is free once they are \
                     collected; then repeat the call with the same request_id"
                );
                Refusal::new(Reason::ObjectStoreFull, text).with("store", store).into()
            }
            other => Self::internal("object store", other),
        }
    }
}

/// What is told of a request that was not done, for no reason that the caller could do something about.
pub(super) fn not_done(store: &'static str, error: object_store::Error) -> VaultError {
    let why = error.to_string();
    if is_full(&error) { VaultError::Full { store, why } } else { VaultError::Unavailable { store, why } }
}

/// Whether it is for want of room, as the system says it of a folder.
fn is_full(error: &(dyn StdError + 'static)) -> bool {
    let mut causes = std::iter::successors(Some(error), |&error| error.source());
    causes.any(|cause| {
        let kind = cause.downcast_ref::<io::Error>().map(io::Error::kind);
        matches!(kind, Some(io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded))
    })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_told_from_one_that_is_away_however_deep_it_stands() {
        let of = |kind: io::ErrorKind| {
            let within = |source| object_store::Error::Generic { store: "a test", source };
            Error::from(not_done("a store", within(Box::new(within(Box::new(io::Error::from(kind))))))).reason()
        };
        assert_eq!(of(io::ErrorKind::StorageFull), Some(Reason::ObjectStoreFull));
        assert_eq!(of(io::ErrorKind::QuotaExceeded), Some(Reason::ObjectStoreFull));
        assert_eq!(of(io::ErrorKind::PermissionDenied), Some(Reason::ObjectStoreUnavailable));
    }
}
