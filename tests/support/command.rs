//! The command `landlord`, run as people run it.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
use tokio::process::{Child, Command};

use super::client::eventually;

/// How a command that has ended went.
#[derive(Debug)]
pub struct Output {
    pub status: ExitStatus,
    pub stdout: String,
    pub stderr: String,
}

/// A command that runs; it is killed when it is dropped.
pub struct Running {
    pub child: Child,
}

/// The command with these arguments, with nothing of this process's environment but the path.
pub fn landlord(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_landlord"));
    command.args(arguments).env_clear().env("PATH", std::env::var_os("PATH").unwrap()).kill_on_drop(true);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Runs it to its end.
pub async fn run(arguments: &[&str]) -> Output {
    Running { child: landlord(arguments).spawn().unwrap() }.output().await
}

impl Running {
    /// Starts it.
    pub fn start(arguments: &[&str]) -> Self {
        Self { child: landlord(arguments).spawn().unwrap() }
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(i32::try_from(self.child.id().expect("a process that runs")).unwrap()).unwrap();
        rustix::process::kill_process(pid, signal).unwrap();
    }

    /// Waits until `landlord serve`, which logs JSON, says where it serves.
    pub async fn serving(&mut self) -> SocketAddr {
        let mut lines = BufReader::new(self.child.stderr.take().unwrap()).lines();
        let address = tokio::time::timeout(Duration::from_secs(30), async {
            while let Some(line) = lines.next_line().await.unwrap() {
                let json: serde_json::Value = serde_json::from_str(&line).unwrap_or_default();
                if json["message"] == "serving" {
                    return json["grpc"].as_str().unwrap().parse().unwrap();
                }
            }
            panic!("it ended before it served");
        });
        let address = address.await.expect("a server");
        self.child.stderr = Some(lines.into_inner().into_inner());
        address
    }

    /// Waits until SIGTERM no longer just kills it.
    pub async fn listens_to_sigterm(&self) {
        let status = format!("/proc/{}/status", self.child.id().expect("a process that runs"));
        eventually("a handler of SIGTERM", || async {
            let text = std::fs::read_to_string(&status).ok()?;
            let caught = text.lines().find_map(|line| line.strip_prefix("SigCgt:"))?;
            let caught = u64::from_str_radix(caught.trim(), 16).ok()?;
            (caught >> (Signal::TERM.as_raw() - 1) & 1 == 1).then_some(())
        })
        .await;
    }

    /// Waits for its end.
    pub async fn output(mut self) -> Output {
        let (mut stdout, mut stderr) = (String::new(), String::new());
        let (mut out, mut err) = (self.child.stdout.take().unwrap(), self.child.stderr.take().unwrap());
        let ended = async {
            let read = tokio::join!(out.read_to_string(&mut stdout), err.read_to_string(&mut stderr));
            read.0.and(read.1).unwrap();
            self.child.wait().await.unwrap()
        };
        let status = tokio::time::timeout(Duration::from_secs(60), ended).await.expect("an end");
        Output { status, stdout, stderr }
    }
}

/// A folder that everybody may pass through, Postgres' own account included.
pub fn folder() -> tempfile::TempDir {
    use std::os::unix::fs::PermissionsExt as _;
    let passable = std::fs::Permissions::from_mode(0o755);
    tempfile::Builder::new().prefix("landlord-test-").permissions(passable).tempdir().unwrap()
}

/// The process ids of the postmasters whose cluster belongs to that data directory.
pub fn postmasters(data_dir: &Path) -> Vec<u32> {
    let recorded = std::fs::read_to_string(data_dir.join("postgres.location")).unwrap_or_default();
    let home = recorded.lines().next().map_or_else(|| data_dir.join("postgres"), Into::into);
    let data = home.join("data").display().to_string();
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    let pids = processes.filter_map(|p| p.file_name().to_str()?.parse::<u32>().ok());
    pids.filter(|pid| {
        let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let line: Vec<_> = line.split(|b| *b == 0).collect();
        line.windows(2).any(|pair| pair == [b"-D".as_slice(), data.as_bytes()])
    })
    .collect()
}
