//! Postgres goes away at once, in the middle of commits, and comes back: nothing that was acknowledged is lost, and the
//! service goes on by itself.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use landlord::proto::v1;
use rustix::process::Signal;
use tonic::{Code, Status};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use crate::support::client::{Api, eventually, refusal};
use crate::support::command::Running;
use crate::support::outage::Outage;
use crate::support::process::Process;
use crate::support::server::{TestServer, quick_options};

async fn health(address: SocketAddr) -> ServingStatus {
    let endpoint = tonic::transport::Endpoint::new(format!("http://{address}")).unwrap();
    let mut client = HealthClient::new(endpoint.connect().await.unwrap());
    let answer = client.check(HealthCheckRequest { service: String::new() }).await.unwrap();
    answer.into_inner().status()
}

async fn turns(address: SocketAddr, wanted: ServingStatus) {
    eventually(wanted.as_str_name(), || async { (health(address).await == wanted).then_some(()) }).await;
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
    // Each outage may cost the step at hand an attempt.
    let server = TestServer::on(outage.database.clone(), &[("operations.max_attempts", "10".into())]).await;
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
    turns(server.address, ServingStatus::Serving).await;

    outage.begin().await;
    let since = Instant::now();
    for _ in 0..10 {
        assert_unavailable(&api.row(&tenant).await.unwrap_err());
    }
    assert_unavailable(&api.client.tenants().create_tenant(create(1)).await.unwrap_err());
    assert!(since.elapsed() < Duration::from_secs(5), "{:?}", since.elapsed());
    turns(server.address, ServingStatus::NotServing).await;

    outage.end().await;
    turns(server.address, ServingStatus::Serving).await;
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

#[tokio::test(flavor = "multi_thread")]
async fn a_postgres_that_hangs_is_an_outage_too_and_does_not_hold_up_the_end_of_a_replica() {
    let outage = Outage::new().await;
    TestServer::on(outage.database.clone(), &[]).await.stop().await.unwrap();
    let mut process = Process::start(&outage.database, &[]).await;
    let api = process.operator().await;
    let tenant = api.active_tenant("Acme").await;
    turns(process.address, ServingStatus::Serving).await;

    outage.freeze();
    turns(process.address, ServingStatus::NotServing).await;
    outage.thaw();
    turns(process.address, ServingStatus::Serving).await;
    api.tenant(&tenant).await;

    outage.freeze();
    let since = Instant::now();
    process.signal(Signal::TERM);
    assert!(process.exit().await.success());
    assert!(since.elapsed() < Duration::from_secs(10), "{:?}", since.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_that_waits_for_postgres_ends_at_once_when_it_is_told_to() {
    let mut outage = Outage::new().await;
    let folder = tempfile::tempdir().unwrap();
    let options = quick_options(folder.path(), &outage.database).await;
    let options: Vec<_> = options.iter().map(|(option, value)| format!("--set={option}={value}")).collect();
    let arguments: Vec<_> = std::iter::once("serve").chain(options.iter().map(String::as_str)).collect();
    let end_one = async || {
        let running = Running::start(&arguments);
        running.listens_to_sigterm().await;
        running.signal(Signal::TERM);
        let output = running.output().await;
        assert!(output.status.success(), "{output:?}");
    };
    outage.freeze();
    end_one().await;
    outage.thaw();
    outage.begin().await;
    end_one().await;
}
