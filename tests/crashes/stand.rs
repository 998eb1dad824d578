//! What a life is led on: a database with a first operator, and replicas that share a folder for mails.

use std::path::Path;

use tempfile::TempDir;

use crate::support::client::Api;
use crate::support::database::Database;
use crate::support::process::Process;
use crate::support::server::{PASSWORD, TestServer};

/// A database that replicas come and go on.
pub struct Stand {
    pub database: Database,
    mail: TempDir,
}

impl Stand {
    /// A new one. The operator was made by a replica that has gone, and has no password to change.
    pub async fn new() -> Self {
        let server = TestServer::start().await;
        let database = server.database.clone();
        server.stop().await.unwrap();
        Self { database, mail: tempfile::tempdir().unwrap() }
    }

    /// Where all replicas put mails.
    pub fn mail(&self) -> &Path {
        self.mail.path()
    }

    fn options(&self) -> Vec<(&'static str, String)> {
        vec![("mail.folder", self.mail.path().display().to_string())]
    }

    /// A replica that does not look for work by itself, so that each run of it visits the same places in the same
    /// order. None: it was killed before it served.
    pub async fn replica(&self, environment: &[(&str, &str)]) -> Option<Process> {
        let mut options = self.options();
        options.push(("operations.poll_ms", "60000".into()));
        Process::with(&self.database, environment, &options).await
    }

    /// A replica that runs as usual.
    pub async fn usual_replica(&self, environment: &[(&str, &str)]) -> Process {
        Process::with(&self.database, environment, &self.options()).await.unwrap()
    }

    /// A replica in this process, which nothing happens to.
    pub async fn survivor(&self) -> TestServer {
        TestServer::on(self.database.clone(), &self.options()).await
    }
}

/// A client of the operator, if the replica lives until it is logged in.
pub async fn operator(process: &Process) -> Option<Api> {
    let client = landlord::client::Client::connect(format!("http://{}", process.address)).await.ok()?;
    let anonymous = Api { client };
    let session = anonymous.session("operator@infrastructure", PASSWORD).await.ok()?;
    Some(anonymous.with_token(&session.access_token))
}
