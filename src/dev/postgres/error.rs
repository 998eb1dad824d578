//! What can go wrong with the private Postgres, said so that the reader knows what to do.

use std::path::{Path, PathBuf};

/// Why the private Postgres can't be had.
#[derive(Debug, thiserror::Error)]
pub enum PostgresError {
    /// No programs of a supported version.
    #[error(
        "no PostgreSQL server programs (13 or newer) found on the PATH, in /usr/lib/postgresql/*/bin or in Homebrew's \
         places. Install them: Debian, Ubuntu: apt-get install postgresql; Fedora, RHEL: dnf install \
         postgresql-server; Alpine: apk add postgresql; macOS: brew install postgresql@17; or run `make run`, which \
         does it"
    )]
    NotInstalled,
    /// The cluster was made by another major version than the installed ones.
    #[error(
        "the data in {} were made by PostgreSQL {data}, which is no longer installed: install it again, or start anew \
         with --fresh", path.display()
    )]
    OtherVersion {
        /// The cluster.
        path: PathBuf,
        /// Its major version.
        data: u32,
    },
    /// Root, and nobody to run as.
    #[error("PostgreSQL refuses to run as root, and /etc/passwd has neither `postgres` nor `nobody` to run it as")]
    NoAccount,
    /// No place that the account can reach.
    #[error("found no place for the cluster of {} that PostgreSQL's account can reach", data_dir.display())]
    NoHome {
        /// The data directory.
        data_dir: PathBuf,
    },
    /// The cluster is where the account can't get at it, which it could when it was made.
    #[error("PostgreSQL's account can't reach its data in {}: were they moved, or a folder's permissions?", path.display())]
    OutOfReach {
        /// The home of the cluster.
        path: PathBuf,
    },
    /// No directory in which a socket's path is short and plain enough.
    #[error("found no directory for the socket of {}: set TMPDIR to a short path", home.display())]
    NoSocketDir {
        /// The home of the cluster.
        home: PathBuf,
    },
    /// A directory that should be private belongs to somebody else.
    #[error("{} belongs to another user: remove it, or use another data directory", path.display())]
    Foreign {
        /// The directory.
        path: PathBuf,
    },
    /// Another Landlord runs on the same data directory.
    #[error("another Landlord is using {}: stop it, or use another data directory", data_dir.display())]
    InUse {
        /// The data directory.
        data_dir: PathBuf,
    },
    /// `initdb` failed.
    #[error("initdb failed:\n{output}")]
    Initdb {
        /// What it printed.
        output: String,
    },
    /// Postgres ended while it was starting.
    #[error("PostgreSQL ended while starting ({status}). The last of {}:\n{tail}", log.display())]
    Ended {
        /// How it ended.
        status: std::process::ExitStatus,
        /// The log file.
        log: PathBuf,
        /// Its last lines.
        tail: String,
    },
    /// Postgres runs and does not answer.
    #[error("PostgreSQL did not answer in time ({problem}). The last of {}:\n{tail}", log.display())]
    NoAnswer {
        /// Why the last attempt to connect failed.
        problem: String,
        /// The log file.
        log: PathBuf,
        /// Its last lines.
        tail: String,
    },
    /// A postmaster outlived the request to end.
    #[error("PostgreSQL (process {pid}) does not stop")]
    StillRunning {
        /// Its process id.
        pid: u32,
    },
    /// The runtime is shutting down.
    #[error("the search for a place was interrupted: {0}")]
    Interrupted(tokio::task::JoinError),
    /// The file system or the process table said no.
    #[error("can't {doing} {}: {source}", path.display())]
    Io {
        /// The verb.
        doing: &'static str,
        /// Its object.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

/// For `map_err`: says what was being done to which path.
pub(super) fn io(doing: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> PostgresError + use<> {
    let path = path.to_owned();
    move |source| PostgresError::Io { doing, path, source }
}
