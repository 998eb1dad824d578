//! Log-in and new passwords by domain.

use landlord::proto::v1;
use tonic::{Code, Response, Status};

use crate::support::client::{Api, assert_refused, fields};
use crate::support::lifecycle::ADMIN_PASSWORD;
use crate::support::mail::reset_codes;
use crate::support::server::TestServer;

fn request(user_name: &str, domain: &str) -> v1::CreateSessionRequest {
    v1::CreateSessionRequest {
        user_name: user_name.into(),
        password: ADMIN_PASSWORD.into(),
        domain: domain.into(),
        ..Default::default()
    }
}

async fn ask(api: &Api, request: v1::CreateSessionRequest) -> Result<v1::CreateSessionResponse, Status> {
    api.client.sessions().create_session(request).await.map(Response::into_inner)
}

async fn ask_for_reset(api: &Api, user_name: &str, domain: &str) -> Result<(), Status> {
    let (user_name, domain) = (user_name.into(), domain.into());
    let request = v1::RequestPasswordResetRequest { user_name, domain, ..Default::default() };
    api.client.users().request_password_reset(request).await.map(|_| ())
}

/// Acme at acme.example, which works, and its administrator anna. There is another tenant.
async fn acme() -> (TestServer, String) {
    let server = TestServer::start().await;
    let (acme, _) = server.administrator("Acme").await;
    let operator = server.operator().await;
    operator.active_tenant("Beta").await;
    operator.set_domain(&acme, "acme.example").await.unwrap();
    server.trust_domains(true).await;
    (server, acme)
}

/// All that a refusal says, but for the id of the call.
fn told(answer: Result<v1::CreateSessionResponse, Status>) -> (Code, String, Vec<u8>) {
    let status = answer.unwrap_err();
    let correlation = status.metadata().get("x-landlord-request-id").map(|id| id.to_str().unwrap().to_owned());
    let details = String::from_utf8_lossy(status.details()).replace(&correlation.unwrap_or_default(), "");
    (status.code(), status.message().to_owned(), details.into_bytes())
}

#[tokio::test(flavor = "multi_thread")]
async fn users_log_in_by_domain_and_twice() {
    let (server, acme) = acme().await;
    let anonymous = server.anonymous().await;
    for domain in ["acme.example", "ACME.Example."] {
        let session = ask(&anonymous, request("anna", domain)).await.unwrap();
        assert_eq!(session.tenant, acme);
    }
    let wrong = v1::CreateSessionRequest { password: "wrong".into(), ..request("anna", "acme.example") };
    assert_refused(ask(&anonymous, wrong).await, Code::Unauthenticated, "CREDENTIALS_INVALID");
    server.operator().await.lock(&acme).await.unwrap();
    let locked = ask(&anonymous, request("anna", "acme.example")).await;
    assert_refused(locked, Code::FailedPrecondition, "TENANT_LOCKED");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_home_is_named_once() {
    let (server, _) = acme().await;
    let anonymous = server.anonymous().await;
    let both = v1::CreateSessionRequest { tenant: "acme".into(), ..request("anna", "acme.example") };
    let refused = [ask(&anonymous, both).await, ask(&anonymous, request("anna@acme", "acme.example")).await];
    for refused in refused {
        let refused = assert_refused(refused, Code::InvalidArgument, "FIELDS_INVALID");
        assert_eq!(fields(&refused)[0].0, "domain");
    }
    let no_domain =
        assert_refused(ask(&anonymous, request("anna", "acme")).await, Code::InvalidArgument, "FIELDS_INVALID");
    assert_eq!(fields(&no_domain)[0].0, "domain");
    let refused = ask_for_reset(&anonymous, "anna@acme", "acme.example").await;
    assert_refused(refused, Code::InvalidArgument, "FIELDS_INVALID");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_domain_is_answered_as_an_unknown_tenant() {
    let (server, acme) = acme().await;
    let anonymous = server.anonymous().await;
    let unknown = v1::CreateSessionRequest { tenant: "nobody".into(), ..request("anna", "") };
    let unknown = told(ask(&anonymous, unknown).await);
    assert_eq!(told(ask(&anonymous, request("anna", "nobody.example")).await), unknown);
    // One that does not work is one of them, for whoever does not know the password.
    server.trust_domains(false).await;
    let wrong = v1::CreateSessionRequest { password: "wrong".into(), ..request("anna", "acme.example") };
    assert_eq!(told(ask(&anonymous, wrong).await), unknown);
    assert_eq!(told(ask(&anonymous, request("nobody", "acme.example")).await), unknown);
    let right = ask(&anonymous, request("anna", "acme.example")).await;
    assert_refused(right, Code::FailedPrecondition, "DOMAIN_NOT_OPERATIONAL");
    server.operator().await.remove_domain(&acme).await.unwrap();
    assert_eq!(told(ask(&anonymous, request("anna", "acme.example")).await), unknown);
    ask(&anonymous, v1::CreateSessionRequest { tenant: "acme".into(), ..request("anna", "") }).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn one_half_of_what_makes_a_domain_work_is_not_enough() {
    let (server, _) = acme().await;
    let anonymous = server.anonymous().await;
    for half in ["verified = false", "verified = true, secure = false"] {
        server.sql().await.batch_execute(&format!("UPDATE tenant_domains SET {half}")).await.unwrap();
        let refused = ask(&anonymous, request("anna", "acme.example")).await;
        assert_refused(refused, Code::FailedPrecondition, "DOMAIN_NOT_OPERATIONAL");
        assert_refused(
            anonymous.resolve_domain("acme.example").await,
            Code::FailedPrecondition,
            "DOMAIN_NOT_OPERATIONAL",
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_forgotten_the_password_asks_by_domain() {
    let (server, acme) = acme().await;
    let (anonymous, operator) = (server.anonymous().await, server.operator().await);
    let mails = async || operator.operations_of(&acme).await.iter().filter(|o| o.kind == "deliver-mail").count();
    let before = mails().await;
    ask_for_reset(&anonymous, "anna", "nobody.example").await.unwrap();
    server.trust_domains(false).await;
    ask_for_reset(&anonymous, "anna", "acme.example").await.unwrap();
    assert_eq!(mails().await, before, "nobody gets a link by a domain that does not work");
    server.trust_domains(true).await;
    ask_for_reset(&anonymous, "anna", "acme.example").await.unwrap();
    assert_eq!(mails().await, before + 1);
    let folder = server.mail_folder();
    crate::support::client::eventually("a link", async || reset_codes(&folder).pop()).await;
}
