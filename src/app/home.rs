//! Which tenant a request means by the home of a user, before anybody knows who calls.

use futures::FutureExt as _;

use super::App;
use crate::authz::permit::Purpose;
use crate::context::OpContext;
use crate::domain::error::{Error, Result};
use crate::domain::id::TenantUid;
use crate::domain::name::DomainName;
use crate::store::tx::Tx;
use crate::store::{domains, tenants};

/// How a request names the home.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Home {
    /// Not at all: there is to be one only.
    Only,
    /// By code or uid.
    Named(String),
    /// By domain.
    At(DomainName),
}

impl App {
    /// The tenant, with its code, whether anybody can log in there or not.
    pub(super) async fn home_of(&self, home: &Home) -> Result<Option<(TenantUid, String)>> {
        let op = OpContext::system(Purpose::LogIn, None);
        match home {
            Home::Named(name) => self.resolve_tenant(name).await,
            Home::At(domain) => {
                let found = self.db.platform(op, "tenant-at-domain", domain.clone(), |tx, domain| {
                    domains::tenant_at(tx, domain).boxed()
                });
                found.await
            }
            Home::Only => {
                let found = self.db.platform(op, "only-tenant", (), |tx, ()| tenants::operational(tx).boxed()).await?;
                <[_; 1]>::try_from(found).map(|[only]| Some(only)).map_err(|_| {
                    let text = "name the home tenant: give `tenant` or `domain`, or write the user name as name@code";
                    Error::field("tenant", text)
                })
            }
        }
    }
}

/// The account that is meant, whether it is there or not.
pub(super) fn account(found: Option<TenantUid>, home: &Home, key: &str, user_name: &str) -> String {
    let tenant = match (found, home) {
        (Some(uid), _) => uid.to_string(),
        (None, Home::Only) => String::new(),
        (None, Home::Named(name)) => name.to_lowercase(),
        (None, Home::At(domain)) => domain.to_string(),
    };
    format!("{tenant}\n{}", if key.is_empty() { user_name } else { key })
}

/// Whether people can log in to the transaction's tenant by what it was called: unless that is a domain which does not work, or is
/// not the tenant's any more.
pub(super) async fn leads_in(tx: &mut Tx, home: &Home) -> Result<bool> {
    let Home::At(name) = home else { return Ok(true) };
    Ok(domains::load(tx).await?.is_some_and(|domain| domain.name == *name && domain.operational()))
}
