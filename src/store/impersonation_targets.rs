//! The accounts of a tenant that operators may act for.

use diesel::dsl::{exists, not};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use uuid::Uuid;

use super::error::failed;
use super::schema::{memberships as m, tenant_identities as ti, users as u};
use super::tx::Tx;
use crate::domain::error::Result;
use crate::domain::id::UserId;
use crate::domain::impersonation::Target;
use crate::domain::user::UserState;

const ACTIVE: &str = UserState::Active.name();

type Row = (String, Uuid, String, String, bool, String, bool);

#[diesel::dsl::auto_type(no_type_alias)]
fn columns() -> _ {
    let works = exists(m::table.filter(m::tenant_id.eq(u::tenant_id)).filter(m::user_id.eq(u::id)));
    (ti::code, u::id, u::user_name, u::user_name_key, u::impersonation_target, u::state, works)
}

fn target((tenant_code, user, user_name, key, marked, state, works): Row) -> Target {
    let usable = marked && works && state == ACTIVE;
    Target { tenant_code, user: UserId(user), user_name, key, marked, usable }
}

/// One account of the transaction's tenant, marked or not.
pub async fn one(tx: &mut Tx, id: UserId) -> Result<Option<Target>> {
    let found = u::table
        .inner_join(ti::table.on(ti::uid.eq(u::tenant_id)))
        .filter(u::tenant_id.eq(tx.tenant().0))
        .filter(u::id.eq(id.0))
        .select(columns())
        .first::<Row>(tx.conn())
        .await;
    Ok(found.optional().map_err(failed)?.map(target))
}

/// The marked accounts of the transaction's tenant by their user names, from behind the given one, and how many there are,
/// counted up to `most`.
pub async fn page(tx: &mut Tx, after: &str, limit: i64, most: i64) -> Result<(Vec<Target>, i64)> {
    let tenant = tx.tenant().0;
    let rows = u::table
        .inner_join(ti::table.on(ti::uid.eq(u::tenant_id)))
        .filter(u::tenant_id.eq(tenant))
        .filter(u::impersonation_target)
        .filter(u::user_name_key.gt(after))
        .order(u::user_name_key)
        .limit(limit)
        .select(columns())
        .load::<Row>(tx.conn())
        .await
        .map_err(failed)?;
    let marked = u::table.filter(u::tenant_id.eq(tenant)).filter(u::impersonation_target).limit(most).select(u::id);
    let counted = marked.load::<Uuid>(tx.conn()).await.map_err(failed)?.len();
    Ok((rows.into_iter().map(target).collect(), i64::try_from(counted).unwrap_or(i64::MAX)))
}

/// Marks an account of the transaction's tenant and makes it active.
pub async fn make_usable(tx: &mut Tx, id: UserId) -> Result<()> {
    let row = u::table.find((tx.tenant().0, id.0)).filter(not(u::impersonation_target).or(u::state.ne(ACTIVE)));
    let usable = (u::impersonation_target.eq(true), u::state.eq(ACTIVE));
    diesel::update(row).set(usable).execute(tx.conn()).await.map_err(failed)?;
    Ok(())
}

/// Marks an account of the transaction's tenant, or takes the mark away.
pub async fn mark(tx: &mut Tx, id: UserId, marked: bool) -> Result<()> {
    let row = u::table.find((tx.tenant().0, id.0));
    diesel::update(row).set(u::impersonation_target.eq(marked)).execute(tx.conn()).await.map_err(failed)?;
    Ok(())
}
