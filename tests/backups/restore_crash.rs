//! A tenant is wholly as it was or wholly as the backup has it, whatever dies on the way.

use landlord::proto::v1;
use rustix::process::Signal;
use tonic::Code;
use v1::operation::State;

use crate::support::assets::noise;
use crate::support::backups::whole;
use crate::support::client::{Api, assert_refused};
use crate::support::lifecycle::ADMIN_PASSWORD;
use crate::support::process::Process;
use crate::support::server::TestServer;

/// A tenant with a backup that has not what there is now, on a replica that works on nothing.
async fn stage() -> (TestServer, String, Api, String) {
    let maker = TestServer::start().await;
    let (acme, _) = maker.administrator("Acme").await;
    let idle = TestServer::on(maker.database.clone(), &[("operations.workers", "0".into())]).await;
    let anna = idle.anonymous().await.log_in("anna@acme", ADMIN_PASSWORD).await;
    let asset = anna.new_asset(&acme, "report", &noise(1000, 1)).await;
    let backup = anna.back_up(&acme).await.name;
    anna.remove_asset(&asset.name).await.unwrap();
    anna.new_user(&acme, "ben").await.unwrap();
    maker.stop().await.unwrap();
    (idle, acme, anna, backup)
}

#[tokio::test(flavor = "multi_thread")]
async fn another_worker_restores_it_when_the_first_one_is_killed_anywhere() {
    let (idle, acme, mut anna, backup) = stage().await;
    let (operator, mut ruined) = (idle.operator().await, idle.picture(&acme).await);
    for place in ["backup.copied", "restore.laid-out", "restore.put-back", "restore.done", "step.after:2"] {
        let safe = v1::RestoreBackupRequest { safety_backup: true, ..whole(&backup) };
        let operation = anna.restore(safe).await.unwrap().operation.unwrap().name;
        let mut victim = Process::start(&idle.database, &[("LANDLORD_KILL_AT", place)]).await;
        assert_eq!(victim.ended().await, Some(9), "{place}");
        let now = idle.picture(&acme).await;
        if ["restore.done", "step.after:2"].contains(&place) {
            assert!(!now.iter().any(|(_, row)| row.contains("\"ben\"")), "{place}: it is done");
        } else {
            assert_eq!(now, ruined, "{place}: nothing of it is to be seen");
        }
        let mut next = Process::start(&idle.database, &[]).await;
        assert_eq!(operator.wait(&operation).await.state(), State::Succeeded, "{place}");
        let restored = idle.picture(&acme).await;
        assert!(!restored.iter().any(|(_, row)| row.contains("\"ben\"")), "{place}");
        assert!(restored.iter().any(|(_, row)| row.contains("\"report\"")), "{place}");
        next.kill().await;
        anna = idle.anonymous().await.log_in("anna@acme", ADMIN_PASSWORD).await;
        anna.new_user(&acme, "ben").await.unwrap();
        ruined = idle.picture(&acme).await;
    }
    let lives: i32 =
        idle.sql().await.query_one("SELECT generation FROM tenants WHERE code = 'acme'", &[]).await.unwrap().get(0);
    assert_eq!(lives, 6, "each was done once");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_was_stopped_past_its_lease_changes_nothing() {
    let (idle, acme, anna, backup) = stage().await;
    let operation = anna.restore(whole(&backup)).await.unwrap().operation.unwrap().name;
    let stale = Process::start(&idle.database, &[("LANDLORD_STOP_AT", "restore.laid-out")]).await;
    stale.stopped().await;
    let next = TestServer::on(idle.database.clone(), &[]).await;
    assert_eq!(idle.operator().await.wait(&operation).await.state(), State::Succeeded);
    let anna = next.anonymous().await.log_in("anna@acme", ADMIN_PASSWORD).await;
    anna.new_user(&acme, "carl").await.unwrap();
    stale.signal(Signal::CONT);
    assert!(!stale.log().await.is_empty(), "it noticed");
    anna.user_named(&acme, "carl").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn it_can_be_cancelled_until_it_is_done_and_everything_is_as_it_was() {
    let (idle, acme, anna, backup) = stage().await;
    let (operator, now) = (idle.operator().await, idle.picture(&acme).await);
    let begun = anna.restore(whole(&backup)).await.unwrap().operation.unwrap();
    assert!(begun.cancellable);
    let stopped = Process::start(&idle.database, &[("LANDLORD_STOP_AT", "restore.laid-out")]).await;
    stopped.stopped().await;
    operator.exchanged(&acme).await.cancel(&begun.name).await.unwrap();
    stopped.signal(Signal::CONT);
    assert_eq!(operator.wait(&begun.name).await.state(), State::Cancelled);
    assert_eq!(idle.picture(&acme).await, now);
    assert_eq!(operator.tenant(&acme).await.state(), v1::tenant::State::Active);
    drop(stopped);

    let anna = idle.anonymous().await.log_in("anna@acme", ADMIN_PASSWORD).await;
    let begun = anna.restore(whole(&backup)).await.unwrap().operation.unwrap();
    let patient = [("operations.lease_ms", "60000".into())];
    let stopped = Process::with(&idle.database, &[("LANDLORD_STOP_AT", "restore.done")], &patient).await.unwrap();
    stopped.stopped().await;
    let late = operator.exchanged(&acme).await.cancel(&begun.name).await;
    let refused = assert_refused(late, Code::FailedPrecondition, "OPERATION_NOT_CANCELLABLE");
    assert!(refused.message().contains("by now"), "{refused:?}");
    stopped.signal(Signal::CONT);
    assert_eq!(operator.wait(&begun.name).await.state(), State::Succeeded);
}
