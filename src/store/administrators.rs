//! The administrators of a tenant: who can bring back what somebody else has taken away.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::error::failed;
use super::schema::{user_privileges as up, users as u};
use super::tx::Tx;
use crate::domain::error::Result;
use crate::domain::privilege::Privilege;
use crate::domain::user::{SUPERUSER, UserState};

/// Whether the transaction's tenant has an account of its own that can log in, now or once it is activated, and
/// administers users. Guests don't count, for their home can take them away; superuser does not, for it can't log in.
pub async fn is_there_one(tx: &mut Tx) -> Result<bool> {
    let tenant = tx.tenant().0;
    let holders = up::table
        .filter(up::tenant_id.eq(tenant))
        .filter(up::privilege.eq(Privilege::UserAdministrator.name()))
        .select(up::user_id);
    let administrators = u::table
        .filter(u::tenant_id.eq(tenant))
        .filter(u::user_name_key.ne(SUPERUSER))
        .filter(u::state.ne(UserState::Locked.name()))
        .filter(u::id.eq_any(holders));
    diesel::select(diesel::dsl::exists(administrators)).get_result(tx.conn()).await.map_err(failed)
}
