//! How a tenant looks to who asks: its status, and the calls that may be made on it now.

use std::ptr;

use super::read::SeenTenant;
use crate::authz::policy::{self, Policy};
use crate::context::OpContext;
use crate::domain::access::{Access, Target, Viewer, status};
use crate::domain::lifecycle::Standing;
use crate::domain::limits::{Limits, Warning};
use crate::domain::privilege::Privilege;
use crate::domain::tenant::{Condition, ConditionKind, Overview, Tenant};
use crate::store::tenant_list::Listed;

/// A row of the list, as the caller sees it. Who acts for an account sees what that account sees.
pub(super) fn seen(listed: Listed, op: &OpContext) -> SeenTenant {
    let Listed { tenant, target_lacks, server_reachable, limits, waiting_for, overview, force_enabled, domain, .. } =
        listed;
    // A service sees what somebody in the tenant sees.
    let facts = op.call().and_then(|call| call.facts.as_ref());
    let viewer = Viewer {
        of_infrastructure: facts.is_some_and(|f| f.caller.user.home.is_infrastructure())
            && op.permit().acting().is_none(),
        may_impersonate: facts.is_some_and(|f| f.privileges.contains(&Privilege::Impersonation)),
        target: Target::of(target_lacks.as_deref()),
        server_reachable,
    };
    let (status, reason) = status(&tenant, viewer);
    let actions =
        policy::ALL.iter().copied().filter(|p| p.change && p.names_tenant() && p.path.starts_with(OF_TENANTS));
    let busy = overview.current_operation.is_some();
    let allowed =
        actions.filter(|p| possible(p, &tenant, busy, force_enabled) && op.allows(p, tenant.uid)).map(|p| p.name);
    let access = Access { status, reason, allowed_actions: allowed.collect() };
    let mut conditions = conditions(&tenant, server_reachable, &waiting_for, &overview, &limits);
    let advice = domain.and_then(|domain| domain.advice());
    conditions.extend(advice.map(|message| Condition { kind: ConditionKind::DomainNotSecure, message }));
    SeenTenant { tenant, conditions, access, overview }
}

/// The calls that are about tenants as a whole.
const OF_TENANTS: &str = "/landlord.v1.TenantService/";

fn conditions(
    tenant: &Tenant,
    server_reachable: bool,
    waiting_for: &str,
    overview: &Overview,
    limits: &Limits,
) -> Vec<Condition> {
    let mut found = Vec::new();
    let mut add = |kind, message: String| found.push(Condition { kind, message });
    if !server_reachable {
        add(ConditionKind::ServerUnreachable, format!("servers/{} can't be reached", tenant.server));
    }
    if tenant.is_leaving() && !waiting_for.is_empty() {
        add(ConditionKind::DeletionBlocked, waiting_for.to_owned());
    } else if tenant.is_leaving() && overview.current_operation.is_none() {
        let text = "its deletion was given up: its last operation says why, and can be begun again with RetryOperation";
        add(ConditionKind::DeletionBlocked, text.to_owned());
    }
    for Warning { limit, used, most } in limits.warnings() {
        add(ConditionKind::LimitNear, format!("{limit}: {used} of {most} in use"));
    }
    for seats in overview.licenses.iter().filter(|seats| seats.available() <= 0) {
        let text = format!("all {} licences of the kind {} are in use", seats.quantity, seats.kind);
        add(ConditionKind::LicensesExhausted, text);
    }
    found
}

/// Whether the tenant, as it stands, lets the call be made by whoever may make it. Busy: an operation keeps others off it.
fn possible(policy: &'static Policy, tenant: &Tenant, busy: bool, force_enabled: bool) -> bool {
    if tenant.uid.is_infrastructure() {
        return policy.infrastructure;
    }
    if !policy.states.is_empty() && !policy.states.contains(&tenant.state) {
        return false;
    }
    let is = |other: &'static Policy| ptr::eq(policy, other);
    if is(&policy::TENANT_SERVICE_UNLOCK_TENANT) {
        return !busy && matches!(tenant.standing(), Standing::Locked(_));
    }
    if is(&policy::TENANT_SERVICE_PREPARE_TENANT_DELETION) {
        let may_leave = matches!(tenant.standing(), Standing::Active(_) | Standing::Locked(_) | Standing::Restoring(_));
        return !busy && !tenant.protected && may_leave;
    }
    if is(&policy::TENANT_SERVICE_DELETE_TENANT) {
        // Also of one whose purge was given up: it is begun again this way.
        return !busy
            && !tenant.protected
            && match tenant.standing() {
                Standing::Prepared(_) | Standing::Failed(_) => tenant.cooldown_left.is_none(),
                Standing::Active(_) | Standing::Locked(_) => force_enabled,
                Standing::Provisioning(_) | Standing::Restoring(_) | Standing::Preparing(_) => false,
            };
    }
    if is(&policy::TENANT_SERVICE_VERIFY_TENANT_DOMAIN) || is(&policy::TENANT_SERVICE_REMOVE_TENANT_DOMAIN) {
        return tenant.domain.is_some();
    }
    if is(&policy::TENANT_SERVICE_CANCEL_TENANT_DELETION) || is(&policy::TENANT_SERVICE_RETRY_TENANT_PROVISIONING) {
        return !tenant.purge_started;
    }
    true
}
