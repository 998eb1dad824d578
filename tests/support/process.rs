//! A Landlord in a process of its own, which tests can kill.

use std::net::SocketAddr;
use std::os::unix::process::ExitStatusExt as _;
use std::process::Stdio;
use std::time::Duration;

use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

use super::client::Api;
use super::database::Database;
use super::server::{PASSWORD, quick_options};

/// A `landlord serve` that is killed when it is dropped.
pub struct Process {
    pub address: SocketAddr,
    pub folder: TempDir,
    child: Child,
}

impl Process {
    /// Starts one on that database; `environment` arms its failpoints.
    pub async fn start(database: &Database, environment: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_landlord"));
        command.arg("serve").env_clear().envs(environment.iter().copied()).kill_on_drop(true);
        for (option, value) in quick_options(folder.path(), database.url("landlord_app").await) {
            command.arg("--set").arg(format!("{option}={value}"));
        }
        command.arg("--set").arg("telemetry.log_format=json");
        let mut child = command.stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let address = tokio::time::timeout(Duration::from_secs(30), async {
            while let Some(line) = lines.next_line().await.unwrap() {
                let json: serde_json::Value = serde_json::from_str(&line).unwrap_or_default();
                if json["fields"]["message"] == "serving" {
                    return json["fields"]["grpc"].as_str().unwrap().parse().unwrap();
                }
            }
            panic!("the process ended before it served");
        })
        .await
        .unwrap();
        // Whoever writes needs a reader.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Self { address, folder, child }
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
        let status = tokio::time::timeout(Duration::from_secs(30), self.child.wait()).await.unwrap().unwrap();
        status.signal()
    }

    /// kill -9.
    pub async fn kill(&mut self) {
        self.child.kill().await.unwrap();
    }
}
