//! The directory as a participant: what it exports of one tenant, another one can import.

use std::time::Duration;

use futures::{FutureExt as _, StreamExt as _, TryStreamExt as _};
use landlord::app::directory::Directory;
use landlord::authz::permit::Purpose;
use landlord::context::OpContext;
use landlord::domain::id::{BootId, TenantUid};
use landlord::domain::operation::{Actor, Kind, Units};
use landlord::ports::{Answer, Participant as _, Record, StepCall};
use landlord::proto::v1;
use landlord::store::claims::{self, Claimed, Fenced};
use landlord::store::tenants;
use landlord::store::tx::{Db, DbConfig};

use crate::support::client::Api;
use crate::support::server::TestServer;

struct Bench {
    server: TestServer,
    operator: Api,
    db: Db,
}

impl Bench {
    /// A server whose operations nobody works on but the test.
    async fn start() -> Self {
        let server = TestServer::with(&[("operations.workers", "0".into())]).await;
        let operator = server.operator().await;
        let config = DbConfig {
            url: server.database.url("landlord_app").await.into(),
            pool_size: 2,
            wait: Duration::from_secs(5),
            repeat_window: Duration::from_secs(3600),
        };
        Self { server, operator, db: Db::new(&config).unwrap() }
    }

    /// A tenant whose provisioning the test has claimed, and the call that a worker would make of it.
    async fn claimed(&self, display_name: &str, admin: Option<&str>) -> (StepCall, Claimed) {
        let request = v1::CreateTenantRequest {
            tenant: Some(v1::Tenant { display_name: display_name.into(), ..Default::default() }),
            initial_admin: admin.map(|name| v1::InitialAdmin {
                user_name: name.into(),
                email: format!("{name}@example.com"),
                ..Default::default()
            }),
            ..Default::default()
        };
        let created = self.operator.client.tenants().create_tenant(request).await.unwrap().into_inner();
        let uid = TenantUid::parse(&created.tenant.unwrap().uid).unwrap();
        let op = OpContext::system(Purpose::Worker, None);
        let claim = self.db.platform(op, "claim", (), |tx, ()| {
            claims::claim(tx, Kind::ALL, BootId::new(), Duration::from_secs(60), 1).boxed()
        });
        let claimed = claim.await.unwrap().pop().expect("the provisioning");
        assert_eq!(claimed.claim.tenant, uid);
        let op = OpContext::system(Purpose::Worker, Some(uid));
        let tenant = self.db.read(op, "load", (), |tx, ()| tenants::load(tx).boxed()).await.unwrap().unwrap();
        (
            StepCall {
                tenant,
                claim: claimed.claim,
                step_id: "test".into(),
                actor: Actor::default(),
                so_far: Units::default(),
            },
            claimed,
        )
    }
}

async fn exported(directory: &Directory, call: &StepCall) -> Vec<Record> {
    directory.export(call).await.unwrap().try_collect().await.unwrap()
}

/// The records without what a copy changes.
fn comparable(records: &[Record]) -> Vec<(String, serde_json::Value)> {
    let strip = |record: &Record| {
        let mut body = record.body.clone();
        if record.kind == "groups" {
            for field in ["tenant_name", "name"] {
                body.as_object_mut().unwrap().remove(field);
            }
        }
        (record.kind.clone(), body)
    };
    let mut all: Vec<_> = records.iter().map(strip).collect();
    all.sort_by_key(|(kind, body)| (kind.clone(), body.to_string()));
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn an_exported_directory_is_imported_whole_under_the_new_tenants_name() {
    let bench = Bench::start().await;
    let directory = Directory::new(bench.db.clone());
    let (source, claimed) = bench.claimed("Source", Some("anna")).await;
    let landlord::domain::operation::Params::Provision { admin, .. } = &claimed.params else { panic!("{claimed:?}") };
    assert_eq!(directory.provision(&source, admin.as_ref()).await.unwrap(), Answer::Done);
    let records = exported(&directory, &source).await;
    assert!(records.iter().any(|r| r.kind == "users" && r.body["user_name"] == "anna"));

    let (target, _) = bench.claimed("Target", None).await;
    let stream = futures::stream::iter(records.clone().into_iter().map(Ok)).boxed();
    assert_eq!(directory.import(&target, stream).await.unwrap(), records.len() as u64);
    let copied = exported(&directory, &target).await;
    assert_eq!(comparable(&copied), comparable(&records));
    let root = copied.iter().find(|r| r.kind == "groups").unwrap();
    assert_eq!(root.body["name"], "Target");
    let (before, after) = (directory.usage(&source).await.unwrap(), directory.usage(&target).await.unwrap());
    assert_eq!((before.objects, after), (before.objects, before));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_is_set_up_once_and_purged_in_batches_until_nothing_is_left() {
    let bench = Bench::start().await;
    let directory = Directory::new(bench.db.clone());
    let (call, _) = bench.claimed("Acme", Some("anna")).await;
    for _ in 0..2 {
        assert_eq!(directory.provision(&call, None).await.unwrap(), Answer::Done);
    }
    let before = exported(&directory, &call).await.len();
    assert_eq!(before, exported(&directory, &call).await.len());
    while directory.purge(&call).await.unwrap() != Answer::Done {}
    assert!(exported(&directory, &call).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_whose_claim_is_over_changes_nothing() {
    let bench = Bench::start().await;
    let directory = Directory::new(bench.db.clone());
    let (call, _) = bench.claimed("Acme", None).await;
    let owner = bench.server.database.connect("postgres").await;
    owner.batch_execute("UPDATE operations SET epoch = epoch + 1").await.unwrap();
    let refused = directory.provision(&call, None).await.expect_err("the claim is over");
    assert!(Fenced::is(&refused), "{refused}");
    assert!(exported(&directory, &call).await.is_empty());
}
