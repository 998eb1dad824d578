//! How a tenant looks to who asks: its status, and the calls that may be made on it now.

use std::ptr;

use crate::authz::decision::{Facts, allows};
use crate::authz::policy::{self, Policy};
use crate::domain::access::{Access, Viewer, status};
use crate::domain::lifecycle::Standing;
use crate::domain::privilege::Privilege;
use crate::domain::tenant::Tenant;

/// The tenant as the caller sees it; `target_marked` says whether there is an account there to act for.
pub(super) fn access(tenant: &Tenant, facts: &Facts, target_marked: bool) -> Access {
    let viewer = Viewer {
        of_infrastructure: facts.caller.user.home.is_infrastructure(),
        may_impersonate: facts.privileges.contains(&Privilege::Impersonation),
        target_marked,
    };
    let (status, reason) = status(tenant, viewer);
    let actions = policy::ALL.iter().copied().filter(|p| p.change && p.names_tenant());
    let allowed_actions = actions.filter(|p| possible(p, tenant) && allows(p, facts, tenant.uid)).map(|p| p.name);
    Access { status, reason, allowed_actions: allowed_actions.collect() }
}

/// Whether the tenant, as it stands, lets the call be made by whoever may make it.
fn possible(policy: &'static Policy, tenant: &Tenant) -> bool {
    if tenant.uid.is_infrastructure() {
        return policy.infrastructure;
    }
    if !policy.states.is_empty() && !policy.states.contains(&tenant.state) {
        return false;
    }
    let is = |other: &'static Policy| ptr::eq(policy, other);
    if is(&policy::TENANT_SERVICE_UNLOCK_TENANT) {
        return matches!(tenant.standing(), Standing::Locked(_));
    }
    if is(&policy::TENANT_SERVICE_PREPARE_TENANT_DELETION) {
        return !tenant.protected && matches!(tenant.standing(), Standing::Active(_) | Standing::Locked(_));
    }
    if is(&policy::TENANT_SERVICE_DELETE_TENANT) {
        // Also of one whose purge was given up: it is begun again this way.
        return !tenant.protected && tenant.cooldown_left.is_none();
    }
    if is(&policy::TENANT_SERVICE_CANCEL_TENANT_DELETION) || is(&policy::TENANT_SERVICE_RETRY_TENANT_PROVISIONING) {
        return !tenant.purge_started;
    }
    true
}
