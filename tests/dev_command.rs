//! `landlord dev`, the real command: it needs a folder and Postgres' programs, and nothing else.

use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde::Deserialize;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::support::client::{Api, eventually};
use crate::support::command::{Running, folder, landlord, postmasters, run};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Connection {
    address: SocketAddr,
    http_address: SocketAddr,
    user_name: String,
    password: String,
    tenant: String,
    ca: Option<String>,
}

/// A data directory; whatever still runs on it ends with it.
struct DataDir {
    path: PathBuf,
    _above: TempDir,
}

impl DataDir {
    fn new() -> Self {
        let above = folder();
        Self { path: above.path().join("data"), _above: above }
    }

    fn arguments(&self) -> [&str; 7] {
        let path = self.path.to_str().unwrap();
        ["dev", "--data-dir", path, "--listen", "127.0.0.1:0", "--http-listen", "127.0.0.1:0"]
    }

    /// Starts the command and waits until it is ready.
    async fn start(&self, more: &[&str]) -> (Running, Connection) {
        let file = self.path.join("connection.json");
        let old = std::fs::read_to_string(&file).ok();
        let mut running = Running { child: landlord(&self.arguments()).args(more).spawn().unwrap() };
        let ready = async {
            loop {
                let text = std::fs::read_to_string(&file).ok();
                if let Some(text) = text.filter(|text| Some(text) != old.as_ref()) {
                    return serde_json::from_str(&text).unwrap();
                }
                if running.child.try_wait().unwrap().is_some() {
                    return None;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        match tokio::time::timeout(Duration::from_secs(90), ready).await.expect("a start") {
            Some(connection) => (running, connection),
            None => panic!("it ended: {:?}", running.output().await),
        }
    }
}

impl Drop for DataDir {
    fn drop(&mut self) {
        for pid in postmasters(&self.path) {
            // It may have ended just now.
            let _ = kill_process(Pid::from_raw(i32::try_from(pid).unwrap()).unwrap(), Signal::QUIT);
        }
    }
}

async fn operator(connection: &Connection) -> Api {
    let name = format!("{}@{}", connection.user_name, connection.tenant);
    Api::connect(connection.address).await.log_in(&name, &connection.password).await
}

async fn get(address: SocketAddr, path: &str) -> String {
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

/// SIGTERM: the command ends well, and so has its Postgres.
async fn stop(running: Running, data_dir: &Path) {
    running.signal(Signal::TERM);
    let output = running.output().await;
    assert!(output.status.success(), "{output:?}");
    assert_eq!(postmasters(data_dir), [0; 0], "no Postgres is left");
}

#[tokio::test(flavor = "multi_thread")]
async fn it_tells_scripts_how_to_connect_once_it_is_ready() {
    let dir = DataDir::new();
    let (running, connection) = dir.start(&[]).await;
    let mode = std::fs::metadata(dir.path.join("connection.json")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "the file has a password in it");
    assert_eq!(connection.ca, None);
    operator(&connection).await.active_tenant("Acme").await;
    assert!(get(connection.http_address, "/.well-known/jwks.json").await.contains("\"kid\""));
    assert!(get(connection.http_address, "/metrics").await.contains("landlord_store_transaction_duration"));

    let second = run(&dir.arguments()).await;
    assert!(!second.status.success());
    assert!(second.stderr.contains("another Landlord is using"), "{}", second.stderr);
    operator(&connection).await.active_tenant("Not disturbed by the second").await;
    assert!(dir.path.join("connection.json").exists(), "the second has not taken the first one's file away");

    running.signal(Signal::TERM);
    let output = running.output().await;
    assert!(output.status.success(), "{output:?}");
    assert!(output.stdout.contains(&format!("{} landlord.v1.TenantService/ListTenants", connection.address)));
    assert_eq!(postmasters(&dir.path), [0; 0], "no Postgres is left");
}

#[tokio::test(flavor = "multi_thread")]
async fn it_keeps_its_data_over_stops_and_kills_until_it_is_told_to_begin_anew() {
    let dir = DataDir::new();
    let (running, connection) = dir.start(&[]).await;
    let tenant = operator(&connection).await.active_tenant("Acme").await;
    stop(running, &dir.path).await;

    let (mut running, connection) = dir.start(&[]).await;
    operator(&connection).await.tenant(&tenant).await;
    running.child.kill().await.unwrap();
    assert_eq!(postmasters(&dir.path).len(), 1, "kill -9 leaves Postgres behind");

    let (mut running, connection) = dir.start(&[]).await;
    operator(&connection).await.tenant(&tenant).await;
    for pid in postmasters(&dir.path) {
        kill_process(Pid::from_raw(i32::try_from(pid).unwrap()).unwrap(), Signal::KILL).unwrap();
    }
    running.child.kill().await.unwrap();

    let (running, old) = dir.start(&[]).await;
    operator(&old).await.tenant(&tenant).await;
    stop(running, &dir.path).await;

    let (running, new) = dir.start(&["--fresh"]).await;
    assert_ne!(old.password, new.password);
    assert!(operator(&new).await.row(&tenant).await.is_err(), "--fresh begins anew");
    stop(running, &dir.path).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_in_the_middle_of_the_first_start_does_no_harm() {
    let dir = DataDir::new();
    // Half-way through: the cluster is being made, or has just been made.
    let mut running = Running::start(&dir.arguments());
    eventually("the beginning of a cluster", || async { dir.path.join("postgres.lock").exists().then_some(()) }).await;
    running.child.kill().await.unwrap();
    let mut running = Running::start(&dir.arguments());
    eventually("a postmaster", || async { (!postmasters(&dir.path).is_empty()).then_some(()) }).await;
    running.child.kill().await.unwrap();
    let (running, connection) = dir.start(&[]).await;
    operator(&connection).await.active_tenant("Acme").await;
    stop(running, &dir.path).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_path_that_only_its_owner_may_look_into_will_do() {
    let above = tempfile::Builder::new().permissions(std::fs::Permissions::from_mode(0o700)).tempdir().unwrap();
    let path = above.path().join("a rather long name, with blanks and ümlauts ".repeat(4)).join("d".repeat(100));
    let dir = DataDir { path, _above: above };
    let (running, connection) = dir.start(&[]).await;
    let tenant = operator(&connection).await.active_tenant("Acme").await;
    stop(running, &dir.path).await;
    let (running, connection) = dir.start(&[]).await;
    operator(&connection).await.tenant(&tenant).await;
    stop(running, &dir.path).await;
    // What was put elsewhere goes with it.
    let (running, _) = dir.start(&["--fresh"]).await;
    stop(running, &dir.path).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_is_taken_is_said_and_leaves_no_postgres_behind() {
    let dir = DataDir::new();
    let taken = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let path = dir.path.to_str().unwrap();
    let refused = run(&["dev", "--data-dir", path, "--listen", &address, "--http-listen", "127.0.0.1:0"]).await;
    assert!(!refused.status.success());
    assert!(refused.stderr.contains(&format!("can't listen on {address}")), "{}", refused.stderr);
    eventually("the end of its Postgres", || async { postmasters(&dir.path).is_empty().then_some(()) }).await;
}
