//! Postgres goes away at once, in the middle of commits, and comes back: nothing that was acknowledged is lost, and the
//! service goes on by itself.

use std::time::{Duration, Instant};

use landlord::dev::postgres::{Cluster, ClusterOptions};
use landlord::proto::v1;
use landlord::store::migrate;
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use tonic::{Code, Status};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use crate::support::client::{Api, eventually, refusal};
use crate::support::command::folder;
use crate::support::database::{Database, connect};
use crate::support::server::TestServer;

/// A durable cluster of this test alone, which can be stopped at once and started again.
struct Outage {
    folder: TempDir,
    cluster: Option<Cluster>,
    database: Database,
}

const DURABLE: ClusterOptions = ClusterOptions { durable: true, max_connections: 60 };

impl Outage {
    async fn new() -> Self {
        let folder = folder();
        let cluster = Cluster::start(folder.path(), DURABLE).await.unwrap();
        let admin = connect(&cluster.superuser_url("postgres")).await;
        admin.batch_execute("CREATE ROLE landlord_owner LOGIN CREATEROLE").await.unwrap();
        admin.batch_execute("CREATE DATABASE landlord OWNER landlord_owner").await.unwrap();
        let database = Database::at(&cluster.superuser_url("landlord"));
        migrate::migrate(&database.url("landlord_owner").await.into()).await.unwrap();
        Self { folder, cluster: Some(cluster), database }
    }

    /// Stops Postgres as `pg_ctl stop -m immediate` does: no transaction is finished, nothing is written any more.
    async fn begin(&mut self) {
        let cluster = self.cluster.take().unwrap();
        let pid = Pid::from_raw(i32::try_from(cluster.pid()).unwrap()).unwrap();
        kill_process(pid, Signal::QUIT).unwrap();
        cluster.stop().await.unwrap();
    }

    async fn end(&mut self) {
        self.cluster = Some(Cluster::start(self.folder.path(), DURABLE).await.unwrap());
    }
}

async fn health(server: &TestServer) -> ServingStatus {
    let endpoint = tonic::transport::Endpoint::new(format!("http://{}", server.address)).unwrap();
    let mut client = HealthClient::new(endpoint.connect().await.unwrap());
    let answer = client.check(HealthCheckRequest { service: String::new() }).await.unwrap();
    answer.into_inner().status()
}

async fn turns(server: &TestServer, wanted: ServingStatus) {
    eventually(wanted.as_str_name(), || async { (health(server).await == wanted).then_some(()) }).await;
}

fn create(number: usize) -> v1::CreateTenantRequest {
    let tenant = v1::Tenant { display_name: format!("Tenant {number:04}"), ..Default::default() };
    let request_id = uuid::Uuid::new_v4().to_string();
    v1::CreateTenantRequest { tenant: Some(tenant), request_id, ..Default::default() }
}

/// Creates tenants until a call fails for another reason than the outage, repeating what got no answer; gives all that
/// were acknowledged.
async fn create_until(
    api: Api,
    lane: usize,
    stop: tokio_util::sync::CancellationToken,
) -> Vec<v1::CreateTenantResponse> {
    let mut acknowledged = Vec::new();
    for number in 0.. {
        if stop.is_cancelled() {
            break;
        }
        let request = create(lane * 1000 + number);
        let made = eventually("an answer", || async {
            match api.client.tenants().create_tenant(request.clone()).await {
                Ok(made) => Some(made.into_inner()),
                Err(status) => {
                    assert_unavailable(&status);
                    None
                }
            }
        });
        acknowledged.push(made.await);
    }
    acknowledged
}

#[track_caller]
fn assert_unavailable(status: &Status) {
    assert_eq!(refusal(status), (Code::Unavailable, "STORE_UNAVAILABLE".to_owned()), "{status:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_acknowledged_change_is_lost_when_postgres_is_stopped_at_once_in_mid_commit() {
    let mut outage = Outage::new().await;
    let server = TestServer::on(outage.database.clone(), &[]).await;
    let api = server.operator().await;
    let stop = tokio_util::sync::CancellationToken::new();
    let lanes: Vec<_> = (0..3).map(|lane| tokio::spawn(create_until(api.clone(), lane, stop.clone()))).collect();
    let made = "SELECT count(*) FROM tenants";
    for round in 1..=4_i64 {
        let observer = outage.database.connect("postgres").await;
        eventually("changes under way", || async {
            let count: i64 = observer.query_one(made, &[]).await.unwrap().get(0);
            (count >= round * 6).then_some(())
        })
        .await;
        outage.begin().await;
        outage.end().await;
    }
    stop.cancel();
    let mut acknowledged = Vec::new();
    for lane in lanes {
        acknowledged.extend(lane.await.unwrap());
    }
    for made in &acknowledged {
        api.succeed(made.operation.clone()).await;
    }
    let db = outage.database.connect("postgres").await;
    let books = "SELECT t.code, count(*) FILTER (WHERE cause = 'CREATE'), count(*) FILTER (WHERE cause = 'PROVISIONED'), count(*)
                 FROM tenants t JOIN tenant_transitions USING (tenant_id) WHERE t.code <> 'infrastructure' GROUP BY t.code";
    let rows = db.query(books, &[]).await.unwrap();
    for row in &rows {
        let counts: (i64, i64, i64) = (row.get(1), row.get(2), row.get(3));
        assert_eq!(counts, (1, 1, 2), "{}", row.get::<_, String>(0));
    }
    let mut there: Vec<String> = rows.iter().map(|row| format!("tenants/{}", row.get::<_, String>(0))).collect();
    let mut wanted: Vec<String> = acknowledged.into_iter().map(|made| made.tenant.unwrap().name).collect();
    there.sort();
    wanted.sort();
    assert_eq!(there, wanted, "what was acknowledged is there, and nothing twice");
}

#[tokio::test(flavor = "multi_thread")]
async fn during_an_outage_calls_are_refused_soon_and_health_says_so_until_it_is_over() {
    let mut outage = Outage::new().await;
    let server = TestServer::on(outage.database.clone(), &[]).await;
    let api = server.operator().await;
    let tenant = api.active_tenant("Acme").await;
    turns(&server, ServingStatus::Serving).await;

    outage.begin().await;
    let since = Instant::now();
    for _ in 0..10 {
        assert_unavailable(&api.row(&tenant).await.unwrap_err());
    }
    assert_unavailable(&api.client.tenants().create_tenant(create(1)).await.unwrap_err());
    assert!(since.elapsed() < Duration::from_secs(5), "{:?}", since.elapsed());
    turns(&server, ServingStatus::NotServing).await;

    outage.end().await;
    turns(&server, ServingStatus::Serving).await;
    api.tenant(&tenant).await;
    api.active_tenant("After the outage").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_that_finds_no_postgres_serves_once_it_is_there() {
    let mut outage = Outage::new().await;
    outage.begin().await;
    let database = outage.database.clone();
    let started = tokio::spawn(async move { TestServer::on(database, &[]).await });
    tokio::task::yield_now().await;
    outage.end().await;
    let server = started.await.unwrap();
    server.operator().await.active_tenant("Acme").await;
}
