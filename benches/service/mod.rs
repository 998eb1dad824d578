//! A service that is measured: a release build in a process of its own, on a private Postgres.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;

use landlord::client::Client;
use landlord::dev::postgres::{Cluster as Postgres, ClusterOptions};
use landlord::proto::v1;
use landlord::store::migrate;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio_postgres::NoTls;

const PASSWORD: &str = "several unrelated words";

/// A private Postgres, in memory-like settings.
pub struct Cluster {
    postgres: Postgres,
    _folder: TempDir,
}

/// A database of it, with our schema.
pub struct Database {
    pub name: String,
    /// How the application's role reaches it.
    pub app: String,
}

impl Cluster {
    /// Starts one.
    pub async fn start() -> Self {
        use std::os::unix::fs::PermissionsExt as _;
        let passable = std::fs::Permissions::from_mode(0o755);
        let folder = tempfile::Builder::new().prefix("landlord-bench-").permissions(passable).tempdir().unwrap();
        let options = ClusterOptions { durable: false, max_connections: 100 };
        let postgres = Postgres::start(folder.path(), options).await.unwrap();
        let cluster = Self { postgres, _folder: folder };
        cluster.run("postgres", "CREATE ROLE landlord_owner LOGIN CREATEROLE").await;
        cluster
    }

    /// Makes a database.
    pub async fn database(&self, name: &str) -> Database {
        self.run("postgres", &format!("CREATE DATABASE {name} OWNER landlord_owner")).await;
        migrate::migrate(&self.url(name, "landlord_owner").into()).await.unwrap();
        Database { name: name.to_owned(), app: self.url(name, "landlord_app") }
    }

    /// How a role reaches a database.
    pub fn url(&self, database: &str, role: &str) -> String {
        self.postgres.superuser_url(database).replace("user=postgres", &format!("user={role}"))
    }

    /// A connection that no policy binds.
    pub async fn connect(&self, database: &str) -> tokio_postgres::Client {
        let (client, connection) = tokio_postgres::connect(&self.url(database, "postgres"), NoTls).await.unwrap();
        tokio::spawn(connection);
        client
    }

    async fn run(&self, database: &str, sql: &str) {
        self.connect(database).await.batch_execute(sql).await.unwrap();
    }
}

/// A service that runs until it is dropped.
pub struct Service {
    address: SocketAddr,
    child: Child,
}

impl Service {
    /// Starts one that keeps what it needs in that folder, and waits until it serves.
    pub async fn start(folder: &Path, database: &str, options: &[(&str, String)]) -> Self {
        let file = |name: &str, content: &str| {
            let path = folder.join(name);
            std::fs::write(&path, content).unwrap();
            path.display().to_string()
        };
        let own = [
            ("listen", "127.0.0.1:0".to_owned()),
            ("http_listen", "127.0.0.1:0".to_owned()),
            ("root_key_file", file("root.key", &"11".repeat(32))),
            ("initial_operator.password_file", file("password", PASSWORD)),
            ("database.url", database.to_owned()),
            ("objects.url", format!("file://{}", folder.join("objects").display())),
            ("telemetry.log_format", "json".to_owned()),
        ];
        let mut command = Command::new(env!("CARGO_BIN_EXE_landlord"));
        // As in the chart.
        command.env("MALLOC_ARENA_MAX", "2");
        command.arg("serve").stderr(Stdio::piped()).stdout(Stdio::null()).kill_on_drop(true);
        for (option, value) in own.iter().chain(options) {
            command.arg("--set").arg(format!("{option}={value}"));
        }
        let mut child = command.spawn().unwrap();
        let (mut lines, mut said) = (BufReader::new(child.stderr.take().unwrap()).lines(), Vec::new());
        while let Some(line) = lines.next_line().await.unwrap() {
            let json: serde_json::Value = serde_json::from_str(&line).unwrap_or_default();
            if json["message"] == "serving" {
                let address = json["grpc"].as_str().unwrap().parse().unwrap();
                tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
                return Self { address, child };
            }
            said.push(line);
        }
        panic!("it ended before it served:\n{}", said.join("\n"));
    }

    /// A client without a credential.
    pub async fn anonymous(&self) -> Client {
        Client::connect(format!("http://{}", self.address)).await.unwrap()
    }

    /// Memory that it has, as the system calls it, in MiB.
    pub fn memory_mib(&self, which: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id().unwrap())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(which)).unwrap();
        line.trim_start_matches(':').trim().trim_end_matches(" kB").trim().parse::<u64>().unwrap() / 1024
    }

    /// Ends it.
    pub async fn stop(mut self) {
        self.child.kill().await.unwrap();
    }
}

/// The token of the first operator.
pub async fn log_in(client: &Client) -> String {
    let (user_name, password) = ("operator@infrastructure".to_owned(), PASSWORD.to_owned());
    let request = v1::CreateSessionRequest { user_name, password, ..Default::default() };
    client.sessions().create_session(request).await.unwrap().into_inner().access_token
}
