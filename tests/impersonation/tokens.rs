//! ExchangeToken: a token with which an operator acts for an account, for a while.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use landlord::proto::v1;
use tonic::Code;

use super::Stage;
use crate::support::client::{assert_refused, eventually, fields, refusal};
use crate::support::server::TestServer;

#[tokio::test(flavor = "multi_thread")]
async fn the_token_says_who_acts_for_whom_and_why_and_until_when() {
    let stage = Stage::new().await;
    let exchanged = stage.operator.exchange(&stage.acme, Some(60)).await.unwrap();
    assert_eq!((&exchanged.tenant, &exchanged.acting_for), (&stage.acme, &stage.superuser().await));
    let types = (&*exchanged.issued_token_type, &*exchanged.token_type);
    assert_eq!(types, ("urn:ietf:params:oauth:token-type:access_token", "Bearer"));
    let claims = URL_SAFE_NO_PAD.decode(exchanged.access_token.split('.').nth(1).unwrap()).unwrap();
    let claims: serde_json::Value = serde_json::from_slice(&claims).unwrap();
    let last = |name: &str| name.rsplit('/').next().unwrap().to_owned();
    assert_eq!(claims["sub"], last(&exchanged.acting_for));
    assert_eq!(claims["act"]["sub"], last(&stage.operator.who().await.unwrap().user));
    assert_eq!(claims["act"]["reason"], "ticket 4711");
    assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 60);
    let longest = stage.operator.exchange(&stage.acme, None).await.unwrap();
    let left = longest.access_expire_time.unwrap().seconds - exchanged.access_expire_time.unwrap().seconds;
    assert!((3540..=3600).contains(&left), "{left}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_has_a_reason_and_lasts_an_hour_at_most() {
    let stage = Stage::new().await;
    for seconds in [0, -1, 3601] {
        let refused = stage.operator.exchange(&stage.acme, Some(seconds)).await;
        let refused = assert_refused(refused, Code::InvalidArgument, "FIELDS_INVALID");
        assert_eq!(fields(&refused)[0].0, "lifetime");
    }
    for reason in ["", "  ", "line\nbreak", &"x".repeat(501)] {
        let (tenant, reason) = (stage.acme.clone(), reason.to_owned());
        let refused =
            stage.operator.exchange_for(v1::ExchangeTokenRequest { tenant, reason, ..Default::default() }).await;
        let refused = assert_refused(refused, Code::InvalidArgument, "FIELDS_INVALID");
        assert_eq!(fields(&refused)[0].0, "reason");
    }
    assert_refused(stage.operator.exchange("tenants/nobody", None).await, Code::NotFound, "RESOURCE_NOT_FOUND");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_ends_with_its_time() {
    let stage = Stage::new().await;
    let token = stage.operator.exchange(&stage.acme, Some(1)).await.unwrap().access_token;
    let acting = stage.operator.with_token(&token);
    acting.who().await.unwrap();
    let expired = eventually("a token whose time is over", || async { acting.who().await.err() }).await;
    assert_eq!(refusal(&expired), (Code::Unauthenticated, "TOKEN_EXPIRED".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_ends_with_the_session_of_the_operator_and_is_no_session_itself() {
    let stage = Stage::new().await;
    let acting = stage.operator.exchanged(&stage.acme).await;
    acting.new_group(&stage.acme, "Sales").await.unwrap();
    assert_refused(acting.end_session("").await, Code::PermissionDenied, "IMPERSONATION_NOT_PERMITTED");
    stage.operator.end_session("").await.unwrap();
    assert_refused(acting.new_group(&stage.acme, "Late").await, Code::Unauthenticated, "TOKEN_INVALID");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_taken_away_from_the_operator_ends_the_token() {
    let stage = Stage::new().await;
    let (olga, role) = stage.colleague("olga", &["impersonation"]).await;
    let acting = olga.exchanged(&stage.acme).await;
    acting.new_group(&stage.acme, "Sales").await.unwrap();
    stage.operator.revoke(&role, &["privileges/impersonation"]).await.unwrap();
    let late = acting.new_group(&stage.acme, "Late").await;
    assert_refused(late, Code::PermissionDenied, "IMPERSONATION_NOT_PERMITTED");
    stage.operator.grant(&role, &["privileges/impersonation"]).await.unwrap();
    acting.new_group(&stage.acme, "Support").await.unwrap();
    stage.operator.lock_out(&olga.who().await.unwrap().user).await.unwrap();
    assert_refused(acting.new_group(&stage.acme, "Late").await, Code::Unauthenticated, "TOKEN_INVALID");
}

#[tokio::test(flavor = "multi_thread")]
async fn all_replicas_miss_a_mark_with_the_next_call() {
    let stage = Stage::new().await;
    let other = TestServer::on(stage.server.database.clone(), &[]).await;
    let superuser = stage.superuser().await;
    let token = stage.operator.exchange(&stage.acme, None).await.unwrap().access_token;
    let by_token = other.anonymous().await.with_token(&token);
    let by_metadata = other.operator().await.acting_as("superuser");
    for (number, acting) in [&by_token, &by_metadata].into_iter().enumerate() {
        acting.new_group(&stage.acme, &format!("Sales {number}")).await.unwrap();
        stage.anna.mark(&superuser, false).await.unwrap();
        let late = acting.new_group(&stage.acme, "Late").await;
        assert_refused(late, Code::PermissionDenied, "IMPERSONATION_TARGET_NOT_DEFINED");
        stage.anna.mark(&superuser, true).await.unwrap();
    }
}
