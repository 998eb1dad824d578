//! What a life is led on: a database with a first operator, and replicas that share a folder for mails.

use std::net::SocketAddr;
use std::path::PathBuf;

use landlord::proto::v1;
use tempfile::TempDir;

use super::obstacles;
use crate::support::client::Api;
use crate::support::database::Database;
use crate::support::process::Process;
use crate::support::server::{PASSWORD, TestServer};

/// What all replicas share.
pub struct Scene {
    pub database: Database,
    /// Where they put mails.
    pub mail: PathBuf,
}

impl Scene {
    /// On that database, which is empty but for its schema. The operator is made by a replica that has gone, has no
    /// password to change, and may delete by force.
    pub async fn new(database: Database, mail: PathBuf) -> Self {
        let server = TestServer::on(database.clone(), &[]).await;
        let settings = v1::Settings { force_delete_enabled: Some(true), ..Default::default() };
        server.operator().await.set(settings, &["force_delete_enabled"]).await.unwrap();
        server.stop().await.unwrap();
        obstacles::allow(&database).await;
        Self { database, mail }
    }

    /// What replicas need besides the quick options. Only obstacles make attempts fail, and no number of them ends work.
    pub fn options(&self) -> Vec<(&'static str, String)> {
        vec![("mail.folder", self.mail.display().to_string()), ("operations.max_attempts", "10000".into())]
    }
}

/// A scene that replicas come and go on.
pub struct Stand {
    pub scene: Scene,
    _mail: TempDir,
}

impl Stand {
    /// A new one.
    pub async fn new() -> Self {
        let mail = tempfile::tempdir().unwrap();
        Self { scene: Scene::new(Database::create().await, mail.path().to_owned()).await, _mail: mail }
    }

    /// A replica that hardly looks for work by itself, so that each run of it visits the same places in the same order. It
    /// does so in the end, since on a busy machine it may lose a lease. None: it was killed before it served.
    pub async fn replica(&self, environment: &[(&str, &str)]) -> Option<Process> {
        let mut options = self.scene.options();
        options.push(("operations.poll_ms", "5000".into()));
        Process::with(&self.scene.database, environment, &options).await
    }

    /// A replica that runs as usual.
    pub async fn usual_replica(&self, environment: &[(&str, &str)]) -> Process {
        Process::with(&self.scene.database, environment, &self.scene.options()).await.unwrap()
    }

    /// A replica in this process, which nothing happens to.
    pub async fn survivor(&self) -> TestServer {
        TestServer::on(self.scene.database.clone(), &self.scene.options()).await
    }
}

/// A client of the operator, if the replica lives until it is logged in.
pub async fn operator(replica: SocketAddr) -> Option<Api> {
    let client = landlord::client::Client::connect(format!("http://{replica}")).await.ok()?;
    let anonymous = Api { client };
    let session = anonymous.session("operator@infrastructure", PASSWORD).await.ok()?;
    Some(anonymous.with_token(&session.access_token))
}
