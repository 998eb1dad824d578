//! How log-ins are kept: folded by the quarter of an hour, for two weeks, and no longer than their tenant.

use crate::support::client::eventually;
use crate::support::server::TestServer;

/// The rows of the tenant Acme in their order: the count of each, and whether it is folded.
async fn rows(server: &TestServer) -> Vec<(i64, bool)> {
    let sql = "SELECT count, folded FROM log_ins JOIN tenants USING (tenant_id) WHERE code = 'acme' ORDER BY at, id";
    server.sql().await.query(sql, &[]).await.unwrap().iter().map(|row| (row.get(0), row.get(1))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn log_ins_of_the_past_are_folded_and_count_as_they_did() {
    let server = TestServer::with(&[("housekeeping_seconds", "3600".into())]).await;
    let operator = server.operator().await;
    let acme = operator.active_tenant("Acme").await;
    operator.allot(&acme, &[("base", 5)]).await.unwrap();
    // The quarter that was over half an hour ago, its last moment and the first of the next one; and one that goes on.
    let quarter = server.now().await / 900 * 900 - 3600;
    let add = format!(
        "INSERT INTO log_ins (tenant_id, at) SELECT tenant_id, to_timestamp({quarter}) + after
         FROM tenants, unnest(ARRAY['0 s', '7 min', '899.999999 s', '900 s', '29 min']::interval[]) after
         WHERE code = 'acme'"
    );
    let sql = server.sql().await;
    sql.batch_execute(&add).await.unwrap();
    let fresh = "INSERT INTO log_ins (tenant_id) SELECT tenant_id FROM tenants WHERE code = 'acme'";
    sql.execute(fresh, &[]).await.unwrap();
    let since = async || -> Vec<i64> {
        let sql = format!(
            "SELECT log_ins_since(array_agg(tenant_id), array_agg(to_timestamp({quarter}) + after ORDER BY place))
             FROM tenants, unnest(ARRAY['0 s', '15 min', '30 min', '-7 d']::interval[]) WITH ORDINALITY begins (after, place)
             WHERE code = 'acme'"
        );
        server.sql().await.query_one(&sql, &[]).await.unwrap().get(0)
    };
    assert_eq!(rows(&server).await, [(1, false); 6]);
    let before = since().await;
    assert_eq!(before, [6, 3, 1, 6]);
    let replica = TestServer::on(server.database.clone(), &[("housekeeping_seconds", "1".into())]).await;
    let folded = async || {
        let found = rows(&server).await;
        (found.len() == 3).then_some(found)
    };
    assert_eq!(eventually("it is folded", folded).await, [(3, true), (2, true), (1, false)]);
    assert_eq!(since().await, before);
    // One that comes late is folded by itself.
    sql.batch_execute(&add).await.unwrap();
    let folded = async || (rows(&server).await.len() == 5).then_some(());
    eventually("it is folded, too", folded).await;
    assert_eq!(since().await, [11, 5, 1, 11]);
    drop(replica);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenants_log_ins_go_with_it() {
    let server = TestServer::start().await;
    let (acme, _) = server.administrator("Acme").await;
    let operator = server.operator().await;
    server.had_log_ins(&acme, 5, "UTC", "monday - interval '7 days'").await;
    assert!(rows(&server).await.len() > 1);
    operator.delete_fully(&acme).await;
    let left = "SELECT count(*) FROM log_ins WHERE tenant_id <> '11111111-1111-1111-1111-111111111111'";
    assert_eq!(server.sql().await.query_one(left, &[]).await.unwrap().get::<_, i64>(0), 0);
}
