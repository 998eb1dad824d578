//! Authority as a value: without a permit there is no transaction, and only the decision and a closed list of purposes
//! make one.

use std::sync::Arc;

use uuid::Uuid;

use super::impersonation::Acting;
use super::policy::Policy;
use super::services::Service;
use crate::authn::Caller;
use crate::domain::id::{TenantUid, UserId};
use crate::domain::privilege::Privilege;

/// Leave to work on the database.
#[derive(Clone, Debug)]
pub struct Permit(pub(super) Ground);

/// What a permit rests on.
#[derive(Clone, Debug)]
pub enum Ground {
    /// A caller, who must still hold one of the privileges when the transaction begins.
    Caller {
        /// Who.
        caller: Caller,
        /// One of these, in the active tenant; none are needed when it is empty.
        needed: &'static [Privilege],
        /// Whether the caller may work across tenants.
        platform: bool,
    },
    /// A caller who acts for an account of another tenant, which must all still be so when the transaction begins.
    Acting {
        /// Who.
        caller: Caller,
        /// What the call takes of the caller besides: one of these, in the infrastructure tenant; none when it is empty.
        of_caller: &'static [Privilege],
        /// For whom.
        acting: Arc<Acting>,
        /// What it takes of the account: one of these, in its tenant; none when it is empty.
        of_account: &'static [Privilege],
    },
    /// Another service, whose identity must still give it the call when the transaction begins.
    Service {
        /// Which.
        service: Arc<Service>,
        /// The rule of the call.
        policy: &'static Policy,
    },
    /// The service itself.
    System(Purpose),
    /// Nobody: enough to call a method that is open to everybody, and for no transaction.
    Public,
}

/// What the service does on nobody's behalf.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Makes what must be there at the first start.
    Bootstrap,
    /// Finds out who calls and what tenant is meant.
    Authenticate,
    /// Logs a user in.
    LogIn,
    /// Refreshes a session.
    Refresh,
    /// Tells a user where it works, and moves its session there.
    Switch,
    /// Says why somebody may or may not do something.
    Explain,
    /// Uses up an activation or reset link.
    Link,
    /// Claims and runs operations.
    Worker,
    /// Rotates signing keys.
    Keys,
    /// Removes what has expired.
    Expiry,
    /// Tells everybody what may be known of a tenant before log-in.
    Resolve,
    /// Checks the domains of tenants.
    Domains,
    /// Fills the index of tenants.
    Index,
    /// Looks after what is in the object store.
    Content,
}

impl Permit {
    /// Leave for the service itself.
    pub fn system(purpose: Purpose) -> Self {
        Self(Ground::System(purpose))
    }

    /// What it rests on.
    pub fn ground(&self) -> &Ground {
        &self.0
    }

    /// The caller, unless the service itself is at work.
    pub fn caller(&self) -> Option<&Caller> {
        match &self.0 {
            Ground::Caller { caller, .. } | Ground::Acting { caller, .. } => Some(caller),
            Ground::Service { .. } | Ground::System(_) | Ground::Public => None,
        }
    }

    /// The service that calls.
    pub fn service(&self) -> Option<&Arc<Service>> {
        match &self.0 {
            Ground::Service { service, .. } => Some(service),
            Ground::Caller { .. } | Ground::Acting { .. } | Ground::System(_) | Ground::Public => None,
        }
    }

    /// Who calls, user or service, by whose it is and its id: what request ids and page tokens are bound to.
    pub fn identity(&self) -> Option<(TenantUid, Uuid)> {
        let user = self.caller().map(|caller| (caller.user.home, caller.user.user.0));
        user.or_else(|| self.service().map(|service| (TenantUid::INFRASTRUCTURE, service.service.uid.0)))
    }

    /// The account that the caller acts for.
    pub fn acting(&self) -> Option<&Acting> {
        match &self.0 {
            Ground::Acting { acting, .. } => Some(acting),
            Ground::Caller { .. } | Ground::Service { .. } | Ground::System(_) | Ground::Public => None,
        }
    }

    /// Whose privileges count, and in which tenant: the caller's in the active one, or those of the account that the
    /// caller acts for.
    pub fn subject(&self) -> Option<(TenantUid, UserId)> {
        match &self.0 {
            Ground::Caller { caller, .. } => Some((caller.active, caller.user.user)),
            Ground::Acting { acting, .. } => Some((acting.tenant, acting.acted_for.user)),
            Ground::Service { .. } | Ground::System(_) | Ground::Public => None,
        }
    }

    /// Whether it lets one work across tenants.
    pub fn crosses_tenants(&self) -> bool {
        match &self.0 {
            Ground::Caller { platform, .. } => *platform,
            Ground::System(_) => true,
            Ground::Acting { .. } | Ground::Service { .. } | Ground::Public => false,
        }
    }
}
