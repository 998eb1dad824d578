//! GetTenantExtensions and SetTenantExtensions.

use futures::FutureExt as _;

use crate::app::App;
use crate::app::tenants::target;
use crate::context::OpContext;
use crate::domain::error::{Error, Result};
use crate::domain::extension::{Extensions, TenantExtensions, in_use, not_free};
use crate::store::tx::Tx;
use crate::store::{extensions, tenants};

impl App {
    /// The extensions of a tenant, and the tenant's name.
    pub async fn get_tenant_extensions(&self, op: OpContext) -> Result<(String, TenantExtensions)> {
        let absent = op.not_found();
        let found = self.db.read(op, "get-tenant-extensions", (), |tx, ()| {
            async move {
                let Some(tenant) = tenants::load(tx).await? else { return Ok(None) };
                Ok(Some((tenant.name(), extensions::load(tx).await?)))
            }
            .boxed()
        });
        found.await?.ok_or(absent)
    }

    /// Gives a tenant these numbers, in the place of all that it has.
    pub async fn set_tenant_extensions(
        &self,
        op: OpContext,
        wanted: Extensions,
        etag: String,
    ) -> Result<(String, TenantExtensions)> {
        let input = (wanted, etag);
        self.db.change(op, "set-tenant-extensions", input, |tx, (wanted, etag)| set(tx, wanted, etag).boxed()).await
    }
}

async fn set(tx: &mut Tx, wanted: &Extensions, etag: &str) -> Result<(String, TenantExtensions)> {
    let name = target(tx).await?.name();
    let current = extensions::load(tx).await?.numbers;
    if !etag.is_empty() && etag != current.etag() {
        return Err(Error::stale(format!("{name}/extensions")));
    }
    let (added, removed) = (wanted.without(&current), current.without(wanted));
    for (key, numbers) in [("added", &added), ("removed", &removed)] {
        if !numbers.is_empty() {
            tx.tell(key, numbers.to_string());
        }
    }
    let used = extensions::with_users(tx, &removed).await?;
    if !used.is_empty() {
        return Err(in_use(&used, &name));
    }
    let taken = extensions::with_others(tx, &added).await?;
    if !taken.is_empty() {
        return Err(not_free(&taken));
    }
    extensions::replace(tx, &current, wanted).await?;
    Ok((name, extensions::load(tx).await?))
}
