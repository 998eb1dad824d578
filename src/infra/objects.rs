//! The object store: a folder, or a bucket of an S3 service.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::local::LocalFileSystem;
use object_store::prefix::PrefixStore;
use object_store::{BackoffConfig, Certificate, ClientOptions, ObjectStore, RetryConfig};
use url::Url;

use crate::vault::{Folder, Objects, Settle};

/// Where an object store is, and how to reach it.
#[derive(Clone, Debug)]
pub struct StoreAddress {
    /// `file:///…` or `s3://bucket/path`.
    pub url: String,
    /// Address of the S3 service; none: that of AWS.
    pub endpoint: Option<String>,
    /// Its region.
    pub region: Option<String>,
    /// Who asks, and the secret that goes with it; none: whoever the machine is.
    pub access_key: Option<(String, String)>,
    /// Who vouches for the service, as PEM; none: the system's authorities.
    pub authorities: Option<String>,
    /// How long one request may take.
    pub time: Duration,
}

/// Why there is no object store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// It is not where it should be.
    #[error("objects.url: {0}")]
    Address(String),
    /// Its folder can't be had.
    #[error("objects.url: {path}: {source}")]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The library does not accept it.
    #[error("objects: {0}")]
    Refused(#[from] object_store::Error),
}

/// The object store at that address, made if it is a folder that is not there. It is not asked for anything yet.
pub fn open(address: &StoreAddress) -> Result<Objects, StoreError> {
    open_with(address, make_folder)
}

/// The same, if it is there, to read what it has.
pub fn open_existing(address: &StoreAddress) -> Result<Objects, StoreError> {
    open_with(address, folder)
}

fn open_with(
    address: &StoreAddress,
    folder: impl Fn(&Path) -> Result<Objects, StoreError>,
) -> Result<Objects, StoreError> {
    let url = Url::parse(&address.url).map_err(|e| StoreError::Address(e.to_string()))?;
    match url.scheme() {
        "file" => {
            let path = url.to_file_path().map_err(|()| StoreError::Address("is no path".into()))?;
            folder(&path)
        }
        "s3" => bucket(address, &url).map(Objects::from),
        other => Err(StoreError::Address(format!("must begin with file:/// or s3://, not {other}:"))),
    }
}

fn make_folder(path: &Path) -> Result<Objects, StoreError> {
    std::fs::create_dir_all(path).map_err(|source| StoreError::Folder { path: path.to_owned(), source })?;
    let objects = folder(path)?;
    let path = path.to_owned();
    // Nothing waits for it: a large folder takes a while.
    std::thread::spawn(move || remove_drafts(&path));
    Ok(objects)
}

/// Objects as files. What is written stays written when the machine loses its power.
fn folder(path: &Path) -> Result<Objects, StoreError> {
    let problem = |source| StoreError::Folder { path: path.to_owned(), source };
    let folder = std::fs::File::open(path).map_err(problem)?;
    let store = || Ok::<_, StoreError>(LocalFileSystem::new_with_prefix(path)?.with_automatic_cleanup(true));
    let (one, quick) = (store()?.with_fsync(true), store()?);
    let settle: Settle = Arc::new(move || Ok(rustix::fs::syncfs(&folder)?));
    Ok(Objects { one: Arc::new(one), folder: Some(Folder { quick: Arc::new(quick), settle }) })
}

/// Nobody writes an object for so long.
const OLD_DRAFT: Duration = Duration::from_secs(60 * 60);

/// Removes what writers left that were killed: an object is written as `{object}#{number}` and gets its name when it is whole. If
/// one were being written after all, its writer would be told that it failed.
fn remove_drafts(folder: &Path) {
    let entries = std::fs::read_dir(folder).into_iter().flatten();
    for entry in entries.flatten() {
        let path = entry.path();
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            remove_drafts(&path);
        } else if is_draft(&path)
            && is_old(&path)
            && let Err(error) = std::fs::remove_file(&path)
        {
            tracing::debug!(%error, "a draft stays");
        }
    }
}

fn is_draft(path: &Path) -> bool {
    let number = path.to_str().and_then(|path| path.rsplit_once('#')).map(|(_, number)| number);
    number.is_some_and(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
}

fn is_old(path: &Path) -> bool {
    let written = path.metadata().and_then(|known| known.modified()).ok();
    written.and_then(|written| written.elapsed().ok()).is_some_and(|age| age > OLD_DRAFT)
}

fn bucket(address: &StoreAddress, url: &Url) -> Result<Arc<dyn ObjectStore>, StoreError> {
    let bucket = url.host_str().filter(|name| !name.is_empty());
    let bucket = bucket.ok_or_else(|| StoreError::Address("names no bucket".into()))?;
    let mut client = ClientOptions::new().with_timeout(address.time).with_connect_timeout(Duration::from_secs(5));
    if let Some(pem) = &address.authorities {
        for certificate in Certificate::from_pem_bundle(pem.as_bytes())? {
            client = client.with_root_certificate(certificate);
        }
    }
    let retry = RetryConfig { backoff: BackoffConfig::default(), max_retries: 3, retry_timeout: address.time };
    let mut builder =
        AmazonS3Builder::from_env().with_bucket_name(bucket).with_client_options(client).with_retry(retry);
    if let Some(endpoint) = &address.endpoint {
        builder = builder.with_endpoint(endpoint).with_allow_http(endpoint.starts_with("http://"));
    }
    if let Some(region) = &address.region {
        builder = builder.with_region(region);
    }
    if let Some((id, secret)) = &address.access_key {
        builder = builder.with_access_key_id(id).with_secret_access_key(secret);
    }
    // An answer that was lost is found out about by reading, not by asking again whether nothing is there.
    let store = builder.with_config(AmazonS3ConfigKey::ConditionalPut, "etag").build()?;
    let path = url.path().trim_matches('/');
    Ok(if path.is_empty() { Arc::new(store) } else { Arc::new(PrefixStore::new(store, path)) })
}
