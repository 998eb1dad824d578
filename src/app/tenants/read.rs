//! GetTenant.

use futures::FutureExt as _;

use super::access::access;
use crate::app::App;
use crate::authz::decision::Facts;
use crate::context::OpContext;
use crate::domain::access::Access;
use crate::domain::error::{Error, Result};
use crate::domain::tenant::Tenant;
use crate::store::{directory, tenants};

/// A tenant and how it looks to the caller.
#[derive(Clone, Debug)]
pub struct SeenTenant {
    /// The tenant.
    pub tenant: Tenant,
    /// How it looks.
    pub access: Access,
}

impl App {
    /// One tenant, as the caller sees it.
    pub async fn get_tenant(&self, op: OpContext) -> Result<SeenTenant> {
        let facts = caller_facts(&op)?;
        let absent = op.not_found();
        let found = self
            .db
            .read(op, "get-tenant", (), |tx, ()| {
                async move {
                    let tenant = tenants::load(tx).await?;
                    Ok((tenant, directory::has_impersonation_target(tx).await?))
                }
                .boxed()
            })
            .await?;
        let (Some(tenant), marked) = found else { return Err(absent) };
        let access = access(&tenant, &facts, marked);
        Ok(SeenTenant { tenant, access })
    }
}

/// What is known of who calls.
pub(super) fn caller_facts(op: &OpContext) -> Result<std::sync::Arc<Facts>> {
    let facts = op.call().and_then(|c| c.facts.clone());
    facts.ok_or_else(|| Error::internal("context", "the call has no caller"))
}
