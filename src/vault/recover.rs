//! What the stores have, for who has no database to ask.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::TryStreamExt as _;
use object_store::path::Path;

use super::objects::{self, Store};
use super::part::key_of;
use super::{TenantKey, Vault, VaultError};
use crate::domain::backup::BackupPlace;
use crate::domain::blob::ObjectName;
use crate::domain::error::{Error, Result};

impl Vault {
    /// The backups that have a manifest, in whichever store. Of several attempts at one it is the last, for no other can have become
    /// visible after it.
    pub async fn backups(&self) -> Result<Vec<BackupPlace>, VaultError> {
        let mut last = BTreeMap::new();
        for store in self.stores() {
            let mut names = objects::names(store, &Path::from("backups"));
            while let Some(name) = names.try_next().await? {
                if let Some(BackupPlace { tenant, backup, attempt }) = BackupPlace::of_manifest(name.as_ref()) {
                    let last = last.entry((tenant, backup)).or_insert(attempt);
                    *last = attempt.max(*last);
                }
            }
        }
        Ok(last.into_iter().map(|((tenant, backup), attempt)| BackupPlace { tenant, backup, attempt }).collect())
    }

    /// The key that a backup is sealed with, as its manifest says.
    pub async fn key_of_backup(&self, place: BackupPlace) -> Result<Arc<TenantKey>> {
        let path = Path::from(ObjectName::from(place.manifest()).as_str());
        let mut lacking = Error::not_found("the backup");
        for store in self.stores() {
            let key = match objects::get(store, &path).await {
                Ok(sealed) => key_of(path.as_ref(), &sealed),
                Err(error) => Err(error.into()),
            };
            match key {
                Ok(key) => return self.key(place.tenant, key).await,
                Err(error) => lacking = error,
            }
        }
        Err(lacking)
    }

    fn stores(&self) -> impl Iterator<Item = &Store> {
        [&self.first].into_iter().chain(&self.second)
    }
}
