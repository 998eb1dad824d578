//! What tenants keep in the object store: compressed, and sealed under a key of each tenant.
//!
//! ```text
//! keys/{tenant}/{key}                                        a tenant's key, sealed with the root key
//! blobs/{tenant}/{blob}/{part}.{attempt}                     a part of a blob, sealed with the tenant's key
//! backups/{tenant}/{backup}/{attempt}/{segment}.{part}       a part of a backup, likewise
//! probe                                                      shows that the store refuses to write over what is there
//! store                                                      of the second store: which it is
//! ```
//!
//! A blob is cut into parts of [`PART_BYTES`], each an object of its own, which is written once and whole. So nothing that is
//! larger has to be in memory or be begun again, and what was cut off leaves nothing but parts that nobody refers to.
//!
//! The database knows which blobs there are and which key each is sealed with, but never a key: whoever destroys the objects
//! below `keys/{tenant}/` makes all that the tenant has here unreadable, whatever copies of the database there are.
//!
//! There may be a second store (`second`), which has what backups refer to once more, under the same names.

pub mod age;
mod content;
mod error;
pub mod frame;
mod key;
mod objects;
mod part;
mod recover;
mod second;

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use bytes::Bytes;
use object_store::path::Path;
use tokio::sync::OnceCell;

pub use self::content::{Content, ContentHash, sha256};
pub use self::error::VaultError;
use self::error::lost;
pub use self::key::TenantKey;
use self::objects::Store;
pub use self::objects::{Folder, Objects, Settle};
pub use self::part::{OVERHEAD, PART_BYTES};
use crate::authn::seal::{Purpose, RootKey};
use crate::domain::blob::ObjectName;
use crate::domain::error::Result;
use crate::domain::id::{BackupId, BlobId, KeyId, TenantUid};

/// For how long a key stays in memory. Whether it may still be used the database says with each call.
const KEY_TIME: Duration = Duration::from_secs(60);

/// Keys in memory at most.
const MOST_KEYS: usize = 10_000;

/// Tenants' keys, each with when it was read.
type Keys = HashMap<(TenantUid, KeyId), (Arc<TenantKey>, Instant)>;

/// The object store, by way of what is sealed in it. Clones share everything.
#[derive(Clone)]
pub struct Vault {
    first: Store,
    second: Option<Store>,
    root: RootKey,
    keys: Arc<RwLock<Keys>>,
    proven: Arc<OnceCell<()>>,
}

impl Vault {
    /// What is in that store, and the copies in a second one if there is one; tenants' keys are sealed with the root key.
    pub fn new(first: Objects, second: Option<Objects>, root: RootKey) -> Self {
        let first = Store::new(first, "the object store");
        let second = second.map(|second| Store::new(second, "the second object store"));
        Self { first, second, root, keys: Arc::default(), proven: Arc::default() }
    }

    /// Makes sure that the store can be relied on, as is done before anything is written to it: that it refuses to write over what
    /// is there.
    pub async fn prove(&self) -> Result<(), VaultError> {
        self.proven.get_or_try_init(|| objects::prove(&self.first)).await.copied()
    }

    /// Makes a key for a tenant, which is there for sure: what was sealed with a lost one would be lost as well.
    pub async fn make_key(&self, tenant: TenantUid) -> Result<KeyId> {
        self.prove().await?;
        let (id, secret) = (KeyId::new(), TenantKey::secret()?);
        let sealed = self.root.seal(Purpose::TenantKey, key_path(tenant, id).as_ref().as_bytes(), &secret)?;
        objects::put_new(&self.first, &key_path(tenant, id), sealed.into()).await?;
        Ok(id)
    }

    /// A tenant's key.
    pub async fn key(&self, tenant: TenantUid, id: KeyId) -> Result<Arc<TenantKey>> {
        if let Some((key, read)) = self.keys.read().unwrap_or_else(PoisonError::into_inner).get(&(tenant, id))
            && read.elapsed() < KEY_TIME
        {
            return Ok(key.clone());
        }
        let path = key_path(tenant, id);
        let key = match (self.key_in(&self.first, id, &path).await, &self.second) {
            (Err(error), Some(second)) => self.key_in(second, id, &path).await.map_err(|_| error)?,
            (read, _) => read?,
        };
        let mut keys = self.keys.write().unwrap_or_else(PoisonError::into_inner);
        if keys.len() >= MOST_KEYS {
            keys.retain(|_, (_, read)| read.elapsed() < KEY_TIME);
        }
        if keys.len() < MOST_KEYS {
            keys.insert((tenant, id), (key.clone(), Instant::now()));
        }
        Ok(key)
    }

    async fn key_in(&self, store: &Store, id: KeyId, path: &Path) -> Result<Arc<TenantKey>> {
        let sealed = match objects::get(store, path).await {
            Ok(sealed) => sealed,
            Err(VaultError::Missing { .. }) => return Err(lost("it is gone")),
            Err(error) => return Err(error.into()),
        };
        self.opened(id, path, &sealed)
    }

    fn opened(&self, id: KeyId, path: &Path, sealed: &[u8]) -> Result<Arc<TenantKey>> {
        let secret = self.root.open(Purpose::TenantKey, path.as_ref().as_bytes(), sealed);
        let secret = secret.ok_or_else(|| lost("it was sealed with another root key, or is damaged"))?;
        Ok(Arc::new(TenantKey::new(id, &secret)?))
    }

    /// Destroys all keys of a tenant, those that are known and any other, and with them all that it has here. It is done when the
    /// store has none any more.
    pub async fn destroy_keys(&self, tenant: TenantUid, known: &[KeyId]) -> Result<()> {
        self.keys.write().unwrap_or_else(PoisonError::into_inner).retain(|(of, _), _| *of != tenant);
        let known: Vec<_> = known.iter().map(|id| key_path(tenant, *id)).collect();
        self.erase(&Path::from(format!("keys/{tenant}")), &known).await
    }

    /// Writes a part of a blob or of a backup, and says how many bytes it takes in the store. Under the same name nothing but the
    /// same may be written again once somebody refers to it.
    pub async fn put_part(&self, key: Arc<TenantKey>, name: impl Into<ObjectName>, plain: Bytes) -> Result<i64> {
        let (path, sealed) = self.seal(key, name.into(), plain).await?;
        let bytes = i64::try_from(sealed.len()).unwrap_or(i64::MAX);
        objects::put(&self.first, &path, sealed).await?;
        Ok(bytes)
    }

    /// The same for one of many parts: it stays once all of them are settled.
    pub async fn put_part_soon(&self, key: Arc<TenantKey>, name: impl Into<ObjectName>, plain: Bytes) -> Result<i64> {
        let (path, sealed) = self.seal(key, name.into(), plain).await?;
        let bytes = i64::try_from(sealed.len()).unwrap_or(i64::MAX);
        objects::put_soon(&self.first, &path, sealed).await?;
        Ok(bytes)
    }

    /// Whether all stores are folders: nothing of them is waited for longer than a disk takes.
    pub fn is_near(&self) -> bool {
        self.first.is_near() && self.second.as_ref().is_none_or(Store::is_near)
    }

    /// Makes what was written as one of many stay, however the machine goes down.
    pub async fn settle(&self) -> Result<()> {
        Ok(objects::settle(&self.first).await?)
    }

    async fn seal(&self, key: Arc<TenantKey>, name: ObjectName, plain: Bytes) -> Result<(Path, Bytes)> {
        self.prove().await?;
        let path = Path::from(name.as_str());
        let place = path.clone();
        let sealed = crunch(plain.len(), move || part::seal(&key, place.as_ref(), &plain)).await??;
        Ok((path, sealed.into()))
    }

    /// A part of a blob or of a backup, plain.
    pub async fn part(&self, key: Arc<TenantKey>, name: impl Into<ObjectName>) -> Result<Bytes> {
        self.read(key, name.into(), part::open).await
    }

    /// Adds a part of a blob to the hash of those before it.
    pub async fn hash_part(
        &self,
        key: Arc<TenantKey>,
        name: impl Into<ObjectName>,
        content: ContentHash,
    ) -> Result<ContentHash> {
        let how = move |key: &TenantKey, place: &str, sealed: Bytes| {
            let mut content = content;
            part::hash(key, place, sealed, &mut content).map(|()| content)
        };
        self.read(key, name.into(), how).await
    }

    /// A part of a blob or of a backup as a frame of zstd, as it was compressed when it was written.
    pub async fn frame(&self, key: Arc<TenantKey>, name: impl Into<ObjectName>) -> Result<Bytes> {
        self.read(key, name.into(), part::open_frame).await
    }

    /// Removes a blob with all that was ever written of it.
    pub async fn remove_blob(&self, tenant: TenantUid, blob: BlobId) -> Result<()> {
        self.remove(&Path::from(format!("blobs/{tenant}/{blob}"))).await
    }

    /// Removes a backup with all that was ever written of it.
    pub async fn remove_backup(&self, tenant: TenantUid, backup: BackupId) -> Result<()> {
        self.remove(&Path::from(format!("backups/{tenant}/{backup}"))).await
    }

    /// Removes all blobs and backups of a tenant. It is done when the store has none any more.
    pub async fn remove_all(&self, tenant: TenantUid) -> Result<()> {
        for path in ["blobs", "backups"] {
            self.erase(&Path::from(format!("{path}/{tenant}")), &[]).await?;
        }
        Ok(())
    }

    /// Copies go first: what one of them is missing is put back where it is gone only as long as there is the other.
    async fn remove(&self, path: &Path) -> Result<()> {
        for store in self.second.iter().chain([&self.first]) {
            objects::remove_below(store, path).await?;
        }
        Ok(())
    }

    /// Both are asked, also if one of them is away.
    async fn erase(&self, path: &Path, known: &[Path]) -> Result<()> {
        let mut erased = Ok(());
        for store in self.second.iter().chain([&self.first]) {
            erased = erased.and(objects::erase_below(store, path, known).await);
        }
        Ok(erased?)
    }
}

fn key_path(tenant: TenantUid, key: KeyId) -> Path {
    Path::from(format!("keys/{tenant}/{key}"))
}

/// Bytes up to which work is done where it stands; moving it would take longer.
const AT_ONCE: usize = 64 * 1024;

tokio::task_local! {
    /// There for whatever may keep its thread waiting.
    static IN_PLACE: ();
}

/// For what has a thread of its own, as a task that may block has: whatever takes a while is done on that, and not on another one.
pub async fn in_place<F: Future>(work: F) -> F::Output {
    IN_PLACE.scope((), work).await
}

/// Does work that takes a while for so many bytes, where it keeps no call waiting.
async fn crunch<T: Send + 'static>(bytes: usize, work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
    if bytes <= AT_ONCE {
        return Ok(work());
    }
    if IN_PLACE.try_with(|()| ()).is_ok() {
        let done = work();
        // Whoever waits for it may have left meanwhile.
        tokio::task::yield_now().await;
        return Ok(done);
    }
    let span = tracing::Span::current();
    let work = move || span.in_scope(work);
    tokio::task::spawn_blocking(work).await.map_err(|e| crate::domain::error::Error::internal("sealing", e))
}

#[cfg(test)]
mod tests {
    use tokio_util::sync::CancellationToken;

    use super::*;

    #[tokio::test]
    async fn what_is_done_in_place_ends_after_a_piece_of_it_when_nobody_waits_for_it_any_more() {
        let (left, mut pieces) = (CancellationToken::new(), 0);
        let work = in_place(async {
            for _ in 0..10 {
                let left = left.clone();
                pieces += 1;
                crunch(usize::MAX, move || left.cancel()).await.unwrap();
            }
        });
        assert_eq!(left.clone().run_until_cancelled(work).await, None);
        assert_eq!(pieces, 1);
    }
}
