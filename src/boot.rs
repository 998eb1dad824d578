//! The composition root: builds everything from the configuration, starts it, and takes it down in order.

mod parts;
mod tasks;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;

use self::parts::{app, db, found_vault, mailer, proven_vault, root_key, runner, tls};
use crate::app::bootstrap::FirstOperator;
use crate::config::Config;
use crate::domain::error::Error;
use crate::grpc::server::{self, ServeError, ServerConfig, report_health};
use crate::grpc::tls::TlsError;
use crate::infra::objects::StoreError;
use crate::operations::runner::Runner;
use crate::store::connection::Address;
use crate::store::migrate::{self, MigrateError};
use crate::vault::{Vault, VaultError};

/// Why the service does not start, or stopped.
#[derive(Debug, thiserror::Error)]
pub enum BootError {
    /// A file that an option names can't be read.
    #[error("can't read {path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The root key is not a key.
    #[error("root_key_file must hold 64 hexadecimal digits, or 32 bytes in unpadded URL-safe base64")]
    RootKey,
    /// An address can't be listened on.
    #[error("can't listen on {address}: {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        source: std::io::Error,
    },
    /// The object store can't be had.
    #[error(transparent)]
    Objects(#[from] StoreError),
    /// The object store can't be relied on.
    #[error(transparent)]
    Unreliable(VaultError),
    /// The certificates of the gRPC listener are not right.
    #[error("tls: {0}")]
    Tls(#[from] TlsError),
    /// The schema or the role is not as it must be.
    #[error(transparent)]
    Schema(#[from] MigrateError),
    /// Something failed on the way.
    #[error(transparent)]
    Failed(#[from] Error),
    /// A task that never ends has ended.
    #[error("a background task ended; the log says why")]
    TaskLost,
    /// The server stopped.
    #[error(transparent)]
    Serve(#[from] ServeError),
    /// It was told to stop before it served.
    #[error("told to stop while waiting for the database")]
    Stopped,
}

/// A service that runs.
pub struct Running {
    /// Where gRPC is served.
    pub address: SocketAddr,
    /// Where HTTP is served.
    pub http_address: SocketAddr,
    /// Whether the first start was made by this process.
    pub bootstrapped: bool,
    stop: CancellationToken,
    /// Ends when the drain time is over.
    drained: JoinHandle<()>,
    server: JoinHandle<Result<(), ServeError>>,
    tasks: JoinSet<()>,
}

impl Running {
    /// Waits until the service has stopped: after [`CancellationToken::cancel`], or by a failure.
    pub async fn stopped(mut self) -> Result<(), BootError> {
        // None of the tasks ends by itself; without one of them the service would only look alive.
        let lost = tokio::select! {
            () = self.stop.cancelled() => false,
            _ = self.tasks.join_next() => !self.stop.is_cancelled(),
            served = &mut self.server => {
                self.stop.cancel();
                self.end_tasks().await;
                return Ok(served.map_err(|e| Error::internal("server task", e))??);
            }
        };
        self.stop.cancel();
        let served = (&mut self.server).await.map_err(|e| Error::internal("server task", e))?;
        self.end_tasks().await;
        served?;
        if lost { Err(BootError::TaskLost) } else { Ok(()) }
    }

    /// Waits for the tasks as long as they have been given, and leaves those behind that still hang.
    async fn end_tasks(&mut self) {
        let ended = async { while self.tasks.join_next().await.is_some() {} };
        // A database that hangs holds whoever waits for it.
        tokio::select! {
            () = ended => {}
            _ = &mut self.drained => tracing::warn!("background tasks were still running when the drain time was over"),
        }
    }
}

/// Builds the service and starts it. `first` is the operator to make when the database is empty.
pub async fn start(
    config: &Config,
    first: FirstOperator,
    registry: prometheus::Registry,
    stop: CancellationToken,
) -> Result<Running, BootError> {
    let root = root_key(config)?;
    let mailer = mailer(&config.mail)?;
    let vault = proven_vault(&config.objects, root.clone()).await?;
    let tls = tls(&config.tls)?;
    let (listener, address) = listen(config.listen).await?;
    let (http_listener, http_address) = listen(config.http_listen).await?;

    let address_of_database =
        Address::new(config.database.url.expose().to_owned().into(), config.database.ca_file.clone());
    reach(&address_of_database, &stop).await?;
    let app = app(config, address_of_database.clone(), (root, vault), stop.clone())?;
    // Two connections of their own, so that no load of calls makes workers lose their leases.
    let leases = db(config, address_of_database, 2)?;
    let bootstrapped = !app.is_bootstrapped().await? && app.bootstrap(&first).await?;
    app.load_signing_keys().await?;

    let mut running = JoinSet::new();
    let (reporter, health) = tonic_health::server::health_reporter();
    report_health(&reporter, false).await;
    let serving = ServerConfig {
        tls: tls.clone(),
        reflection: config.reflection,
        trusted_proxies: config.trusted_proxies.clone(),
        drain: Duration::from_secs(config.drain_seconds),
    };
    let server = server::serve(listener, app.clone(), serving, health, stop.clone());
    let keys = app.tokens.clone();
    let http = crate::http::serve(http_listener, registry, Arc::new(move || keys.key_set()), stop.clone());
    running.spawn(async move {
        if let Err(error) = http.await {
            tracing::error!(%error, "the HTTP listener stopped");
        }
    });
    running.spawn(Runner::new(app.clone(), leases, mailer, runner(config), stop.clone()).run());
    running.spawn(tasks::watch_database(app.clone(), reporter, stop.clone()));
    running.spawn(tasks::follow_tenants(app.clone(), stop.clone()));
    if let Some(tls) = tls {
        running.spawn(tls.follow(Duration::from_secs(config.tls.reload_seconds), stop.clone()));
    }
    let round = Duration::from_secs(config.housekeeping_seconds);
    running.spawn(tasks::follow_domains(app.clone(), round, stop.clone()));
    running.spawn(tasks::follow_content(app.clone(), round, stop.clone()));
    running.spawn(tasks::housekeeping(app, config.clone(), stop.clone()));
    let (stopping, drain) = (stop.clone(), Duration::from_secs(config.drain_seconds));
    let drained = tokio::spawn(async move {
        stopping.cancelled().await;
        tokio::time::sleep(drain).await;
    });
    Ok(Running { address, http_address, bootstrapped, stop, drained, server: tokio::spawn(server), tasks: running })
}

/// The object stores alone, for who has no database. None is made, and nothing is written to them to try them.
pub fn object_stores(config: &Config) -> Result<Vault, BootError> {
    found_vault(&config.objects, root_key(config)?)
}

async fn listen(address: SocketAddr) -> Result<(TcpListener, SocketAddr), BootError> {
    let failed = |source| BootError::Listen { address, source };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    Ok((listener, address))
}

/// Waits for a database that is not there yet; a wrong schema or role ends the start.
async fn reach(url: &Address, stop: &CancellationToken) -> Result<(), BootError> {
    let reached = async {
        loop {
            match migrate::check(url).await {
                Err(MigrateError::Connect(error)) => {
                    tracing::warn!(%error, "the database can't be reached yet");
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
                checked => return Ok(checked?),
            }
        }
    };
    stop.run_until_cancelled(reached).await.unwrap_or(Err(BootError::Stopped))
}
