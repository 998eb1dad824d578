use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use super::{Cluster, ClusterOptions, PostgresError};

const OPTIONS: ClusterOptions = ClusterOptions { durable: false, max_connections: 20 };

/// A data directory that the account of a Postgres started by root can reach, too.
fn data_dir() -> TempDir {
    directory_with(0o755)
}

fn directory_with(mode: u32) -> TempDir {
    let permissions = std::fs::Permissions::from_mode(mode);
    tempfile::Builder::new().prefix("landlord-").permissions(permissions).tempdir().expect("a temporary directory")
}

async fn start(data_dir: &Path) -> Cluster {
    Cluster::start(data_dir, OPTIONS).await.unwrap_or_else(|error| panic!("start: {error}"))
}

async fn run(cluster: &Cluster, sql: &str) -> Result<String, tokio_postgres::Error> {
    let (client, connection) =
        tokio_postgres::connect(&cluster.superuser_url("postgres"), tokio_postgres::NoTls).await?;
    let connection = tokio::spawn(connection);
    let row = client.query_one(sql, &[]).await.map(|row| row.get::<_, String>(0));
    drop(client);
    connection.await.expect("the connection's task ends")?;
    row
}

/// Leaves something in the database; `remembers` finds it.
async fn remember(cluster: &Cluster) {
    let create = "WITH made AS (SELECT lo_from_bytea(4711, 'kept')) SELECT 'done' FROM made";
    assert_eq!(run(cluster, create).await.expect("a large object can be made"), "done");
}

async fn remembers(cluster: &Cluster) -> bool {
    run(cluster, "SELECT convert_from(lo_get(4711), 'UTF8')").await.is_ok_and(|text| text == "kept")
}

fn kill(pid: u32) {
    let pid = Pid::from_raw(pid.try_into().expect("a process id")).expect("not zero");
    kill_process(pid, Signal::KILL).expect("the process can be killed");
}

#[tokio::test]
async fn a_cluster_keeps_its_data_between_starts() {
    let dir = data_dir();
    let cluster = start(dir.path()).await;
    remember(&cluster).await;
    let settings = "SELECT concat_ws(' ', current_setting('server_encoding'), current_setting('listen_addresses'),
        current_setting('max_connections'), current_setting('fsync'), current_user)";
    assert_eq!(run(&cluster, settings).await.expect("settings"), "UTF8  20 off postgres");
    let socket = cluster.socket_dir().metadata().expect("the socket's directory");
    assert_eq!(socket.permissions().mode() & 0o777, 0o700);
    cluster.stop().await.expect("it stops");

    let durable = ClusterOptions { durable: true, ..OPTIONS };
    let begun = Instant::now();
    let cluster = Cluster::start(dir.path(), durable).await.expect("it starts again");
    println!("started again in {:?}", begun.elapsed());
    assert!(remembers(&cluster).await);
    assert_eq!(run(&cluster, "SHOW fsync").await.expect("a setting"), "on");
    cluster.stop().await.expect("it stops again");
}

#[tokio::test]
async fn a_second_landlord_is_refused_while_the_first_runs() {
    let dir = data_dir();
    let cluster = start(dir.path()).await;
    assert!(matches!(Cluster::start(dir.path(), OPTIONS).await, Err(PostgresError::InUse { .. })));
    assert!(matches!(Cluster::erase(dir.path()).await, Err(PostgresError::InUse { .. })));
    cluster.stop().await.expect("it stops");
}

#[tokio::test]
async fn a_killed_postmaster_leaves_nothing_that_prevents_a_start() {
    let dir = data_dir();
    // Durable, since the other kind may lose what was committed a moment ago.
    let durable = ClusterOptions { durable: true, ..OPTIONS };
    let cluster = Cluster::start(dir.path(), durable).await.expect("it starts");
    remember(&cluster).await;
    kill(cluster.pid());
    cluster.stop().await.expect("there is nothing left to stop");

    let cluster = start(dir.path()).await;
    assert!(remembers(&cluster).await);
    cluster.stop().await.expect("it stops");
}

#[tokio::test]
async fn a_process_id_that_another_process_has_by_now_does_not_prevent_a_start() {
    let dir = data_dir();
    start(dir.path()).await.stop().await.expect("it stops");
    let note = dir.path().join("postgres/data/postmaster.pid");
    std::fs::write(&note, format!("{}\n", std::process::id())).expect("a stale note");
    start(dir.path()).await.stop().await.expect("it stops");
}

#[tokio::test]
async fn a_half_made_cluster_is_made_anew() {
    let dir = data_dir();
    let leftover = dir.path().join("postgres/unfinished-0/base");
    std::fs::create_dir_all(&leftover).expect("a leftover");
    start(dir.path()).await.stop().await.expect("it stops");
    assert!(!leftover.exists());
}

#[tokio::test]
async fn a_cluster_with_a_long_or_odd_path_has_its_socket_elsewhere() {
    let dir = data_dir();
    let deep = dir.path().join("a long, winding path").join("d".repeat(120));
    let cluster = start(&deep).await;
    let socket_dir = cluster.socket_dir().to_owned();
    assert!(!socket_dir.starts_with(dir.path()));
    remember(&cluster).await;
    cluster.stop().await.expect("it stops");
    assert!(!socket_dir.exists());

    let cluster = start(&deep).await;
    assert_eq!(cluster.socket_dir(), socket_dir);
    assert!(remembers(&cluster).await);
    cluster.stop().await.expect("it stops");
}

#[tokio::test]
async fn a_data_directory_out_of_the_accounts_reach_has_its_cluster_elsewhere() {
    let (outer, other) = (directory_with(0o700), directory_with(0o700));
    let (dir, moved) = (outer.path().join("dev"), outer.path().join("moved"));
    let cluster = start(&dir).await;
    remember(&cluster).await;
    let as_root = rustix::process::geteuid().is_root();
    assert_eq!(dir.join("postgres.location").exists(), as_root);
    cluster.stop().await.expect("it stops");

    std::fs::rename(&dir, &moved).expect("the directory can be moved");
    let cluster = start(&moved).await;
    assert!(remembers(&cluster).await);
    cluster.stop().await.expect("it stops");

    if as_root {
        let copy = other.path().join("copy");
        std::fs::create_dir(&copy).expect("a directory");
        std::fs::copy(moved.join("postgres.location"), copy.join("postgres.location")).expect("a copy");
        let cluster = start(&copy).await;
        assert!(!remembers(&cluster).await, "a copy shares the cluster of its original");
        cluster.stop().await.expect("it stops");
        Cluster::erase(&copy).await.expect("it can be erased");
    }
    Cluster::erase(&moved).await.expect("it can be erased");
    assert!(!moved.join("postgres.location").exists());
    let cluster = start(&moved).await;
    assert!(!remembers(&cluster).await);
    cluster.stop().await.expect("it stops");
    Cluster::erase(&moved).await.expect("it can be erased");
}

#[tokio::test]
async fn a_start_that_fails_says_what_postgres_said() {
    let dir = data_dir();
    start(dir.path()).await.stop().await.expect("it stops");
    let conf = dir.path().join("postgres/data/postgresql.conf");
    std::fs::write(&conf, "no_such_setting = 1\n").expect("a broken file");
    let error = Cluster::start(dir.path(), OPTIONS).await.expect_err("it can't start");
    assert!(matches!(error, PostgresError::Ended { .. }));
    assert!(error.to_string().contains("no_such_setting"), "{error}");
}

/// The data directory for `stands_in_for_a_landlord`.
const STAND_IN: &str = "LANDLORD_TEST_STAND_IN";

#[tokio::test]
async fn the_postgres_of_a_killed_landlord_is_replaced() {
    let dir = data_dir();
    let mut landlord = Command::new(std::env::current_exe().expect("this program"))
        .args(["--exact", "dev::postgres::tests::stands_in_for_a_landlord", "--ignored"])
        .env(STAND_IN, dir.path())
        .stdout(Stdio::null())
        .spawn()
        .expect("this program can be run");
    let ready = dir.path().join("ready");
    let deadline = Instant::now() + Duration::from_secs(60);
    while !ready.exists() {
        assert!(Instant::now() < deadline, "the stand-in did not start");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    landlord.kill().expect("it can be killed");
    landlord.wait().expect("it ends");
    let orphan = std::fs::read_to_string(&ready).expect("the orphan's process id");

    let cluster = start(dir.path()).await;
    assert_ne!(cluster.pid().to_string(), orphan);
    assert!(remembers(&cluster).await);
    cluster.stop().await.expect("it stops");
}

#[tokio::test]
#[ignore = "not a test: the process that another test kills"]
async fn stands_in_for_a_landlord() {
    let Some(dir) = std::env::var_os(STAND_IN) else { return };
    let dir = Path::new(&dir);
    let cluster = start(dir).await;
    remember(&cluster).await;
    std::fs::write(dir.join("ready.new"), cluster.pid().to_string()).expect("a file");
    std::fs::rename(dir.join("ready.new"), dir.join("ready")).expect("a file");
    std::future::pending::<()>().await;
}
