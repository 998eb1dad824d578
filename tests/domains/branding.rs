//! How a tenant looks to people before they log in.

use landlord::proto::v1;
use tonic::Code;

use crate::support::client::{assert_refused, fields};
use crate::support::server::TestServer;

fn looks() -> v1::Branding {
    v1::Branding {
        product_name: "Acme Cloud".into(),
        logo_url: "https://acme.example/logo.svg".into(),
        primary_color: "#0A7CFF".into(),
        accent_color: "#ffffff".into(),
    }
}

fn with(name: &str, branding: v1::Branding) -> v1::Tenant {
    v1::Tenant { name: name.into(), branding: Some(branding), ..Default::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_looks_are_the_tenants_own_and_everybody_sees_them() {
    let server = TestServer::start().await;
    let (acme, anna) = server.administrator("Acme").await;
    assert_eq!(anna.tenant(&acme).await.branding, None);
    let kept = v1::Branding { primary_color: "#0a7cff".into(), ..looks() };
    let changed = anna.update(with(&acme, looks()), &["branding"]).await.unwrap();
    assert_eq!(changed.branding.as_ref(), Some(&kept));
    assert_eq!(server.anonymous().await.resolve("acme").await.unwrap().branding, Some(kept.clone()));
    let request = v1::UpdateTenantRequest { tenant: Some(with(&acme, v1::Branding::default())), ..Default::default() };
    let populated = anna.client.tenants().update_tenant(request).await.unwrap().into_inner().tenant.unwrap();
    assert_eq!(populated.branding, None, "it is replaced as a whole, also without a mask");
    anna.update(with(&acme, looks()), &["branding"]).await.unwrap();
    let cleared = anna.update(v1::Tenant { name: acme, ..Default::default() }, &["branding"]).await.unwrap();
    assert_eq!(cleared.branding, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_is_made_with_its_looks_and_wrong_ones_are_named() {
    let server = TestServer::start().await;
    let operator = server.operator().await;
    let tenant = v1::Tenant { display_name: "Acme".into(), branding: Some(looks()), ..Default::default() };
    let request = v1::CreateTenantRequest { tenant: Some(tenant), ..Default::default() };
    let made = operator.client.tenants().create_tenant(request).await.unwrap().into_inner();
    operator.succeed(made.operation).await;
    let acme = made.tenant.unwrap();
    assert_eq!(acme.branding.unwrap().product_name, "Acme Cloud");
    let wrong = v1::Branding {
        product_name: "x".repeat(101),
        logo_url: "http://acme.example/logo.svg".into(),
        primary_color: "blue".into(),
        accent_color: "#fff".into(),
    };
    let refused = operator.update(with(&acme.name, wrong), &["branding"]).await;
    let named = fields(&assert_refused(refused, Code::InvalidArgument, "FIELDS_INVALID"));
    let named: Vec<_> = named.iter().map(|(field, _)| field.rsplit('.').next().unwrap()).collect();
    assert_eq!(named, ["product_name", "logo_url", "primary_color", "accent_color"]);
    let parts = operator.update(with(&acme.name, looks()), &["branding.logo_url"]).await;
    assert_refused(parts, Code::InvalidArgument, "FIELDS_INVALID");
    let refused = operator.update(with("tenants/infrastructure", looks()), &["branding"]).await;
    assert_refused(refused, Code::FailedPrecondition, "TENANT_READ_ONLY");
}
