//! The table of policies, made by the build from the options in `proto/`.

use crate::domain::lifecycle::State;
use crate::domain::privilege::Privilege;

/// The rule of one method.
#[derive(Debug, PartialEq, Eq)]
pub struct Policy {
    /// `/landlord.v1.TenantService/GetTenant`.
    pub path: &'static str,
    /// `GetTenant`.
    pub name: &'static str,
    /// Who may reach it at all.
    pub access: Access,
    /// Privileges of which an operator needs one in the infrastructure tenant.
    pub platform: &'static [Privilege],
    /// Privileges of which a caller needs one in the tenant that the request names.
    pub tenant: &'static [Privilege],
    /// The request's field that names the tenant, or a resource in it; empty: none.
    pub tenant_field: &'static str,
    /// Whether it changes something.
    pub change: bool,
    /// Whether it may be called while acting for another account.
    pub impersonation: bool,
    /// States in which the tenant may be; none: any.
    pub states: &'static [State],
    /// Whether it may change the infrastructure tenant.
    pub infrastructure: bool,
    /// Whether each change is written to the audit trail.
    pub audited: bool,
    /// Whether a caller who must change the password first may call it.
    pub before_password_change: bool,
    /// Whether services may be given it.
    pub services: ServiceUse,
    /// Whether `tenants/-` is the tenant that what it is about turns out to belong to.
    pub finds_tenant: bool,
}

/// Whether services may be given a method, and on which of their tenants they may then call it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServiceUse {
    /// They may not.
    Never,
    /// On those that are ACTIVE: it reaches what is in a tenant.
    ActiveTenant,
    /// On those in any state that the policy lets: it is about the tenant.
    AnyTenant,
}

/// Who may reach a method at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Anyone.
    Public,
    /// Anyone with a valid credential.
    Authenticated,
    /// Who holds a privilege.
    Privileged,
}

impl Policy {
    /// Whether the request names a tenant.
    pub const fn names_tenant(&self) -> bool {
        !self.tenant_field.is_empty()
    }

    /// The method as people name it, and as it is given to services: `UserService.CreateGroup`.
    pub fn short(&self) -> String {
        self.path.trim_start_matches("/landlord.v1.").replace('/', ".")
    }
}

/// The policy of the method that a person names: `UserService.CreateGroup`, or its path.
pub fn named(text: &str) -> Option<&'static Policy> {
    let text = text.trim_start_matches('/').trim_start_matches("landlord.v1.");
    let (service, method) = text.split_once(['.', '/'])?;
    by_path(&format!("/landlord.v1.{service}/{method}"))
}

/// The policy of the method at that path.
pub fn by_path(path: &str) -> Option<&'static Policy> {
    ALL.iter().copied().find(|policy| policy.path == path)
}

include!(concat!(env!("OUT_DIR"), "/policies.rs"));
