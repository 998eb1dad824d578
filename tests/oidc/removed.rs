//! Until when tokens of providers count.

use landlord::proto::v1;
use tonic::Code;

use super::{BEN, CORP, Stage};
use crate::support::client::{Api, assert_refused};
use crate::support::server::TestServer;

/// That a bearer is nobody any more.
async fn is_over(bearer: &Api) {
    assert_refused(bearer.who().await, Code::Unauthenticated, "TOKEN_INVALID");
}

#[tokio::test]
async fn a_lock_of_the_user_ends_them_and_those_of_before_never_count_again() {
    let stage = Stage::set(&[]).await;
    let before = stage.ben().await;
    before.who().await.unwrap();
    stage.anna.lock_out(&stage.ben).await.unwrap();
    is_over(&before).await;
    let request = v1::UnlockUserRequest { name: stage.ben.clone(), ..Default::default() };
    stage.anna.unlock_user(request).await.unwrap();
    is_over(&before).await;
    counts_later(&stage).await;
}

#[tokio::test]
async fn a_lock_of_the_tenant_ends_them_and_those_of_before_never_count_again() {
    let stage = Stage::set(&[]).await;
    let before = stage.ben().await;
    before.who().await.unwrap();
    stage.operator.lock(&stage.acme).await.unwrap();
    is_over(&before).await;
    let logged_in = stage.server.anonymous().await.session_by(&stage.token(BEN)).await;
    assert_refused(logged_in, Code::FailedPrecondition, "TENANT_LOCKED");
    stage.operator.unlock(&stage.acme).await.unwrap();
    is_over(&before).await;
    let logged_in = stage.server.anonymous().await.session_by(&stage.token(BEN)).await;
    assert_refused(logged_in, Code::Unauthenticated, "TOKEN_INVALID");
    counts_later(&stage).await;
}

/// That a token counts that is issued a little later.
async fn counts_later(stage: &Stage) {
    let now = jsonwebtoken::get_current_timestamp();
    let claims = stage.issuer.claims_with(BEN, serde_json::json!({ "iat": now + 2 }));
    assert_eq!(stage.bearer(&stage.key.sign(&claims)).await.who().await.unwrap().user, stage.ben);
}

#[tokio::test]
async fn a_token_of_the_second_in_which_something_was_locked_does_not_count() {
    let stage = Stage::set(&[]).await;
    let now = i64::try_from(jsonwebtoken::get_current_timestamp()).unwrap() - 2;
    for table in ["users", "tenants"] {
        for (at, counts) in [("0", false), ("0.9", false), ("1", false), ("-0.1", true), ("-1", true)] {
            let set = format!(
                "UPDATE {table} SET epoch_at = to_timestamp({now}) + {at} * interval '1 second'
                 WHERE tenant_id IN (SELECT uid FROM tenant_identities WHERE code = 'acme')"
            );
            stage.server.sql().await.batch_execute(&set).await.unwrap();
            let claims = stage.issuer.claims_with(BEN, serde_json::json!({ "iat": now }));
            let answer = stage.bearer(&stage.key.sign(&claims)).await.who().await;
            assert_eq!(answer.is_ok(), counts, "{table}, {at}: {answer:?}");
        }
        stage.forget_epochs().await;
    }
}

#[tokio::test]
async fn a_new_password_ends_them() {
    let stage = Stage::set(&[]).await;
    let before = stage.ben().await;
    before.who().await.unwrap();
    // ben has no password yet, which is no obstacle to a link for one.
    let user = v1::User { name: stage.ben.clone(), email: "ben@example.com".into(), ..Default::default() };
    stage.anna.update_user(v1::UpdateUserRequest { user: Some(user), ..Default::default() }).await.unwrap();
    stage.anna.reset_password(&stage.ben).await.unwrap();
    is_over(&before).await;
    counts_later(&stage).await;
}

#[tokio::test]
async fn whoever_works_in_a_tenant_no_more_does_not_come_in() {
    let stage = Stage::set(&[]).await;
    let (beta, _) = stage.server.another("Beta", "bert").await;
    stage.operator.assign_users(&beta, &[&stage.ben]).await.unwrap();
    stage.forget_epochs().await;
    let in_beta = stage.ben().await.within("beta");
    in_beta.who().await.unwrap();
    stage.operator.unassign_users(&beta, &[&stage.ben.replace(&stage.acme, &beta)]).await.unwrap();
    assert!(in_beta.who().await.is_err());
    stage.anna.unassign_users(&stage.acme, &[&stage.ben]).await.unwrap();
    assert!(stage.ben().await.who().await.is_err());
    let now = jsonwebtoken::get_current_timestamp();
    let later = stage.key.sign(&stage.issuer.claims_with(BEN, serde_json::json!({ "iat": now + 2 })));
    let later = stage.bearer(&later).await.who().await;
    assert_refused(later, Code::FailedPrecondition, "DEFAULT_TENANT_REQUIRED");
}

#[tokio::test]
async fn who_is_unlinked_is_nobody_from_then_on_and_its_sessions_end() {
    let stage = Stage::set(&[]).await;
    let ben = stage.ben().await;
    let session = stage.server.anonymous().await.session_by(&stage.token(BEN)).await.unwrap();
    let in_session = stage.bearer(&session.access_token).await;
    in_session.who().await.unwrap();
    assert_eq!(stage.anna.sessions_of(&stage.ben).await.unwrap().len(), 1);
    // Another identity of the same user is not touched.
    stage.anna.link(&stage.ben, CORP, "another of his").await.unwrap();
    let other = stage.server.anonymous().await.session_by(&stage.token("another of his")).await.unwrap();

    stage.anna.unlink(&stage.ben, CORP, BEN).await.unwrap();
    is_over(&ben).await;
    is_over(&in_session).await;
    let refreshed = stage.anna.refresh(&session.refresh_token).await;
    assert_refused(refreshed, Code::Unauthenticated, "TOKEN_INVALID");
    stage.bearer(&other.access_token).await.who().await.unwrap();
    assert_eq!(stage.anna.sessions_of(&stage.ben).await.unwrap().len(), 1);
    assert_eq!(stage.anna.identities(&stage.ben).await.unwrap().len(), 1);
    assert_refused(stage.anna.unlink(&stage.ben, CORP, BEN).await, Code::NotFound, "RESOURCE_NOT_FOUND");

    let told = stage.anna.audit(&stage.acme, "method = \"/landlord.v1.UserService/UnlinkIdentity\"").await.unwrap();
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].details["identity_provider"], CORP);
    assert_eq!(told[0].details["subject"], BEN);
}

#[tokio::test]
async fn with_a_provider_go_its_tokens_its_links_and_its_sessions() {
    let stage = Stage::set(&[]).await;
    let ben = stage.ben().await;
    let session = stage.server.anonymous().await.session_by(&stage.token(BEN)).await.unwrap();
    let in_session = stage.bearer(&session.access_token).await;
    in_session.who().await.unwrap();
    stage.operator.delete_provider(CORP).await.unwrap();
    is_over(&ben).await;
    is_over(&in_session).await;
    let refreshed = stage.anna.refresh(&session.refresh_token).await;
    assert_refused(refreshed, Code::Unauthenticated, "TOKEN_INVALID");
    assert_eq!(stage.anna.identities(&stage.ben).await.unwrap(), []);
    assert_eq!(stage.anna.user(&stage.ben).await.unwrap().state(), v1::user::State::Active);
    let found = stage.operator.provider(CORP).await;
    assert_refused(found, Code::NotFound, "RESOURCE_NOT_FOUND");
}

#[tokio::test]
async fn on_another_replica_too() {
    let stage = Stage::set(&[]).await;
    let replica = TestServer::on(stage.server.database.clone(), &[]).await;
    let there = replica.anonymous().await.with_token(&stage.token(BEN));
    there.who().await.unwrap();
    // The provider is in that replica's memory; the links are not.
    stage.operator.delete_provider(CORP).await.unwrap();
    is_over(&there).await;
}

#[tokio::test]
async fn with_a_tenant_goes_the_provider_that_speaks_for_it_alone() {
    let stage = Stage::set(&[]).await;
    let beta = stage.operator.active_tenant("Beta").await;
    let provider = v1::IdentityProvider { tenant: beta.clone(), ..super::record("https://login.example", &["RS256"]) };
    let made = stage.operator.create_provider("beta-login", provider).await.unwrap();
    assert_eq!(made.tenant, beta);
    stage.operator.delete_fully(&beta).await;
    let found = stage.operator.provider("identityProviders/beta-login").await;
    assert_refused(found, Code::NotFound, "RESOURCE_NOT_FOUND");
    // Users of a tenant go with their identities.
    stage.operator.delete_fully(&stage.acme).await;
    let left = "SELECT FROM user_identities";
    assert!(stage.server.sql().await.query(left, &[]).await.unwrap().is_empty());
    is_over(&stage.ben().await).await;
    stage.operator.provider(CORP).await.unwrap();
}
