//! Which log-ins count, and in which tenant.

use std::time::Duration;

use crate::support::client::assert_refused;
use crate::support::lifecycle::ADMIN_PASSWORD;
use crate::support::server::TestServer;
use crate::support::sessions::Guest;

#[tokio::test(flavor = "multi_thread")]
async fn each_session_that_begins_counts_once_in_the_tenant_in_which_it_begins() {
    let server = TestServer::start().await;
    let Guest { acme, anna, beta, bert, ben } = server.guest().await;
    let (operator, anonymous) = (server.operator().await, server.anonymous().await);
    for tenant in [&acme, &beta] {
        operator.allot(tenant, &[("base", 5)]).await.unwrap();
    }
    let counts = async || (operator.log_ins(&acme).await, operator.log_ins(&beta).await);
    let (of_acme, of_beta) = counts().await;
    let home = anonymous.session_in("ben@acme", "acme").await.unwrap();
    assert_eq!(counts().await, (of_acme + 1, of_beta));
    anonymous.session_in("ben@acme", "beta").await.unwrap();
    assert_eq!(counts().await, (of_acme + 1, of_beta + 1), "a guest logs in to the host");

    let refreshed = anonymous.refresh(&home.refresh_token).await.unwrap();
    let moved = anonymous.with_token(&refreshed.access_token).switch_to(&beta).await.unwrap();
    anonymous.with_token(&moved.access_token).switch_to(&acme).await.unwrap();
    assert_eq!(counts().await, (of_acme + 1, of_beta + 1), "neither refreshing nor switching is logging in");

    let wrong = anonymous.session("ben@acme", "another password").await;
    assert_refused(wrong, tonic::Code::Unauthenticated, "CREDENTIALS_INVALID");
    let nowhere = anonymous.session_in("anna@acme", "beta").await;
    assert_refused(nowhere, tonic::Code::NotFound, "RESOURCE_NOT_FOUND");
    assert_eq!(counts().await, (of_acme + 1, of_beta + 1), "who is refused has not logged in");

    anonymous.session_in("ben@acme", "acme").await.unwrap();
    assert_eq!(counts().await, (of_acme + 2, of_beta + 1));
    for session in anna.sessions_of(&ben).await.unwrap() {
        anna.end_session(&session.name).await.unwrap();
    }
    let gone = server.sql().await.execute("DELETE FROM sessions WHERE ended_at IS NOT NULL", &[]).await.unwrap();
    assert!(gone > 2, "{gone}");
    assert_eq!(counts().await, (of_acme + 2, of_beta + 1), "what has been a log-in stays one when the session is gone");
    assert_eq!(anna.log_ins(&acme).await, of_acme + 2, "its own administrators are told as much");
    assert_eq!(bert.log_ins(&beta).await, of_beta + 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_acts_for_an_account_does_not_count() {
    let server = TestServer::start().await;
    let (acme, anna) = server.administrator("Acme").await;
    let operator = server.operator().await;
    operator.allot(&acme, &[("base", 5)]).await.unwrap();
    let before = operator.log_ins(&acme).await;
    let acting = operator.exchanged(&acme).await;
    acting.user_named(&acme, "anna").await;
    operator.acting_as("superuser").user_named(&acme, "anna").await;
    assert_eq!(operator.log_ins(&acme).await, before);
    assert_eq!(acting.log_ins(&acme).await, before, "superuser is told as much as the tenant's administrators");
    let superuser = server.anonymous().await.session("superuser@acme", ADMIN_PASSWORD).await;
    assert_refused(superuser, tonic::Code::Unauthenticated, "CREDENTIALS_INVALID");
    assert_eq!(anna.log_ins(&acme).await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_log_in_waits_for_another_one_that_is_being_counted() {
    let server = TestServer::start().await;
    let (acme, anna) = server.administrator("Acme").await;
    let operator = server.operator().await;
    operator.allot(&acme, &[("base", 5)]).await.unwrap();
    let before = operator.log_ins(&acme).await;
    // Somebody else logs in and takes long over it.
    let slow = server.sql().await;
    let begin =
        "BEGIN; INSERT INTO sessions (tenant_id, id, user_id, active_tenant_id, tenant_epoch, refresh_hash, expires_at)
        SELECT tenant_id, gen_random_uuid(), user_id, active_tenant_id, tenant_epoch, 'x', expires_at FROM sessions
        WHERE active_tenant_id = (SELECT tenant_id FROM tenants WHERE code = 'acme') LIMIT 1";
    slow.batch_execute(begin).await.unwrap();
    let anonymous = server.anonymous().await;
    let log_in = tokio::time::timeout(Duration::from_secs(20), anonymous.enter_as("anna@acme"));
    log_in.await.expect("it does not wait").unwrap();
    assert_eq!(anna.log_ins(&acme).await, before + 1);
    slow.batch_execute("COMMIT").await.unwrap();
    assert_eq!(anna.log_ins(&acme).await, before + 2);
}
