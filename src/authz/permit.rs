//! Authority as a value: without a permit there is no transaction, and only the decision and a closed list of purposes
//! make one.

use crate::authn::Caller;
use crate::domain::privilege::Privilege;

/// Leave to work on the database.
#[derive(Clone, Debug)]
pub struct Permit(pub(super) Ground);

/// What a permit rests on.
#[derive(Clone, Copy, Debug)]
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
            Ground::Caller { caller, .. } => Some(caller),
            Ground::System(_) | Ground::Public => None,
        }
    }

    /// Whether it lets one work across tenants.
    pub fn crosses_tenants(&self) -> bool {
        match &self.0 {
            Ground::Caller { platform, .. } => *platform,
            Ground::System(_) => true,
            Ground::Public => false,
        }
    }
}
