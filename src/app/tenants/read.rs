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
use crate::store::tenant_list;

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
    pub async fn get_tenant(&self, op: OpContext) -> Result<SeenTenant> {
        let absent = op.not_found();
        let found = self.db.read(op.clone(), "get-tenant", (), |tx, ()| tenant_list::one(tx).boxed()).await?;
        found.map(|listed| seen(listed, &op)).ok_or(absent)
    }
}

/// What is known of who calls.
pub(in crate::app) fn caller_facts(op: &OpContext) -> Result<Arc<Facts>> {
    let facts = op.call().and_then(|c| c.facts.clone());
    facts.ok_or_else(|| Error::internal("context", "the call has no caller"))
}
