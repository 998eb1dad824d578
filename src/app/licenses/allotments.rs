//! GetTenantLicenses and UpdateTenantLicenses.

use std::collections::BTreeMap;

use futures::FutureExt as _;

use crate::app::App;
use crate::app::tenants::target;
use crate::context::OpContext;
use crate::domain::error::{Error, Result};
use crate::domain::license::TenantLicenses;
use crate::domain::name::LicenseKind;
use crate::store::tx::Tx;
use crate::store::{allotments, licenses, tenants};

/// New quantities by kind; 0: none any more.
type Quantities = BTreeMap<LicenseKind, i64>;

impl App {
    /// The licences of a tenant, with what is in use, and the tenant's name.
    pub async fn get_tenant_licenses(&self, op: OpContext) -> Result<(String, TenantLicenses)> {
        let absent = op.not_found();
        let found = self.db.read(op, "get-tenant-licenses", (), |tx, ()| {
            async move {
                let Some(tenant) = tenants::load(tx).await? else { return Ok(None) };
                Ok(Some((tenant.name(), allotments::load(tx).await?)))
            }
            .boxed()
        });
        found.await?.ok_or(absent)
    }

    /// Changes how many seats a tenant has. What that takes from the system licence is reserved with it.
    pub async fn update_tenant_licenses(
        &self,
        op: OpContext,
        wanted: Quantities,
        etag: String,
    ) -> Result<(String, TenantLicenses)> {
        let input = (wanted, etag);
        self.db.change(op, "update-tenant-licenses", input, |tx, (wanted, etag)| update(tx, wanted, etag).boxed()).await
    }
}

async fn update(tx: &mut Tx, wanted: &Quantities, etag: &str) -> Result<(String, TenantLicenses)> {
    let name = target(tx).await?.name();
    // Held, so that no kind goes away meanwhile.
    let system = licenses::load_for_change(tx).await?;
    let current = allotments::load(tx).await?;
    if !etag.is_empty() && etag != current.etag() {
        return Err(Error::stale(format!("{name}/licenses")));
    }
    let mut told = Vec::new();
    for (kind, quantity) in wanted {
        if system.iter().all(|known| known.kind != kind.as_str()) {
            let kinds: Vec<_> = system.iter().map(|known| known.kind.as_str()).collect();
            let text = format!("must be one of the system licence: {}; not {kind}", kinds.join(", "));
            return Err(Error::field("licenses.licenses.kind", text));
        }
        let seats = current.seats(kind.as_str());
        seats.map_or(Ok(()), |seats| seats.check_use(*quantity))?;
        allotments::set(tx, kind, *quantity).await?;
        told.push(format!("{kind}: {} to {quantity}", seats.map_or(0, |seats| seats.quantity)));
    }
    tx.tell("licenses", told.join(", "));
    Ok((name, allotments::load(tx).await?))
}
