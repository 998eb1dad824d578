//! SessionService and UserService: log in, refresh, log out, passwords and links.

use landlord::app::bootstrap::FirstOperator;
use landlord::domain::name::UserName;
use landlord::proto::v1;
use tonic::{Code, Response, Status};

use crate::support::client::{Api, activation_code, assert_refused, fields};
use crate::support::lifecycle::ADMIN_PASSWORD;
use crate::support::server::{PASSWORD, TestServer};

const NEW_PASSWORD: &str = "another set of words";

async fn refresh(api: &Api, token: &str) -> Result<v1::RefreshSessionResponse, Status> {
    let request = v1::RefreshSessionRequest { refresh_token: token.into() };
    api.client.sessions().refresh_session(request).await.map(Response::into_inner)
}

async fn who(api: &Api) -> Result<v1::GetCallerIdentityResponse, Status> {
    let request = v1::GetCallerIdentityRequest {};
    api.client.sessions().get_caller_identity(request).await.map(Response::into_inner)
}

async fn change_password(api: &Api, current: &str, new: &str) -> Result<(), Status> {
    let request = v1::ChangePasswordRequest { current_password: current.into(), new_password: new.into() };
    api.client.users().change_password(request).await.map(|_| ())
}

async fn activate(api: &Api, code: &str, password: &str) -> Result<v1::ActivateUserResponse, Status> {
    let request = v1::ActivateUserRequest { code: code.into(), password: password.into() };
    api.client.users().activate_user(request).await.map(Response::into_inner)
}

/// A server with one tenant whose administrator has been invited; gives the code of her link.
async fn invited() -> (TestServer, String) {
    let server = TestServer::start().await;
    let operator = server.operator().await;
    let tenant = Some(v1::Tenant { display_name: "Acme".into(), ..Default::default() });
    let email = "anna@example.com".into();
    let initial_admin = Some(v1::InitialAdmin { user_name: "Anna".into(), email, ..Default::default() });
    let request = v1::CreateTenantRequest { tenant, initial_admin, ..Default::default() };
    let created = operator.client.tenants().create_tenant(request).await.unwrap().into_inner();
    operator.succeed(created.operation).await;
    let code = activation_code(&server.mail_folder()).await;
    (server, code)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_logs_in_and_is_told_who_and_what() {
    let server = TestServer::start().await;
    let anonymous = server.anonymous().await;
    let session = anonymous.session("operator@infrastructure", PASSWORD).await.unwrap();
    assert!(!session.password_change_required);
    assert_eq!(session.tenant, "tenants/infrastructure");
    let me = who(&anonymous.with_token(&session.access_token)).await.unwrap();
    assert_eq!((&me.user, me.user_name.as_str(), &me.tenant), (&session.user, "operator", &session.tenant));
    assert!(me.privileges.contains(&"manage-tenants".to_owned()) && me.acting_for.is_empty());
    assert_refused(who(&anonymous).await, Code::Unauthenticated, "TOKEN_MISSING");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_home_tenant_is_named_once_by_code_or_uid_or_is_the_only_one() {
    let server = TestServer::start().await;
    let (name, anna) = server.administrator("Acme").await;
    let operator = server.operator().await;
    let uid = operator.tenant(&name).await.uid;
    let anonymous = server.anonymous().await;
    let log_in = async |user_name: &str, tenant: &str| {
        let (user_name, tenant, password) = (user_name.into(), tenant.into(), ADMIN_PASSWORD.into());
        let request = v1::CreateSessionRequest { user_name, password, tenant, ..Default::default() };
        anonymous.client.sessions().create_session(request).await.map(Response::into_inner)
    };
    let me = who(&anna).await.unwrap().user;
    for (user_name, tenant) in
        [("anna", "acme"), ("ANNA", &*uid), ("anna@acme", ""), (&*format!("anna@{uid}"), ""), ("anna", "")]
    {
        assert_eq!(log_in(user_name, tenant).await.unwrap().user, me, "{user_name} {tenant}");
    }
    let twice = assert_refused(log_in("anna@acme", "acme").await, Code::InvalidArgument, "FIELDS_INVALID");
    assert_eq!(fields(&twice)[0].0, "tenant");
    operator.active_tenant("Beta").await;
    let bare = assert_refused(log_in("anna", "").await, Code::InvalidArgument, "FIELDS_INVALID");
    assert_eq!(fields(&bare)[0].0, "tenant");
    assert_eq!(log_in("anna", "acme").await.unwrap().user, me);
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_user_wrong_password_and_wrong_tenant_are_answered_alike_to_the_byte() {
    let (server, _) = invited().await;
    let anonymous = server.anonymous().await;
    let mut answers = Vec::new();
    for (user_name, tenant, password) in [
        ("operator", "infrastructure", "wrong"),
        ("nobody", "infrastructure", PASSWORD),
        ("operator", "acme", PASSWORD),
        ("operator", "nowhere", PASSWORD),
        ("operator", "\0", PASSWORD),
        ("op\u{202e}erator", "infrastructure", PASSWORD),
        ("superuser", "infrastructure", PASSWORD),
        ("superuser", "acme", "wrong"),
        ("anna", "acme", "invited, and without a password"),
    ] {
        let (user_name, password, tenant) = (user_name.into(), password.into(), tenant.into());
        let request = v1::CreateSessionRequest { user_name, password, tenant, ..Default::default() };
        let mut request = tonic::Request::new(request);
        request.metadata_mut().insert("x-landlord-request-id", "one".parse().unwrap());
        let status = anonymous.client.sessions().create_session(request).await;
        let status = assert_refused(status, Code::Unauthenticated, "CREDENTIALS_INVALID");
        answers.push((status.message().to_owned(), status.details().to_vec()));
    }
    answers.dedup();
    assert_eq!(answers.len(), 1, "{answers:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_refresh_gives_the_next_token_and_an_old_one_ends_the_session() {
    let server = TestServer::with(&[("tokens.refresh_grace_seconds", "0".into())]).await;
    let anonymous = server.anonymous().await;
    let first = anonymous.session("operator@infrastructure", PASSWORD).await.unwrap();
    let second = refresh(&anonymous, &first.refresh_token).await.unwrap();
    assert_ne!(second.refresh_token, first.refresh_token);
    let third = refresh(&anonymous, &second.refresh_token).await.unwrap();
    let api = anonymous.with_token(&third.access_token);
    who(&api).await.unwrap();
    let reused = refresh(&anonymous, &first.refresh_token).await;
    assert_refused(reused, Code::Unauthenticated, "TOKEN_INVALID");
    assert_refused(refresh(&anonymous, &third.refresh_token).await, Code::Unauthenticated, "TOKEN_INVALID");
    assert_refused(who(&api).await, Code::Unauthenticated, "TOKEN_INVALID");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_does_not_end_the_session_but_the_token_before_it_does() {
    let server = TestServer::with(&[("tokens.refresh_grace_seconds", "600".into())]).await;
    let anonymous = server.anonymous().await;
    let first = anonymous.session("operator@infrastructure", PASSWORD).await.unwrap().refresh_token;
    let lost = refresh(&anonymous, &first).await.unwrap().refresh_token;
    let found = refresh(&anonymous, &first).await.unwrap();
    let next = refresh(&anonymous, &found.refresh_token).await.unwrap();
    who(&anonymous.with_token(&next.access_token)).await.unwrap();
    for old in [&lost, &next.refresh_token] {
        assert_refused(refresh(&anonymous, old).await, Code::Unauthenticated, "TOKEN_INVALID");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_is_not_carried_on_by_two() {
    let server = TestServer::with(&[("tokens.refresh_grace_seconds", "600".into())]).await;
    let anonymous = server.anonymous().await;
    let first = anonymous.session("operator@infrastructure", PASSWORD).await.unwrap().refresh_token;
    let (one, two) = futures::future::join(refresh(&anonymous, &first), refresh(&anonymous, &first)).await;
    let (one, two) = (one.unwrap().refresh_token, two.unwrap().refresh_token);
    let both = futures::future::join(refresh(&anonymous, &one), refresh(&anonymous, &two)).await;
    assert!(both.0.is_err() || both.1.is_err(), "one of the two answers has got lost");
    for token in [&one, &two].into_iter().chain(both.0.ok().iter().chain(&both.1.ok()).map(|next| &next.refresh_token))
    {
        assert_refused(refresh(&anonymous, token).await, Code::Unauthenticated, "TOKEN_INVALID");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_grace_of_a_lost_answer_is_counted_from_the_first_one() {
    let server = TestServer::with(&[("tokens.refresh_grace_seconds", "600".into())]).await;
    let anonymous = server.anonymous().await;
    let first = anonymous.session("operator@infrastructure", PASSWORD).await.unwrap().refresh_token;
    for _ in 0..3 {
        refresh(&anonymous, &first).await.expect("an answer may get lost several times");
    }
    let sql = server.sql().await;
    sql.batch_execute("UPDATE sessions SET refreshed_at = refreshed_at - interval '599 seconds'").await.unwrap();
    let last = refresh(&anonymous, &first).await.unwrap();
    sql.batch_execute("UPDATE sessions SET refreshed_at = refreshed_at - interval '2 seconds'").await.unwrap();
    assert_refused(refresh(&anonymous, &first).await, Code::Unauthenticated, "TOKEN_INVALID");
    assert_refused(refresh(&anonymous, &last.refresh_token).await, Code::Unauthenticated, "TOKEN_INVALID");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_token_is_of_our_making_and_of_a_session_that_lasts() {
    let server = TestServer::start().await;
    let anonymous = server.anonymous().await;
    let session = anonymous.session("operator@infrastructure", PASSWORD).await.unwrap();
    let token = session.refresh_token;
    let other = if token.starts_with('A') { "B" } else { "A" };
    for forged in [String::new(), "x".into(), token[1..].into(), format!("{other}{}", &token[1..])] {
        assert_refused(refresh(&anonymous, &forged).await, Code::Unauthenticated, "TOKEN_INVALID");
    }
    let api = anonymous.with_token(&session.access_token);
    who(&api).await.unwrap();
    let sql = server.sql().await;
    sql.batch_execute("UPDATE sessions SET expires_at = clock_timestamp()").await.unwrap();
    assert_refused(refresh(&anonymous, &token).await, Code::Unauthenticated, "TOKEN_INVALID");
    assert_refused(who(&api).await, Code::Unauthenticated, "TOKEN_INVALID");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_out_ends_both_tokens_of_this_session_and_of_no_other() {
    let server = TestServer::start().await;
    let anonymous = server.anonymous().await;
    let mine = anonymous.session("operator@infrastructure", PASSWORD).await.unwrap();
    let other = server.operator().await;
    let api = anonymous.with_token(&mine.access_token);
    api.client.sessions().delete_session(v1::DeleteSessionRequest::default()).await.unwrap();
    assert_refused(who(&api).await, Code::Unauthenticated, "TOKEN_INVALID");
    assert_refused(refresh(&anonymous, &mine.refresh_token).await, Code::Unauthenticated, "TOKEN_INVALID");
    who(&other).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn who_must_change_the_password_can_do_that_alone() {
    let first = FirstOperator {
        user_name: UserName::parse("operator").unwrap(),
        password: PASSWORD.into(),
        must_change: true,
        announce: std::sync::Arc::new(|| {}),
    };
    let server = TestServer::first_started_by(first).await;
    let anonymous = server.anonymous().await;
    let session = anonymous.session("operator@infrastructure", PASSWORD).await.unwrap();
    assert!(session.password_change_required);
    let operator = anonymous.with_token(&session.access_token);
    who(&operator).await.unwrap();
    let refused = operator.row("tenants/infrastructure").await;
    assert_refused(refused, Code::FailedPrecondition, "PASSWORD_CHANGE_REQUIRED");
    let refused = operator.lock("tenants/nobody").await;
    assert_refused(refused, Code::FailedPrecondition, "PASSWORD_CHANGE_REQUIRED");
    change_password(&operator, PASSWORD, NEW_PASSWORD).await.unwrap();
    assert_refused(who(&operator).await, Code::Unauthenticated, "TOKEN_INVALID");
    let again = anonymous.session("operator@infrastructure", NEW_PASSWORD).await.unwrap();
    assert!(!again.password_change_required);
    anonymous.with_token(&again.access_token).row("tenants/infrastructure").await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_password_ends_every_session_and_replaces_the_old_one() {
    let server = TestServer::start().await;
    let anonymous = server.anonymous().await;
    let (one, two) = (server.operator().await, server.operator().await);
    let session = anonymous.session("operator@infrastructure", PASSWORD).await.unwrap();
    assert_refused(change_password(&one, "wrong", NEW_PASSWORD).await, Code::Unauthenticated, "CREDENTIALS_INVALID");
    let same = change_password(&one, PASSWORD, PASSWORD).await;
    assert_eq!(fields(&assert_refused(same, Code::InvalidArgument, "FIELDS_INVALID"))[0].0, "new_password");
    let weak = change_password(&one, PASSWORD, "short").await;
    assert_eq!(fields(&assert_refused(weak, Code::InvalidArgument, "FIELDS_INVALID"))[0].0, "new_password");
    who(&two).await.unwrap();
    change_password(&one, PASSWORD, NEW_PASSWORD).await.unwrap();
    assert_refused(who(&one).await, Code::Unauthenticated, "TOKEN_INVALID");
    assert_refused(who(&two).await, Code::Unauthenticated, "TOKEN_INVALID");
    assert_refused(refresh(&anonymous, &session.refresh_token).await, Code::Unauthenticated, "TOKEN_INVALID");
    let old = anonymous.session("operator@infrastructure", PASSWORD).await;
    assert_refused(old, Code::Unauthenticated, "CREDENTIALS_INVALID");
    anonymous.log_in("operator@infrastructure", NEW_PASSWORD).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_ten_who_use_a_link_at_once_one_succeeds() {
    let (server, code) = invited().await;
    let anonymous = server.anonymous().await;
    let passwords: Vec<_> = (0..10).map(|i| format!("the words of number {i}")).collect();
    let all = futures::future::join_all(passwords.iter().map(|password| activate(&anonymous, &code, password))).await;
    let mut winners = Vec::new();
    for (answer, password) in all.into_iter().zip(&passwords) {
        match answer {
            Ok(activated) => {
                assert_eq!(activated.user_name, "Anna");
                winners.push(password);
            }
            Err(status) => {
                assert_refused::<()>(Err(status), Code::FailedPrecondition, "LINK_USED");
            }
        }
    }
    assert_eq!(winners.len(), 1);
    anonymous.log_in("anna@acme", winners[0]).await;
    for password in passwords.iter().filter(|password| *password != winners[0]) {
        // The first ones are wrong, and those after them come too early.
        assert!(anonymous.session("anna@acme", password).await.is_err(), "{password}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_an_expired_and_a_badly_used_link_set_nothing() {
    let (server, code) = invited().await;
    let anonymous = server.anonymous().await;
    for unknown in ["", "x", &code[1..], &code.to_uppercase()] {
        let refused = activate(&anonymous, unknown, ADMIN_PASSWORD).await;
        let refused = assert_refused(refused, Code::InvalidArgument, "FIELDS_INVALID");
        assert_eq!(fields(&refused)[0].0, "code");
    }
    let weak = activate(&anonymous, &code, "short").await;
    assert_eq!(fields(&assert_refused(weak, Code::InvalidArgument, "FIELDS_INVALID"))[0].0, "password");
    let operator = server.operator().await;
    operator.lock("tenants/acme").await.unwrap();
    let locked = activate(&anonymous, &code, ADMIN_PASSWORD).await;
    assert_refused(locked, Code::FailedPrecondition, "TENANT_LOCKED");
    operator.unlock("tenants/acme").await.unwrap();
    let sql = server.sql().await;
    sql.batch_execute("UPDATE links SET expires_at = clock_timestamp()").await.unwrap();
    let expired = activate(&anonymous, &code, ADMIN_PASSWORD).await;
    assert_refused(expired, Code::FailedPrecondition, "LINK_EXPIRED");
    sql.batch_execute("UPDATE links SET expires_at = 'infinity'").await.unwrap();
    activate(&anonymous, &code, ADMIN_PASSWORD).await.expect("all that did not use the link up");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_code_password_or_token_is_stored_as_it_is() {
    let (server, code) = invited().await;
    let anonymous = server.anonymous().await;
    activate(&anonymous, &code, ADMIN_PASSWORD).await.unwrap();
    let session = anonymous.session("anna@acme", ADMIN_PASSWORD).await.unwrap();
    let sql = server.sql().await;
    let tables = "SELECT relname::text FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace";
    for row in sql.query(tables, &[]).await.unwrap() {
        let table: String = row.get(0);
        let all = format!("SELECT coalesce(string_agg(t::text, ' '), '') FROM {table} t");
        let all: String = sql.query_one(&all, &[]).await.unwrap().get(0);
        for secret in [&code, ADMIN_PASSWORD, PASSWORD, &session.refresh_token, &session.access_token] {
            assert!(!all.contains(secret), "{table} has a secret");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_ten_who_change_one_password_at_once_one_succeeds() {
    let server = TestServer::start().await;
    let anonymous = server.anonymous().await;
    let operator = server.operator().await;
    let passwords: Vec<_> = (0..10).map(|i| format!("the words of number {i}")).collect();
    let all = passwords.iter().map(|password| change_password(&operator, PASSWORD, password));
    let all = futures::future::join_all(all).await;
    let won: Vec<_> = all.iter().zip(&passwords).filter(|(answer, _)| answer.is_ok()).map(|(_, p)| p).collect();
    assert_eq!(won.len(), 1, "{all:?}");
    for status in all.iter().filter_map(|answer| answer.as_ref().err()) {
        assert_eq!(status.code(), Code::Unauthenticated, "{status:?}");
    }
    anonymous.log_in("operator@infrastructure", won[0]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_log_outs_of_one_session_at_once_end_it_and_disturb_nobody() {
    let server = TestServer::start().await;
    let operator = server.operator().await;
    let all = (0..10).map(|_| {
        let operator = operator.clone();
        async move { operator.client.sessions().delete_session(v1::DeleteSessionRequest::default()).await }
    });
    let all = futures::future::join_all(all).await;
    assert!(all.iter().any(Result::is_ok));
    for status in all.into_iter().filter_map(Result::err) {
        assert_refused::<()>(Err(status), Code::Unauthenticated, "TOKEN_INVALID");
    }
    assert_refused(who(&operator).await, Code::Unauthenticated, "TOKEN_INVALID");
    server.operator().await;
}
