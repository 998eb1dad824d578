//! The second store. It has what backups refer to once more, as it is sealed and under the same names: so whatever the first one has
//! lost of it is still there, and is put back by whoever reads it.

use std::sync::Arc;

use bytes::Bytes;
use object_store::path::Path;
use uuid::Uuid;

use super::error::broken;
use super::objects::{self, Found, Store};
use super::{TenantKey, Vault, VaultError, crunch, key_path, part};
use crate::domain::blob::ObjectName;
use crate::domain::error::{Error, Reason, Result};
use crate::domain::id::{KeyId, StoreId, TenantUid};

impl Vault {
    /// Which store the second one is, if there is one. Whoever asks first makes sure that it can be relied on, and gives it an id: a
    /// store that is put in its place has another one.
    pub async fn second_store(&self) -> Result<Option<StoreId>, VaultError> {
        let Some(second) = &self.second else { return Ok(None) };
        let path = Path::from("store");
        let id = match objects::get(second, &path).await {
            Err(VaultError::Missing { .. }) => {
                objects::prove(second).await?;
                match objects::put_new(second, &path, StoreId::new().to_string().into()).await {
                    // Somebody was faster.
                    Ok(()) | Err(VaultError::Present { .. }) => objects::get(second, &path).await?,
                    Err(error) => return Err(error),
                }
            }
            read => read?,
        };
        // One that was the second store before it became the first has an id, too, but another one.
        match objects::get(&self.first, &path).await {
            Ok(there) if there == id => return Err(VaultError::OneStore),
            Ok(_) | Err(VaultError::Missing { .. }) => {}
            Err(error) => return Err(error),
        }
        let id = std::str::from_utf8(&id).ok().and_then(|id| Uuid::try_parse(id).ok()).map(StoreId);
        id.map(Some).ok_or_else(|| VaultError::Strange { path: path.to_string() })
    }

    /// Makes sure that both stores have a tenant's key.
    pub async fn copy_key(&self, tenant: TenantUid, id: KeyId) -> Result<()> {
        let (path, (first, second)) = (key_path(tenant, id), self.both()?);
        for (from, to) in [(second, first), (first, second)] {
            match objects::get(to, &path).await {
                Ok(sealed) if self.opened(id, &path, &sealed).is_ok() => continue,
                Ok(_) | Err(VaultError::Missing { .. }) => {}
                // What can't be asked may have it.
                Err(error) => return Err(error.into()),
            }
            self.key_in(from, id, &path).await?;
            // What is there is not the key, or it would have been opened.
            objects::put(to, &path, objects::get(from, &path).await?).await?;
        }
        Ok(())
    }

    /// Copies a part that can be opened into the second store. It stays there once copies are settled.
    pub async fn copy_part(&self, key: Arc<TenantKey>, name: ObjectName) -> Result<()> {
        let (first, second) = self.both()?;
        let path = Path::from(name.as_str());
        let as_it_is =
            |key: &TenantKey, place: &str, sealed: Bytes| part::open_frame(key, place, sealed.clone()).map(|_| sealed);
        let sealed = read(first, key, &path, as_it_is).await?;
        Ok(objects::put_soon(second, &path, sealed).await?)
    }

    /// Makes what was copied stay, however the machine goes down.
    pub async fn settle_copies(&self) -> Result<()> {
        let (_, second) = self.both()?;
        Ok(objects::settle(second).await?)
    }

    /// Makes sure that the second store, if there is one, has a part that the first one has.
    pub async fn check_copy(&self, key: Arc<TenantKey>, name: ObjectName) -> Result<()> {
        let Some(second) = &self.second else { return Ok(()) };
        match read(second, key.clone(), &Path::from(name.as_str()), part::open_frame).await {
            Err(error) if error.reason() == Some(Reason::ContentCorrupt) => {
                tracing::warn!(object = name.as_str(), "a copy that was damaged is made anew");
                self.copy_part(key, name).await?;
                self.settle_copies().await
            }
            read => read.map(|_| ()),
        }
    }

    /// A part as it is in the first store, or else in the second one. What the first one has lost is put back.
    pub(super) async fn read<T: Send + 'static>(
        &self,
        key: Arc<TenantKey>,
        name: ObjectName,
        how: impl Open<T> + Clone,
    ) -> Result<T> {
        let path = Path::from(name.as_str());
        let error = match (read(&self.first, key.clone(), &path, how.clone()).await, &self.second) {
            (Err(error), Some(_)) => error,
            (read, _) => return read,
        };
        let (_, second) = self.both()?;
        let Ok(sealed) = objects::get(second, &path).await else { return Err(error) };
        let Ok(plain) = open(second, key, &path, Found::Here(sealed.clone()), how).await else { return Err(error) };
        tracing::warn!(object = name.as_str(), %error, "read from the second object store");
        if error.reason() == Some(Reason::ContentCorrupt)
            && let Err(error) = objects::put(&self.first, &path, sealed).await
        {
            tracing::warn!(object = name.as_str(), %error, "it was not put back into the first one");
        }
        Ok(plain)
    }

    fn both(&self) -> Result<(&Store, &Store)> {
        let second = self.second.as_ref().ok_or_else(|| Error::internal("object store", "there is no second one"))?;
        Ok((&self.first, second))
    }
}

/// How a part is opened.
pub(super) trait Open<T>: FnOnce(&TenantKey, &str, Bytes) -> Result<T> + Send + 'static {}

impl<T, F: FnOnce(&TenantKey, &str, Bytes) -> Result<T> + Send + 'static> Open<T> for F {}

/// A part as it is in a store, opened.
async fn read<T: Send + 'static>(store: &Store, key: Arc<TenantKey>, path: &Path, how: impl Open<T>) -> Result<T> {
    let found = objects::find(store, path).await.map_err(missing)?;
    open(store, key, path, found, how).await
}

async fn open<T: Send + 'static>(
    store: &Store,
    key: Arc<TenantKey>,
    path: &Path,
    sealed: Found,
    how: impl Open<T>,
) -> Result<T> {
    let (store, path) = (store.clone(), path.clone());
    let bytes = match &sealed {
        Found::Here(sealed) => sealed.len(),
        // Nobody knows how long a disk takes.
        Found::File(_) => usize::MAX,
    };
    let opened = move || {
        let sealed = sealed.read(&store, &path).map_err(missing)?;
        how(&key, path.as_ref(), sealed)
    };
    crunch(bytes, opened).await?
}

/// Of a part that is not there.
pub(super) fn missing(error: VaultError) -> Error {
    match error {
        VaultError::Missing { path } => broken(&path, "is missing"),
        other => other.into(),
    }
}
