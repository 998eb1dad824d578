//! What has served its time is removed, and nothing else.

use std::time::Duration;

use futures::FutureExt as _;
use landlord::authz::permit::Purpose;
use landlord::context::OpContext;
use landlord::proto::v1;
use landlord::store::expiry::{self, Expiring};
use landlord::store::tx::{Db, DbConfig};

use crate::support::server::TestServer;

#[tokio::test(flavor = "multi_thread")]
async fn old_answers_sessions_and_links_go_and_young_ones_stay() {
    let server = TestServer::start().await;
    let operator = server.operator().await;
    for _ in 0..2 {
        server.operator().await;
        let request = v1::CreateTenantRequest {
            tenant: Some(v1::Tenant { display_name: "Acme".into(), ..Default::default() }),
            initial_admin: Some(v1::InitialAdmin {
                user_name: "anna".into(),
                email: "anna@example.com".into(),
                ..Default::default()
            }),
            request_id: uuid::Uuid::new_v4().to_string(),
            ..Default::default()
        };
        let created = operator.client.tenants().create_tenant(request).await.unwrap().into_inner();
        operator.succeed(created.operation).await;
    }
    let superuser = server.database.connect("postgres").await;
    let count = async |table: &str| -> i64 {
        superuser.query_one(&format!("SELECT count(*) FROM {table}"), &[]).await.unwrap().get(0)
    };
    crate::support::client::eventually("two links", async || (count("links").await == 2).then_some(())).await;
    let age_one = "
        UPDATE requests SET created_at = created_at - interval '3 days' WHERE ctid = (SELECT min(ctid) FROM requests);
        UPDATE sessions SET ended_at = clock_timestamp() - interval '3 days' WHERE ctid = (SELECT max(ctid) FROM sessions);
        UPDATE links SET expires_at = expires_at - interval '60 days' WHERE ctid = (SELECT min(ctid) FROM links);
        INSERT INTO attempts (kind, slot, last_at) VALUES (1, 1, clock_timestamp() - interval '61 minutes'),
            (1, 2, clock_timestamp() - interval '59 minutes');
        INSERT INTO log_ins (tenant_id, at, folded)
            SELECT tenant_id, clock_timestamp() - age, folded
            FROM (VALUES ('15 days'::interval, true), ('13 days', true), ('15 days', false)) AS past (age, folded),
                 tenants WHERE tenant_id = '11111111-1111-1111-1111-111111111111'";
    superuser.batch_execute(age_one).await.unwrap();

    let config = DbConfig {
        url: server.database.url("landlord_app").await.into(),
        pool_size: 1,
        wait: Duration::from_secs(5),
        repeat_window: Duration::from_secs(86_400),
    };
    let db = Db::new(&config).unwrap();
    for (what, table) in Expiring::ALL.into_iter().zip(["requests", "sessions", "links", "attempts", "log_ins"]) {
        let before = count(table).await;
        let op = OpContext::system(Purpose::Expiry, None);
        let remove =
            db.platform(op, "expire", what, |tx, what| expiry::remove(tx, *what, Duration::from_secs(86_400)).boxed());
        assert_eq!(remove.await.unwrap(), 1, "{table}");
        assert_eq!(count(table).await, before - 1, "{table}");
    }
}
