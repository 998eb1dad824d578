//! SetTenantDomain and RemoveTenantDomain, and domains of tenants that come and go.

use landlord::proto::v1;
use tonic::Code;
use tonic_types::StatusExt as _;

use super::internet::Internet;
use crate::support::client::{Api, assert_refused, fields, refusal};
use crate::support::server::TestServer;

/// CreateTenant with that domain.
async fn create_at(operator: &Api, name: &str, domain: &str) -> Result<v1::CreateTenantResponse, tonic::Status> {
    let tenant = v1::Tenant { display_name: name.into(), domain: domain.into(), ..Default::default() };
    let request = v1::CreateTenantRequest { tenant: Some(tenant), ..Default::default() };
    operator.client.tenants().create_tenant(request).await.map(tonic::Response::into_inner)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_domain_is_set_with_a_record_to_create_and_taken_away_again() {
    let server = TestServer::start().await;
    let operator = server.operator().await;
    let acme = operator.active_tenant("Acme").await;
    let before = operator.tenant(&acme).await;
    let set = operator.set_domain(&acme, "Portal.ACME.example.").await.unwrap();
    let (tenant, domain) = (set.tenant.unwrap(), set.domain.unwrap());
    assert_eq!((tenant.domain.as_str(), domain.domain.as_str()), ("portal.acme.example", "portal.acme.example"));
    assert_ne!(tenant.etag, before.etag);
    assert_eq!(domain.name, format!("{acme}/domain"));
    assert_eq!(domain.record_name, "_landlord-challenge.portal.acme.example");
    assert_eq!(domain.record_value.len(), 43, "256 bits");
    assert!(!domain.verified && !domain.secure && !domain.operational && domain.check_time.is_none());
    let condition = operator.domain_condition(&acme).await.unwrap();
    assert!(condition.contains(&domain.record_name) && condition.contains(&domain.record_value), "{condition}");

    let again = operator.set_domain(&format!("{acme}/domain"), "portal.acme.example").await.unwrap();
    assert_eq!(again.domain.unwrap(), domain, "the same once more changes nothing");
    assert_eq!(again.tenant.unwrap().etag, tenant.etag);
    let other = operator.set_domain(&acme, "acme.example").await.unwrap().domain.unwrap();
    assert_ne!(other.record_value, domain.record_value);
    let back = operator.set_domain(&acme, "portal.acme.example").await.unwrap().domain.unwrap();
    assert_ne!(back.record_value, domain.record_value, "the challenge of before is void");

    assert_eq!(operator.remove_domain(&acme).await.unwrap().domain, "");
    assert_eq!((operator.tenant(&acme).await.domain.as_str(), operator.domain_condition(&acme).await), ("", None));
    assert_refused(operator.remove_domain(&acme).await, Code::FailedPrecondition, "DOMAIN_NOT_SET");
    assert_refused(operator.verify_domain(&acme).await, Code::FailedPrecondition, "DOMAIN_NOT_SET");
    let logged = operator.told(&acme, "SetTenantDomain").await;
    assert_eq!((logged.len(), logged[0].details["domain"].as_str()), (4, "portal.acme.example"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_domain_and_what_is_stale_is_refused() {
    let server = TestServer::start().await;
    let operator = server.operator().await;
    let acme = operator.active_tenant("Acme").await;
    for wrong in
        ["", "acme", "127.0.0.1", "[::1]", "https://acme.example", "acme.example:443", "*.acme.example", "a b.example"]
    {
        let refused = assert_refused(operator.set_domain(&acme, wrong).await, Code::InvalidArgument, "FIELDS_INVALID");
        assert_eq!(fields(&refused)[0].0, "domain", "{wrong}");
    }
    let refused = create_at(&operator, "Beta", "acme").await;
    let refused = assert_refused(refused, Code::InvalidArgument, "FIELDS_INVALID");
    assert_eq!(fields(&refused)[0].0, "tenant.domain");
    let (name, domain) = (acme.clone(), "acme.example".into());
    let request = v1::SetTenantDomainRequest { name, domain, etag: "\"0\"".into(), ..Default::default() };
    let stale = operator.client.tenants().set_tenant_domain(request).await;
    assert_refused(stale, Code::Aborted, "ETAG_MISMATCH");
    operator.set_domain(&acme, "acme.example").await.unwrap();
    let request = v1::RemoveTenantDomainRequest { name: acme.clone(), etag: "\"0\"".into(), ..Default::default() };
    let stale = operator.client.tenants().remove_tenant_domain(request).await;
    assert_refused(stale, Code::Aborted, "ETAG_MISMATCH");
    assert_eq!(operator.tenant(&acme).await.domain, "acme.example");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_domain_is_of_one_tenant_and_nobody_is_told_of_which() {
    let server = TestServer::start().await;
    let operator = server.operator().await;
    let (acme, beta) = (operator.active_tenant("Acme").await, operator.active_tenant("Beta").await);
    let first = operator.set_domain(&acme, "shared.example").await.unwrap().domain.unwrap();
    let taken = operator.set_domain(&beta, "SHARED.example").await;
    let taken = assert_refused(taken, Code::AlreadyExists, "RESOURCE_EXISTS");
    let uid = operator.tenant(&acme).await.uid;
    let told = format!("{taken:?} {:?}", taken.get_error_details());
    assert!(!told.to_lowercase().contains("acme") && !told.contains(&uid), "{told}");
    assert_eq!(operator.tenant(&beta).await.domain, "");
    let taken = create_at(&operator, "Gamma", "shared.example").await;
    assert_refused(taken, Code::AlreadyExists, "RESOURCE_EXISTS");
    assert_refused(operator.row("tenants/gamma").await, Code::NotFound, "RESOURCE_NOT_FOUND");

    server.trust_domains(true).await;
    operator.remove_domain(&acme).await.unwrap();
    let second = operator.set_domain(&beta, "shared.example").await.unwrap().domain.unwrap();
    assert_ne!(second.record_value, first.record_value);
    assert!(!second.operational, "what the one before has shown is void");
    let (one, other) =
        tokio::join!(operator.set_domain(&acme, "race.example"), operator.set_domain(&beta, "race.example"));
    let (won, lost) = if one.is_ok() { (one, other) } else { (other, one) };
    won.unwrap();
    assert_refused(lost, Code::AlreadyExists, "RESOURCE_EXISTS");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_can_be_made_with_a_domain_and_leaves_it_when_it_goes() {
    let server = TestServer::start().await;
    let operator = server.operator().await;
    let made = create_at(&operator, "Acme", "München.example").await.unwrap();
    operator.succeed(made.operation).await;
    let acme = made.tenant.unwrap();
    assert_eq!(acme.domain, "xn--mnchen-3ya.example");
    assert!(operator.domain_condition(&acme.name).await.is_some());
    let beta = operator.active_tenant("Beta").await;
    assert_refused(operator.set_domain(&beta, "münchen.example").await, Code::AlreadyExists, "RESOURCE_EXISTS");
    operator.delete_fully(&acme.name).await;
    operator.set_domain(&beta, "münchen.example").await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_only_tried_sets_nothing_and_what_is_repeated_answers_as_before() {
    let server = TestServer::start().await;
    let operator = server.operator().await;
    let acme = operator.active_tenant("Acme").await;
    let request =
        v1::SetTenantDomainRequest { name: acme.clone(), domain: "acme.example".into(), ..Default::default() };
    let set = async |request: v1::SetTenantDomainRequest| {
        operator.client.tenants().set_tenant_domain(request).await.map(tonic::Response::into_inner)
    };
    let tried = set(v1::SetTenantDomainRequest { validate_only: true, ..request.clone() }).await.unwrap();
    assert_eq!(
        (tried.tenant.unwrap().domain.as_str(), tried.domain.unwrap().record_value.as_str()),
        ("acme.example", "")
    );
    assert_eq!(operator.tenant(&acme).await.domain, "");
    let once = v1::SetTenantDomainRequest { request_id: uuid::Uuid::new_v4().to_string(), ..request };
    let first = set(once.clone()).await.unwrap();
    operator.remove_domain(&acme).await.unwrap();
    assert_eq!(set(once).await.unwrap(), first);
    assert_eq!(operator.tenant(&acme).await.domain, "", "the repeat has done nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn operators_alone_set_domains_and_the_infrastructure_tenant_has_none() {
    let internet = Internet::start().await;
    let server = TestServer::with(&internet.options()).await;
    let (acme, anna) = server.administrator("Acme").await;
    let operator = server.operator().await;
    assert_refused(anna.set_domain(&acme, "acme.example").await, Code::PermissionDenied, "PRIVILEGE_MISSING");
    operator.set_domain(&acme, "acme.example").await.unwrap();
    assert_refused(anna.remove_domain(&acme).await, Code::PermissionDenied, "PRIVILEGE_MISSING");
    assert_eq!(anna.tenant(&acme).await.domain, "acme.example");
    anna.verify_domain(&acme).await.expect("she may have it checked");
    let beta = operator.active_tenant("Beta").await;
    assert_refused(anna.verify_domain(&beta).await, Code::NotFound, "RESOURCE_NOT_FOUND");
    let infrastructure = "tenants/infrastructure";
    for refused in [
        operator.set_domain(infrastructure, "landlord.example").await.map(|_| ()),
        operator.verify_domain(infrastructure).await.map(|_| ()),
        operator.remove_domain(infrastructure).await.map(|_| ()),
    ] {
        assert_refused(refused, Code::FailedPrecondition, "TENANT_READ_ONLY");
    }
    let sql = server.sql().await;
    for write in ["UPDATE tenants SET domain = 'landlord.example'", "UPDATE tenants SET product_name = 'Landlord'"] {
        let write = format!("{write} WHERE code = 'infrastructure'");
        let refused = sql.batch_execute(&write).await.unwrap_err();
        assert!(refused.as_db_error().unwrap().message().contains("TENANT_READ_ONLY"), "{write}");
    }
    operator.prepare_fully(&acme).await;
    let late = operator.set_domain(&acme, "late.example").await;
    assert_eq!(refusal(&late.unwrap_err()), (Code::FailedPrecondition, "TENANT_STATE_INVALID".into()));
}
