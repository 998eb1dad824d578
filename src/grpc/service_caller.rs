//! The way of a call that another service makes: whether it may, and on which tenant.

use std::sync::Arc;

use super::call::TenantHint;
use super::guard::{Guard, Named, mismatch};
use crate::authz::impersonation::Wish;
use crate::authz::permit::Permit;
use crate::authz::policy::Policy;
use crate::authz::services::{Service, may_call};
use crate::domain::error::{Error, Result};
use crate::domain::id::TenantUid;
use crate::domain::impersonation::not_permitted;

impl Guard {
    /// Leave for the call, and the tenant that it names.
    pub(super) async fn service(
        &self,
        policy: &'static Policy,
        service: &Arc<Service>,
        wish: Option<&Wish>,
        named: &str,
        hint: Option<&TenantHint>,
    ) -> Result<(Permit, TenantUid)> {
        tracing::Span::current().record("actor", service.service.name());
        if wish.is_some() {
            return Err(not_permitted("services act for nobody").into());
        }
        // Whoever may not make the call learns nothing of tenants.
        let may = may_call(policy, service)?;
        let tenant = match self.named(policy, named).await? {
            Named::One(uid) => Some(uid),
            Named::Whichever if hint.is_some() => return Err(mismatch()),
            Named::Whichever => return Ok((may.anywhere(policy.tenant_field)?, TenantUid::INFRASTRUCTURE)),
            Named::Unknown => None,
            Named::Everything | Named::Nothing => {
                return Err(Error::field(policy.tenant_field, "must name one tenant: services work on one at a time"));
            }
        };
        // As for users: of tenants that the service is not bound to, the comparison must not tell whether they are there.
        if let Some(hint) = hint {
            let hinted = self.hinted(hint).await?;
            let known = |uid: &TenantUid| may.covers(*uid);
            if hinted.filter(known) != tenant.filter(known) {
                return Err(mismatch());
            }
        }
        let tenant = tenant.ok_or_else(|| Error::not_found(named))?;
        Ok((may.on(tenant, named)?, tenant))
    }
}
