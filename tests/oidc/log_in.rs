//! CreateSession with a token of a provider, and what a call with one has no session for.

use landlord::proto::v1;
use tonic::Code;

use super::{BEN, CORP, Stage};
use crate::support::client::{assert_refused, fields};
use crate::support::lifecycle::ADMIN_PASSWORD;

#[tokio::test]
async fn a_token_begins_a_session_like_any_other() {
    let stage = Stage::set(&[]).await;
    let (beta, _) = stage.server.another("Beta", "bert").await;
    stage.operator.assign_users(&beta, &[&stage.ben]).await.unwrap();
    stage.forget_epochs().await;
    let anonymous = stage.server.anonymous().await;
    let session = anonymous.session_by(&stage.token(BEN)).await.unwrap();
    assert_eq!((&session.user, &session.tenant), (&stage.ben, &stage.acme));
    assert_eq!(session.tenants.len(), 2);
    let ben = stage.bearer(&session.access_token).await;
    assert_eq!(ben.who().await.unwrap().user, stage.ben);
    assert_eq!(ben.sessions_of("").await.unwrap().len(), 1);
    let refreshed = anonymous.refresh(&session.refresh_token).await.unwrap();
    let switched = stage.bearer(&refreshed.access_token).await.switch_to(&beta).await.unwrap();
    assert_eq!(switched.tenant, beta);
    let request =
        v1::CreateSessionRequest { id_token: stage.token(BEN), active_tenant: "beta".into(), ..Default::default() };
    let elsewhere = anonymous.client.sessions().create_session(request).await.unwrap().into_inner();
    assert_eq!(elsewhere.tenant, beta);
    let told = stage.anna.events(&stage.acme, "kind = CreateSession").await.unwrap().events;
    let of_ben = told.iter().filter(|event| event.actor_name == "ben").count();
    assert_eq!(of_ben, 2, "{told:?}");
}

#[tokio::test]
async fn a_session_is_asked_for_in_one_way_at_a_time() {
    let stage = Stage::set(&[]).await;
    let with = |change: fn(&mut v1::CreateSessionRequest)| {
        let mut request = v1::CreateSessionRequest { id_token: stage.token(BEN), ..Default::default() };
        change(&mut request);
        let sessions = stage.anna.client.sessions();
        async move { { sessions }.create_session(request).await.map(tonic::Response::into_inner) }
    };
    for (field, change) in [
        ("user_name", (|r| r.user_name = "ben".into()) as fn(&mut v1::CreateSessionRequest)),
        ("password", |r| r.password = ADMIN_PASSWORD.into()),
        ("domain", |r| r.domain = "acme.example".into()),
        ("id_token", |r| r.id_token = "x".repeat(7000)),
        ("tenant", |r| r.tenant = "x".repeat(65)),
        ("active_tenant", |r| r.active_tenant = "x".repeat(65)),
    ] {
        let refused = assert_refused(with(change).await, Code::InvalidArgument, "FIELDS_INVALID");
        assert_eq!(fields(&refused)[0].0, field);
        assert!(!format!("{refused:?}").contains(&stage.token(BEN)[..100]));
    }
    let none = stage.server.anonymous().await.session_by("").await;
    assert_refused(none, Code::InvalidArgument, "FIELDS_INVALID");
}

#[tokio::test]
async fn who_is_locked_does_not_log_in() {
    let stage = Stage::set(&[]).await;
    stage.anna.lock_out(&stage.ben).await.unwrap();
    let refused = stage.server.anonymous().await.session_by(&stage.token(BEN)).await;
    assert_refused(refused, Code::Unauthenticated, "CREDENTIALS_INVALID");
}

#[tokio::test]
async fn what_is_about_a_session_needs_one() {
    let stage = Stage::set(&[]).await;
    let ben = stage.ben().await;
    assert_refused(ben.switch_to(&stage.acme).await, Code::FailedPrecondition, "SESSION_REQUIRED");
    assert_refused(ben.end_session("").await, Code::FailedPrecondition, "SESSION_REQUIRED");
    assert_eq!(ben.sessions_of("").await.unwrap(), []);
    let session = stage.server.anonymous().await.session_by(&stage.token(BEN)).await.unwrap();
    let open = ben.sessions_of("").await.unwrap();
    assert_eq!((open.len(), open[0].current), (1, false));
    ben.end_session(&open[0].name).await.unwrap();
    let ended = stage.bearer(&session.access_token).await.who().await;
    assert_refused(ended, Code::Unauthenticated, "TOKEN_INVALID");
    assert_eq!(ben.my_tenants(0, "").await.unwrap().tenants.len(), 1);
}

#[tokio::test]
async fn in_a_tenant_with_licences_a_token_counts_once_its_user_has_a_seat() {
    let stage = Stage::set(&[]).await;
    stage.operator.set_base_seats(Some(10)).await.unwrap();
    stage.operator.allot(&stage.acme, &[("base", 1)]).await.unwrap();
    let ben = stage.ben().await;
    let told = assert_refused(ben.who().await, Code::FailedPrecondition, "SESSION_REQUIRED");
    assert!(told.message().contains("CreateSession"), "{told:?}");
    // A call with the token does not stand in the way of the log-in that mends it.
    ben.session_by(&stage.token(BEN)).await.unwrap();
    ben.who().await.unwrap();
    assert_eq!(stage.operator.used(&stage.acme, "base").await, 1);
    // No further one is free.
    let cora = stage.anna.new_user(&stage.acme, "cora").await.unwrap().name;
    stage.anna.link(&cora, CORP, "cora").await.unwrap();
    let full = stage.server.anonymous().await.session_by(&stage.token("cora")).await;
    assert_refused(full, Code::ResourceExhausted, "LICENSES_EXHAUSTED");
    // And without it a token counts no more.
    stage.anna.unassign_license(&stage.acme, "base", &[&stage.ben]).await.unwrap();
    assert_refused(ben.who().await, Code::FailedPrecondition, "SESSION_REQUIRED");
}
