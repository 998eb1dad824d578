//! Launches the postmaster, waits until it answers, and ends it.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::time::{Instant, sleep, timeout_at};

use super::ClusterOptions;
use super::error::{PostgresError, io};
use super::home::Home;
use super::orphan::{LOOK, REQUESTS};
use super::sockets::superuser_url;

/// How long a start may take. Most of it is for recovery after a crash; a usual start needs a fifth of a second.
const START: Duration = Duration::from_secs(120);

/// What a start on a crashed cluster says while processes of the old postmaster are still ending.
const PREDECESSOR_ENDING: &str = "pre-existing shared memory block";

/// Speed for tests: nothing is forced to disk, and nothing is written for replicas.
const FORGETFUL: [&str; 6] = [
    "fsync=off",
    "synchronous_commit=off",
    "full_page_writes=off",
    "wal_level=minimal",
    "max_wal_senders=0",
    "max_wal_size=4GB",
];

/// Everything that a start needs.
pub(super) struct Launch<'a> {
    pub(super) home: &'a Home,
    pub(super) socket_dir: &'a Path,
    pub(super) log: PathBuf,
    pub(super) options: ClusterOptions,
}

impl Launch<'_> {
    /// Starts a postmaster and waits until it answers.
    pub(super) async fn start(&self) -> Result<Postmaster, PostgresError> {
        let old = self.log.with_extension("log.old");
        match std::fs::rename(&self.log, &old) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(io("write", &old)(error)),
            _ => {}
        }
        let deadline = Instant::now() + START;
        loop {
            let mut postmaster = Postmaster { child: self.spawn()? };
            match self.answer(&mut postmaster, deadline).await {
                Ok(()) => return Ok(postmaster),
                Err(PostgresError::Ended { tail, .. })
                    if tail.contains(PREDECESSOR_ENDING) && Instant::now() < deadline =>
                {
                    sleep(10 * LOOK).await;
                }
                Err(error) => {
                    // The reason for the failure is what the caller needs, not how the clean-up went.
                    let _ = postmaster.stop().await;
                    return Err(error);
                }
            }
        }
    }

    fn spawn(&self) -> Result<Child, PostgresError> {
        // Readable by its owner only: statements that fail are logged with their values.
        let log = OpenOptions::new().create(true).append(true).mode(0o600).open(&self.log);
        let log = log.map_err(io("open", &self.log))?;
        let twin: File = log.try_clone().map_err(io("open", &self.log))?;
        let mut command = self.command();
        command.stdout(Stdio::from(twin)).stderr(Stdio::from(log));
        command.spawn().map_err(io("start postgres in", &self.home.path))
    }

    fn command(&self) -> Command {
        let ClusterOptions { durable, max_connections } = self.options;
        let mut command = self.home.programs.command("postgres", self.home.account, &self.home.path);
        command.arg("-D").arg(self.home.data());
        let mut set = |setting: &str| {
            command.args(["-c", setting]);
        };
        set("port=5432");
        set("listen_addresses=");
        set(&format!("unix_socket_directories={}", self.socket_dir.display()));
        set("unix_socket_permissions=0700");
        set(&format!("max_connections={max_connections}"));
        set("timezone=UTC");
        set("log_timezone=UTC");
        set("logging_collector=off");
        set("log_destination=stderr");
        if !durable {
            FORGETFUL.into_iter().for_each(set);
        }
        // Out of the terminal's reach: at Ctrl-C Landlord drains its calls first, and needs the database for it.
        command.process_group(0);
        command
    }

    /// Waits until the server lets the superuser in.
    async fn answer(&self, postmaster: &mut Postmaster, deadline: Instant) -> Result<(), PostgresError> {
        let url = superuser_url(self.socket_dir, "postgres");
        let mut problem = "no attempt".to_owned();
        while Instant::now() < deadline {
            if let Some(status) = postmaster.ended()? {
                return Err(PostgresError::Ended { status, tail: last_lines(&self.log), log: self.log.clone() });
            }
            match timeout_at(deadline, tokio_postgres::connect(&url, tokio_postgres::NoTls)).await {
                Ok(Ok(_)) => return Ok(()),
                Ok(Err(error)) => problem = error.to_string(),
                Err(_) => problem = "no reply".to_owned(),
            }
            sleep(LOOK).await;
        }
        Err(PostgresError::NoAnswer { problem, tail: last_lines(&self.log), log: self.log.clone() })
    }
}

/// A postmaster that is a child of this process.
#[derive(Debug)]
pub(super) struct Postmaster {
    child: Child,
}

impl Postmaster {
    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    fn ended(&mut self) -> Result<Option<ExitStatus>, PostgresError> {
        self.child.try_wait().map_err(io("wait for", Path::new("postgres")))
    }

    fn signal(&self, signal: Signal) {
        if let Some(pid) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
            // Not reaped yet, so the number is still the child's even if that has ended, which does no harm.
            let _ = kill_process(pid, signal);
        }
    }

    /// Ends it and waits. It is looked at rather than awaited: a test's cluster outlives the runtime that started it.
    pub(super) async fn stop(&mut self) -> Result<(), PostgresError> {
        for (signal, patience) in REQUESTS {
            if self.ended()?.is_some() {
                return Ok(());
            }
            self.signal(signal);
            let deadline = Instant::now() + patience;
            while Instant::now() < deadline {
                if self.ended()?.is_some() {
                    return Ok(());
                }
                sleep(LOOK).await;
            }
            tracing::warn!(pid = self.pid(), "PostgreSQL takes long to stop");
        }
        Err(PostgresError::StillRunning { pid: self.pid() })
    }
}

impl Drop for Postmaster {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            self.signal(Signal::INT);
        }
    }
}

/// The end of the log, for an error's text.
fn last_lines(log: &Path) -> String {
    let text = std::fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(20)..].join("\n")
}
