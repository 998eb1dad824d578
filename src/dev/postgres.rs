//! A private Postgres: one cluster for one data directory, started and stopped by Landlord.
//!
//! It is reached through a unix socket that only its own account and root can open, so it needs neither a port nor a
//! password. Beside what the caller keeps there, a data directory holds:
//!
//! ```text
//! postgres/            the home: data/ (the cluster), socket/
//! postgres.location    where the home is, when it can't be here (see `home`)
//! postgres.lock        locked while a Landlord uses the cluster
//! postgres.log         what Postgres said since its start; postgres.log.old, before that
//! ```
//!
//! A start goes through these steps, and each of them copes with a predecessor that was killed in the middle of it:
//!
//! ```text
//! lock ─ find programs ─ find home ─ stop an orphan ─ initdb beside, rename ─ launch ─ wait until it answers
//! ```

use std::fs::{File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use self::error::io;
use self::home::Home;
use self::postmaster::{Launch, Postmaster};

mod account;
mod error;
mod home;
mod initialize;
mod orphan;
mod postmaster;
mod programs;
mod sockets;
#[cfg(test)]
mod tests;

pub use self::error::PostgresError;

/// How a cluster is run.
#[derive(Clone, Copy, Debug)]
pub struct ClusterOptions {
    /// Whether what is committed survives a crash, of Postgres or of the machine. Tests turn it off and gain speed.
    pub durable: bool,
    /// Connections that may be open at once, the superuser's included.
    pub max_connections: u16,
}

/// A running private cluster. Dropping it begins a shutdown without waiting for its end; [`Cluster::stop`] waits.
#[derive(Debug)]
pub struct Cluster {
    postmaster: Postmaster,
    socket_dir: PathBuf,
    /// Held for its lock, which the system releases however this process ends.
    _lock: File,
}

/// A data directory that no other Landlord uses, as long as this lives.
#[derive(Debug)]
pub struct Claimed {
    data_dir: PathBuf,
    lock: File,
}

impl Claimed {
    /// Starts the cluster, making it if need be, and waits until it answers.
    ///
    /// A Postgres that a killed Landlord left behind is stopped first.
    pub async fn start(self, options: ClusterOptions) -> Result<Cluster, PostgresError> {
        let Self { data_dir, lock } = self;
        let home = find_home(data_dir.clone(), true).await?;
        let Some(home) = home else {
            return Err(PostgresError::NoHome { data_dir });
        };
        orphan::stop(&home.data()).await?;
        initialize::ensure(&home, options.durable).await?;
        let socket_dir = sockets::make(&home)?;
        let launch = Launch { home: &home, socket_dir: &socket_dir, log: data_dir.join("postgres.log"), options };
        let postmaster = launch.start().await?;
        Ok(Cluster { postmaster, socket_dir, _lock: lock })
    }
}

impl Cluster {
    /// Claims and starts the cluster of `data_dir`.
    pub async fn start(data_dir: &Path, options: ClusterOptions) -> Result<Self, PostgresError> {
        claim(data_dir).await?.start(options).await
    }

    /// Removes the cluster of `data_dir` with all it holds, wherever its home is. Fails while the cluster is in use.
    pub async fn erase(data_dir: &Path) -> Result<(), PostgresError> {
        if !data_dir.exists() {
            return Ok(());
        }
        let Claimed { data_dir, lock: _lock } = claim(data_dir).await?;
        if let Some(home) = find_home(data_dir.clone(), false).await? {
            orphan::stop(&home.data()).await?;
            tokio::fs::remove_dir_all(&home.path).await.map_err(io("remove", &home.path))?;
        }
        home::forget(&data_dir)
    }

    /// The directory of the unix socket: the `host` of a connection string. It has no characters that need quoting.
    pub fn socket_dir(&self) -> &Path {
        &self.socket_dir
    }

    /// A connection string for the superuser, `postgres`.
    pub fn superuser_url(&self, database: &str) -> String {
        sockets::superuser_url(&self.socket_dir, database)
    }

    /// The process id of the postmaster.
    pub fn pid(&self) -> u32 {
        self.postmaster.pid()
    }

    /// Shuts down: open transactions are rolled back, connections closed, a checkpoint written. Waits for the end.
    pub async fn stop(mut self) -> Result<(), PostgresError> {
        self.postmaster.stop().await?;
        sockets::remove(&self.socket_dir);
        Ok(())
    }
}

/// How long a lock may outlive its owner: a program that is being started holds copies of our files until it runs.
const LOCK_LINGERS: Duration = Duration::from_millis(500);

/// Makes the data directory and takes its lock, which keeps two Landlords from sharing (and stopping) one cluster.
pub async fn claim(data_dir: &Path) -> Result<Claimed, PostgresError> {
    std::fs::create_dir_all(data_dir).map_err(io("create", data_dir))?;
    let data_dir = data_dir.canonicalize().map_err(io("resolve", data_dir))?;
    let path = data_dir.join("postgres.lock");
    let lock = OpenOptions::new().create(true).truncate(false).write(true).open(&path).map_err(io("open", &path))?;
    let give_up = Instant::now() + LOCK_LINGERS;
    loop {
        match lock.try_lock() {
            Ok(()) => return Ok(Claimed { data_dir, lock }),
            Err(TryLockError::WouldBlock) if Instant::now() < give_up => {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            Err(TryLockError::WouldBlock) => return Err(PostgresError::InUse { data_dir }),
            Err(TryLockError::Error(source)) => return Err(io("lock", &path)(source)),
        }
    }
}

/// Finding runs programs and waits for them, which is not for the runtime's own threads.
async fn find_home(data_dir: PathBuf, create: bool) -> Result<Option<Home>, PostgresError> {
    let search = tokio::task::spawn_blocking(move || match create {
        true => home::find_or_create(&data_dir).map(Some),
        false => home::find(&data_dir),
    });
    search.await.map_err(PostgresError::Interrupted)?
}
