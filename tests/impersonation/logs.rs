//! What is written down of those who act for others: both of them and the reason, everywhere.

use landlord::proto::v1;
use tonic::Code;

use super::Stage;
use crate::support::client::{Api, assert_refused};
use crate::support::database::Database;
use crate::support::impersonation::REASON;
use crate::support::process::Process;
use crate::support::server::TestServer;

#[tokio::test(flavor = "multi_thread")]
async fn audit_trail_and_status_logs_have_both_and_the_reason() {
    let stage = Stage::new().await;
    let (operator, superuser) = (stage.operator.who().await.unwrap().user, stage.superuser().await);
    stage.operator.acting_as("superuser").new_group(&stage.acme, "Sales").await.unwrap();
    stage.operator.exchanged(&stage.acme).await.new_group(&stage.acme, "Support").await.unwrap();
    for method in ["CreateGroup", "ExchangeToken"] {
        for record in stage.anna.audit(&stage.acme, &format!("method = {method}")).await.unwrap() {
            assert_eq!((&*record.actor, &*record.actor_name), (&*operator, "operator"));
            assert_eq!((&*record.acted_for, &*record.impersonation_reason), (&*superuser, REASON));
        }
        for (reader, log) in [(&stage.anna, &*stage.acme), (&stage.operator, "tenants/infrastructure")] {
            let events = reader.events(log, &format!("kind = {method}")).await.unwrap().events;
            assert!(!events.is_empty(), "{method} in the log of {log}");
            for event in events {
                assert_eq!((&*event.actor, &*event.acted_for), (&*operator, &*superuser));
                assert_eq!((&*event.actor_name, &*event.impersonation_reason), ("operator", REASON));
                assert_eq!(event.details.is_empty(), log != stage.acme, "what it was in detail stays in the tenant");
            }
        }
    }
    assert_eq!(stage.anna.audit(&stage.acme, "method = CreateGroup").await.unwrap().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_audit_trail_cannot_take_is_not_done() {
    let stage = Stage::new().await;
    let obstacle = "CREATE FUNCTION obstacle() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'in the way'; END $$;
        CREATE TRIGGER obstacle BEFORE INSERT ON audit_records FOR EACH ROW WHEN (NEW.acted_for IS NOT NULL)
            EXECUTE FUNCTION obstacle()";
    let sql = stage.server.sql().await;
    sql.batch_execute(obstacle).await.unwrap();
    let refused = stage.operator.acting_as("superuser").new_group(&stage.acme, "Sales").await;
    assert_refused(refused, Code::Internal, "INTERNAL");
    assert_refused(stage.operator.exchange(&stage.acme, None).await, Code::Internal, "INTERNAL");
    let request = v1::ListGroupsRequest { parent: stage.acme.clone(), ..Default::default() };
    assert_eq!(stage.anna.list_groups(request).await.unwrap().groups.len(), 1, "the root group");
    sql.batch_execute("DROP TRIGGER obstacle ON audit_records").await.unwrap();
    stage.operator.acting_as("superuser").new_group(&stage.acme, "Sales").await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn log_lines_of_calls_and_of_operations_have_both_and_the_reason() {
    let database = Database::create().await;
    let first = Stage::on(TestServer::on(database.clone(), &[]).await).await;
    let superuser = first.superuser().await;
    let operator = first.operator.who().await.unwrap().user;
    let Stage { server, acme, .. } = first;
    server.stop().await.unwrap();
    let options = [("telemetry.log_filter", "info,landlord=trace".to_owned())];
    // Its mails can't be written: so it warns.
    let replica = Process::with(&database, &[("FAILPOINTS", "mail.before=panic")], &options).await.unwrap();
    let acting = replica.operator().await.acting_as("superuser");
    let user = v1::User { user_name: "ben".into(), email: "ben@example.com".into(), ..Default::default() };
    let request = v1::CreateUserRequest { tenant: acme.clone(), user: Some(user), ..Default::default() };
    acting.create_user(request).await.unwrap();
    failed_delivery(&replica.operator().await, &acme).await;
    let (operator, superuser) = (operator.rsplit('/').next().unwrap(), superuser.rsplit('/').next().unwrap());
    let lines = replica.log().await;
    for what in ["\"rpc.method\":\"CreateUser\"", "a step failed"] {
        let has = |line: &&String| {
            line.contains(what) && line.contains(operator) && line.contains(superuser) && line.contains(REASON)
        };
        assert!(lines.iter().any(|line| has(&line)), "{what}: {}", lines.join("\n"));
    }
}

/// Waits until the delivery of a mail was given up.
async fn failed_delivery(operator: &Api, tenant: &str) {
    let all = operator.operations_of(tenant).await;
    let delivery = all.into_iter().find(|operation| operation.kind == "deliver-mail").unwrap();
    let ended = operator.wait(&delivery.name).await;
    assert_eq!(ended.state(), v1::operation::State::Failed);
}
