//! What is asked of the object store.

use std::sync::Arc;

use bytes::Bytes;
use futures::{StreamExt as _, TryStreamExt as _};
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt as _, PutMode, PutOptions, PutPayload};

use super::error::{VaultError, failed};

type Store = Arc<dyn ObjectStore>;

/// Shows that the store does not write over what is there when it is told not to.
pub(super) async fn prove(store: &Store) -> Result<(), VaultError> {
    let path = Path::from("probe");
    for again in [false, true] {
        match create(store, &path, Bytes::from_static(b"landlord")).await {
            Err(VaultError::Present { .. }) => {}
            Ok(()) if !again => {}
            Ok(()) => return Err(VaultError::WritesOver),
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

async fn create(store: &Store, path: &Path, body: Bytes) -> Result<(), VaultError> {
    let options = PutOptions::from(PutMode::Create);
    store.put_opts(path, PutPayload::from_bytes(body), options).await.map(|_| ()).map_err(failed)
}

/// Writes an object that must not be there yet. An answer that was lost is found out about: what is there is read back.
pub(super) async fn put_new(store: &Store, path: &Path, body: Bytes) -> Result<(), VaultError> {
    match create(store, path, body.clone()).await {
        Err(VaultError::Present { path: at }) => match get(store, path).await? {
            known if known == body => Ok(()),
            _ => Err(VaultError::Present { path: at }),
        },
        written => written,
    }
}

/// Writes an object, over what is there.
pub(super) async fn put(store: &Store, path: &Path, body: Bytes) -> Result<(), VaultError> {
    fail::fail_point!("objects.put.before");
    store.put(path, PutPayload::from_bytes(body)).await.map_err(failed)?;
    fail::fail_point!("objects.put.after");
    Ok(())
}

/// An object.
pub(super) async fn get(store: &Store, path: &Path) -> Result<Bytes, VaultError> {
    store.get(path).await.map_err(failed)?.bytes().await.map_err(failed)
}

/// Removes all objects below a path.
pub(super) async fn remove_below(store: &Store, path: &Path) -> Result<(), VaultError> {
    let found = store.list(Some(path)).map_ok(|object| object.location).boxed();
    let mut gone = store.delete_stream(found);
    while let Some(gone) = gone.next().await {
        match gone.map_err(failed) {
            // Somebody else was faster.
            Ok(_) | Err(VaultError::Missing { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
