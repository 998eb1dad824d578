//! A backup is there once and whole, whatever dies while it is made.

use landlord::proto::v1;
use v1::backup::State;

use crate::support::assets::noise;
use crate::support::client::Api;
use crate::support::lifecycle::ADMIN_PASSWORD;
use crate::support::process::Process;
use crate::support::server::TestServer;

#[tokio::test(flavor = "multi_thread")]
async fn another_worker_makes_it_when_the_first_one_is_killed_anywhere() {
    let maker = TestServer::start().await;
    let (acme, _) = maker.administrator("Acme").await;
    let idle = maker.without_workers().await;
    let anna = idle.anonymous().await.log_in("anna@acme", ADMIN_PASSWORD).await;
    anna.new_asset(&acme, "report", &noise(1000, 1)).await;
    for place in ["backup.part.written", "backup.part.written:9", "backup.copied", "objects.put.before:3", "step.after"]
    {
        let begun = anna.begin(&acme, &[]).await.unwrap();
        let (operation, name) = (begun.operation.unwrap().name, begun.backup.unwrap().name);
        let mut victim = Process::start(&idle.database, &[("LANDLORD_KILL_AT", place)]).await;
        assert_eq!(victim.ended().await, Some(9), "{place}");
        if place != "step.after" {
            assert_eq!(anna.backup(&name).await.unwrap().state(), State::Running, "{place}: half of it is not visible");
        }
        let mut next = Process::start(&idle.database, &[]).await;
        let api = Api::connect(next.address).await.log_in("anna@acme", ADMIN_PASSWORD).await;
        assert_eq!(api.wait(&operation).await.state(), v1::operation::State::Succeeded, "{place}");
        let done = api.backup(&name).await.unwrap();
        assert_eq!((done.state(), done.objects), (State::Complete, 1), "{place}");
        assert_eq!(api.verify(&name).await.unwrap().error, None, "{place}");
        next.kill().await;
    }
    assert_eq!(anna.backups(&acme, "state = COMPLETE").await.unwrap().len(), 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_was_stopped_past_its_lease_publishes_nothing() {
    let maker = TestServer::start().await;
    let (acme, _) = maker.administrator("Acme").await;
    let idle = maker.without_workers().await;
    let anna = idle.anonymous().await.log_in("anna@acme", ADMIN_PASSWORD).await;
    let begun = anna.begin(&acme, &[]).await.unwrap();
    let (operation, name) = (begun.operation.unwrap().name, begun.backup.unwrap().name);
    let stale = Process::start(&idle.database, &[("LANDLORD_STOP_AT", "backup.copied")]).await;
    stale.stopped().await;
    let _next = TestServer::on(idle.database.clone(), &[]).await;
    assert_eq!(anna.wait(&operation).await.state(), v1::operation::State::Succeeded);
    let done = anna.backup(&name).await.unwrap();
    stale.signal(rustix::process::Signal::CONT);
    assert_eq!(anna.verify(&name).await.unwrap().error, None);
    assert_eq!(anna.backup(&name).await.unwrap().snapshot_time, done.snapshot_time, "it is that of the second one");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_whose_moment_is_cut_off_is_made_of_another_moment() {
    let maker = TestServer::start().await;
    let (acme, _) = maker.administrator("Acme").await;
    let idle = maker.without_workers().await;
    let anna = idle.anonymous().await.log_in("anna@acme", ADMIN_PASSWORD).await;
    let begun = anna.begin(&acme, &[]).await.unwrap();
    let patient = [("operations.lease_ms", "60000".into())];
    let stop = [("LANDLORD_STOP_AT", "backup.part.written")];
    let worker = Process::with(&idle.database, &stop, &patient).await.unwrap();
    worker.stopped().await;
    let cut_off = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
                   WHERE datname = current_database() AND application_name = 'landlord copies'";
    let cut_off: i64 = idle.sql().await.query_one(cut_off, &[]).await.unwrap().get(0);
    assert_eq!(cut_off, 1);
    worker.signal(rustix::process::Signal::CONT);
    anna.succeed(begun.operation).await;
    let done = anna.backup(&begun.backup.unwrap().name).await.unwrap();
    assert_eq!(done.state(), State::Complete);
    assert_eq!(anna.verify(&done.name).await.unwrap().error, None);
}
