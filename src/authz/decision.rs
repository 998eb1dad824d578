//! The decision whether a caller may call a method on a tenant. Pure: facts in, permit or refusal out.

use std::collections::BTreeSet;

use super::permit::{Ground, Permit};
use super::policy::{Access, Policy};
use crate::authn::Caller;
use crate::domain::error::{Error, Reason, Refusal, Result};
use crate::domain::id::TenantUid;
use crate::domain::privilege::Privilege;

/// What is known of a caller besides the token.
#[derive(Clone, Debug)]
pub struct Facts {
    /// Who.
    pub caller: Caller,
    /// User name, for people.
    pub user_name: String,
    /// Privileges held in the active tenant.
    pub privileges: BTreeSet<Privilege>,
    /// Whether the password must be changed before anything else.
    pub must_change_password: bool,
}

/// The tenant that a request names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// None.
    Nothing,
    /// All of them (`tenants/-`).
    Everything,
    /// One.
    One(TenantUid),
}

/// Leave to call a method that is open to everybody. It opens no transaction: such a method checks by itself what it is
/// given, as the service's own work.
pub fn public(policy: &'static Policy) -> Result<Permit> {
    match policy.access {
        Access::Public => Ok(Permit(Ground::Public)),
        Access::Authenticated | Access::Privileged => {
            Err(Refusal::new(Reason::TokenMissing, "send `authorization: Bearer …`; CreateSession gives the token")
                .into())
        }
    }
}

/// Leave for the call, or why not. A tenant that the caller has nothing to do with is told as one that is not there,
/// with `named` as the request named it.
pub fn decide(policy: &'static Policy, facts: &Facts, target: Target, named: &str) -> Result<Permit> {
    if facts.must_change_password && !policy.before_password_change {
        return Err(password_change_required());
    }
    let permit = |needed, platform| Ok(Permit(Ground::Caller { caller: facts.caller, needed, platform }));
    if policy.access != Access::Privileged {
        return permit(&[], false);
    }
    let active = facts.caller.active;
    let operator = is_operator(facts);
    if operator && holds_one(facts, policy.platform) {
        return permit(policy.platform, true);
    }
    if target == Target::One(active) && holds_one(facts, policy.tenant) {
        return permit(policy.tenant, false);
    }
    match target {
        Target::One(tenant) if tenant != active && !operator => Err(Error::not_found(named)),
        _ => Err(missing(policy, operator)),
    }
}

/// Leave for what a method that is open to every caller does to others than the caller. That needs a privilege in the
/// tenant that is named, which must be the active one.
pub fn over_others(
    facts: &Facts,
    tenant: Option<TenantUid>,
    needed: &'static Privilege,
    named: &str,
) -> Result<Permit> {
    if tenant != Some(facts.caller.active) {
        return Err(Error::not_found(named));
    }
    if facts.must_change_password {
        return Err(password_change_required());
    }
    if !facts.privileges.contains(needed) {
        let text = format!("what is not your own needs {}", needed.name());
        return Err(Refusal::new(Reason::PrivilegeMissing, text).with("privilege", needed.name()).into());
    }
    let needed = std::slice::from_ref(needed);
    Ok(Permit(Ground::Caller { caller: facts.caller, needed, platform: false }))
}

/// The refusal of whatever has to wait until the password is changed.
pub(super) fn password_change_required() -> Error {
    let text = "the password must be changed first: call UserService.ChangePassword";
    Refusal::new(Reason::PasswordChangeRequired, text).into()
}

/// Whether the caller is at home and at work in the infrastructure tenant, and so may know of every tenant.
pub fn is_operator(facts: &Facts) -> bool {
    facts.caller.active.is_infrastructure() && facts.caller.user.home.is_infrastructure()
}

fn holds_one(facts: &Facts, needed: &[Privilege]) -> bool {
    needed.iter().any(|p| facts.privileges.contains(p))
}

/// The refusal that names the privileges of which one is missing.
pub fn missing(policy: &Policy, operator: bool) -> Error {
    let platform = !policy.platform.is_empty() && (operator || policy.tenant.is_empty());
    let needed = if platform { policy.platform } else { policy.tenant };
    let names: Vec<_> = needed.iter().map(|p| p.name()).collect();
    Refusal::new(Reason::PrivilegeMissing, format!("{} needs one of: {}", policy.name, names.join(", ")))
        .with("privilege", names.join(","))
        .into()
}

/// Whether a caller who sees a tenant may call the method on it, leaving its state aside.
pub fn allows(policy: &'static Policy, facts: &Facts, target: TenantUid) -> bool {
    policy.names_tenant() && decide(policy, facts, Target::One(target), "").is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::authz::policy;
    use crate::domain::id::{UserId, UserRef};

    fn facts(home: TenantUid, active: TenantUid, privileges: &[Privilege]) -> Facts {
        let user = UserRef { home, user: UserId::new() };
        Facts {
            caller: Caller::in_session(user, active),
            user_name: "somebody".into(),
            privileges: privileges.iter().copied().collect(),
            must_change_password: false,
        }
    }

    fn reason(policy: &'static Policy, facts: &Facts, target: Target) -> Option<Reason> {
        decide(policy, facts, target, "tenants/x").err().and_then(|e| e.reason())
    }

    #[test]
    fn operators_need_a_platform_privilege_in_the_infrastructure_tenant() {
        let infra = TenantUid::INFRASTRUCTURE;
        let target = Target::One(TenantUid::new());
        let lock = &policy::TENANT_SERVICE_LOCK_TENANT;
        assert_eq!(reason(lock, &facts(infra, infra, &[Privilege::ManageTenants]), target), None);
        let without = facts(infra, infra, &[Privilege::UserAdministrator]);
        assert_eq!(reason(lock, &without, target), Some(Reason::PrivilegeMissing));
        let guest = facts(TenantUid::new(), infra, &[Privilege::ManageTenants]);
        assert_eq!(reason(lock, &guest, target), Some(Reason::ResourceNotFound));
    }

    #[test]
    fn administrators_reach_their_own_tenant_and_learn_nothing_of_others() {
        let own = TenantUid::new();
        let admin = facts(own, own, &[Privilege::UserAdministrator]);
        let get = &policy::TENANT_SERVICE_GET_TENANT;
        assert_eq!(reason(get, &admin, Target::One(own)), None);
        assert_eq!(reason(get, &admin, Target::One(TenantUid::new())), Some(Reason::ResourceNotFound));
        assert_eq!(
            reason(&policy::TENANT_SERVICE_LOCK_TENANT, &admin, Target::One(own)),
            Some(Reason::PrivilegeMissing)
        );
        assert_eq!(
            reason(&policy::TENANT_SERVICE_LIST_TENANTS, &admin, Target::Nothing),
            Some(Reason::PrivilegeMissing)
        );
    }

    #[test]
    fn who_must_change_the_password_can_do_nothing_else() {
        let infra = TenantUid::INFRASTRUCTURE;
        let mut operator = facts(infra, infra, &Privilege::ALL);
        operator.must_change_password = true;
        for policy in policy::ALL.iter().filter(|p| p.access != Access::Public) {
            let refused = reason(policy, &operator, Target::Nothing) == Some(Reason::PasswordChangeRequired);
            assert_eq!(refused, !policy.before_password_change, "{}", policy.path);
        }
    }
}
