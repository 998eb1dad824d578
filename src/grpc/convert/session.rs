//! Sessions, and the tenants of their users, as messages.

use super::fields::timestamp;
use crate::app::sessions::MyTenants;
use crate::context::OpContext;
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
