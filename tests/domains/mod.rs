//! The domains of tenants: who sets them, what makes them operational, and what people can do by them.

mod again;
mod branding;
mod internet;
mod log_in;
mod resolve;
mod set;
mod verify;

use landlord::proto::v1;
use tonic::{Response, Status};

use crate::support::client::Api;
use crate::support::server::TestServer;

impl Api {
    /// SetTenantDomain.
    async fn set_domain(&self, name: &str, domain: &str) -> Result<v1::SetTenantDomainResponse, Status> {
        let request = v1::SetTenantDomainRequest { name: name.into(), domain: domain.into(), ..Default::default() };
        self.client.tenants().set_tenant_domain(request).await.map(Response::into_inner)
    }

    /// VerifyTenantDomain.
    async fn verify_domain(&self, name: &str) -> Result<v1::TenantDomain, Status> {
        let request = v1::VerifyTenantDomainRequest { name: name.into(), ..Default::default() };
        self.client.tenants().verify_tenant_domain(request).await.map(|r| r.into_inner().domain.unwrap())
    }

    /// RemoveTenantDomain.
    async fn remove_domain(&self, name: &str) -> Result<v1::Tenant, Status> {
        let request = v1::RemoveTenantDomainRequest { name: name.into(), ..Default::default() };
        self.client.tenants().remove_tenant_domain(request).await.map(|r| r.into_inner().tenant.unwrap())
    }

    /// ResolveTenant by code or uid.
    async fn resolve(&self, tenant: &str) -> Result<v1::ResolveTenantResponse, Status> {
        let request = v1::ResolveTenantRequest { tenant: tenant.into(), ..Default::default() };
        self.client.tenants().resolve_tenant(request).await.map(Response::into_inner)
    }

    /// ResolveTenant by domain.
    async fn resolve_domain(&self, domain: &str) -> Result<v1::ResolveTenantResponse, Status> {
        let request = v1::ResolveTenantRequest { domain: domain.into(), ..Default::default() };
        self.client.tenants().resolve_tenant(request).await.map(Response::into_inner)
    }

    /// What operators read of that kind about a tenant, newest first.
    async fn told(&self, tenant: &str, kind: &str) -> Vec<v1::Event> {
        let filter = format!("tenant = \"{tenant}\" AND kind = {kind}");
        self.events("tenants/infrastructure", &filter).await.unwrap().events
    }

    /// What the tenant's condition says of its domain, if there is one.
    async fn domain_condition(&self, name: &str) -> Option<String> {
        let conditions = self.tenant(name).await.conditions.into_iter();
        let mut found = conditions.filter(|c| c.kind() == v1::tenant_condition::Kind::DomainNotSecure);
        found.next().map(|condition| condition.message)
    }
}

impl TestServer {
    /// Notes of all domains that they are verified and secure, or that they are not, and that nobody is to look at them.
    async fn trust_domains(&self, trusted: bool) {
        let all =
            format!("UPDATE tenant_domains SET verified = {trusted}, secure = {trusted}, check_after = 'infinity'");
        self.sql().await.batch_execute(&all).await.unwrap();
    }
}
