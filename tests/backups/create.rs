//! A backup shows one moment of a tenant, whole or with what is missing named.

use landlord::proto::v1;
use tonic::Code;
use v1::backup::State;

use crate::assets::store::s3;
use crate::support::assets::noise;
use crate::support::client::{assert_refused, fields};
use crate::support::lifecycle::{ADMIN_PASSWORD, facts};
use crate::support::process::Process;
use crate::support::server::TestServer;

const ALL: [&str; 16] = [
    "users",
    "settings",
    "licenses",
    "filters",
    "templates",
    "report-scripts",
    "databases",
    "analyses",
    "dashboards",
    "documents",
    "portal",
    "collaboration",
    "processes",
    "arcm",
    "recordings",
    "others",
];

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_of_everything_is_complete_and_says_how_much_it_has() {
    let server = TestServer::start().await;
    let (acme, anna) = server.administrator("Acme").await;
    anna.new_user(&acme, "ben").await.unwrap();
    anna.new_asset(&acme, "one", &noise(1000, 1)).await;
    anna.new_asset(&acme, "two", &noise(9 << 20, 2)).await;
    let request =
        v1::CreateBackupRequest { parent: acme.clone(), note: "before the move".into(), ..Default::default() };
    let begun = anna.begin_backup(request).await.unwrap();
    let backup = begun.backup.unwrap();
    assert_eq!((backup.state(), backup.note.as_str()), (State::Running, "before the move"));
    let operation = anna.succeed(begun.operation).await;
    assert_eq!((operation.kind.as_str(), &operation.results), ("back-up", &vec![backup.name.clone()]));
    let done = anna.backup(&backup.name).await.unwrap();
    assert_eq!((done.state(), done.objects, done.content_bytes), (State::Complete, 2, 1000 + (9 << 20)));
    assert_eq!(done.components, ALL);
    assert!(done.missing_components.is_empty() && done.reason.is_empty());
    // superuser, anna and ben, each a user and a member, and what else a tenant has.
    assert!(done.rows > 20 && done.stored_bytes > 1000 && done.stored_bytes < 200_000, "{done:?}");
    assert_eq!(done.operation, operation.name);
    assert_eq!(done.creator, anna.user_named(&acme, "anna").await);
    assert!(done.create_time.is_some() && done.snapshot_time.is_some() && done.end_time.is_some());
    assert_eq!(anna.backups(&acme, "").await.unwrap(), ["before the move"]);

    let empty = server.operator().await.active_tenant("Empty").await;
    let acting = server.operator().await.exchanged(&empty).await;
    assert_eq!(acting.back_up(&empty).await.state(), State::Complete, "a tenant with nothing in it, by an operator");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_caller_has_no_privilege_for_is_left_out_and_named() {
    let server = TestServer::start().await;
    let (acme, anna) = server.administrator("Acme").await;
    anna.new_asset(&acme, "other", &noise(1000, 1)).await;
    let role = anna.new_role(&acme, "Databases", &["privileges/database-administrator"]).await.unwrap();
    let ben = anna.new_user(&acme, "ben").await.unwrap().name;
    anna.give(&role, &[&ben]).await.unwrap();
    let ben = server.enter("ben@acme").await;
    let partial = ben.back_up(&acme).await;
    assert_eq!((partial.state(), &partial.components), (State::Partial, &vec!["databases".to_owned()]));
    let missing: Vec<_> =
        partial.missing_components.iter().map(|m| (m.component.as_str(), m.privilege.as_str())).collect();
    assert_eq!(missing.len(), ALL.len() - 1);
    assert_eq!(missing[0], ("users", "privileges/user-administrator"));
    assert_eq!(missing[1], ("settings", "privileges/technical-configuration-administrator"));
    assert_eq!(missing[2], ("licenses", "privileges/license-administrator"));
    assert!(missing.contains(&("others", "privileges/server-administrator")));
    assert_eq!((partial.rows, partial.objects), (0, 0), "the one asset is of another kind");
    let own = ben.begin(&acme, &["databases"]).await.unwrap();
    ben.succeed(own.operation).await;
    assert_eq!(ben.backup(&own.backup.unwrap().name).await.unwrap().state(), State::Complete, "all that was asked for");
    let nothing =
        assert_refused(ben.begin(&acme, &["users", "portal"]).await, Code::PermissionDenied, "PRIVILEGE_MISSING");
    assert_eq!(facts(&nothing)["privilege"], "portal-administrator,user-administrator");
    let unknown = assert_refused(ben.begin(&acme, &["people"]).await, Code::InvalidArgument, "FIELDS_INVALID");
    assert!(fields(&unknown)[0].1.contains("users, settings"), "{unknown:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn it_shows_one_moment_whatever_is_written_meanwhile() {
    let maker = TestServer::start().await;
    let (acme, anna) = maker.administrator("Acme").await;
    let before = anna.back_up(&acme).await;
    let idle = maker.without_workers().await;
    let anna = idle.anonymous().await.log_in("anna@acme", ADMIN_PASSWORD).await;
    let begun = anna.begin(&acme, &[]).await.unwrap();
    let patient = [("operations.lease_ms", "60000".into())];
    let stop = [("LANDLORD_STOP_AT", "backup.part.written")];
    let worker = Process::with(&idle.database, &stop, &patient).await.unwrap();
    // One table is copied by now, and all others are not.
    worker.stopped().await;
    anna.new_user(&acme, "ben").await.unwrap();
    worker.signal(rustix::process::Signal::CONT);
    anna.succeed(begun.operation).await;
    let meanwhile = anna.backup(&begun.backup.unwrap().name).await.unwrap();
    assert_eq!(meanwhile.rows, before.rows, "nothing of what came after its moment");
    let after = anna.begin(&acme, &[]).await.unwrap();
    anna.succeed(after.operation).await;
    let after = anna.backup(&after.backup.unwrap().name).await.unwrap();
    assert!(after.rows >= before.rows + 2, "ben is a user and a member");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_readers_of_many_rows_show_one_moment() {
    let maker = TestServer::start().await;
    let (acme, anna) = maker.administrator("Acme").await;
    let few = anna.back_up(&acme).await;
    let fill = "SET session_replication_role = replica;
        INSERT INTO memberships (tenant_id, user_id, home_tenant_id)
            SELECT t.tenant_id, gen_random_uuid(), t.tenant_id FROM tenants t, generate_series(1, 200000) n
            WHERE t.code = 'acme'";
    maker.sql().await.batch_execute(fill).await.unwrap();
    let idle = maker.without_workers().await;
    let anna = idle.anonymous().await.log_in("anna@acme", ADMIN_PASSWORD).await;
    let begun = anna.begin(&acme, &[]).await.unwrap();
    let patient = [("operations.lease_ms", "60000".into())];
    // Some of the members are copied by now, and a second reader is about to begin with the users.
    let worker = Process::with(&idle.database, &[("LANDLORD_STOP_AT", "backup.rows.many")], &patient).await.unwrap();
    worker.stopped().await;
    anna.new_user(&acme, "ben").await.unwrap();
    worker.signal(rustix::process::Signal::CONT);
    anna.succeed(begun.operation).await;
    let many = anna.backup(&begun.backup.unwrap().name).await.unwrap();
    assert_eq!(many.rows, few.rows + 200_000);
    assert_eq!(anna.verify(&many.name).await.unwrap().error, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeat_makes_no_second_one_a_trial_none_and_a_cancelled_one_fails() {
    let worker = TestServer::start().await;
    let server = TestServer::on(worker.database.clone(), &[("operations.workers", "0".into())]).await;
    let (acme, _) = worker.administrator("Acme").await;
    let anna = server.anonymous().await.log_in("anna@acme", ADMIN_PASSWORD).await;
    let request_id = uuid::Uuid::new_v4().to_string();
    let once = v1::CreateBackupRequest { parent: acme.clone(), request_id, ..Default::default() };
    let tried = v1::CreateBackupRequest { validate_only: true, request_id: String::new(), ..once.clone() };
    assert_eq!(anna.begin_backup(tried).await.unwrap().backup.unwrap().components, ALL);
    assert!(anna.backups(&acme, "").await.unwrap().is_empty());
    let first = anna.begin_backup(once.clone()).await.unwrap();
    assert_eq!(anna.begin_backup(once).await.unwrap(), first);
    anna.succeed(first.operation).await;
    assert_eq!(anna.backups(&acme, "").await.unwrap().len(), 1);
    worker.stop().await.unwrap();
    let begun = anna.begin(&acme, &[]).await.unwrap();
    let name = begun.backup.unwrap().name;
    let running = anna.remove_backup(&name).await;
    assert_refused(running, Code::FailedPrecondition, "BACKUP_STATE_INVALID");
    assert_refused(anna.verify(&name).await, Code::FailedPrecondition, "BACKUP_STATE_INVALID");
    let operation = begun.operation.unwrap().name;
    anna.cancel(&operation).await.unwrap();
    let _worker = TestServer::on(server.database.clone(), &[]).await;
    assert_eq!(anna.wait(&operation).await.state(), v1::operation::State::Cancelled);
    let failed = anna.backup(&name).await.unwrap();
    assert_eq!((failed.state(), failed.reason.as_str()), (State::Failed, "CANCELLED"));
    anna.remove_backup(&name).await.unwrap();
    assert_refused(anna.backup(&name).await, Code::NotFound, "RESOURCE_NOT_FOUND");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deletion_that_is_prepared_ends_a_backup_and_so_does_a_store_that_takes_nothing() {
    let worker = TestServer::start().await;
    let server = TestServer::on(worker.database.clone(), &[("operations.workers", "0".into())]).await;
    let (acme, _) = worker.administrator("Acme").await;
    worker.stop().await.unwrap();
    let anna = server.anonymous().await.log_in("anna@acme", ADMIN_PASSWORD).await;
    let operator = server.operator().await;
    let begun = anna.begin(&acme, &[]).await.unwrap().backup.unwrap().name;
    operator.prepare(&acme).await.unwrap();
    let failed = operator.backup(&begun).await.unwrap();
    assert_eq!((failed.state(), failed.reason.as_str()), (State::Failed, "CANCELLED"));

    let beta = operator.create("Beta").await;
    let broken = TestServer::on(server.database.clone(), &s3("http://127.0.0.1:9")).await;
    operator.succeed(beta.operation).await;
    let beta = beta.tenant.unwrap().name;
    let acting = broken.operator().await.exchanged(&beta).await;
    let begun = acting.begin(&beta, &[]).await.unwrap();
    assert_eq!(acting.wait(&begun.operation.unwrap().name).await.state(), v1::operation::State::Failed);
    let failed = acting.backup(&begun.backup.unwrap().name).await.unwrap();
    assert_eq!((failed.state(), failed.reason.as_str()), (State::Failed, "OBJECT_STORE_UNAVAILABLE"));
    assert!(failed.message.contains("object store"), "{failed:?}");
}
