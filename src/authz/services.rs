//! The decision whether another service may make a call on a tenant. Pure: what its identity gives in, permit or refusal out.
//!
//! A service has no privileges and acts for nobody. It may make each of the calls that it was given on each of the tenants that it
//! is bound to; of others it learns nothing.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::permit::{Ground, Permit};
use super::policy::{self, Policy, ServiceUse};
use crate::authn::Proof;
use crate::domain::error::{Error, Reason, Refusal, Result};
use crate::domain::id::TenantUid;
use crate::domain::privilege::Privilege;
use crate::domain::service_identity::{Reach, ServiceRef, method_not_given};

/// A service that calls, as its identity was when that was found out.
#[derive(Debug)]
pub struct Service {
    /// Which.
    pub service: ServiceRef,
    /// How it has shown that.
    pub proof: Proof,
    /// The calls that it may make.
    pub methods: BTreeSet<String>,
    /// The tenants that it may make them on.
    pub reach: Reach,
}

impl Service {
    /// Whether it may make that call on that tenant, leaving the tenant's state aside.
    pub fn allows(&self, policy: &Policy, tenant: TenantUid) -> bool {
        self.given(policy) && self.reach.covers(tenant) && !(policy.change && tenant.is_infrastructure())
    }

    fn given(&self, policy: &Policy) -> bool {
        policy.services != ServiceUse::Never && self.methods.contains(&policy.short())
    }
}

/// A service that may make a call on some tenants.
#[derive(Debug)]
pub struct MayCall {
    service: Arc<Service>,
    policy: &'static Policy,
}

/// Whether the service may make that call at all.
pub fn may_call(policy: &'static Policy, service: &Arc<Service>) -> Result<MayCall> {
    if !service.given(policy) {
        return Err(method_not_given(&service.service, &policy.short()));
    }
    Ok(MayCall { service: service.clone(), policy })
}

impl MayCall {
    /// Leave for the call on whichever tenant it turns out to be about, with the infrastructure tenant until that is known: for a
    /// service that is bound to all tenants.
    pub fn anywhere(self, field: &str) -> Result<Permit> {
        if self.service.reach != Reach::All {
            let text = "must name one tenant: only a service that is bound to all of them may leave it open";
            return Err(Error::field(field, text));
        }
        Ok(Permit(Ground::Service { service: self.service, policy: self.policy }))
    }

    /// Whether it may make it on that tenant.
    pub fn covers(&self, tenant: TenantUid) -> bool {
        self.service.reach.covers(tenant)
    }

    /// Leave for the call on that tenant. One that the service is not bound to is told as one that is not there, with `named` as the
    /// request named it.
    pub fn on(self, tenant: TenantUid, named: &str) -> Result<Permit> {
        if !self.covers(tenant) {
            return Err(Error::not_found(named));
        }
        if self.policy.change && tenant.is_infrastructure() {
            let text = "services change nothing in the infrastructure tenant";
            return Err(Refusal::new(Reason::TenantReadOnly, text).into());
        }
        Ok(Permit(Ground::Service { service: self.service, policy: self.policy }))
    }
}

/// The method of that name, if it can be given to services, or what is allowed.
pub fn can_be_given(text: &str) -> Result<&'static Policy, String> {
    let found =
        policy::named(text).ok_or_else(|| format!("{text:.100} is no method, such as SessionService.CheckAccess"))?;
    match found.services {
        ServiceUse::Never => Err(format!("{} can't be given to services", found.short())),
        ServiceUse::ActiveTenant | ServiceUse::AnyTenant => Ok(found),
    }
}

/// Refuses to give these methods to whoever holds these privileges in the infrastructure tenant. Operators reach what is in a tenant by
/// acting for an account there, and must not come to it by a service instead.
pub fn may_give(methods: &BTreeSet<String>, held: &BTreeSet<Privilege>) -> Result<()> {
    let inside = |method: &&String| policy::named(method).is_some_and(|p| p.services == ServiceUse::ActiveTenant);
    let Some(method) = methods.iter().find(inside).filter(|_| !held.contains(&Privilege::Impersonation)) else {
        return Ok(());
    };
    let name = Privilege::Impersonation.name();
    let text =
        format!("{method} reaches what is in tenants; only who holds {name} gives it, or a key that may call it");
    Err(Refusal::new(Reason::PrivilegeMissing, text).with("privilege", name).into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::id::ServiceId;

    fn service(methods: &[&str], reach: Reach) -> Arc<Service> {
        let service = ServiceRef { uid: ServiceId::new(), id: "billing".into() };
        let proof = Proof::Key(service.uid, Vec::new());
        Arc::new(Service { service, proof, methods: methods.iter().map(|m| (*m).to_owned()).collect(), reach })
    }

    fn reason(policy: &'static Policy, service: &Arc<Service>, tenant: TenantUid) -> Option<Reason> {
        let decided = may_call(policy, service).and_then(|may| may.on(tenant, "tenants/x"));
        assert_eq!(decided.is_ok(), service.allows(policy, tenant));
        decided.err().and_then(|error| error.reason())
    }

    #[test]
    fn a_service_makes_the_calls_that_it_was_given_on_the_tenants_that_it_is_bound_to() {
        let (check, lock) = (&policy::SESSION_SERVICE_CHECK_ACCESS, &policy::TENANT_SERVICE_LOCK_TENANT);
        let (own, infrastructure) = (TenantUid::new(), TenantUid::INFRASTRUCTURE);
        let bound = service(&["SessionService.CheckAccess"], Reach::These([own].into()));
        assert_eq!(reason(check, &bound, own), None);
        assert_eq!(reason(check, &bound, TenantUid::new()), Some(Reason::ResourceNotFound));
        assert_eq!(reason(lock, &bound, own), Some(Reason::MethodNotGiven));
        assert_eq!(reason(lock, &bound, TenantUid::new()), Some(Reason::MethodNotGiven), "whatever tenant it is");
        let nobody = service(&[], Reach::All);
        assert_eq!(reason(check, &nobody, own), Some(Reason::MethodNotGiven));
        let everywhere = service(&["TenantService.LockTenant", "SessionService.CheckAccess"], Reach::All);
        assert_eq!(reason(lock, &everywhere, own), None);
        assert_eq!(reason(check, &everywhere, infrastructure), Some(Reason::ResourceNotFound));
        let there =
            service(&["TenantService.LockTenant", "SessionService.CheckAccess"], Reach::These([infrastructure].into()));
        assert_eq!(reason(check, &there, infrastructure), None);
        assert_eq!(reason(lock, &there, infrastructure), Some(Reason::TenantReadOnly));
    }

    #[test]
    fn what_can_not_be_given_is_refused_also_if_an_identity_has_it() {
        for policy in policy::ALL.iter().filter(|policy| policy.services == ServiceUse::Never) {
            assert!(can_be_given(&policy.short()).is_err(), "{}", policy.path);
            let tenant = TenantUid::new();
            let has_it = service(&[&policy.short()], Reach::All);
            assert_eq!(reason(policy, &has_it, tenant), Some(Reason::MethodNotGiven), "{}", policy.path);
        }
        for service in ["SessionService", "AdminService"] {
            let given =
                policy::ALL.iter().filter(|p| p.services != ServiceUse::Never && p.short().starts_with(service));
            let given: Vec<_> = given.map(|policy| policy.name).collect();
            assert_eq!(given, if service == "AdminService" { vec![] } else { vec!["CheckAccess"] });
        }
    }

    #[test]
    fn who_may_not_act_in_tenants_gives_nothing_that_reaches_into_them() {
        let of = |methods: &[&str]| methods.iter().map(|m| (*m).to_owned()).collect::<BTreeSet<_>>();
        let (about, inside) = (of(&["SessionService.CheckAccess"]), of(&["UserService.ListUsers"]));
        let administers = BTreeSet::from([Privilege::TenantAdministrator]);
        assert!(may_give(&about, &administers).is_ok());
        assert_eq!(may_give(&inside, &administers).unwrap_err().reason(), Some(Reason::PrivilegeMissing));
        let acts = BTreeSet::from([Privilege::TenantAdministrator, Privilege::Impersonation]);
        assert!(may_give(&inside, &acts).is_ok());
    }
}
