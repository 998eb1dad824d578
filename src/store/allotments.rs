//! What a tenant has of the system licence. Triggers reserve it there, and keep count of what is in use.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::error::failed;
use super::schema::{system_licenses as s, tenant_licenses as l, tenant_limits as tl};
use super::tx::Tx;
use super::{licenses, settings};
use crate::domain::error::{Error, Reason, Refusal, Result};
use crate::domain::license::{LicenseUse, TenantLicense, TenantLicenses};
use crate::domain::name::LicenseKind;

/// The licences of the transaction's tenant, by kind.
pub async fn load(tx: &mut Tx) -> Result<TenantLicenses> {
    let tenant = tx.tenant().0;
    let rows: Vec<(String, i64, i64, bool)> = l::table
        .inner_join(s::table.on(s::kind.eq(l::kind)))
        .filter(l::tenant_id.eq(tenant))
        .order(l::kind)
        .select((l::kind, l::quantity, l::used, s::permits_log_in))
        .load(tx.conn())
        .await
        .map_err(failed)?;
    let mut privileges = licenses::opened(tx).await?;
    let license = |(kind, quantity, used, permits_log_in): (String, i64, i64, bool)| TenantLicense {
        privileges: privileges.remove(&kind).unwrap_or_default(),
        seats: LicenseUse { kind, quantity, used },
        permits_log_in,
    };
    let kinds = rows.into_iter().map(license).collect();
    let version = tl::table.find(tenant).select(tl::license_version).first(tx.conn()).await.map_err(failed)?;
    Ok(TenantLicenses { kinds, version, warning_percent: settings::load(tx).await?.limit_warning_percent })
}

/// Sets how many seats of a kind the transaction's tenant has, and reserves or gives back what follows from that.
pub async fn set(tx: &mut Tx, kind: &LicenseKind, quantity: i64) -> Result<()> {
    let tenant = tx.tenant().0;
    let set = if quantity == 0 {
        diesel::delete(l::table.find((tenant, kind.as_str()))).execute(tx.conn()).await
    } else {
        diesel::insert_into(l::table)
            .values((l::tenant_id.eq(tenant), l::kind.eq(kind.as_str()), l::quantity.eq(quantity)))
            .on_conflict((l::tenant_id, l::kind))
            .do_update()
            .set(l::quantity.eq(quantity))
            .execute(tx.conn())
            .await
    };
    match set.map_err(failed) {
        Err(error) if error.reason() == Some(Reason::LicensesExhausted) => Err(exhausted(kind)),
        set => set.map(|_| ()),
    }
}

fn exhausted(kind: &LicenseKind) -> Error {
    let text = format!(
        "the system licence has too few seats of the kind {kind} left; lower another tenant's licences, or raise the system licence"
    );
    Refusal::new(Reason::LicensesExhausted, text).with("kind", kind.as_str()).into()
}
