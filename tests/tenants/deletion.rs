//! PrepareTenantDeletion, CancelTenantDeletion and DeleteTenant.

use landlord::proto::v1::{self, tenant::LockReason, tenant::State};
use tonic::Code;
use tonic_types::StatusExt as _;

use crate::support::client::{assert_refused, eventually};
use crate::support::lifecycle::facts;
use crate::support::server::TestServer;

#[tokio::test(flavor = "multi_thread")]
async fn both_steps_say_what_goes_and_its_operations_can_be_read_when_it_is_gone() {
    let server = TestServer::start().await;
    let operator = server.operator().await;
    let (name, anna) = server.administrator("Acme").await;
    let prepared = operator.prepare(&name).await.unwrap();
    let preview = prepared.preview.unwrap();
    assert_eq!((preview.users, preview.groups, preview.roles), (2, 1, 3));
    assert_eq!(preview.participants, ["assets", "directory"]);
    operator.succeed(prepared.operation).await;
    assert_refused(anna.row(&name).await, Code::Unauthenticated, "TOKEN_INVALID");
    let deleted = operator.delete(&name, "Acme").await.unwrap();
    assert_eq!(deleted.preview, Some(preview));
    let purge = operator.succeed(deleted.operation).await;
    assert_refused(operator.row(&name).await, Code::NotFound, "RESOURCE_NOT_FOUND");
    let read = v1::GetOperationRequest { name: purge.name.clone() };
    let read = operator.client.operations().get_operation(read).await.unwrap().into_inner().operation;
    assert_eq!(read, Some(purge));
    for gone in [operator.lock(&name).await.err(), operator.delete(&name, "Acme").await.err()] {
        assert_refused::<()>(Err(gone.unwrap()), Code::NotFound, "RESOURCE_NOT_FOUND");
    }
    let left = "SELECT count(*) FROM users WHERE tenant_id <> '11111111-1111-1111-1111-111111111111'";
    let left: i64 = server.sql().await.query_one(left, &[]).await.unwrap().get(0);
    assert_eq!(left, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_is_not_deleted_before_it_is_prepared() {
    let server = TestServer::start().await;
    let operator = server.operator().await;
    let name = operator.active_tenant("Acme").await;
    let refused =
        assert_refused(operator.delete(&name, "Acme").await, Code::FailedPrecondition, "TENANT_STATE_INVALID");
    assert_eq!(facts(&refused)["state"], "ACTIVE");
    assert_eq!(facts(&refused)["allowed_states"], "PREPARED, FAILED");
    let refused = operator.cancel_deletion(&name).await;
    let refused = assert_refused(refused, Code::FailedPrecondition, "TENANT_STATE_INVALID");
    assert_eq!(facts(&refused)["allowed_states"], "PREPARING_DELETION, PREPARED");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_name_must_be_repeated_exactly() {
    let server = TestServer::start().await;
    let operator = server.operator().await;
    let name = operator.active_tenant("Acme").await;
    operator.prepare_fully(&name).await;
    for wrong in ["", "acme", "Acme ", "tenants/acme"] {
        let refused = operator.delete(&name, wrong).await;
        assert_refused(refused, Code::FailedPrecondition, "CONFIRMATION_MISMATCH");
    }
    assert!(!operator.tenant(&name).await.purge_started);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_protected_tenant_is_not_even_prepared() {
    let server = TestServer::start().await;
    let operator = server.operator().await;
    let name = operator.active_tenant("Acme").await;
    let tenant = v1::Tenant { name: name.clone(), protected: true, ..Default::default() };
    operator.update(tenant, &["protected"]).await.unwrap();
    assert_refused(operator.prepare(&name).await, Code::FailedPrecondition, "TENANT_PROTECTED");
    assert_eq!(operator.tenant(&name).await.state(), State::Active);
}

#[tokio::test(flavor = "multi_thread")]
async fn stale_etags_are_refused_at_every_step() {
    let server = TestServer::start().await;
    let operator = server.operator().await;
    let name = operator.active_tenant("Acme").await;
    let old = operator.tenant(&name).await.etag;
    operator.lock(&name).await.unwrap();
    let mut tenants = operator.client.tenants();
    let prepare = v1::PrepareTenantDeletionRequest { name: name.clone(), etag: old.clone(), ..Default::default() };
    assert_refused(tenants.prepare_tenant_deletion(prepare).await, Code::Aborted, "ETAG_MISMATCH");
    operator.prepare_fully(&name).await;
    let cancel = v1::CancelTenantDeletionRequest { name: name.clone(), etag: old.clone(), ..Default::default() };
    assert_refused(tenants.cancel_tenant_deletion(cancel).await, Code::Aborted, "ETAG_MISMATCH");
    let delete =
        v1::DeleteTenantRequest { name: name.clone(), etag: old, confirm_name: "Acme".into(), ..Default::default() };
    assert_refused(tenants.delete_tenant(delete.clone()).await, Code::Aborted, "ETAG_MISMATCH");
    let etag = operator.tenant(&name).await.etag;
    let deleted = tenants.delete_tenant(v1::DeleteTenantRequest { etag, ..delete }).await.unwrap().into_inner();
    operator.succeed(deleted.operation).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_preparation_that_does_not_get_on_can_be_cancelled_and_begun_anew() {
    let server = TestServer::start().await;
    let operator = server.operator().await;
    let name = operator.active_tenant("Acme").await;
    let sql = server.sql().await;
    sql.batch_execute("ALTER TABLE participant_ledger ADD CONSTRAINT obstacle CHECK (phase <> 'FROZEN')")
        .await
        .unwrap();
    let begun = operator.prepare(&name).await.unwrap();
    let failed = operator.wait(&begun.operation.unwrap().name).await;
    assert_eq!(failed.state(), v1::operation::State::Failed);
    let error = failed.error.unwrap();
    assert!(!error.message.is_empty() && !error.message.contains("obstacle"), "{error:?}");
    assert_eq!(operator.tenant(&name).await.state(), State::PreparingDeletion);
    let refused = operator.delete(&name, "Acme").await;
    let refused = assert_refused(refused, Code::FailedPrecondition, "TENANT_STATE_INVALID");
    assert_eq!(facts(&refused)["state"], "PREPARING_DELETION");
    let back = operator.cancel_deletion(&name).await.unwrap();
    let tenant = back.tenant.unwrap();
    assert_eq!((tenant.state(), tenant.lock_reason()), (State::Locked, LockReason::Undeleted));
    operator.succeed(back.operation).await;
    sql.batch_execute("ALTER TABLE participant_ledger DROP CONSTRAINT obstacle").await.unwrap();
    operator.delete_fully(&name).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_preparation_is_fenced_off_by_the_cancellation() {
    let server = TestServer::start().await;
    let operator = server.operator().await;
    for round in 0..10 {
        let name = operator.active_tenant(&format!("Acme {round}")).await;
        let begun = operator.prepare(&name).await.unwrap().operation.unwrap();
        // As soon as it can be: sometimes the preparation is still running, sometimes it has just ended.
        let back = operator.cancel_deletion(&name).await.unwrap();
        operator.succeed(back.operation).await;
        assert!(operator.wait(&begun.name).await.end_time.is_some());
        let tenant = operator.tenant(&name).await;
        assert_eq!((tenant.state(), tenant.lock_reason()), (State::Locked, LockReason::Undeleted));
        assert_eq!(operator.unlock(&name).await.unwrap().state(), State::Active);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn while_participants_are_thawed_the_tenant_cannot_be_prepared_again() {
    let server = TestServer::start().await;
    let operator = server.operator().await;
    let name = operator.active_tenant("Acme").await;
    operator.prepare_fully(&name).await;
    // A worker needs the steps' table before it ends the operation.
    let held = server.hold("operation_steps").await;
    let back = operator.cancel_deletion(&name).await.unwrap();
    let thaw = back.operation.unwrap();
    let waiting = tokio::spawn({
        let (operator, name) = (operator.clone(), name.clone());
        async move { operator.prepare(&name).await }
    });
    // The worker holds the operation while it waits for the table; the caller waits for the worker.
    let sql = server.sql().await;
    eventually("two who wait", || async {
        let waiting =
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
        let count: i64 = sql.query_one(waiting, &[]).await.unwrap().get(0);
        (count >= 1).then_some(())
    })
    .await;
    drop(held);
    match waiting.await.unwrap() {
        // It was in the way when the caller looked …
        Err(status) => {
            let status = assert_refused::<()>(Err(status), Code::Aborted, "OPERATION_IN_PROGRESS");
            assert_eq!(facts(&status)["operation"], thaw.name);
        }
        // … or it had ended.
        Ok(begun) => {
            operator.succeed(begun.operation).await;
        }
    }
    operator.succeed(Some(thaw)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_purge_cannot_be_cancelled_or_begun_twice() {
    let server = TestServer::start().await;
    let operator = server.operator().await;
    let name = operator.active_tenant("Acme").await;
    operator.prepare_fully(&name).await;
    // The purge fails at every attempt, and waits between them.
    let sql = server.sql().await;
    sql.batch_execute(
        "CREATE FUNCTION obstacle() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'in the way'; END $$;
         CREATE TRIGGER obstacle BEFORE DELETE ON users FOR EACH ROW EXECUTE FUNCTION obstacle()",
    )
    .await
    .unwrap();
    let begun = operator.delete(&name, "Acme").await.unwrap().operation.unwrap();
    assert!(operator.tenant(&name).await.purge_started);
    let refused = operator.cancel_deletion(&name).await;
    let refused = assert_refused(refused, Code::FailedPrecondition, "TENANT_STATE_INVALID");
    assert!(facts(&refused)["state"].contains("purge"), "{:?}", facts(&refused));
    let failed = operator.wait(&begun.name).await;
    assert_eq!(failed.state(), v1::operation::State::Failed);
    assert!(!failed.error.unwrap().message.contains("in the way"), "what the database says stays inside");
    assert_refused(operator.cancel_deletion(&name).await, Code::FailedPrecondition, "TENANT_STATE_INVALID");

    // Given up, it begins again where it stands, and the caller is told that it can.
    let actions = operator.row(&name).await.unwrap().access.unwrap().allowed_actions;
    assert_eq!(actions, ["DeleteTenant"]);
    sql.batch_execute("DROP TRIGGER obstacle ON users").await.unwrap();
    let begun = operator.delete(&name, "Acme").await.unwrap();
    operator.succeed(begun.operation).await;
    assert_refused(operator.row(&name).await, Code::NotFound, "RESOURCE_NOT_FOUND");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_tenant_must_rest_before_it_is_deleted() {
    let server = TestServer::start().await;
    let operator = server.operator().await;
    server.break_provisioning().await;
    let name = operator.failed_tenant("Broken").await;
    let until = operator.tenant(&name).await.cooldown_expire_time.unwrap();
    let refused = operator.delete(&name, "Broken").await;
    let refused = assert_refused(refused, Code::FailedPrecondition, "TENANT_COOLING_DOWN");
    let told = chrono::DateTime::parse_from_rfc3339(&facts(&refused)["cooldown_expire_time"]).unwrap();
    assert_eq!(told.timestamp(), until.seconds);
    let wait = refused.get_details_retry_info().unwrap().retry_delay.unwrap().as_secs();
    assert!((80_000..=86_400).contains(&wait), "{wait}");
    let rest = "UPDATE tenants SET cooldown_until = clock_timestamp() WHERE state = 'FAILED'";
    server.sql().await.batch_execute(rest).await.unwrap();
    let begun = operator.delete(&name, "Broken").await.unwrap();
    operator.succeed(begun.operation).await;
    assert_refused(operator.row(&name).await, Code::NotFound, "RESOURCE_NOT_FOUND");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_this_can_be_done_to_the_infrastructure_tenant() {
    let server = TestServer::start().await;
    let operator = server.operator().await;
    for name in ["tenants/infrastructure", "tenants/11111111-1111-1111-1111-111111111111"] {
        let answers = [
            operator.lock(name).await.err(),
            operator.unlock(name).await.err(),
            operator.prepare(name).await.err(),
            operator.cancel_deletion(name).await.err(),
            operator.delete(name, "Infrastructure").await.err(),
            operator.retry(name).await.err(),
        ];
        for answer in answers {
            assert_refused::<()>(Err(answer.unwrap()), Code::FailedPrecondition, "TENANT_READ_ONLY");
        }
    }
}
