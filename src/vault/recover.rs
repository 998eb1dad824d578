//! What the stores have, for who has no database to ask.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::TryStreamExt as _;
use object_store::path::Path;

use super::objects::{self, Store};
use super::part::key_of;
use super::second::missing;
use super::{TenantKey, Vault, VaultError};
use crate::domain::backup_place::BackupPlace;
use crate::domain::blob::ObjectName;
use crate::domain::error::Result;
use crate::domain::id::{BackupId, TenantUid};

/// The last attempt at each backup.
type Attempts = BTreeMap<(TenantUid, BackupId), i64>;

impl Vault {
    /// The backups that have a manifest, in whichever store can be asked. Of several attempts at one it is the last, for no other can
    /// have become visible after it.
    pub async fn backups(&self) -> Result<Vec<BackupPlace>, VaultError> {
        let mut last = Attempts::new();
        let first = attempts(&self.first, &mut last).await;
        let second = match &self.second {
            Some(second) => Some(attempts(second, &mut last).await),
            None => None,
        };
        match (first, second) {
            (Ok(()), None | Some(Ok(()))) => {}
            (Err(error), Some(Ok(()))) | (Ok(()), Some(Err(error))) => {
                tracing::warn!(%error, "what only this store has is not found");
            }
            (Err(error), None | Some(Err(_))) => return Err(error),
        }
        Ok(last.into_iter().map(|((tenant, backup), attempt)| BackupPlace { tenant, backup, attempt }).collect())
    }

    /// The key that a backup is sealed with, as its manifest says.
    pub async fn key_of_backup(&self, place: BackupPlace) -> Result<Arc<TenantKey>> {
        match (self.key_said_in(&self.first, place).await, &self.second) {
            (Err(error), Some(second)) => self.key_said_in(second, place).await.map_err(|_| error),
            (said, _) => said,
        }
    }

    async fn key_said_in(&self, store: &Store, place: BackupPlace) -> Result<Arc<TenantKey>> {
        let path = Path::from(ObjectName::from(place.manifest()).as_str());
        let sealed = objects::get(store, &path).await.map_err(missing)?;
        self.key(place.tenant, key_of(path.as_ref(), &sealed)?).await
    }
}

async fn attempts(store: &Store, last: &mut Attempts) -> Result<(), VaultError> {
    let mut names = objects::names(store, &Path::from("backups"));
    while let Some(name) = names.try_next().await? {
        if let Some(BackupPlace { tenant, backup, attempt }) = BackupPlace::of_manifest(name.as_ref()) {
            let last = last.entry((tenant, backup)).or_insert(attempt);
            *last = attempt.max(*last);
        }
    }
    Ok(())
}
