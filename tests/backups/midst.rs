//! What happens to a tenant, to rights and to Postgres in the middle of a backup or a restore.

use landlord::proto::v1;
use rustix::process::Signal;
use tonic::Code;
use v1::backup::State;

use crate::assets::collect::files;
use crate::support::assets::noise;
use crate::support::backups::whole;
use crate::support::client::{Api, assert_refused, eventually};
use crate::support::lifecycle::ADMIN_PASSWORD;
use crate::support::outage::Outage;
use crate::support::process::Process;
use crate::support::server::{PASSWORD, TestServer};

/// A tenant with an asset and a backup, on a replica that works on nothing, and its administrator.
async fn stage() -> (TestServer, String, Api, v1::Backup) {
    let maker = TestServer::start().await;
    let (acme, anna) = maker.administrator("Acme").await;
    anna.new_asset(&acme, "report", &noise(1000, 1)).await;
    let backup = anna.back_up(&acme).await;
    let idle = maker.without_workers().await;
    let anna = idle.anonymous().await.log_in("anna@acme", ADMIN_PASSWORD).await;
    (idle, acme, anna, backup)
}

/// A replica that is stopped there.
async fn stopped(server: &TestServer, place: &str) -> Process {
    let attempts = [("operations.max_attempts", "10".into())];
    let process = Process::with(&server.database, &[("LANDLORD_STOP_AT", place)], &attempts).await.unwrap();
    process.stopped().await;
    process
}

/// Begins to delete a tenant that is in use.
async fn erase(operator: &Api, tenant: &str) -> Option<v1::Operation> {
    let settings = v1::Settings { force_delete_enabled: Some(true), ..Default::default() };
    operator.set(settings, &["force_delete_enabled"]).await.unwrap();
    operator.delete_by_force(tenant, "Acme").await.unwrap().operation
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lock_in_the_middle_ends_no_backup() {
    let (idle, acme, anna, _) = stage().await;
    let begun = anna.begin(&acme, &[]).await.unwrap();
    let worker = stopped(&idle, "backup.part.written").await;
    let operator = idle.operator().await;
    operator.lock(&acme).await.unwrap();
    worker.signal(Signal::CONT);
    operator.succeed(begun.operation).await;
    let done = operator.backup(&begun.backup.unwrap().name).await.unwrap();
    assert_eq!((done.state(), done.objects), (State::Complete, 1));
    assert_eq!(operator.tenant(&acme).await.state(), v1::tenant::State::Locked);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_right_to_read_a_table_a_backup_fails_and_has_not_no_rows() {
    let server = TestServer::start().await;
    let (acme, anna) = server.administrator("Acme").await;
    anna.new_asset(&acme, "report", &noise(1000, 1)).await;
    let owner = server.sql().await;
    owner.batch_execute("REVOKE SELECT ON blob_parts FROM landlord_app").await.unwrap();
    let begun = anna.begin(&acme, &[]).await.unwrap();
    assert_eq!(anna.wait(&begun.operation.unwrap().name).await.state(), v1::operation::State::Failed);
    let failed = anna.backup(&begun.backup.unwrap().name).await.unwrap();
    assert_eq!((failed.state(), failed.reason.as_str()), (State::Failed, "INTERNAL"));
    assert_refused(anna.restore(whole(&failed.name)).await, Code::FailedPrecondition, "BACKUP_STATE_INVALID");
    owner.batch_execute("GRANT SELECT ON blob_parts TO landlord_app").await.unwrap();
    let done = anna.back_up(&acme).await;
    assert_eq!((done.state(), done.objects), (State::Complete, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_that_is_erased_in_the_middle_of_a_backup_is_gone_with_it() {
    let (idle, acme, anna, _) = stage().await;
    anna.begin(&acme, &[]).await.unwrap();
    let worker = stopped(&idle, "backup.copied").await;
    let begun = erase(&idle.operator().await, &acme).await;
    let eraser = TestServer::on(idle.database.clone(), &[]).await;
    eraser.operator().await.succeed(begun).await;
    goes_on_and_leaves_nothing(worker, &eraser).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_that_is_erased_in_the_middle_of_its_restore_does_not_come_back() {
    let (idle, acme, anna, backup) = stage().await;
    let begun = anna.restore(whole(&backup.name)).await.unwrap().operation.unwrap();
    let worker = stopped(&idle, "restore.put-back").await;
    // The worker holds the tenant until the database has had enough of that.
    idle.operator().await.exchanged(&acme).await.cancel(&begun.name).await.unwrap();
    let eraser = TestServer::on(idle.database.clone(), &[]).await;
    let operator = eraser.operator().await;
    assert_eq!(operator.wait(&begun.name).await.state(), v1::operation::State::Cancelled);
    let begun = erase(&operator, &acme).await;
    operator.succeed(begun).await;
    goes_on_and_leaves_nothing(worker, &eraser).await;
}

/// What the worker goes on with when the tenant is gone changes nothing of that.
async fn goes_on_and_leaves_nothing(worker: Process, eraser: &TestServer) {
    worker.signal(Signal::CONT);
    let said = worker.log().await.join("\n");
    assert!(said.contains("lost the lease") || said.contains("in other hands"), "{said}");
    assert_eq!(files(eraser.database.objects()).len(), 1, "the probe alone");
    eraser.until("SELECT count(*) = 0 FROM backups").await;
    assert_refused(eraser.operator().await.row("tenants/acme").await, Code::NotFound, "RESOURCE_NOT_FOUND");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_download_ends_when_the_tenant_is_erased() {
    let server = TestServer::start().await;
    let (acme, anna) = server.administrator("Acme").await;
    anna.new_asset(&acme, "report", &noise(1000, 1)).await;
    let name = anna.back_up(&acme).await.name;
    let no_worker = [("operations.workers", "0".into())];
    let stop = [("LANDLORD_STOP_AT", "content.allowed")];
    let giver = Process::with(&server.database, &stop, &no_worker).await.unwrap();
    let anna = Api::connect(giver.address).await.log_in("anna@acme", ADMIN_PASSWORD).await;
    let download = tokio::spawn(async move { anna.archive(&name, 0, usize::MAX).await.map(|_| ()) });
    giver.stopped().await;
    let operator = server.operator().await;
    operator.succeed(erase(&operator, &acme).await).await;
    giver.signal(Signal::CONT);
    assert_refused(download.await.unwrap(), Code::Unauthenticated, "TOKEN_INVALID");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_postgres_goes_down_on_is_done_when_it_is_back() {
    let mut outage = Outage::new().await;
    let maker = TestServer::on(outage.database.clone(), &[]).await;
    let (acme, anna) = maker.administrator("Acme").await;
    let asset = anna.new_asset(&acme, "report", &noise(1000, 1)).await;
    let backup = anna.back_up(&acme).await;
    let idle = maker.without_workers().await;
    for place in ["backup.part.written", "backup.copied", "restore.laid-out", "restore.put-back"] {
        let anna = idle.anonymous().await.log_in("anna@acme", ADMIN_PASSWORD).await;
        let begun = match place.split_once('.') {
            Some(("restore", _)) => {
                anna.remove_asset(&asset.name).await.unwrap();
                anna.restore(whole(&backup.name)).await.unwrap().operation
            }
            _ => anna.begin(&acme, &[]).await.unwrap().operation,
        };
        let mut worker = stopped(&idle, place).await;
        outage.begin().await;
        worker.signal(Signal::CONT);
        outage.end().await;
        let operator = eventually("the database is back", || async {
            let session = idle.anonymous().await.session("operator@infrastructure", PASSWORD).await.ok()?;
            Some(idle.anonymous().await.with_token(&session.access_token))
        });
        operator.await.succeed(begun).await;
        worker.kill().await;
        let anna = idle.anonymous().await.log_in("anna@acme", ADMIN_PASSWORD).await;
        let (_, content) = anna.download(&asset.name, 0).await.unwrap();
        assert_eq!(content, noise(1000, 1), "{place}");
    }
}
