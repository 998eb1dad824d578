//! The composition root: builds everything from the configuration, starts it, and takes it down in order.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;
use tonic_health::server::HealthReporter;

use crate::app::bootstrap::FirstOperator;
use crate::app::directory::Directory;
use crate::app::domains::DomainRules;
use crate::app::identities::{KeyRules, Trust};
use crate::app::{App, SessionRules};
use crate::authn::password::Passwords;
use crate::authn::seal::RootKey;
use crate::authn::token::{TokenRules, Tokens};
use crate::config::{self, Config, SmtpTls};
use crate::domain::error::Error;
use crate::domain::operation::RetryPolicy;
use crate::domain::tenant_domain::Patience;
use crate::grpc::server::{self, ServeError, ServerConfig, end_health, report_health};
use crate::grpc::tls::{Tls, TlsError, TlsFiles};
use crate::infra::documents::HttpDocuments;
use crate::infra::domain_probe::{NetworkProbe, Outlook};
use crate::infra::mail_folder::MailFolder;
use crate::infra::mail_smtp::{Encryption, MailServer, MailSmtp};
use crate::operations::runner::{Runner, RunnerConfig};
use crate::ports::{Mailer, Participant};
use crate::store::connection::Address;
use crate::store::migrate::{self, MigrateError};
use crate::store::tx::{Db, DbConfig};

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
    let root = RootKey::parse(&read(&config.root_key_file)?).ok_or(BootError::RootKey)?;
    let mailer = mailer(&config.mail)?;
    let tls = tls(&config.tls)?;
    let (listener, address) = listen(config.listen).await?;
    let (http_listener, http_address) = listen(config.http_listen).await?;

    let address_of_database =
        Address::new(config.database.url.expose().to_owned().into(), config.database.ca_file.clone());
    reach(&address_of_database, &stop).await?;
    let app = app(config, address_of_database.clone(), root, stop.clone())?;
    // Two connections of their own, so that no load of calls makes workers lose their leases.
    let leases = db(config, address_of_database, 2)?;
    let bootstrapped = !app.is_bootstrapped().await? && app.bootstrap(&first).await?;
    app.load_signing_keys().await?;

    let mut tasks = JoinSet::new();
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
    tasks.spawn(async move {
        if let Err(error) = http.await {
            tracing::error!(%error, "the HTTP listener stopped");
        }
    });
    tasks.spawn(Runner::new(app.clone(), leases, mailer, runner(config), stop.clone()).run());
    tasks.spawn(watch_database(app.clone(), reporter, stop.clone()));
    tasks.spawn(follow_tenants(app.clone(), stop.clone()));
    if let Some(tls) = tls {
        tasks.spawn(tls.follow(Duration::from_secs(config.tls.reload_seconds), stop.clone()));
    }
    let round = Duration::from_secs(config.housekeeping_seconds);
    tasks.spawn(follow_domains(app.clone(), round, stop.clone()));
    tasks.spawn(housekeeping(app, config.clone(), stop.clone()));
    let (stopping, drain) = (stop.clone(), Duration::from_secs(config.drain_seconds));
    let drained = tokio::spawn(async move {
        stopping.cancelled().await;
        tokio::time::sleep(drain).await;
    });
    Ok(Running { address, http_address, bootstrapped, stop, drained, server: tokio::spawn(server), tasks })
}

fn db(config: &Config, url: Address, pool_size: usize) -> Result<Db, Error> {
    Db::new(&DbConfig {
        url,
        pool_size,
        wait: Duration::from_millis(900),
        repeat_window: Duration::from_secs(config.requests.repeat_hours * 3600),
    })
}

fn app(config: &Config, url: Address, root: RootKey, stopping: CancellationToken) -> Result<App, BootError> {
    let db = db(config, url, config.database.pool_size)?;
    let participants: Vec<Arc<dyn Participant>> = vec![Arc::new(Directory::new(db.clone()))];
    Ok(App {
        db,
        root,
        tokens: Tokens::new(TokenRules {
            issuer: config.tokens.issuer.clone(),
            audience: config.tokens.audience.clone(),
            access: Duration::from_secs(config.tokens.access_seconds),
        }),
        passwords: Passwords::new(config.argon2.memory_kib, config.argon2.iterations, config.argon2.concurrency)?,
        sessions: SessionRules {
            refresh: Duration::from_secs(config.tokens.refresh_seconds),
            grace: Duration::from_secs(config.tokens.refresh_grace_seconds),
        },
        participants: participants.into(),
        domains: domains(&config.domains)?,
        trust: Arc::new(trust(&config.identity)?),
        snapshot: Arc::default(),
        changed: Arc::new(watch::Sender::new(0)),
        stopping,
    })
}

fn domains(config: &config::Domains) -> Result<DomainRules, BootError> {
    let time = Duration::from_millis(config.timeout_ms);
    let outlook = Outlook {
        name_servers: config.name_servers.0.clone(),
        port: config.tls_port,
        authorities: config.ca_file.as_deref().map(read).transpose()?.map(String::into_bytes),
        time,
    };
    Ok(DomainRules {
        probe: Arc::new(NetworkProbe::new(&outlook)?),
        check: Duration::from_secs(config.check_seconds),
        recheck: Duration::from_secs(config.recheck_seconds),
        // A check takes twice that time at most, and a transaction before and after it.
        lease: time * 2 + Duration::from_secs(60),
        most: config.checks_per_round,
        patience: Patience { checks: config.silent_checks, time: Duration::from_secs(config.silent_seconds) },
    })
}

fn trust(config: &config::Identity) -> Result<Trust, BootError> {
    let authorities = config.ca_file.as_deref().map(read).transpose()?;
    let authorities = authorities.as_ref().map(String::as_bytes);
    let documents = HttpDocuments::new(authorities, Duration::from_millis(config.timeout_ms))?;
    let rules = KeyRules {
        fresh: Duration::from_secs(config.keys_seconds),
        keep: Duration::from_secs(config.keys_keep_seconds),
        between: Duration::from_secs(config.refetch_seconds),
    };
    Ok(Trust::new(Arc::new(documents), rules))
}

fn mailer(config: &config::Mail) -> Result<Option<Arc<dyn Mailer>>, BootError> {
    if let Some(folder) = &config.folder {
        return Ok(Some(Arc::new(MailFolder::new(folder.clone(), &config.from)?)));
    }
    let smtp = &config.smtp;
    let Some(host) = smtp.host.clone() else { return Ok(None) };
    let (encryption, port) = match smtp.tls {
        SmtpTls::None => (Encryption::None, 25),
        SmtpTls::StartTls => (Encryption::StartTls, 587),
        SmtpTls::Tls => (Encryption::Tls, 465),
    };
    let log_in = smtp.user_name.clone().zip(smtp.password_file.clone());
    if let Some((_, file)) = &log_in {
        // It is read for each mail; that it can't be is better known at once.
        read(file)?;
    }
    let server = MailServer {
        host,
        port: smtp.port.unwrap_or(port),
        encryption,
        authorities: smtp.ca_file.as_deref().map(read).transpose()?.map(String::into_bytes),
        log_in,
        time: Duration::from_secs(smtp.timeout_seconds),
    };
    Ok(Some(Arc::new(MailSmtp::new(server, &config.from)?)))
}

fn tls(config: &config::Tls) -> Result<Option<Tls>, TlsError> {
    let (Some(chain), Some(key)) = (config.cert_file.clone(), config.key_file.clone()) else { return Ok(None) };
    Tls::load(TlsFiles { chain, key, client_authorities: config.client_ca_file.clone() }).map(Some)
}

fn runner(config: &Config) -> RunnerConfig {
    let operations = &config.operations;
    RunnerConfig {
        lease: Duration::from_millis(operations.lease_ms),
        heartbeat: Duration::from_millis(operations.heartbeat_ms),
        poll: Duration::from_millis(operations.poll_ms),
        workers: operations.workers,
        retry: RetryPolicy {
            max_attempts: operations.max_attempts,
            base: Duration::from_millis(operations.retry_base_ms),
            most: Duration::from_millis(operations.retry_max_ms),
        },
        drain: Duration::from_secs(config.drain_seconds),
        public_url: config.public_url.clone(),
    }
}

fn read(path: &Path) -> Result<String, BootError> {
    std::fs::read_to_string(path).map_err(|source| BootError::File { path: path.to_owned(), source })
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

/// Tells health clients whether the database answers, and that the service goes down before it does.
async fn watch_database(app: App, mut health: HealthReporter, stop: CancellationToken) {
    let watched = async {
        loop {
            report_health(&health, app.db.ping().await.is_ok()).await;
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    };
    stop.run_until_cancelled(watched).await;
    end_health(&mut health).await;
}

/// Reads the list of tenants, so that the first who asks for it need not wait, and follows it.
async fn follow_tenants(app: App, stop: CancellationToken) {
    loop {
        if let Err(error) = app.follow_tenants().await {
            tracing::warn!(%error, "could not read the list of tenants");
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(Duration::from_secs(5)) => {}
        }
    }
}

/// Checks the domains that are due. Whoever has to wait for silent ones keeps no other housekeeping waiting.
async fn follow_domains(app: App, round: Duration, stop: CancellationToken) {
    let followed = async {
        loop {
            tokio::time::sleep(round).await;
            if let Err(error) = app.check_domains().await {
                tracing::warn!(%error, "could not check domains");
            }
        }
    };
    stop.run_until_cancelled(followed).await;
}

/// Learns of new signing keys, and forgets what has expired.
async fn housekeeping(app: App, config: Config, stop: CancellationToken) {
    let repeat_window = Duration::from_secs(config.requests.repeat_hours * 3600);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(Duration::from_secs(config.housekeeping_seconds)) => {}
        }
        if let Err(error) = app.load_signing_keys().await {
            tracing::warn!(%error, "could not load the signing keys");
        }
        if let Err(error) = app.fold_log_ins().await {
            tracing::warn!(%error, "could not fold log-ins");
        }
        if let Err(error) = app.remove_expired(repeat_window).await {
            tracing::warn!(%error, "could not remove what has expired");
        }
        if let Err(error) = app.sweep_events().await {
            tracing::warn!(%error, "could not remove what was cleared");
        }
    }
}
