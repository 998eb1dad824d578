//! A Landlord in a process of its own, which tests can kill.

use std::net::SocketAddr;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;

use super::client::{Api, eventually};
use super::database::Database;
use super::server::{PASSWORD, quick_options};

/// A `landlord serve` that is killed when it is dropped.
pub struct Process {
    pub address: SocketAddr,
    /// The one that it runs on, with the object store.
    pub database: Database,
    folder: TempDir,
    child: Child,
    lines: JoinHandle<Vec<String>>,
}

/// The one that was built with the tests, unless `LANDLORD_PROGRAM` names another.
fn program() -> PathBuf {
    std::env::var_os("LANDLORD_PROGRAM").map_or_else(|| env!("CARGO_BIN_EXE_landlord").into(), PathBuf::from)
}

impl Process {
    /// Starts one on that database; `environment` arms its failpoints.
    pub async fn start(database: &Database, environment: &[(&str, &str)]) -> Self {
        Self::with(database, environment, &[]).await.expect("a process that serves")
    }

    /// Starts one with these options over the quick ones. None: it was killed before it served.
    pub async fn with(
        database: &Database,
        environment: &[(&str, &str)],
        options: &[(&'static str, String)],
    ) -> Option<Self> {
        Self::run(Command::new(program()), database, environment, options).await
    }

    /// Starts one whose object store is on a disk of its own, of so many MiB, which goes with the process. Elsewhere that folder
    /// looks as before.
    pub async fn on_small_disk(database: &Database, mebibytes: u32, options: &[(&'static str, String)]) -> Self {
        let mount = "mount -t tmpfs -o size=$0 tmpfs \"$1\" && shift && exec \"$@\"";
        let mut command = Command::new("unshare");
        // Who may not mount may in a namespace of users of its own; who may would lose what other users let it see.
        if !rustix::process::geteuid().is_root() {
            command.args(["--user", "--map-root-user"]);
        }
        command.args(["--mount", "sh", "-c", mount]);
        command.arg(format!("{mebibytes}m")).arg(database.objects()).arg(program());
        Self::run(command, database, &[], options).await.expect("a process that serves")
    }

    async fn run(
        mut command: Command,
        database: &Database,
        environment: &[(&str, &str)],
        options: &[(&'static str, String)],
    ) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        command.arg("serve").env_clear().envs(environment.iter().copied()).kill_on_drop(true);
        let quick = quick_options(folder.path(), database).await;
        for (option, value) in quick.iter().chain(options) {
            command.arg("--set").arg(format!("{option}={value}"));
        }
        command.arg("--set").arg("telemetry.log_format=json");
        let mut child = command.stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let address = tokio::time::timeout(Duration::from_secs(30), async {
            let mut said = Vec::new();
            while let Some(line) = lines.next_line().await.unwrap() {
                let json: serde_json::Value = serde_json::from_str(&line).unwrap_or_default();
                if json["message"] == "serving" {
                    return Some(json["grpc"].as_str().unwrap().parse().unwrap());
                }
                said.push(line);
            }
            let status = child.wait().await.unwrap();
            assert_eq!(status.signal(), Some(9), "it ended before it served: {status}\n{}", said.join("\n"));
            None
        });
        let address = address.await.unwrap()?;
        // Whoever writes needs a reader.
        let lines = tokio::spawn(async move {
            let mut said = Vec::new();
            while let Ok(Some(line)) = lines.next_line().await {
                said.push(line);
            }
            said
        });
        Some(Self { address, database: database.clone(), folder, child, lines })
    }

    /// A client of the first operator. The password is the first one, which has to be changed in a process.
    pub async fn operator(&self) -> Api {
        Api::connect(self.address).await.log_in("operator@infrastructure", PASSWORD).await
    }

    /// The process id.
    pub fn pid(&self) -> u32 {
        self.child.id().expect("a process that runs")
    }

    /// Waits until the process has ended; gives the signal that ended it, if one did.
    pub async fn ended(&mut self) -> Option<i32> {
        self.exit().await.signal()
    }

    /// Waits until the process has ended, and says how.
    pub async fn exit(&mut self) -> ExitStatus {
        match tokio::time::timeout(Duration::from_secs(30), self.end()).await {
            Ok(status) => status,
            Err(_) => {
                self.kill().await;
                let said = (&mut self.lines).await.unwrap();
                panic!("it did not end within half a minute:\n{}", said.join("\n"));
            }
        }
    }

    /// The same, however long that takes.
    pub async fn end(&mut self) -> ExitStatus {
        self.child.wait().await.unwrap()
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(i32::try_from(self.pid()).unwrap()).unwrap();
        rustix::process::kill_process(pid, signal).unwrap();
    }

    /// Waits until the process is stopped, as by kill -STOP.
    pub async fn stopped(&self) {
        eventually("a stopped process", || async { self.is_stopped().then_some(()) }).await;
    }

    /// Whether it is.
    pub fn is_stopped(&self) -> bool {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.pid())).unwrap_or_default();
        stat.rsplit_once(") ").is_some_and(|(_, state)| state.starts_with('T'))
    }

    /// A path as the process sees it.
    pub fn sees(&self, path: &Path) -> PathBuf {
        Path::new(&format!("/proc/{}/root", self.pid())).join(path.strip_prefix("/").unwrap())
    }

    /// Where its mails land, unless it was told another place.
    pub fn mail_folder(&self) -> PathBuf {
        self.folder.path().join("mail")
    }

    /// Ends it as Kubernetes does; gives the lines of its log since it served.
    pub async fn log(mut self) -> Vec<String> {
        self.signal(Signal::TERM);
        self.exit().await;
        self.lines.await.unwrap()
    }

    /// kill -9.
    pub async fn kill(&mut self) {
        self.child.kill().await.unwrap();
    }
}
