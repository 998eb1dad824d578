//! CancelOperation and RetryOperation, pre-emption, and work that kills its workers.

use landlord::proto::v1::{self, operation::State, tenant::LockReason};
use rustix::process::Signal;
use tonic::Code;

use crate::support::client::{Api, assert_refused, eventually};
use crate::support::database::Database;
use crate::support::lifecycle::facts;
use crate::support::process::Process;
use crate::support::server::TestServer;

/// From now on the provisioning of no tenant can be undone.
const NO_UNDO: &str = "ALTER TABLE tenant_transitions ADD CONSTRAINT obstacle
    CHECK (cause <> 'PROVISIONING_FAILED') NOT VALID";

/// Holds up each step where it has not yet got its operation's row, which CancelOperation needs too.
const NO_LEDGER: &str = "BEGIN; LOCK TABLE participant_ledger IN ACCESS EXCLUSIVE MODE";

/// Waits until a worker is in the middle of the tenant's operation.
async fn running(operator: &Api, name: &str) {
    eventually("a running operation", || async {
        let request = v1::GetOperationRequest { name: name.into() };
        let operation = operator.client.operations().get_operation(request).await.unwrap().into_inner().operation;
        (operation.unwrap().state() == State::Running).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provisioning_is_cancelled_in_the_middle_of_a_step_undone_and_begun_again() {
    let server = TestServer::start().await;
    let operator = server.operator().await;
    let held = server.sql().await;
    held.batch_execute(NO_LEDGER).await.unwrap();
    let created = operator.create("Acme").await;
    let (name, operation) = (created.tenant.unwrap().name, created.operation.unwrap());
    assert!(operation.cancellable);
    running(&operator, &operation.name).await;
    let asked = operator.cancel(&operation.name).await.unwrap();
    assert_eq!((asked.state(), asked.cancellable), (State::Cancelling, false));
    // The worker hears of it with its next sign of life, and lets go of what it waits for.
    let ended = operator.wait(&operation.name).await;
    assert_eq!((ended.state(), &ended.error), (State::Cancelled, &None));
    drop(held);
    assert_eq!(operator.tenant(&name).await.state(), v1::tenant::State::Failed);
    assert_eq!(operator.cancel(&operation.name).await.unwrap(), ended, "twice is the same as once");

    let again = operator.retry_operation(&operation.name).await.unwrap();
    assert_eq!((again.kind.as_str(), again.name == operation.name), ("provision", false));
    let done = operator.succeed(Some(again)).await;
    assert_eq!(operator.tenant(&name).await.state(), v1::tenant::State::Active);
    let refused = operator.cancel(&done.name).await;
    let refused = assert_refused(refused, Code::FailedPrecondition, "OPERATION_NOT_CANCELLABLE");
    assert_eq!((facts(&refused)["state"].as_str(), done.cancellable), ("SUCCEEDED", false));
    let late = operator.retry_operation(&operation.name).await;
    assert_refused(late, Code::FailedPrecondition, "OPERATION_NOT_RETRYABLE");
    let log = operator.events("tenants/infrastructure", "tenant = acme").await.unwrap().events;
    let kinds: Vec<_> = log.iter().rev().map(|e| e.kind.as_str()).collect();
    let cancelled = ["CreateTenant", "CancelOperation", "OPERATION_CANCELLED", "CancelOperation"];
    assert_eq!(kinds, [&cancelled[..], &["RetryOperation", "OPERATION_SUCCEEDED"]].concat());
    assert_eq!(log[4].details["operation"], "provision");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_works_on_is_cancelled_by_the_next_worker() {
    let server = TestServer::with(&[("operations.workers", "0".into())]).await;
    let operator = server.operator().await;
    let created = operator.create("Acme").await.operation.unwrap();
    assert_eq!(operator.cancel(&created.name).await.unwrap().state(), State::Cancelling);
    let _worker = TestServer::on(server.database.clone(), &[]).await;
    assert_eq!(operator.wait(&created.name).await.state(), State::Cancelled);
    assert_eq!(operator.tenant("tenants/acme").await.state(), v1::tenant::State::Failed);
    let directory: i64 = server.sql().await.query_one("SELECT count(*) FROM groups", &[]).await.unwrap().get(0);
    assert_eq!(directory, 1, "nothing was set up: there is that of the infrastructure tenant alone");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancellation_survives_its_worker() {
    let stand = database().await;
    let mut victim = Process::start(&stand, &[("LANDLORD_KILL_AT", "cancel.before")]).await;
    let operator = victim.operator().await;
    let holder = stand.connect("postgres").await;
    holder.batch_execute(NO_LEDGER).await.unwrap();
    let created = operator.create("Acme").await.operation.unwrap();
    running(&operator, &created.name).await;
    // It may die before it has answered.
    drop(operator.cancel(&created.name).await);
    assert_eq!(victim.ended().await, Some(Signal::KILL.as_raw()));
    holder.batch_execute("ROLLBACK").await.unwrap();
    let other = TestServer::on(stand, &[]).await;
    let operator = other.operator().await;
    assert_eq!(operator.wait(&created.name).await.state(), State::Cancelled);
    assert_eq!(operator.tenant("tenants/acme").await.state(), v1::tenant::State::Failed);
}

/// A database whose operator has no password to change.
async fn database() -> Database {
    let server = TestServer::start().await;
    let database = server.database.clone();
    server.stop().await.unwrap();
    database
}

#[tokio::test(flavor = "multi_thread")]
async fn what_has_another_way_back_or_none_is_not_cancelled_and_the_refusal_says_which() {
    let server = TestServer::with(&[("operations.workers", "0".into())]).await;
    let operator = server.operator().await;
    let worker = TestServer::on(server.database.clone(), &[]).await;
    let name = operator.active_tenant("Acme").await;
    worker.stop().await.unwrap();
    let prepare = operator.prepare(&name).await.unwrap().operation.unwrap();
    let refused = operator.cancel(&prepare.name).await;
    let refused = assert_refused(refused, Code::FailedPrecondition, "OPERATION_NOT_CANCELLABLE");
    assert!(refused.message().contains("CancelTenantDeletion"), "{}", refused.message());
    let _worker = TestServer::on(server.database.clone(), &[]).await;
    operator.succeed(Some(prepare.clone())).await;
    let running = operator.retry_operation(&prepare.name).await;
    assert_refused(running, Code::FailedPrecondition, "OPERATION_NOT_RETRYABLE");
    let absent = format!("{}0", prepare.name);
    assert_refused(operator.cancel(&absent).await, Code::NotFound, "RESOURCE_NOT_FOUND");
    assert_refused(operator.retry_operation(&absent).await, Code::NotFound, "RESOURCE_NOT_FOUND");
    let begun = operator.delete(&name, "Acme").await.unwrap().operation.unwrap();
    operator.succeed(Some(begun.clone())).await;
    let gone = operator.retry_operation(&begun.name).await;
    assert_refused(gone, Code::FailedPrecondition, "OPERATION_NOT_RETRYABLE");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_kind_that_was_given_up_is_begun_again_where_the_tenant_stands() {
    let server = TestServer::start().await;
    let operator = server.operator().await;
    let name = operator.active_tenant("Acme").await;
    let sql = server.sql().await;
    let frozen = "ALTER TABLE participant_ledger ADD CONSTRAINT obstacle CHECK (phase <> 'FROZEN') NOT VALID";
    let free = "ALTER TABLE participant_ledger DROP CONSTRAINT obstacle";

    sql.batch_execute(frozen).await.unwrap();
    let prepare = operator.prepare(&name).await.unwrap().operation.unwrap();
    assert_eq!(operator.wait(&prepare.name).await.state(), State::Failed);
    let condition = &operator.tenant(&name).await.conditions[0];
    assert!(condition.message.contains("RetryOperation"), "{}", condition.message);
    sql.batch_execute(free).await.unwrap();
    operator.succeed(Some(operator.retry_operation(&prepare.name).await.unwrap())).await;
    assert_eq!(operator.tenant(&name).await.state(), v1::tenant::State::Prepared);

    sql.batch_execute(
        "CREATE FUNCTION obstacle() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'in the way'; END $$;
        CREATE TRIGGER obstacle BEFORE INSERT ON operation_steps FOR EACH ROW
            WHEN (NEW.step = 'thaw' AND NEW.participant <> '') EXECUTE FUNCTION obstacle()",
    )
    .await
    .unwrap();
    let thaw = operator.cancel_deletion(&name).await.unwrap().operation.unwrap();
    assert_eq!(operator.wait(&thaw.name).await.state(), State::Failed);
    assert_eq!(operator.tenant(&name).await.lock_reason(), LockReason::Undeleted);
    let refused = assert_refused(operator.unlock(&name).await, Code::FailedPrecondition, "TENANT_STATE_INVALID");
    assert!(refused.message().contains("RetryOperation"), "{}", refused.message());
    sql.batch_execute("DROP TRIGGER obstacle ON operation_steps").await.unwrap();
    operator.succeed(Some(operator.retry_operation(&thaw.name).await.unwrap())).await;

    operator.prepare_fully(&name).await;
    sql.batch_execute("CREATE TRIGGER obstacle BEFORE DELETE ON users FOR EACH ROW EXECUTE FUNCTION obstacle()")
        .await
        .unwrap();
    let purge = operator.delete(&name, "Acme").await.unwrap().operation.unwrap();
    assert_eq!(operator.wait(&purge.name).await.state(), State::Failed);
    sql.batch_execute("DROP TRIGGER obstacle ON users").await.unwrap();
    operator.succeed(Some(operator.retry_operation(&purge.name).await.unwrap())).await;
    assert_refused(operator.row(&name).await, Code::NotFound, "RESOURCE_NOT_FOUND");
}

#[tokio::test(flavor = "multi_thread")]
async fn participants_freeze_anew_when_they_may_have_thawed_unheard() {
    let server = TestServer::start().await;
    let operator = server.operator().await;
    let name = operator.active_tenant("Acme").await;
    operator.prepare_fully(&name).await;
    let sql = server.sql().await;
    sql.batch_execute(
        "ALTER TABLE operation_steps ADD CONSTRAINT obstacle CHECK (step <> 'thaw' OR participant = '') NOT VALID",
    )
    .await
    .unwrap();
    let thaw = operator.cancel_deletion(&name).await.unwrap().operation.unwrap();
    assert_eq!(operator.wait(&thaw.name).await.state(), State::Failed);
    let prepare = operator.prepare(&name).await.unwrap().operation;
    let steps = operator.succeed(prepare).await.progress.unwrap().steps;
    assert!(steps.iter().any(|s| s.step == "freeze" && s.participant == "directory" && s.done), "{steps:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forced_deletion_is_begun_again_only_while_it_is_let_and_is_what_the_tenant_goes_by() {
    let server = TestServer::start().await;
    let operator = server.operator().await;
    let force = async |on| {
        let settings = v1::Settings { force_delete_enabled: Some(on), ..Default::default() };
        operator.set(settings, &["force_delete_enabled"]).await.unwrap();
    };
    let name = operator.active_tenant("Acme").await;
    let sql = server.sql().await;
    let frozen = "ALTER TABLE participant_ledger ADD CONSTRAINT obstacle CHECK (phase <> 'FROZEN') NOT VALID";
    let free = "ALTER TABLE participant_ledger DROP CONSTRAINT obstacle";
    sql.batch_execute(frozen).await.unwrap();
    force(true).await;
    let old = operator.delete_by_force(&name, "Acme").await.unwrap().operation.unwrap();
    assert_eq!(operator.wait(&old.name).await.state(), State::Failed);
    let back = operator.cancel_deletion(&name).await.unwrap();
    operator.succeed(back.operation).await;
    let prepare = operator.prepare(&name).await.unwrap().operation.unwrap();
    assert_eq!(operator.wait(&prepare.name).await.state(), State::Failed);
    let refused = operator.retry_operation(&old.name).await;
    assert_refused(refused, Code::FailedPrecondition, "OPERATION_NOT_RETRYABLE");
    let back = operator.cancel_deletion(&name).await.unwrap();
    operator.succeed(back.operation).await;

    let given_up = operator.delete_by_force(&name, "Acme").await.unwrap().operation.unwrap();
    assert_eq!(operator.wait(&given_up.name).await.state(), State::Failed);
    sql.batch_execute(free).await.unwrap();
    force(false).await;
    let refused = operator.retry_operation(&given_up.name).await;
    assert_refused(refused, Code::FailedPrecondition, "FORCE_DISABLED");
    let refused = operator.retry_operation(&prepare.name).await;
    assert_refused(refused, Code::FailedPrecondition, "OPERATION_NOT_RETRYABLE");
    assert_eq!(operator.tenant(&name).await.state(), v1::tenant::State::PreparingDeletion);
    force(true).await;
    operator.succeed(Some(operator.retry_operation(&given_up.name).await.unwrap())).await;
    assert_refused(operator.row(&name).await, Code::NotFound, "RESOURCE_NOT_FOUND");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_undone_ends_as_it_stands_and_can_be_begun_again() {
    let server = TestServer::with(&[("operations.workers", "0".into())]).await;
    let operator = server.operator().await;
    server.sql().await.batch_execute(NO_UNDO).await.unwrap();
    server.break_provisioning().await;
    let cancelled = operator.create("Acme").await.operation.unwrap();
    operator.cancel(&cancelled.name).await.unwrap();
    let failed = operator.create("Broken").await.operation.unwrap();
    let _worker = TestServer::on(server.database.clone(), &[]).await;
    let (ended, failed) = (operator.wait(&cancelled.name).await, operator.wait(&failed.name).await);
    server.mend_provisioning().await;
    for ended in [ended, failed] {
        assert_eq!((ended.state(), ended.error.unwrap().reason.as_str()), (State::Failed, "INTERNAL"));
        let steps = ended.progress.unwrap().steps;
        let undo = steps.iter().find(|step| step.step == "undo").unwrap();
        assert_eq!((undo.attempts, undo.done), (3, false));
        operator.succeed(Some(operator.retry_operation(&ended.name).await.unwrap())).await;
        assert_eq!(operator.tenant(&ended.tenant).await.state(), v1::tenant::State::Active);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_undo_that_fails_for_a_while_is_done_in_the_end() {
    let server = TestServer::with(&[("operations.workers", "0".into())]).await;
    let operator = server.operator().await;
    let sql = server.sql().await;
    sql.batch_execute(NO_UNDO).await.unwrap();
    let made = operator.create("Acme").await.operation.unwrap();
    operator.cancel(&made.name).await.unwrap();
    let _worker = TestServer::on(server.database.clone(), &[("operations.max_attempts", "1000".into())]).await;
    eventually("an undo that has failed", || async {
        let request = v1::GetOperationRequest { name: made.name.clone() };
        let operation = operator.client.operations().get_operation(request).await.unwrap().into_inner().operation;
        operation.unwrap().progress.unwrap().steps.into_iter().find(|step| step.step == "undo" && step.attempts > 1)
    })
    .await;
    sql.batch_execute("ALTER TABLE tenant_transitions DROP CONSTRAINT obstacle").await.unwrap();
    let ended = operator.wait(&made.name).await;
    assert_eq!(ended.state(), State::Cancelled);
    assert!(ended.progress.unwrap().steps.iter().all(|step| step.step != "undo" || step.done));
    assert_eq!(operator.tenant("tenants/acme").await.state(), v1::tenant::State::Failed);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_preparation_ends_mail_that_waits_and_it_can_be_sent_again_when_the_tenant_is_back() {
    // Without a mailer mail waits.
    let server = TestServer::with(&[("mail.folder", String::new())]).await;
    let operator = server.operator().await;
    let tenant = Some(v1::Tenant { display_name: "Acme".into(), ..Default::default() });
    let initial_admin =
        Some(v1::InitialAdmin { user_name: "anna".into(), email: "anna@example.com".into(), ..Default::default() });
    let request = v1::CreateTenantRequest { tenant, initial_admin, ..Default::default() };
    let made = operator.client.tenants().create_tenant(request).await.unwrap().into_inner();
    operator.succeed(made.operation).await;
    let mail = async || {
        let all = operator.operations_of("tenants/acme").await;
        all.into_iter().find(|o| o.kind == "deliver-mail").unwrap()
    };
    assert!(mail().await.cancellable);
    operator.prepare_fully("tenants/acme").await;
    let ended = mail().await;
    assert_eq!(ended.state(), State::Cancelled);
    let leaving = operator.retry_operation(&ended.name).await;
    assert_refused(leaving, Code::FailedPrecondition, "OPERATION_NOT_RETRYABLE");
    let back = operator.cancel_deletion("tenants/acme").await.unwrap();
    operator.succeed(back.operation).await;
    let again = operator.retry_operation(&ended.name).await.unwrap();
    assert_eq!((again.kind.as_str(), again.cancellable), ("deliver-mail", true));
    assert_eq!(operator.cancel(&again.name).await.unwrap().state(), State::Cancelling);
    assert_eq!(operator.wait(&again.name).await.state(), State::Cancelled);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operation_that_kills_every_worker_is_given_up_and_can_be_begun_again() {
    let database = database().await;
    // One that only serves, to see it from.
    let observer = TestServer::on(database.clone(), &[("operations.workers", "0".into())]).await;
    let operator = observer.operator().await;
    let made = operator.create("Acme").await.operation.unwrap();
    for worker in 1..=3 {
        let mut victim = Process::start(&database, &[("LANDLORD_KILL_AT", "step.outside")]).await;
        assert_eq!(victim.ended().await, Some(Signal::KILL.as_raw()), "worker {worker}");
    }
    let healthy = TestServer::on(database, &[]).await;
    let ended = operator.wait(&made.name).await;
    assert_eq!((ended.state(), ended.error.unwrap().reason.as_str()), (State::Failed, "WORKERS_DIED"));
    let operator = healthy.operator().await;
    operator.succeed(Some(operator.retry_operation(&made.name).await.unwrap())).await;
    assert_eq!(operator.tenant("tenants/acme").await.state(), v1::tenant::State::Active);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_purge_can_be_watched_getting_on() {
    let server = TestServer::start().await;
    let operator = server.operator().await;
    let name = operator.active_tenant("Acme").await;
    let many = "INSERT INTO users (tenant_id, id, user_name, user_name_key, state)
        SELECT tenant_id, gen_random_uuid(), 'u' || n, 'u' || n, 'ACTIVE'
        FROM tenants, generate_series(1, 20000) n WHERE code = 'acme'";
    server.sql().await.batch_execute(many).await.unwrap();
    operator.prepare_fully(&name).await;
    let begun = operator.delete(&name, "Acme").await.unwrap().operation.unwrap();
    let request = v1::WatchOperationRequest { name: begun.name };
    let mut stream = operator.client.operations().watch_operation(request).await.unwrap().into_inner();
    let mut seen = Vec::new();
    while let Some(message) = stream.message().await.unwrap() {
        let progress = message.operation.unwrap().progress.unwrap();
        seen.push((progress.percent, progress.done_units, progress.total_units));
    }
    let percents: Vec<_> = seen.iter().map(|p| p.0).collect();
    assert!(percents.is_sorted() && percents.last() == Some(&100), "{seen:?}");
    assert!(percents.iter().filter(|p| (1..50).contains(*p)).count() >= 3, "a step of two is half of it: {seen:?}");
    assert!(seen.iter().all(|p| p.2 == 0 || p.2 > 20_000), "the total is known from the first batch on: {seen:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_succeeded_or_was_ended_after_all_says_nothing_of_attempts_that_failed_before() {
    let server = TestServer::with(&[("operations.max_attempts", "1000".into())]).await;
    let operator = server.operator().await;
    server.break_provisioning().await;
    let failing = async |name: &str| {
        let request = v1::GetOperationRequest { name: name.into() };
        let operation = operator.client.operations().get_operation(request).await.unwrap().into_inner().operation;
        operation.unwrap().error
    };
    let ended = operator.create("Broken One").await.operation.unwrap();
    let mended = operator.create("Broken Two").await.operation.unwrap();
    for operation in [&ended, &mended] {
        let error = eventually("an attempt that failed", || failing(&operation.name)).await;
        assert_eq!(error.code, "INTERNAL");
    }
    operator.cancel(&ended.name).await.unwrap();
    let ended = operator.wait(&ended.name).await;
    assert_eq!((ended.state(), ended.error), (State::Cancelled, None));
    server.mend_provisioning().await;
    assert_eq!(operator.succeed(Some(mended)).await.error, None);
}
