//! Domains and looks of tenants as messages, and the requests that name them.

use super::fields::{Fields, timestamp};
use crate::domain::branding::Branding;
use crate::domain::error::{Error, Result};
use crate::domain::name::{Color, DomainName, LogoUrl, ProductName};
use crate::domain::tenant_domain::TenantDomain;
use crate::proto::v1;
use crate::store::public_tenants::{Asked, PublicTenant};

/// The domain of the tenant of that name.
pub fn domain(tenant: &str, domain: TenantDomain) -> v1::TenantDomain {
    v1::TenantDomain {
        name: format!("{tenant}/domain"),
        record_name: domain.record_name(),
        verified: domain.verified,
        secure: domain.secure,
        operational: domain.operational(),
        domain: domain.name.to_string(),
        record_value: domain.challenge,
        problem: domain.problem,
        check_time: domain.checked_at.map(timestamp),
    }
}

/// The domain that stands in `field`.
pub fn name(field: &str, sent: &str) -> Result<DomainName> {
    DomainName::parse(sent).map_err(|allowed| Error::field(field, allowed))
}

/// How a tenant looks; nothing, if nothing of it is the tenant's own.
pub fn branding(branding: Branding) -> Option<v1::Branding> {
    if branding == Branding::default() {
        return None;
    }
    Some(v1::Branding {
        product_name: branding.product_name.to_string(),
        logo_url: branding.logo_url.to_string(),
        primary_color: branding.primary_color.to_string(),
        accent_color: branding.accent_color.to_string(),
    })
}

/// How a tenant is to look.
pub fn wanted_branding(fields: &mut Fields, sent: &v1::Branding) -> Option<Branding> {
    let product_name = fields.take("tenant.branding.product_name", ProductName::parse(&sent.product_name));
    let logo_url = fields.take("tenant.branding.logo_url", LogoUrl::parse(&sent.logo_url));
    let primary_color = fields.take("tenant.branding.primary_color", Color::parse(&sent.primary_color));
    let accent_color = fields.take("tenant.branding.accent_color", Color::parse(&sent.accent_color));
    Some(Branding {
        product_name: product_name?,
        logo_url: logo_url?,
        primary_color: primary_color?,
        accent_color: accent_color?,
    })
}

/// What ResolveTenant asks for.
pub fn asked(request: &v1::ResolveTenantRequest) -> Result<Asked> {
    let v1::ResolveTenantRequest { tenant, domain } = request;
    match (tenant.is_empty(), domain.is_empty()) {
        (true, false) => Ok(Asked::At(name("domain", domain)?)),
        (false, true) if tenant.len() <= 64 && !tenant.contains('\0') => Ok(Asked::Named(tenant.clone())),
        (false, true) => Err(Error::field("tenant", "must be the code or the uid of a tenant")),
        (true, true) => Err(Error::field("tenant", "must be the code or the uid of a tenant, or domain must be given")),
        (false, false) => Err(Error::field("domain", "must be empty when tenant is given")),
    }
}

/// What everybody may know of a tenant.
pub fn resolved(found: PublicTenant) -> v1::ResolveTenantResponse {
    v1::ResolveTenantResponse {
        code: found.code,
        display_name: found.display_name.to_string(),
        branding: branding(found.branding),
        log_in_possible: found.open,
    }
}
