//! The embedded default: `landlord dev` needs nothing but Postgres' programs. It keeps everything in one folder.
//!
//! ```text
//! connection.json     where it serves and how to log in, written when it is ready
//! mail/               mails, as files
//! objects/            the object store
//! root.key            the root key
//! operator.password   the first operator's password
//! postgres*           the private cluster (see `postgres`)
//! ```

pub mod postgres;

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::SecretString;
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use self::postgres::{Cluster, ClusterOptions, PostgresError};
use crate::app::bootstrap::FirstOperator;
use crate::authn::seal;
use crate::boot::{self, BootError, Running};
use crate::config::{Config, ConfigError};
use crate::domain::error::Error;
use crate::domain::name::UserName;
use crate::infra::files::write_private;
use crate::store::migrate::{self, MigrateError};

/// How `landlord dev` was called.
#[derive(Clone, Debug)]
pub struct DevOptions {
    /// The folder.
    pub data_dir: PathBuf,
    /// Where to serve gRPC.
    pub listen: SocketAddr,
    /// Where to serve HTTP.
    pub http_listen: SocketAddr,
    /// Whether to begin anew.
    pub fresh: bool,
}

/// Why `landlord dev` does not run.
#[derive(Debug, thiserror::Error)]
pub enum DevError {
    /// The private Postgres.
    #[error(transparent)]
    Postgres(#[from] PostgresError),
    /// A query on it.
    #[error("setting the private database up: {0}")]
    SetUp(#[from] tokio_postgres::Error),
    /// A file in the folder.
    #[error("{path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The schema.
    #[error(transparent)]
    Schema(#[from] MigrateError),
    /// The configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The service.
    #[error(transparent)]
    Boot(#[from] BootError),
    /// A secret could not be made.
    #[error(transparent)]
    Secret(#[from] Error),
}

/// What scripts need to know to connect.
#[derive(Clone, Serialize)]
pub struct Connection {
    /// Where gRPC is served.
    pub address: String,
    /// Where HTTP is served.
    pub http_address: String,
    /// The first operator.
    pub user_name: String,
    /// Its first password.
    pub password: String,
    /// Its home.
    pub tenant: String,
    /// File with the certificate of who vouches for the server; none: plain text.
    pub ca: Option<String>,
}

/// The user who runs everything at first.
const OPERATOR: &str = "operator";

/// An embedded Landlord that runs.
pub struct Dev {
    /// How to connect.
    pub connection: Connection,
    running: Running,
    cluster: Cluster,
}

/// Starts the private Postgres, makes what is missing, serves, and writes `connection.json`.
pub async fn start(
    options: &DevOptions,
    registry: prometheus::Registry,
    stop: CancellationToken,
) -> Result<Dev, DevError> {
    let dir = std::path::absolute(&options.data_dir).map_err(|e| file(&options.data_dir, e))?;
    if options.fresh {
        erase(&dir).await?;
    }
    // What another Landlord has written here stays while that one runs.
    let claimed = postgres::claim(&dir).await?;
    let json = dir.join("connection.json");
    remove(&json)?;
    let cluster = claimed.start(ClusterOptions { durable: true, max_connections: 100 }).await?;
    prepare_database(&cluster).await?;
    let url = |role: &str| cluster.superuser_url("landlord").replace("user=postgres", &format!("user={role}"));
    migrate::migrate(&url("landlord_owner").into()).await?;

    let root_key = dir.join("root.key");
    secret(&root_key)?;
    let password = secret(&dir.join("operator.password"))?;
    let flags = [
        ("listen", options.listen.to_string()),
        ("http_listen", options.http_listen.to_string()),
        ("root_key_file", root_key.display().to_string()),
        ("database.url", url("landlord_app")),
        ("mail.folder", dir.join("mail").display().to_string()),
        ("objects.url", format!("file://{}", dir.join("objects").display())),
    ];
    let config = Config::load(None, &flags)?;
    let first = FirstOperator {
        user_name: UserName::stored(OPERATOR.into()),
        password: SecretString::from(password.clone()),
        must_change: false,
        announce: Arc::new(|| {}),
    };
    let running = boot::start(&config, first, registry, stop).await?;
    let connection = Connection {
        address: running.address.to_string(),
        http_address: running.http_address.to_string(),
        user_name: OPERATOR.into(),
        password,
        tenant: "infrastructure".into(),
        ca: None,
    };
    let text = serde_json::to_vec_pretty(&connection).map_err(|e| file(&json, e.into()))?;
    write_private(&json, &text).map_err(|e| file(&json, e))?;
    Ok(Dev { connection, running, cluster })
}

impl Dev {
    /// Waits until the service has stopped, then stops Postgres.
    pub async fn stopped(self) -> Result<(), DevError> {
        let served = self.running.stopped().await;
        self.cluster.stop().await?;
        Ok(served?)
    }
}

/// The role that owns the database, and the database. The other roles come with the migrations.
async fn prepare_database(cluster: &Cluster) -> Result<(), DevError> {
    let (client, connection) =
        tokio_postgres::connect(&cluster.superuser_url("postgres"), tokio_postgres::NoTls).await?;
    let driver = tokio::spawn(connection);
    let missing = |what: &'static str| {
        let client = &client;
        async move { Ok::<_, tokio_postgres::Error>(client.query_opt(what, &[]).await?.is_none()) }
    };
    if missing("SELECT FROM pg_roles WHERE rolname = 'landlord_owner'").await? {
        client.batch_execute("CREATE ROLE landlord_owner LOGIN CREATEROLE").await?;
    }
    if missing("SELECT FROM pg_database WHERE datname = 'landlord'").await? {
        client.batch_execute("CREATE DATABASE landlord OWNER landlord_owner").await?;
    }
    drop(client);
    driver.await.map_err(|e| file(Path::new("postgres"), e.into()))?.map_err(DevError::from)
}

/// The secret in a file; made if there is none.
fn secret(path: &Path) -> Result<String, DevError> {
    match std::fs::read_to_string(path) {
        Ok(known) => Ok(known.trim().to_owned()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let made = URL_SAFE_NO_PAD.encode(seal::random::<32>()?);
            write_private(path, made.as_bytes()).map_err(|e| file(path, e))?;
            Ok(made)
        }
        Err(error) => Err(file(path, error)),
    }
}

async fn erase(dir: &Path) -> Result<(), DevError> {
    if !dir.exists() {
        return Ok(());
    }
    Cluster::erase(dir).await?;
    for name in ["connection.json", "root.key", "operator.password"] {
        remove(&dir.join(name))?;
    }
    for name in ["mail", "objects"] {
        let folder = dir.join(name);
        match std::fs::remove_dir_all(&folder) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(file(&folder, error)),
            _ => {}
        }
    }
    Ok(())
}

fn remove(path: &Path) -> Result<(), DevError> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(file(path, error)),
        _ => Ok(()),
    }
}

fn file(path: &Path, source: io::Error) -> DevError {
    DevError::File { path: path.to_owned(), source }
}
