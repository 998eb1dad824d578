//! The domains of tenants: set and removed by operators, checked on demand and again and again, and looked up before log-in.

mod check;
mod resolve;
mod set;

use std::sync::Arc;
use std::time::Duration;

pub(super) use resolve::not_operational;
pub(super) use set::give;

use crate::domain::error::{Reason, Refusal, Result};
use crate::domain::tenant_domain::{Patience, TenantDomain};
use crate::ports::DomainProbe;
use crate::store::domains;
use crate::store::tx::Tx;

/// How domains are looked at.
#[derive(Clone)]
pub struct DomainRules {
    /// Who looks.
    pub probe: Arc<dyn DomainProbe>,
    /// After so long one that works is checked again, or a little sooner.
    pub check: Duration,
    /// The same of one that does not work, or of which the last check told nothing.
    pub recheck: Duration,
    /// How long a replica has that is about to check one.
    pub lease: Duration,
    /// Domains of one round at most.
    pub most: usize,
    /// How much silence one that works is let through.
    pub patience: Patience,
}

/// The domain of the transaction's tenant.
async fn load(tx: &mut Tx) -> Result<TenantDomain> {
    let found = domains::load(tx).await?;
    found.ok_or_else(|| {
        let text = "the tenant has no domain; an operator sets it with SetTenantDomain";
        Refusal::new(Reason::DomainNotSet, text).into()
    })
}
