//! SIGTERM: health says so, streams end with a reason, calls finish, and what was begun is left to others at once.

use std::time::{Duration, Instant};

use landlord::proto::v1;
use rustix::process::Signal;
use tonic::Code;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};

use crate::support::client::{Api, assert_refused, eventually};
use crate::support::database::Database;
use crate::support::process::Process;
use crate::support::server::TestServer;

/// A database whose operator has no password to change.
async fn database() -> Database {
    let server = TestServer::start().await;
    let database = server.database.clone();
    server.stop().await.unwrap();
    database
}

/// A replica with a lease so long that only a released claim explains that another one goes on.
async fn replica(database: &Database, environment: &[(&str, &str)]) -> Process {
    let options = [("operations.lease_ms", "600000".into()), ("drain_seconds", "8".into())];
    Process::with(database, environment, &options).await.unwrap()
}

async fn health(process: &Process) -> tonic::Streaming<HealthCheckResponse> {
    let channel = tonic::transport::Endpoint::new(format!("http://{}", process.address)).unwrap();
    let mut client = HealthClient::new(channel.connect().await.unwrap());
    client.watch(HealthCheckRequest { service: String::new() }).await.unwrap().into_inner()
}

/// Waits until the server says so.
async fn says(health: &mut tonic::Streaming<HealthCheckResponse>, wanted: ServingStatus) {
    while let Some(answer) = health.message().await.expect("an answer before the end") {
        if answer.status == wanted as i32 {
            return;
        }
    }
    panic!("the stream ended before it said {wanted:?}");
}

async fn watch(api: &Api, operation: &v1::Operation) -> tonic::Streaming<v1::WatchOperationResponse> {
    let request = v1::WatchOperationRequest { name: operation.name.clone() };
    api.client.operations().watch_operation(request).await.unwrap().into_inner()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_that_is_told_to_stop_says_so_ends_streams_and_leaves_its_work_to_others_at_once() {
    let database = database().await;
    let mut going = replica(&database, &[]).await;
    let api = going.operator().await;
    let mut health = health(&going).await;
    says(&mut health, ServingStatus::Serving).await;
    // The directory's step waits for this lock, so it is running when the signal comes.
    let holder = database.connect("postgres").await;
    holder.batch_execute("BEGIN; LOCK TABLE groups IN ACCESS EXCLUSIVE MODE").await.unwrap();
    let operation = api.create("Acme").await.operation.unwrap();
    let mut stream = watch(&api, &operation).await;
    stream.message().await.unwrap().expect("the operation as it is");
    eventually("a running step", || async { (transactions(&database, WAITING).await > 0).then_some(()) }).await;

    let since = Instant::now();
    going.signal(Signal::TERM);
    says(&mut health, ServingStatus::NotServing).await;
    let end = loop {
        match stream.message().await {
            Ok(Some(_)) => {}
            Ok(None) => panic!("the stream ended without a reason"),
            Err(status) => break status,
        }
    };
    assert_refused::<()>(Err(end), Code::Unavailable, "SHUTTING_DOWN");
    holder.batch_execute("ROLLBACK").await.unwrap();
    assert!(going.exit().await.success());
    assert!(since.elapsed() < Duration::from_secs(10), "{:?}", since.elapsed());

    let next = replica(&database, &[]).await;
    next.operator().await.succeed(Some(operation)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_in_flight_is_answered_before_the_replica_ends() {
    let database = database().await;
    let mut going = replica(&database, &[("FAILPOINTS", "call.committed=sleep(1500)")]).await;
    let api = going.operator().await;
    let call = tokio::spawn(async move { api.create("Acme").await });
    let watcher = database.connect("postgres").await;
    eventually("a committed tenant", || async {
        watcher.query_opt("SELECT FROM tenants WHERE code = 'acme'", &[]).await.unwrap()
    })
    .await;
    going.signal(Signal::TERM);
    assert_eq!(call.await.unwrap().tenant.unwrap().name, "tenants/acme");
    assert!(going.exit().await.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_health_watcher_does_not_hold_up_the_end() {
    let database = database().await;
    let mut going = replica(&database, &[]).await;
    let mut health = health(&going).await;
    says(&mut health, ServingStatus::Serving).await;
    let since = Instant::now();
    going.signal(Signal::TERM);
    says(&mut health, ServingStatus::NotServing).await;
    assert!(going.exit().await.success());
    assert!(since.elapsed() < Duration::from_secs(6), "it drains for 8 seconds at most: {:?}", since.elapsed());
}

/// The database's transactions, other than the one that asks, for which this holds.
async fn transactions(database: &Database, which: &str) -> i64 {
    let client = database.connect("postgres").await;
    let open = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND xact_start IS NOT NULL
                AND pid <> pg_backend_pid() AND ";
    client.query_one(&format!("{open}{which}"), &[]).await.unwrap().get(0)
}

const WAITING: &str = "wait_event_type = 'Lock'";

/// Holds the row of the tenant, so that every change of it waits.
async fn hold(database: &Database, code: &str) -> tokio_postgres::Client {
    let client = database.connect("postgres").await;
    let held = format!("BEGIN; SELECT FROM tenants WHERE code = '{code}' FOR UPDATE");
    client.batch_execute(&held).await.unwrap();
    client
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_hangs_up_in_mid_call_leaves_nothing_open() {
    let server = TestServer::with(&[("operations.poll_ms", "60000".into())]).await;
    let operator = server.operator().await;
    let name = operator.active_tenant("Acme").await;
    let holder = hold(&server.database, "acme").await;
    let calls: Vec<_> = (0..4)
        .map(|_| {
            let (operator, name) = (operator.clone(), name.clone());
            tokio::spawn(async move {
                operator.client.tenants().lock_tenant(v1::LockTenantRequest { name, ..Default::default() }).await
            })
        })
        .collect();
    eventually("calls that wait", || async { (transactions(&server.database, WAITING).await == 4).then_some(()) })
        .await;
    calls.iter().for_each(tokio::task::JoinHandle::abort);
    holder.batch_execute("COMMIT").await.unwrap();
    eventually("the end of all transactions", || async {
        (transactions(&server.database, "true").await == 0).then_some(())
    })
    .await;
    // The first of them was done before it could be heard that nobody waits for it, or none was.
    operator.active_tenant("As quick as ever").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_finds_the_pool_exhausted_is_refused_within_about_a_second() {
    let options = [("operations.poll_ms", "60000".into()), ("database.pool_size", "3".into())];
    let server = TestServer::with(&options).await;
    let operator = server.operator().await;
    let name = operator.active_tenant("Acme").await;
    let holder = hold(&server.database, "acme").await;
    let lock = |name: String| {
        let operator = operator.clone();
        async move { operator.client.tenants().lock_tenant(v1::LockTenantRequest { name, ..Default::default() }).await }
    };
    let waiting: Vec<_> = (0..3).map(|_| tokio::spawn(lock(name.clone()))).collect();
    eventually("an exhausted pool", || async { (transactions(&server.database, WAITING).await == 3).then_some(()) })
        .await;
    let since = Instant::now();
    let refused = operator.row(&name).await;
    let took = since.elapsed();
    assert_refused(refused, Code::Unavailable, "STORE_UNAVAILABLE");
    assert!(took < Duration::from_millis(2500), "{took:?}");
    holder.batch_execute("COMMIT").await.unwrap();
    let mut done = 0;
    for call in waiting {
        done += usize::from(call.await.unwrap().is_ok());
    }
    assert_eq!(done, 1, "a tenant is locked once");
}
