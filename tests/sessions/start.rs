//! Where sessions start, and when they don't.

use futures::future::join;
use tonic::Code;

use crate::support::client::{assert_refused, eventually};
use crate::support::lifecycle::ADMIN_PASSWORD;
use crate::support::server::TestServer;
use crate::support::sessions::Guest;

#[tokio::test(flavor = "multi_thread")]
async fn a_session_starts_in_the_default_tenant_or_in_the_one_asked_for_and_tells_which_there_are() {
    let server = TestServer::start().await;
    let Guest { acme, anna, beta, ben, .. } = server.guest().await;
    let anonymous = server.anonymous().await;
    let session = anonymous.session_in("ben@acme", "").await.unwrap();
    assert_eq!((&session.tenant, &session.user), (&acme, &ben));
    let told: Vec<_> = session.tenants.iter().map(|t| (&*t.tenant, &*t.display_name)).collect();
    assert_eq!(told, [(&*acme, "Acme"), (&*beta, "Beta")]);

    let session = anonymous.session_in("ben@acme", "beta").await.unwrap();
    assert_eq!((&session.tenant, &session.user), (&beta, &ben), "the user is named by its home");
    let me = anonymous.with_token(&session.access_token).who().await.unwrap();
    assert_eq!((me.tenant, me.user), (beta.clone(), ben.clone()));

    anna.default_tenant(&ben, &beta).await.unwrap();
    assert_eq!(anonymous.session_in("ben@acme", "").await.unwrap().tenant, beta);
    assert_eq!(anonymous.session_in("ben@acme", "acme").await.unwrap().tenant, acme);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_in_which_one_does_not_work_is_told_as_one_that_is_not_there() {
    let server = TestServer::start().await;
    server.guest().await;
    let anonymous = server.anonymous().await;
    server.operator().await.active_tenant("Gamma").await;
    let gamma = assert_refused(anonymous.session_in("ben@acme", "gamma").await, Code::NotFound, "RESOURCE_NOT_FOUND");
    let delta = assert_refused(anonymous.session_in("ben@acme", "delta").await, Code::NotFound, "RESOURCE_NOT_FOUND");
    assert_eq!(gamma.message().replace("gamma", "delta"), delta.message());
    let long = anonymous.session_in("ben@acme", &"x".repeat(65)).await;
    assert_refused(long, Code::InvalidArgument, "FIELDS_INVALID");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_default_tenant_that_is_lost_must_be_set_anew_and_another_can_be_named_meanwhile() {
    let server = TestServer::start().await;
    let Guest { acme, anna, beta, bert, ben } = server.guest().await;
    let anonymous = server.anonymous().await;
    anna.default_tenant(&ben, &beta).await.unwrap();
    bert.unassign_users(&beta, &[&bert.user_named(&beta, "ben").await]).await.unwrap();
    let refused = anonymous.session_in("ben@acme", "").await;
    assert_refused(refused, Code::FailedPrecondition, "DEFAULT_TENANT_REQUIRED");
    let session = anonymous.session_in("ben@acme", "acme").await.unwrap();
    assert_eq!(session.tenants.len(), 1);
    anna.default_tenant(&ben, "").await.unwrap();
    assert_eq!(anonymous.session_in("ben@acme", "").await.unwrap().tenant, acme);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_default_tenant_that_is_deleted_must_be_set_anew() {
    let server = TestServer::start().await;
    let Guest { anna, beta, ben, .. } = server.guest().await;
    anna.default_tenant(&ben, &beta).await.unwrap();
    let (operator, anonymous) = (server.operator().await, server.anonymous().await);
    operator.prepare_fully(&beta).await;
    assert_refused(anonymous.session_in("ben@acme", "").await, Code::FailedPrecondition, "TENANT_LOCKED");
    operator.delete(&beta, "Beta").await.map(|r| r.operation).map(|o| operator.succeed(o)).unwrap().await;
    assert_refused(anonymous.session_in("ben@acme", "").await, Code::FailedPrecondition, "DEFAULT_TENANT_REQUIRED");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_works_nowhere_is_told_so_whatever_is_asked_for() {
    let server = TestServer::start().await;
    let Guest { acme, anna, beta, ben, .. } = server.guest().await;
    anna.unassign_tenants(&ben, &[&acme, &beta]).await.unwrap();
    let anonymous = server.anonymous().await;
    for asked in ["", "acme", "beta"] {
        let refused = anonymous.session_in("ben@acme", asked).await;
        assert_refused(refused, Code::FailedPrecondition, "NO_TENANT_ASSIGNED");
    }
    let wrong = anonymous.session("ben@acme", "not the password of ben").await;
    assert_refused(wrong, Code::Unauthenticated, "CREDENTIALS_INVALID");
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_starts_in_a_locked_tenant_and_nobody_of_a_locked_home_starts_anywhere() {
    let server = TestServer::start().await;
    let Guest { acme, beta, .. } = server.guest().await;
    let (operator, anonymous) = (server.operator().await, server.anonymous().await);
    operator.lock(&beta).await.unwrap();
    let refused = anonymous.session_in("ben@acme", "beta").await;
    assert_refused(refused, Code::FailedPrecondition, "TENANT_LOCKED");
    let session = anonymous.session_in("ben@acme", "").await.unwrap();
    assert_eq!(session.tenants.iter().map(|t| &t.tenant).collect::<Vec<_>>(), [&acme], "those that can be used");
    operator.unlock(&beta).await.unwrap();

    let abroad = anonymous.session_in("ben@acme", "beta").await.unwrap();
    operator.lock(&acme).await.unwrap();
    for asked in ["", "beta"] {
        let refused = anonymous.session_in("ben@acme", asked).await;
        assert_refused(refused, Code::FailedPrecondition, "TENANT_LOCKED");
    }
    let refused = anonymous.refresh(&abroad.refresh_token).await;
    assert_refused(refused, Code::FailedPrecondition, "TENANT_LOCKED");
    let wrong = anonymous.session("ben@acme", "not the password of ben").await;
    assert_refused(wrong, Code::Unauthenticated, "CREDENTIALS_INVALID");
    operator.unlock(&acme).await.unwrap();
    anonymous.refresh(&abroad.refresh_token).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn no_session_that_begins_beside_a_lock_outlives_it() {
    let server = TestServer::start().await;
    let Guest { beta, .. } = server.guest().await;
    let (operator, anonymous) = (server.operator().await, server.anonymous().await);
    let mut begun = 0;
    for _ in 0..8 {
        let (session, locked) = join(anonymous.session_in("ben@acme", "beta"), operator.lock(&beta)).await;
        locked.unwrap();
        if let Ok(session) = session {
            begun += 1;
            let ben = anonymous.with_token(&session.access_token);
            assert_refused(ben.who().await, Code::Unauthenticated, "TOKEN_INVALID");
            let refreshed = anonymous.refresh(&session.refresh_token).await;
            assert_refused(refreshed, Code::FailedPrecondition, "TENANT_LOCKED");
            operator.unlock(&beta).await.unwrap();
            let refreshed = anonymous.refresh(&session.refresh_token).await;
            assert_refused(refreshed, Code::Unauthenticated, "TOKEN_INVALID");
        } else {
            operator.unlock(&beta).await.unwrap();
        }
    }
    println!("{begun} of 8 began before the lock");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_session_of_the_old_password_outlives_its_change() {
    let server = TestServer::start().await;
    let (_, anna) = server.administrator("Acme").await;
    let anonymous = server.anonymous().await;
    let change = landlord::proto::v1::ChangePasswordRequest {
        current_password: ADMIN_PASSWORD.into(),
        new_password: "another set of words".into(),
    };
    let log_ins = (0..6).map(|_| anonymous.session_in("anna@acme", ""));
    let (sessions, changed) =
        join(futures::future::join_all(log_ins), anna.client.users().change_password(change)).await;
    changed.unwrap();
    for session in sessions.into_iter().flatten() {
        let refreshed = anonymous.refresh(&session.refresh_token).await;
        assert_refused(refreshed, Code::Unauthenticated, "TOKEN_INVALID");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_in_with_a_password_that_is_changed_meanwhile_begins_nothing() {
    let server = TestServer::start().await;
    server.administrator("Acme").await;
    let anonymous = server.anonymous().await;
    // Changed, and not committed yet: the password was right when it was compared.
    let change = server.sql().await;
    change.batch_execute("BEGIN; UPDATE users SET epoch = epoch + 1 WHERE user_name = 'anna'").await.unwrap();
    let log_in = tokio::spawn(async move { anonymous.session_in("anna@acme", "").await });
    let sql = server.sql().await;
    eventually("a log-in that waits", || async {
        let waiting =
            "SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database() LIMIT 1";
        sql.query_opt(waiting, &[]).await.unwrap()
    })
    .await;
    change.batch_execute("COMMIT").await.unwrap();
    assert_refused(log_in.await.unwrap(), Code::Unauthenticated, "CREDENTIALS_INVALID");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_session_goes_on_of_who_is_locked_even_if_it_was_not_ended() {
    let server = TestServer::start().await;
    server.administrator("Acme").await;
    let anonymous = server.anonymous().await;
    let session = anonymous.session_in("anna@acme", "").await.unwrap();
    let lock = "UPDATE users SET state = 'LOCKED' WHERE user_name = 'anna'";
    server.sql().await.batch_execute(lock).await.unwrap();
    let refused = anonymous.refresh(&session.refresh_token).await;
    assert_refused(refused, Code::Unauthenticated, "TOKEN_INVALID");
    let refused = anonymous.with_token(&session.access_token).who().await;
    assert_refused(refused, Code::Unauthenticated, "TOKEN_INVALID");
}
