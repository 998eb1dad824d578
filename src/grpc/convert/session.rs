//! Sessions, and the tenants of their users, as messages.

use super::domain;
use super::fields::timestamp;
use crate::app::home::Home;
use crate::app::sessions::MyTenants;
use crate::context::OpContext;
use crate::domain::error::{Error, Result};
use crate::proto::v1;
use crate::store::sessions::OpenSession;

/// The tenants in which the caller works.
pub fn my_tenants(op: &OpContext, found: MyTenants) -> Vec<v1::MyTenant> {
    let caller = op.permit().caller();
    let message = |(row, object_count): (crate::store::my_tenants::MyTenant, i64)| v1::MyTenant {
        tenant: format!("tenants/{}", row.code),
        display_name: row.display_name,
        usable: row.usable,
        active: caller.is_some_and(|caller| caller.active == row.tenant),
        home: caller.is_some_and(|caller| caller.user.home == row.tenant),
        default_tenant: found.default == row.tenant,
        object_count,
    };
    found.page.rows.into_iter().map(message).collect()
}

/// A session of that user.
pub fn session(op: &OpContext, user: &str, row: OpenSession) -> v1::Session {
    v1::Session {
        name: format!("{user}/sessions/{}", row.id),
        active_tenant: format!("tenants/{}", row.active),
        current: op.permit().caller().is_some_and(|caller| caller.session == row.id),
        create_time: Some(timestamp(row.created_at)),
        refresh_time: Some(timestamp(row.refreshed_at)),
        expire_time: Some(timestamp(row.expires_at)),
    }
}

/// A user name, and the home: it stands in the user name or beside it, by code, uid or domain, and once only.
pub fn account(user_name: String, tenant: String, domain: &str) -> Result<(String, Home)> {
    if !tenant.is_empty() && !domain.is_empty() {
        return Err(Error::field("domain", "must be empty when tenant is given"));
    }
    let beside = match (tenant.is_empty(), domain.is_empty()) {
        (true, true) => Home::Only,
        (false, _) => Home::Named(tenant),
        (true, false) => Home::At(domain::name("domain", domain)?),
    };
    let (user_name, home) = match (user_name.rsplit_once('@'), beside) {
        (Some((name, code)), Home::Only) => (name.to_owned(), Home::Named(code.to_owned())),
        (Some(_), beside) => {
            let field = if matches!(beside, Home::At(_)) { "domain" } else { "tenant" };
            return Err(Error::field(field, "must be empty when user_name is written as name@code"));
        }
        (None, beside) => (user_name, beside),
    };
    if user_name.is_empty() || user_name.len() > 1024 {
        return Err(Error::field("user_name", "must have 1 to 64 characters, alone or as name@code"));
    }
    if matches!(&home, Home::Named(tenant) if tenant.len() > 64) {
        return Err(Error::field("tenant", "must be the code or the uid of a tenant"));
    }
    Ok((user_name, home))
}
