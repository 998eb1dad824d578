//! A Landlord in this process, on a database of its own.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use landlord::app::bootstrap::FirstOperator;
use landlord::boot::{self, BootError, Running};
use landlord::config::Config;
use landlord::domain::name::UserName;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use super::client::Api;
use super::database::Database;

/// The first operator's password in every test.
pub const PASSWORD: &str = "several unrelated words";

/// A server that runs until it is dropped.
pub struct TestServer {
    pub database: Database,
    pub address: SocketAddr,
    pub http_address: SocketAddr,
    pub folder: TempDir,
    stop: CancellationToken,
    running: Option<Running>,
}

/// The options that make tests quick: cheap hashes, short leases, fast retries.
pub async fn quick_options(folder: &std::path::Path, database: &Database) -> Vec<(&'static str, String)> {
    let anywhere = SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).to_string();
    let key = folder.join("root.key");
    std::fs::write(&key, "11".repeat(32)).unwrap();
    let password = folder.join("operator.password");
    std::fs::write(&password, PASSWORD).unwrap();
    vec![
        ("listen", anywhere.clone()),
        ("http_listen", anywhere),
        ("root_key_file", key.display().to_string()),
        ("database.url", database.url("landlord_app").await),
        ("database.pool_size", "6".into()),
        ("mail.folder", folder.join("mail").display().to_string()),
        ("objects.url", format!("file://{}", database.objects().display())),
        ("initial_operator.password_file", password.display().to_string()),
        ("argon2.memory_kib", "64".into()),
        ("argon2.iterations", "1".into()),
        ("operations.lease_ms", "1000".into()),
        ("operations.heartbeat_ms", "200".into()),
        ("operations.poll_ms", "50".into()),
        ("operations.max_attempts", "3".into()),
        ("operations.retry_base_ms", "20".into()),
        ("operations.retry_max_ms", "100".into()),
        ("drain_seconds", "3".into()),
    ]
}

fn first_operator() -> FirstOperator {
    FirstOperator {
        user_name: UserName::parse("operator").unwrap(),
        password: PASSWORD.into(),
        must_change: false,
        announce: std::sync::Arc::new(|| {}),
    }
}

impl TestServer {
    /// One on a new database.
    pub async fn start() -> Self {
        Self::on(Database::create().await, &[]).await
    }

    /// One on a new database with these options over the quick ones.
    pub async fn with(options: &[(&'static str, String)]) -> Self {
        Self::on(Database::create().await, options).await
    }

    /// One on that database: a second replica, if one runs there already.
    pub async fn on(database: Database, options: &[(&'static str, String)]) -> Self {
        Self::start_on(database, options, first_operator()).await
    }

    /// One on a new database, with that first operator.
    pub async fn first_started_by(first: FirstOperator) -> Self {
        Self::start_on(Database::create().await, &[], first).await
    }

    /// Why one with these options does not start.
    pub async fn refused(options: &[(&'static str, String)]) -> BootError {
        let first = first_operator();
        Self::try_start(Database::create().await, options, first).await.map(|_| ()).expect_err("a refusal")
    }

    async fn start_on(database: Database, options: &[(&'static str, String)], first: FirstOperator) -> Self {
        Self::try_start(database, options, first).await.unwrap()
    }

    async fn try_start(
        database: Database,
        options: &[(&'static str, String)],
        first: FirstOperator,
    ) -> Result<Self, BootError> {
        let folder = tempfile::tempdir().unwrap();
        let mut all = quick_options(folder.path(), &database).await;
        all.extend(options.iter().cloned());
        let config = Config::from_sources(None, [], &all).unwrap();
        let stop = CancellationToken::new();
        let running = boot::start(&config, first, prometheus::Registry::new(), stop.clone()).await?;
        let (address, http_address) = (running.address, running.http_address);
        Ok(Self { database, address, http_address, folder, stop, running: Some(running) })
    }

    /// A client without a credential.
    pub async fn anonymous(&self) -> Api {
        Api::connect(self.address).await
    }

    /// A client of the first operator.
    pub async fn operator(&self) -> Api {
        self.anonymous().await.log_in("operator@infrastructure", PASSWORD).await
    }

    /// A replica on the same database that works on nothing, in the place of this one.
    pub async fn without_workers(self) -> Self {
        let idle = Self::on(self.database.clone(), &[("operations.workers", "0".into())]).await;
        self.stop().await.unwrap();
        idle
    }

    /// Where mails land.
    pub fn mail_folder(&self) -> PathBuf {
        self.folder.path().join("mail")
    }

    /// Goes down as on SIGTERM and says how that went.
    pub async fn stop(mut self) -> Result<(), BootError> {
        self.stop.cancel();
        self.running.take().unwrap().stopped().await
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}
