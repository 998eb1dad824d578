//! ResolveTenant: what everybody may know of a tenant.

use landlord::proto::v1;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use crate::support::client::{assert_refused, fields};
use crate::support::server::TestServer;

/// All that a refusal says, without the id of the call and what was asked for.
fn told(status: &Status, asked: &str) -> String {
    let mut info = status.get_details_error_info().unwrap();
    info.metadata.remove("correlation_id");
    let mut facts: Vec<_> = info.metadata.into_iter().collect();
    facts.sort();
    let resource = status.get_details_resource_info();
    format!("{:?} {} {} {facts:?} {resource:?}", status.code(), status.message(), info.reason).replace(asked, "?")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_is_told_by_code_uid_and_domain_and_no_more_than_that() {
    let server = TestServer::start().await;
    let operator = server.operator().await;
    let acme = operator.active_tenant("Acme").await;
    let anonymous = server.anonymous().await;
    let wanted = v1::ResolveTenantResponse {
        code: "acme".into(),
        display_name: "Acme".into(),
        branding: None,
        log_in_possible: true,
    };
    assert_eq!(anonymous.resolve("acme").await.unwrap(), wanted);
    assert_eq!(anonymous.resolve(&operator.tenant(&acme).await.uid).await.unwrap(), wanted);
    operator.set_domain(&acme, "acme.example").await.unwrap();
    let refused = anonymous.resolve_domain("acme.example").await;
    assert_refused(refused, Code::FailedPrecondition, "DOMAIN_NOT_OPERATIONAL");
    server.trust_domains(true).await;
    assert_eq!(anonymous.resolve_domain("acme.example").await.unwrap(), wanted);
    assert_eq!(anonymous.resolve_domain("ACME.example.").await.unwrap(), wanted);
    operator.lock(&acme).await.unwrap();
    let locked = v1::ResolveTenantResponse { log_in_possible: false, ..wanted };
    assert_eq!(anonymous.resolve_domain("acme.example").await.unwrap(), locked);
    assert_eq!(operator.resolve("acme").await.unwrap(), locked, "who has a token is told the same");
    assert_eq!(anonymous.resolve("infrastructure").await.unwrap().code, "infrastructure");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_there_and_what_is_gone_are_told_alike() {
    let server = TestServer::start().await;
    let operator = server.operator().await;
    let gone = operator.active_tenant("Gone").await;
    let uid = operator.tenant(&gone).await.uid;
    operator.set_domain(&gone, "gone.example").await.unwrap();
    server.trust_domains(true).await;
    operator.delete_fully(&gone).await;
    let anonymous = server.anonymous().await;
    let nobody = uuid::Uuid::new_v4().to_string();
    for (one, other) in [("gone", "none"), (&uid, &nobody)] {
        let one = (anonymous.resolve(one).await.unwrap_err(), one);
        let other = (anonymous.resolve(other).await.unwrap_err(), other);
        assert_eq!(one.0.code(), Code::NotFound);
        assert_eq!(told(&one.0, one.1), told(&other.0, other.1));
    }
    let one = anonymous.resolve_domain("gone.example").await.unwrap_err();
    let other = anonymous.resolve_domain("none.example").await.unwrap_err();
    assert_eq!(one.code(), Code::NotFound);
    assert_eq!(told(&one, "gone.example"), told(&other, "none.example"));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_both_is_asked_for() {
    let server = TestServer::start().await;
    let anonymous = server.anonymous().await;
    let both = v1::ResolveTenantRequest { tenant: "acme".into(), domain: "acme.example".into() };
    for (request, field) in [
        (v1::ResolveTenantRequest::default(), "tenant"),
        (both, "domain"),
        (v1::ResolveTenantRequest { tenant: "x".repeat(65), ..Default::default() }, "tenant"),
        (v1::ResolveTenantRequest { tenant: "a\0b".into(), ..Default::default() }, "tenant"),
        (v1::ResolveTenantRequest { domain: "acme".into(), ..Default::default() }, "domain"),
    ] {
        let refused = anonymous.client.tenants().resolve_tenant(request).await;
        assert_eq!(fields(&assert_refused(refused, Code::InvalidArgument, "FIELDS_INVALID"))[0].0, field);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_asks_for_many_that_are_not_there_has_to_wait_and_who_asks_for_one_that_is_does_not() {
    let server = TestServer::start().await;
    let operator = server.operator().await;
    operator.active_tenant("Acme").await;
    let anonymous = server.anonymous().await;
    for _ in 0..60 {
        anonymous.resolve("acme").await.unwrap();
    }
    let mut found_out = 0;
    for number in 0..60 {
        match anonymous.resolve(&format!("guess-{number}")).await.unwrap_err().code() {
            Code::NotFound => found_out += 1,
            code => assert_eq!(code, Code::ResourceExhausted),
        }
    }
    assert!((50..60).contains(&found_out), "{found_out}");
    let refused = anonymous.resolve("acme").await;
    let refused = assert_refused(refused, Code::ResourceExhausted, "RATE_LIMITED");
    assert!(refused.get_details_retry_info().is_some());
    anonymous
        .session("operator@infrastructure", crate::support::server::PASSWORD)
        .await
        .expect("nothing else is delayed");
}
