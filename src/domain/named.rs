//! Resources as requests name them.

use super::error::{Error, Result};
use super::id::TenantUid;
use super::tenant::Tenant;

/// A resource below a tenant, as a request names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named<I> {
    /// The whole name.
    pub name: String,
    /// Code or uid of the tenant in it; empty: it is one that every tenant has.
    pub tenant: String,
    /// Which resource.
    pub id: I,
}

impl<I: Clone> Named<I> {
    /// Which resource of that tenant is meant. One of any other tenant is told as one that is not there.
    pub fn within(&self, tenant: &Tenant) -> Result<I> {
        let own = self.tenant.is_empty() || self.names(tenant.uid, &tenant.code);
        if own { Ok(self.id.clone()) } else { Err(self.not_found()) }
    }

    /// Whether the tenant in the name is the one with that uid and code.
    pub fn names(&self, uid: TenantUid, code: &str) -> bool {
        self.tenant == code || TenantUid::parse(&self.tenant) == Some(uid)
    }

    /// The refusal of one that is not there.
    pub fn not_found(&self) -> Error {
        Error::not_found(self.name.as_str())
    }
}

/// What is written down of a list of names: the first ones, and how many there are besides.
pub fn told<I>(names: &[Named<I>]) -> String {
    const MOST: usize = 20;
    let mut text = names.iter().take(MOST).map(|named| named.name.as_str()).collect::<Vec<_>>().join(" ");
    if names.len() > MOST {
        text.push_str(&format!(" and {} more", names.len() - MOST));
    }
    text
}
