//! What is asked of the object store.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use futures::stream::BoxStream;
use futures::{StreamExt as _, TryStreamExt as _};
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{Error, ObjectStore, ObjectStoreExt as _, PutMode, PutOptions, PutPayload};

use super::error::{VaultError, not_done};

/// Makes what was written stay, however the machine goes down.
pub type Settle = Arc<dyn Fn() -> io::Result<()> + Send + Sync>;

/// Objects, and how they are written.
#[derive(Clone)]
pub struct Objects {
    /// What is written here stays at once.
    pub one: Arc<dyn ObjectStore>,
    /// Where they are files: what is quicker then.
    pub folder: Option<Folder>,
}

/// Objects that are files.
#[derive(Clone)]
pub struct Folder {
    /// The same objects, where what is written stays once it was settled.
    pub quick: Arc<LocalFileSystem>,
    /// Settles it.
    pub settle: Settle,
}

impl From<Arc<dyn ObjectStore>> for Objects {
    fn from(one: Arc<dyn ObjectStore>) -> Self {
        Self { one, folder: None }
    }
}

/// An object store.
#[derive(Clone)]
pub(super) struct Store {
    objects: Arc<dyn ObjectStore>,
    folder: Option<Folder>,
    /// What it is called where it is in the way.
    called: &'static str,
}

impl Store {
    pub fn new(Objects { one, folder }: Objects, called: &'static str) -> Self {
        Self { objects: one, folder, called }
    }

    /// Whether it is a folder.
    pub fn is_near(&self) -> bool {
        self.folder.is_some()
    }

    fn not_done(&self, error: Error) -> VaultError {
        not_done(self.called, error)
    }

    fn unavailable(&self, why: String) -> VaultError {
        VaultError::Unavailable { store: self.called, why }
    }
}

/// Shows that the store does not write over what is there when it is told not to.
pub(super) async fn prove(store: &Store) -> Result<(), VaultError> {
    let path = Path::from("probe");
    for again in [false, true] {
        match create(store, &path, Bytes::from_static(b"landlord")).await {
            Err(VaultError::Present { .. }) => {}
            Ok(()) if !again => {}
            Ok(()) => return Err(VaultError::WritesOver { store: store.called }),
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

async fn create(store: &Store, path: &Path, body: Bytes) -> Result<(), VaultError> {
    let options = PutOptions::from(PutMode::Create);
    let created = store.objects.put_opts(path, PutPayload::from_bytes(body), options).await;
    created.map(|_| ()).map_err(|error| match error {
        Error::AlreadyExists { path, .. } | Error::Precondition { path, .. } => VaultError::Present { path },
        other => store.not_done(other),
    })
}

/// Writes an object that must not be there yet. Whatever is answered, what counts is what is there then: an answer may be lost, and
/// may not be true.
pub(super) async fn put_new(store: &Store, path: &Path, body: Bytes) -> Result<(), VaultError> {
    let answer = create(store, path, body.clone()).await;
    match get(store, path).await {
        Ok(there) if there == body => Ok(()),
        Ok(_) => Err(VaultError::Present { path: path.to_string() }),
        Err(VaultError::Missing { path }) => {
            answer.and(Err(store.unavailable(format!("it took {path} and does not have it"))))
        }
        Err(error) => answer.and(Err(error)),
    }
}

/// Writes an object, over what is there.
pub(super) async fn put(store: &Store, path: &Path, body: Bytes) -> Result<(), VaultError> {
    fail::fail_point!("objects.put.before");
    store.objects.put(path, PutPayload::from_bytes(body)).await.map_err(|e| store.not_done(e))?;
    fail::fail_point!("objects.put.after");
    Ok(())
}

/// Writes an object as one of many: it stays once all of them are settled.
pub(super) async fn put_soon(store: &Store, path: &Path, body: Bytes) -> Result<(), VaultError> {
    let Some(folder) = &store.folder else { return put(store, path, body).await };
    fail::fail_point!("objects.put.before");
    folder.quick.put(path, PutPayload::from_bytes(body)).await.map_err(|e| store.not_done(e))?;
    fail::fail_point!("objects.put.after");
    Ok(())
}

/// Makes what was written by [`put_soon`] stay.
pub(super) async fn settle(store: &Store) -> Result<(), VaultError> {
    let Some(Folder { settle, .. }) = store.folder.clone() else { return Ok(()) };
    let settled = tokio::task::spawn_blocking(move || settle()).await.map_err(|e| store.unavailable(e.to_string()))?;
    settled.map_err(|e| store.unavailable(e.to_string()))
}

/// An object.
pub(super) async fn get(store: &Store, path: &Path) -> Result<Bytes, VaultError> {
    let found = store.objects.get(path).await.map_err(|error| match error {
        Error::NotFound { path, .. } => VaultError::Missing { path },
        other => store.not_done(other),
    });
    found?.bytes().await.map_err(|e| store.not_done(e))
}

/// An object that may still have to be read.
pub(super) enum Found {
    /// It is here.
    Here(Bytes),
    /// It is a file, if it is there.
    File(PathBuf),
}

/// An object that is read where its content is worked on, if it is a file: so it is one change of threads and not three.
pub(super) async fn find(store: &Store, path: &Path) -> Result<Found, VaultError> {
    match &store.folder {
        Some(folder) => folder.quick.path_to_filesystem(path).map(Found::File).map_err(|e| store.not_done(e)),
        None => get(store, path).await.map(Found::Here),
    }
}

impl Found {
    /// It, for whoever may wait.
    pub fn read(self, store: &Store, path: &Path) -> Result<Bytes, VaultError> {
        match self {
            Self::Here(bytes) => Ok(bytes),
            Self::File(file) => match std::fs::read(file) {
                Ok(read) => Ok(read.into()),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    Err(VaultError::Missing { path: path.to_string() })
                }
                Err(error) => Err(store.unavailable(format!("{path}: {error}"))),
            },
        }
    }
}

/// What there is below a path.
pub(super) fn names<'a>(store: &'a Store, path: &Path) -> BoxStream<'a, Result<Path, VaultError>> {
    list(store, path).map_err(|error| store.not_done(error)).boxed()
}

/// Removes all objects below a path.
pub(super) async fn remove_below(store: &Store, path: &Path) -> Result<(), VaultError> {
    remove(store, list(store, path)).await
}

/// The same, with some that are there as far as is known; and makes sure that nothing is there any more.
pub(super) async fn erase_below(store: &Store, path: &Path, known: &[Path]) -> Result<(), VaultError> {
    let known_ones = futures::stream::iter(known.to_vec()).map(Ok);
    remove(store, known_ones.chain(list(store, path)).boxed()).await?;
    if let Some(left) = list(store, path).next().await {
        return Err(still_there(store, &left.map_err(|e| store.not_done(e))?));
    }
    for path in known {
        match get(store, path).await {
            Err(VaultError::Missing { .. }) => {}
            Ok(_) => return Err(still_there(store, path)),
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn still_there(store: &Store, path: &Path) -> VaultError {
    store.unavailable(format!("it was told to remove {path} and still has it"))
}

type Paths = BoxStream<'static, Result<Path, Error>>;

fn list(store: &Store, path: &Path) -> Paths {
    store.objects.list(Some(path)).map_ok(|object| object.location).boxed()
}

async fn remove(store: &Store, paths: Paths) -> Result<(), VaultError> {
    let mut gone = store.objects.delete_stream(paths);
    while let Some(gone) = gone.next().await {
        match gone {
            // Somebody else was faster.
            Ok(_) | Err(Error::NotFound { .. }) => {}
            Err(error) => return Err(store.not_done(error)),
        }
    }
    Ok(())
}
