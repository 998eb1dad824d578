//! Passwords that are reset, by administrators and by those who have forgotten them.

use std::time::Duration;

use futures::future::join_all;
use tonic::Code;

use crate::support::client::{activation_code, assert_refused, eventually, fields};
use crate::support::mail::reset_codes;
use crate::support::server::TestServer;

const NEW_PASSWORD: &str = "another set of words";

/// The code of the only mail with a link for a new password, once it is there.
async fn reset_code(server: &TestServer) -> String {
    let folder = server.mail_folder();
    eventually("a mail with a link", || async { reset_codes(&folder).pop() }).await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_administrator_voids_a_password_and_the_user_sets_a_new_one_by_mail() {
    let server = TestServer::start().await;
    let (acme, anna) = server.administrator("Acme").await;
    let anonymous = server.anonymous().await;
    let session = anonymous.session_in("anna@acme", "").await.unwrap();
    let name = anna.user_named(&acme, "anna").await;
    let operation = anna.reset_password(&name).await.unwrap();
    assert!(operation.starts_with(&format!("{acme}/operations/")));
    assert_refused(anna.who().await, Code::Unauthenticated, "TOKEN_INVALID");
    let refreshed = anonymous.refresh(&session.refresh_token).await;
    assert_refused(refreshed, Code::Unauthenticated, "TOKEN_INVALID");
    let old = anonymous.session_in("anna@acme", "").await;
    assert_refused(old, Code::Unauthenticated, "CREDENTIALS_INVALID");

    let code = reset_code(&server).await;
    let weak = anonymous.complete_reset(&code, "short").await;
    assert_eq!(fields(&assert_refused(weak, Code::InvalidArgument, "FIELDS_INVALID"))[0].0, "password");
    let done = anonymous.complete_reset(&code, NEW_PASSWORD).await.unwrap();
    assert_eq!((done.user, done.user_name.as_str()), (name, "anna"));
    let used = anonymous.complete_reset(&code, "short").await;
    let used = assert_refused(used, Code::FailedPrecondition, "LINK_USED");
    assert!(used.message().contains("log in"), "a used link is told before a weak password: {used:?}");
    let anna = anonymous.log_in("anna@acme", NEW_PASSWORD).await;
    let methods: Vec<_> = anna.audit(&acme, "").await.unwrap().into_iter().map(|r| r.method).collect();
    for method in ["/ResetPassword", "/CompletePasswordReset"] {
        assert!(methods.iter().any(|m| m.ends_with(method)), "{methods:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_can_not_have_a_link_is_refused_it_with_the_reason() {
    let server = TestServer::start().await;
    let (acme, anna) = server.administrator("Acme").await;
    let own = anna.user_named(&acme, "anna").await;
    let ben = anna.new_user(&acme, "ben").await.unwrap().name;
    let invited = anna.reset_password(&ben).await;
    assert_refused(invited, Code::FailedPrecondition, "USER_STATE_INVALID");
    let active = anna.send_activation_link(&own).await;
    assert_refused(active, Code::FailedPrecondition, "USER_STATE_INVALID");
    let nowhere = anna.send_activation_link(&ben).await;
    assert_refused(nowhere, Code::FailedPrecondition, "EMAIL_MISSING");
    server.enter("ben@acme").await;
    let nowhere = anna.reset_password(&ben).await;
    assert_refused(nowhere, Code::FailedPrecondition, "EMAIL_MISSING");
    server.anonymous().await.session_in("ben@acme", "").await.expect("a refused reset voids nothing");
    let superuser = anna.user_named(&acme, "superuser").await;
    assert_refused(anna.reset_password(&superuser).await, Code::FailedPrecondition, "RESOURCE_PROTECTED");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_activation_link_that_is_sent_again_replaces_the_one_before() {
    let server = TestServer::start().await;
    let (acme, anna) = server.administrator("Acme").await;
    let user = Some(landlord::proto::v1::User {
        user_name: "ben".into(),
        email: "ben@example.com".into(),
        ..Default::default()
    });
    let request = landlord::proto::v1::CreateUserRequest { tenant: acme, user, ..Default::default() };
    let clear =
        || std::fs::remove_dir_all(server.mail_folder()).and_then(|()| std::fs::create_dir(server.mail_folder()));
    clear().unwrap();
    let ben = anna.create_user(request).await.unwrap().user.unwrap().name;
    let first = activation_code(&server.mail_folder()).await;
    clear().unwrap();
    let operation = anna.send_activation_link(&ben).await.unwrap();
    anna.wait(&operation).await;
    let second = activation_code(&server.mail_folder()).await;
    let activate = async |code: &str| {
        let request = landlord::proto::v1::ActivateUserRequest { code: code.into(), password: NEW_PASSWORD.into() };
        server.anonymous().await.client.users().activate_user(request).await
    };
    assert_refused(activate(&first).await, Code::InvalidArgument, "FIELDS_INVALID");
    activate(&second).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_asks_for_a_link_learns_nothing_and_only_who_is_there_gets_few_of_them() {
    let server = TestServer::start().await;
    server.administrator("Acme").await;
    let anonymous = server.anonymous().await;
    for name in ["anna@acme", "nobody@acme", "anna@nowhere", "superuser@acme", "anna@acme", "anna@acme", "ANNA@acme"] {
        let begun = tokio::time::Instant::now();
        anonymous.request_reset(name).await.unwrap();
        assert!(begun.elapsed() >= Duration::from_millis(200), "{name}");
    }
    let mails = "SELECT count(*) FROM operations WHERE params ->> 'mail' = 'reset'";
    let mails: i64 = server.sql().await.query_one(mails, &[]).await.unwrap().get(0);
    assert_eq!(mails, 3, "two that cost nothing, and one after which the next one has to wait");
    for i in 0..14 {
        anonymous.request_reset(&format!("name{i}@acme")).await.unwrap();
    }
    let refused = anonymous.request_reset("nobody@acme").await;
    assert_refused(refused, Code::ResourceExhausted, "RATE_LIMITED");
    let refused = anonymous.request_reset("anna@acme").await;
    assert_refused(refused, Code::ResourceExhausted, "RATE_LIMITED");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_ten_who_use_a_reset_link_at_once_one_succeeds_and_the_password_is_its() {
    let server = TestServer::start().await;
    let (_, anna) = server.administrator("Acme").await;
    let anonymous = server.anonymous().await;
    let session = anonymous.session_in("anna@acme", "").await.unwrap();
    anonymous.request_reset("anna@acme").await.unwrap();
    let code = reset_code(&server).await;
    anna.who().await.expect("to ask for a link changes nothing");
    let passwords: Vec<_> = (0..10).map(|i| format!("the words of number {i}")).collect();
    let all = join_all(passwords.iter().map(|password| anonymous.complete_reset(&code, password))).await;
    let won: Vec<_> = all.iter().zip(&passwords).filter(|(answer, _)| answer.is_ok()).map(|(_, p)| p).collect();
    assert_eq!(won.len(), 1, "{all:?}");
    for status in all.into_iter().filter_map(Result::err) {
        assert_refused::<()>(Err(status), Code::FailedPrecondition, "LINK_USED");
    }
    assert_refused(anna.who().await, Code::Unauthenticated, "TOKEN_INVALID");
    let refreshed = anonymous.refresh(&session.refresh_token).await;
    assert_refused(refreshed, Code::Unauthenticated, "TOKEN_INVALID");
    anonymous.log_in("anna@acme", won[0]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reset_link_expires_is_no_activation_link_and_sets_nothing_for_who_is_locked() {
    let server = TestServer::start().await;
    server.administrator("Acme").await;
    let (operator, anonymous) = (server.operator().await, server.anonymous().await);
    anonymous.request_reset("anna@acme").await.unwrap();
    let code = reset_code(&server).await;
    let sql = server.sql().await;
    let life = "SELECT extract(epoch FROM expires_at - created_at)::bigint FROM links WHERE purpose = 'RESET'";
    let life: i64 = sql.query_one(life, &[]).await.unwrap().get(0);
    assert!((1795..=1800).contains(&life), "{life}");
    let activate = landlord::proto::v1::ActivateUserRequest { code: code.clone(), password: NEW_PASSWORD.into() };
    let activated = anonymous.client.users().activate_user(activate).await;
    assert_refused(activated, Code::InvalidArgument, "FIELDS_INVALID");
    operator.lock("tenants/acme").await.unwrap();
    let refused = anonymous.complete_reset(&code, NEW_PASSWORD).await;
    assert_refused(refused, Code::FailedPrecondition, "TENANT_LOCKED");
    operator.unlock("tenants/acme").await.unwrap();
    sql.batch_execute("UPDATE links SET expires_at = clock_timestamp() WHERE purpose = 'RESET'").await.unwrap();
    let refused = anonymous.complete_reset(&code, NEW_PASSWORD).await;
    assert_refused(refused, Code::FailedPrecondition, "LINK_EXPIRED");
    sql.batch_execute(
        "UPDATE links SET expires_at = 'infinity'; UPDATE users SET state = 'LOCKED' WHERE user_name = 'anna'",
    )
    .await
    .unwrap();
    let refused = anonymous.complete_reset(&code, NEW_PASSWORD).await;
    assert_refused(refused, Code::FailedPrecondition, "LINK_USED");
    sql.batch_execute("UPDATE users SET state = 'ACTIVE' WHERE user_name = 'anna'").await.unwrap();
    anonymous.session_in("anna@acme", "").await.expect("the old password");
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_gets_a_link_for_a_locked_tenant_and_the_answer_does_not_tell() {
    let server = TestServer::start().await;
    let (acme, _) = server.administrator("Acme").await;
    let operator = server.operator().await;
    operator.lock(&acme).await.unwrap();
    server.anonymous().await.request_reset("anna@acme").await.unwrap();
    let mails = operator.operations_of(&acme).await.into_iter().filter(|o| o.kind == "deliver-mail").count();
    assert_eq!(mails, 1, "that of her activation");
}
