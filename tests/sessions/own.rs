//! ListSessions and DeleteSession.

use landlord::proto::v1;
use tonic::Code;

use crate::support::client::assert_refused;
use crate::support::lifecycle::facts;
use crate::support::server::TestServer;
use crate::support::sessions::Guest;

#[tokio::test(flavor = "multi_thread")]
async fn one_sees_ones_own_sessions_newest_first_and_ends_any_of_them() {
    let server = TestServer::start().await;
    let Guest { acme, beta, ben, .. } = server.guest().await;
    let anonymous = server.anonymous().await;
    let old = anonymous.with_token(&anonymous.session_in("ben@acme", "").await.unwrap().access_token);
    let new = anonymous.with_token(&anonymous.session_in("ben@acme", "beta").await.unwrap().access_token);
    let found = new.sessions_of("").await.unwrap();
    let told: Vec<_> = found.iter().map(|s| (s.active_tenant.clone(), s.current)).collect();
    assert_eq!(told, [(beta, true), (acme.clone(), false), (acme, false)]);
    assert!(found.iter().all(|s| s.name.starts_with(&format!("{ben}/sessions/")) && s.create_time.is_some()));
    assert_eq!(new.sessions_of(&ben).await.unwrap(), found);
    let page = v1::ListSessionsRequest { page_size: 1, ..Default::default() };
    let first = new.client.sessions().list_sessions(page.clone()).await.unwrap().into_inner();
    assert_eq!(first.sessions, found[..1]);
    let page = v1::ListSessionsRequest { page_token: first.next_page_token, ..page };
    let second = new.client.sessions().list_sessions(page).await.unwrap().into_inner();
    assert_eq!(second.sessions, found[1..2]);

    new.end_session(&found[1].name).await.unwrap();
    assert_refused(old.who().await, Code::Unauthenticated, "TOKEN_INVALID");
    assert_refused(new.end_session(&found[1].name).await, Code::NotFound, "RESOURCE_NOT_FOUND");
    assert_eq!(new.sessions_of("").await.unwrap().len(), 2);
    new.end_session("").await.unwrap();
    assert_refused(new.who().await, Code::Unauthenticated, "TOKEN_INVALID");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_administrator_sees_and_ends_those_of_the_tenants_own_users() {
    let server = TestServer::start().await;
    let Guest { acme, anna, beta, bert, ben } = server.guest().await;
    let anonymous = server.anonymous().await;
    let api = anonymous.with_token(&anonymous.session_in("ben@acme", "").await.unwrap().access_token);
    let found = anna.sessions_of(&ben).await.unwrap();
    assert_eq!(found.len(), 2);
    assert!(found.iter().all(|session| !session.current));
    anna.end_session(&found[0].name).await.unwrap();
    assert_refused(api.who().await, Code::Unauthenticated, "TOKEN_INVALID");
    let log = anna.audit(&acme, "").await.unwrap();
    assert!(log.iter().any(|r| r.method.ends_with("/DeleteSession") && r.resource == found[0].name), "{log:?}");

    // Not to who may not, and not to the host of a guest.
    let anna_name = anna.user_named(&acme, "anna").await;
    let api = anonymous.with_token(&anonymous.session_in("ben@acme", "").await.unwrap().access_token);
    let her = anna.sessions_of("").await.unwrap().remove(0).name;
    let refused = assert_refused(api.sessions_of(&anna_name).await, Code::PermissionDenied, "PRIVILEGE_MISSING");
    assert_eq!(facts(&refused)["privilege"], "user-administrator");
    assert_eq!(refused.message(), "what is not your own needs user-administrator", "it is found out at once");
    assert_refused(api.end_session(&her).await, Code::PermissionDenied, "PRIVILEGE_MISSING");
    let guest = bert.user_named(&beta, "ben").await;
    assert_refused(bert.sessions_of(&guest).await, Code::FailedPrecondition, "USER_IS_GUEST");
    anna.who().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_of_another_tenant_are_told_as_those_that_are_not_there() {
    let server = TestServer::start().await;
    let Guest { acme, anna, bert, .. } = server.guest().await;
    let theirs = anna.user_named(&acme, "anna").await;
    let session = anna.sessions_of("").await.unwrap().remove(0).name;
    let nobody = format!("{acme}/users/{}", uuid::Uuid::now_v7());
    assert_refused(anna.sessions_of(&nobody).await, Code::NotFound, "RESOURCE_NOT_FOUND");
    let absent = anna.end_session(&format!("{theirs}/sessions/{}", uuid::Uuid::now_v7())).await;
    assert_refused(absent, Code::NotFound, "RESOURCE_NOT_FOUND");
    let nowhere = |name: &str| name.replace("tenants/acme", "tenants/nowhere");
    for tenant in [|name: &str| name.to_owned(), nowhere] {
        assert_refused(bert.sessions_of(&tenant(&theirs)).await, Code::NotFound, "RESOURCE_NOT_FOUND");
        assert_refused(bert.end_session(&tenant(&session)).await, Code::NotFound, "RESOURCE_NOT_FOUND");
    }
    // A session under another user's name is not there either.
    let own = bert.sessions_of("").await.unwrap().remove(0).name;
    let own = own.split("/users/").next().unwrap().to_owned();
    let swapped = session.replace("tenants/acme", &own);
    assert_refused(bert.end_session(&swapped).await, Code::NotFound, "RESOURCE_NOT_FOUND");
    anna.who().await.unwrap();
    for wrong in ["x", &*acme, &*theirs, &format!("{theirs}/sessions/x"), &format!("{session}/x")] {
        assert_refused(anna.end_session(wrong).await, Code::InvalidArgument, "FIELDS_INVALID");
    }
}
