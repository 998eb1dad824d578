//! The tenants in which a user works, as the user itself sees them.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::error::failed;
use super::schema::{groups as g, memberships as m, roles as r, tenant_limits as tl, tenants as t};
use super::tx::Tx;
use crate::domain::error::Result;
use crate::domain::id::{TenantUid, UserId};
use crate::domain::lifecycle::State;

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MyTenant {
    /// Which.
    pub tenant: TenantUid,
    /// Its code.
    pub code: String,
    /// What people call it.
    pub display_name: String,
    /// Whether one can work in it now.
    pub usable: bool,
}

/// Those of a user of the transaction's tenant, in the order of the codes, from behind the given one.
pub async fn page(tx: &mut Tx, user: UserId, after: &str, limit: i64) -> Result<Vec<MyTenant>> {
    let query = m::table
        .inner_join(t::table.on(t::tenant_id.eq(m::tenant_id)))
        .filter(m::home_tenant_id.eq(tx.tenant().0))
        .filter(m::user_id.eq(user.0))
        .filter(t::code.gt(after))
        .order(t::code)
        .limit(limit)
        .select((t::tenant_id, t::code, t::display_name, t::state.eq(State::Active.name())));
    let found: Vec<(Uuid, String, String, bool)> = query.load(tx.across_tenants().await?).await.map_err(failed)?;
    tx.within_tenant().await?;
    let tenant =
        |(tenant, code, display_name, usable)| MyTenant { tenant: TenantUid(tenant), code, display_name, usable };
    Ok(found.into_iter().map(tenant).collect())
}

/// How many objects the transaction's tenant has: users, groups and roles.
pub async fn objects(tx: &mut Tx) -> Result<i64> {
    let tenant = tx.tenant().0;
    let users = tl::table.find(tenant).select(tl::users).first::<i64>(tx.conn()).await.optional().map_err(failed)?;
    let groups = g::table.filter(g::tenant_id.eq(tenant)).count().get_result::<i64>(tx.conn()).await.map_err(failed)?;
    let roles = r::table.filter(r::tenant_id.eq(tenant)).count().get_result::<i64>(tx.conn()).await.map_err(failed)?;
    Ok(users.unwrap_or_default() + groups + roles)
}
