//! GetTenant.

use std::sync::Arc;

use futures::FutureExt as _;

use super::access::seen;
use crate::app::App;
use crate::authz::decision::Facts;
use crate::context::OpContext;
use crate::domain::access::Access;
use crate::domain::error::{Error, Result};
use crate::domain::tenant::{Condition, Overview, Tenant};
use crate::domain::utilization::Utilization;
use crate::store::tenant_list::{self, Detail};

/// A tenant and how it looks to the caller.
#[derive(Clone, Debug)]
pub struct SeenTenant {
    /// The tenant.
    pub tenant: Tenant,
    /// What else is the matter with it.
    pub conditions: Vec<Condition>,
    /// How it looks.
    pub access: Access,
    /// Its figures.
    pub overview: Overview,
}

impl App {
    /// One tenant, as the caller sees it.
    pub async fn get_tenant(&self, op: OpContext, detail: Detail) -> Result<SeenTenant> {
        let absent = op.not_found();
        let found =
            self.db.read(op.clone(), "get-tenant", detail, |tx, detail| tenant_list::one(tx, *detail).boxed()).await?;
        found.map(|listed| seen(listed, &op)).ok_or(absent)
    }

    /// How much a tenant is used, and the tenant's name.
    pub async fn get_utilization(&self, op: OpContext) -> Result<(String, Utilization)> {
        let absent = op.not_found();
        let read =
            self.db.read(op, "get-utilization", Detail::Full, |tx, detail| tenant_list::one(tx, *detail).boxed());
        let listed = read.await?.ok_or(absent)?;
        let counted = listed.overview.utilization;
        let utilization = counted.ok_or_else(|| Error::internal("utilization", "it was not counted"))?;
        Ok((listed.tenant.name(), utilization))
    }
}

/// What is known of who calls.
pub(in crate::app) fn caller_facts(op: &OpContext) -> Result<Arc<Facts>> {
    let facts = op.call().and_then(|c| c.facts.clone());
    facts.ok_or_else(|| Error::internal("context", "the call has no caller"))
}
