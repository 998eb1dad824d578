//! Domains are checked again and again, by one replica at a time.

use super::internet::{Flaw, Internet};
use crate::support::client::{Api, eventually};
use crate::support::server::TestServer;

/// The options of a Landlord that looks at it every second.
fn every_second(internet: &Internet) -> Vec<(&'static str, String)> {
    let mut options = internet.options();
    options.extend([
        ("housekeeping_seconds", "1".into()),
        ("domains.check_seconds", "1".into()),
        ("domains.recheck_seconds", "1".into()),
        ("domains.silent_checks", "3".into()),
        ("domains.silent_seconds", "2".into()),
    ]);
    options
}

/// Gives the tenant that domain, and all that makes it operational.
async fn provide(internet: &Internet, operator: &Api, tenant: &str, domain: &str) -> String {
    let set = operator.set_domain(tenant, domain).await.unwrap().domain.unwrap();
    internet.texts(&set.record_name, &[&set.record_value]).await;
    internet.certify(domain, Flaw::None).await;
    set.record_name
}

/// Waits until the domain is operational, or until it is not.
async fn becomes(operator: &Api, tenant: &str, operational: bool) {
    let what = format!("{tenant} operational: {operational}");
    eventually(&what, async || (operator.domain_condition(tenant).await.is_none() == operational).then_some(())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_domain_becomes_operational_by_itself_is_lost_and_found_and_each_is_told_once() {
    let internet = Internet::start().await;
    let server = TestServer::with(&every_second(&internet)).await;
    let operator = server.operator().await;
    let acme = operator.active_tenant("Acme").await;
    let record = provide(&internet, &operator, &acme, "acme.example").await;
    becomes(&operator, &acme, true).await;
    internet.certify("acme.example", Flaw::Expired).await;
    becomes(&operator, &acme, false).await;
    // What is told once is told at the first of several checks.
    let checks = internet.asked(&record);
    eventually("more checks", async || (internet.asked(&record) > checks + 2).then_some(())).await;
    assert_eq!(operator.told(&acme, "DOMAIN_NOT_OPERATIONAL").await.len(), 1);
    internet.certify("acme.example", Flaw::None).await;
    becomes(&operator, &acme, true).await;
    assert_eq!(operator.told(&acme, "DOMAIN_OPERATIONAL").await.len(), 2);
    assert_eq!(operator.told(&acme, "DOMAIN_NOT_OPERATIONAL").await.len(), 1);
    let lost = operator.told(&acme, "DOMAIN_NOT_OPERATIONAL").await;
    assert!(lost[0].message.contains("acme.example") && lost[0].message.contains("has expired"), "{:?}", lost[0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn silence_takes_a_domain_down_only_when_it_lasts() {
    let internet = Internet::start().await;
    let server = TestServer::with(&every_second(&internet)).await;
    let operator = server.operator().await;
    let acme = operator.active_tenant("Acme").await;
    provide(&internet, &operator, &acme, "acme.example").await;
    becomes(&operator, &acme, true).await;
    let sql = server.sql().await;
    let silent_checks =
        async || -> i32 { sql.query_one("SELECT silent_checks FROM tenant_domains", &[]).await.unwrap().get(0) };
    internet.silence(true);
    eventually("a check without an answer", async || (silent_checks().await >= 1).then_some(())).await;
    assert_eq!(operator.domain_condition(&acme).await, None, "one says nothing");
    becomes(&operator, &acme, false).await;
    assert!(silent_checks().await >= 3);
    internet.silence(false);
    becomes(&operator, &acme, true).await;
    assert_eq!(silent_checks().await, 0);
    assert_eq!(operator.told(&acme, "DOMAIN_NOT_OPERATIONAL").await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_replicas_share_the_domains_and_a_round_takes_no_more_than_it_may() {
    let internet = Internet::start().await;
    let mut options = internet.options();
    options.extend([("housekeeping_seconds", "1".into()), ("domains.checks_per_round", "1".into())]);
    let server = TestServer::with(&options).await;
    let _other = TestServer::on(server.database.clone(), &options).await;
    let operator = server.operator().await;
    let mut records = Vec::new();
    for name in ["Acme", "Beta", "Gamma", "Delta", "Omega"] {
        let tenant = operator.active_tenant(name).await;
        let record = provide(&internet, &operator, &tenant, &format!("{}.example", name.to_lowercase())).await;
        records.push((tenant, record));
    }
    // One that is checked before it is provided for is due again in minutes.
    let now = "UPDATE tenant_domains SET check_after = clock_timestamp() WHERE NOT secure";
    let sql = server.sql().await;
    for (tenant, _) in &records {
        eventually("it is operational", async || {
            sql.batch_execute(now).await.unwrap();
            operator.domain_condition(tenant).await.is_none().then_some(())
        })
        .await;
    }
    let asked = |internet: &Internet| records.iter().map(|(_, record)| internet.asked(record)).collect::<Vec<_>>();
    let before = asked(&internet);
    sql.batch_execute("UPDATE tenant_domains SET check_after = clock_timestamp(), checked_at = NULL").await.unwrap();
    eventually("all are checked again", async || {
        let left = "SELECT count(*) FROM tenant_domains WHERE checked_at IS NULL";
        (sql.query_one(left, &[]).await.unwrap().get::<_, i64>(0) == 0).then_some(())
    })
    .await;
    let more: Vec<_> = asked(&internet).iter().zip(before).map(|(after, before)| after - before).collect();
    assert_eq!(more, [1; 5], "each by one replica, once");
}
