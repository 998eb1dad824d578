//! UpdateTenant.

use futures::FutureExt as _;

use super::{reload, target};
use crate::app::App;
use crate::authz::decision;
use crate::context::OpContext;
use crate::domain::error::Result;
use crate::domain::tenant::{Tenant, TenantPatch, read_only};
use crate::store::tenants;
use crate::store::tx::Tx;

/// What to change.
#[derive(Clone, Debug)]
pub struct UpdateTenant {
    /// The fields.
    pub patch: TenantPatch,
    /// What the caller has read.
    pub etag: String,
}

impl App {
    /// Changes a tenant's profile, labels or protection.
    pub async fn update_tenant(&self, op: OpContext, input: UpdateTenant) -> Result<Tenant> {
        self.db.change(op, "update-tenant", input, |tx, input| update(tx, input).boxed()).await
    }
}

async fn update(tx: &mut Tx, input: &UpdateTenant) -> Result<Tenant> {
    let call = tx.op().call().cloned();
    let only_operators = input.patch.operator_fields();
    if let Some(call) = call.filter(|_| !only_operators.is_empty() && !tx.op().permit().crosses_tenants()) {
        return Err(decision::missing(call.policy, true));
    }
    let tenant = target(tx).await?;
    let fixed = input.patch.fixed_in_infrastructure();
    if tenant.uid.is_infrastructure() && !fixed.is_empty() {
        return Err(read_only(&fixed));
    }
    tenant.check_etag(&input.etag)?;
    for field in input.patch.fields() {
        tx.tell(field.0, field.1);
    }
    tenants::update(tx, &input.patch).await?;
    reload(tx).await
}
