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
    let (acme, anna) = maker.administrator("Acme").await;
    let asset = anna.new_asset(&acme, "report", &noise(1000, 1)).await;
    let backup = anna.back_up(&acme).await.name;
    anna.remove_asset(&asset.name).await.unwrap();
    anna.new_user(&acme, "ben").await.unwrap();
    let idle = maker.without_workers().await;
    let anna = idle.anonymous().await.log_in("anna@acme", ADMIN_PASSWORD).await;
    (idle, acme, anna, backup)
}

/// How many lives the tenant has had.
async fn lives(server: &TestServer) -> i32 {
    server.sql().await.query_one("SELECT generation FROM tenants WHERE code = 'acme'", &[]).await.unwrap().get(0)
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
    assert_eq!(lives(&idle).await, 6, "each was done once");
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
    let said = stale.log().await.join("\n");
    assert!(said.contains("lost the lease") || said.contains("in other hands"), "{said}");
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

#[tokio::test(flavor = "multi_thread")]
async fn the_same_request_twice_is_one_restore() {
    let (idle, acme, _, backup) = stage().await;
    let operator = idle.operator().await;
    let acting = operator.exchanged(&acme).await;
    let once = v1::RestoreBackupRequest { request_id: uuid::Uuid::new_v4().to_string(), ..whole(&backup) };
    let (one, two) = tokio::join!(acting.restore(once.clone()), acting.restore(once.clone()));
    let (one, two) = (one.unwrap(), two.unwrap());
    assert_eq!(one, two);
    let _worker = TestServer::on(idle.database.clone(), &[]).await;
    operator.succeed(one.operation.clone()).await;
    assert_eq!(acting.restore(once).await.unwrap(), one, "also when it is done");
    assert_eq!(lives(&idle).await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_reads_meanwhile_sees_all_of_it_or_nothing_and_writers_are_not_lost_halfway() {
    let (idle, acme, _, backup) = stage().await;
    let operator = idle.operator().await;
    let acting = operator.exchanged(&acme).await;
    let begun = acting.restore(whole(&backup)).await.unwrap().operation;
    let done = std::sync::atomic::AtomicBool::new(false);
    let request = || v1::ListUsersRequest { parent: acme.clone(), ..Default::default() };
    let read = async {
        let mut seen = std::collections::BTreeSet::new();
        // Once more when it is done: both pictures are seen.
        let mut last = false;
        while !last {
            last = done.load(std::sync::atomic::Ordering::Relaxed);
            let users = acting.list_users(request()).await.unwrap().users;
            seen.insert(
                users.into_iter().map(|user| user.user_name).filter(|name| !name.starts_with('w')).collect::<Vec<_>>(),
            );
        }
        seen
    };
    let write = async {
        let mut number = 0;
        while !done.load(std::sync::atomic::Ordering::Relaxed) {
            number += 1;
            acting.new_user(&acme, &format!("w{number}")).await.unwrap();
        }
    };
    let wait = async {
        idle.until("SELECT count(*) > 0 FROM users WHERE user_name LIKE 'w%'").await;
        let worker = TestServer::on(idle.database.clone(), &[]).await;
        operator.succeed(begun).await;
        drop(worker);
        done.store(true, std::sync::atomic::Ordering::Relaxed);
    };
    let (seen, (), ()) = tokio::join!(read, write, wait);
    let (with, without) = (vec!["anna", "ben", "superuser"], vec!["anna", "superuser"]);
    assert_eq!(seen.into_iter().collect::<Vec<_>>(), [with, without]);
    let halves = "SELECT count(*) = 0 FROM users u WHERE user_name LIKE 'w%'
                  AND NOT EXISTS (SELECT FROM memberships m WHERE m.user_id = u.id)";
    idle.until(halves).await;
}
