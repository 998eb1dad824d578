//! SetTenantDomain and RemoveTenantDomain.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures::FutureExt as _;

use super::load;
use crate::app::App;
use crate::app::tenants::{reload, target};
use crate::authn::seal::random;
use crate::context::OpContext;
use crate::domain::error::Result;
use crate::domain::name::DomainName;
use crate::domain::tenant::Tenant;
use crate::domain::tenant_domain::TenantDomain;
use crate::store::domains;
use crate::store::tx::Tx;

impl App {
    /// Gives a tenant that domain. What is known of it stands if the tenant has it already.
    pub async fn set_domain(&self, op: OpContext, name: DomainName, etag: String) -> Result<(Tenant, TenantDomain)> {
        let input = (name, etag);
        self.db.change(op, "set-domain", input, |tx, (name, etag)| set(tx, name, etag).boxed()).await
    }

    /// Takes the domain from a tenant.
    pub async fn remove_domain(&self, op: OpContext, etag: String) -> Result<Tenant> {
        self.db.change(op, "remove-domain", etag, |tx, etag| remove(tx, etag).boxed()).await
    }
}

async fn set(tx: &mut Tx, name: &DomainName, etag: &str) -> Result<(Tenant, TenantDomain)> {
    let tenant = target(tx).await?;
    tenant.check_etag(etag)?;
    tx.tell("domain", name.as_str());
    if tenant.domain.as_ref() != Some(name) {
        give(tx, name).await?;
    }
    Ok((reload(tx).await?, load(tx).await?))
}

/// Gives the transaction's tenant that domain, with a challenge that nobody knows yet.
pub(in crate::app) async fn give(tx: &mut Tx, name: &DomainName) -> Result<()> {
    domains::set(tx, name, &URL_SAFE_NO_PAD.encode(random::<32>()?)).await
}

async fn remove(tx: &mut Tx, etag: &str) -> Result<Tenant> {
    let tenant = target(tx).await?;
    tenant.check_etag(etag)?;
    let domain = load(tx).await?;
    tx.tell("domain", domain.name.as_str());
    domains::remove(tx).await?;
    reload(tx).await
}
