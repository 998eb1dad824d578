//! One private Postgres for the whole run, and a database for each test, cloned from a migrated template.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use landlord::dev::postgres::{Cluster, ClusterOptions};
use landlord::store::migrate;
use tempfile::TempDir;
use tokio::sync::OnceCell;
use tokio_postgres::{Client, NoTls};

use super::command::folder;
use super::reaper::Reaper;

static SHARED: OnceCell<Shared> = OnceCell::const_new();
static NUMBER: AtomicU32 = AtomicU32::new(0);

struct Shared {
    cluster: Cluster,
    _reaper: Reaper,
}

async fn shared() -> &'static Shared {
    SHARED.get_or_init(start).await
}

async fn start() -> Shared {
    let reaper = Reaper::new();
    let options = ClusterOptions { durable: false, max_connections: 500 };
    let cluster = Cluster::start(reaper.folder(), options).await.unwrap();
    let admin = connect(&cluster.superuser_url("postgres")).await;
    create_template(&admin, &cluster).await;
    Shared { cluster, _reaper: reaper }
}

async fn create_template(admin: &Client, cluster: &Cluster) {
    for statement in
        ["CREATE ROLE landlord_owner LOGIN CREATEROLE", "CREATE DATABASE template_landlord OWNER landlord_owner"]
    {
        admin.batch_execute(statement).await.unwrap();
    }
    migrate::migrate(&url(cluster, "template_landlord", "landlord_owner").into()).await.unwrap();
}

fn url(cluster: &Cluster, database: &str, role: &str) -> String {
    cluster.superuser_url(database).replace("user=postgres", &format!("user={role}"))
}

/// A connection whose driver runs in the background.
pub async fn connect(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

/// A database of one test.
#[derive(Clone)]
pub struct Database {
    name: String,
    /// How the superuser reaches it, if it is not in the shared cluster.
    elsewhere: Option<String>,
    /// The object store that goes with it.
    objects: Arc<TempDir>,
}

fn objects() -> Arc<TempDir> {
    Arc::new(folder())
}

impl Database {
    /// A migrated one, with nothing in it.
    pub async fn create() -> Self {
        let name = format!("landlord_{}", NUMBER.fetch_add(1, Ordering::Relaxed));
        let admin = connect(&shared().await.cluster.superuser_url("postgres")).await;
        let create =
            format!("CREATE DATABASE {name} TEMPLATE template_landlord OWNER landlord_owner STRATEGY FILE_COPY");
        admin.batch_execute(&create).await.unwrap();
        Self { name, elsewhere: None, objects: objects() }
    }

    /// One that nobody has migrated, of the role `landlord_owner`.
    pub async fn empty() -> Self {
        let name = format!("landlord_{}", NUMBER.fetch_add(1, Ordering::Relaxed));
        let admin = connect(&shared().await.cluster.superuser_url("postgres")).await;
        admin.batch_execute(&format!("CREATE DATABASE {name} OWNER landlord_owner")).await.unwrap();
        Self { name, elsewhere: None, objects: objects() }
    }

    /// One in a cluster of the test's own, reached by its superuser with this connection string.
    pub fn at(superuser_url: &str) -> Self {
        Self { name: String::new(), elsewhere: Some(superuser_url.to_owned()), objects: objects() }
    }

    /// Where the object store is that goes with it.
    pub fn objects(&self) -> &Path {
        self.objects.path()
    }

    /// How `role` reaches it: `landlord_app`, `landlord_owner`, or `postgres` for what no role of ours may do.
    pub async fn url(&self, role: &str) -> String {
        match &self.elsewhere {
            Some(superuser_url) => superuser_url.replace("user=postgres", &format!("user={role}")),
            None => url(&shared().await.cluster, &self.name, role),
        }
    }

    /// A connection of that role.
    pub async fn connect(&self, role: &str) -> Client {
        connect(&self.url(role).await).await
    }
}
