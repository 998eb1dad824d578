//! Who works in which tenant, told from both sides: the host's, and that of the users' home.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use uuid::Uuid;

use super::clock::clock_timestamp;
use super::error::{failed, gone_or_failed};
use super::schema::{memberships as m, sessions as s, tenant_identities as ti, tenants as t, users as u};
use super::tx::Tx;
use crate::domain::error::{Error, Reason, Refusal, Result};
use crate::domain::id::{TenantUid, UserId, UserRef};
use crate::domain::lifecycle::State;
use crate::domain::user::SUPERUSER;

/// Those of these users that are there, each with whether it is superuser; an operator asks for users of any home, others
/// for those that they see.
pub async fn existing(tx: &mut Tx, wanted: &[UserRef]) -> Result<Vec<(UserRef, bool)>> {
    let ids: Vec<Uuid> = wanted.iter().map(|user| user.user.0).collect();
    let homes: Vec<Uuid> = wanted.iter().map(|user| user.home.0).collect();
    let query = u::table.filter(u::tenant_id.eq_any(homes)).filter(u::id.eq_any(ids)).select((
        u::tenant_id,
        u::id,
        u::user_name_key.eq(SUPERUSER),
    ));
    let found: Vec<(Uuid, Uuid, bool)> = if tx.op().permit().crosses_tenants() {
        let found = query.load(tx.across_tenants().await?).await.map_err(failed)?;
        tx.within_tenant().await?;
        found
    } else {
        query.load(tx.conn()).await.map_err(failed)?
    };
    let user = |(home, id, superuser)| (UserRef { home: TenantUid(home), user: UserId(id) }, superuser);
    Ok(found.into_iter().map(user).filter(|(user, _)| wanted.contains(user)).collect())
}

/// The states of those of these tenants that are there, for an operator.
pub async fn states(tx: &mut Tx, tenants: &[TenantUid]) -> Result<Vec<(TenantUid, State)>> {
    let uids: Vec<Uuid> = tenants.iter().map(|tenant| tenant.0).collect();
    let query = t::table.filter(t::tenant_id.eq_any(uids)).select((t::tenant_id, t::state));
    let found: Vec<(Uuid, String)> = query.load(tx.across_tenants().await?).await.map_err(failed)?;
    tx.within_tenant().await?;
    let state = |(uid, state): (Uuid, String)| {
        let state = State::parse(&state).ok_or_else(|| Error::internal("stored state", state))?;
        Ok((TenantUid(uid), state))
    };
    found.into_iter().map(state).collect()
}

/// Lets these users work in the transaction's tenant. Gives how many did not before.
pub async fn insert(tx: &mut Tx, users: &[UserRef]) -> Result<usize> {
    let tenant = tx.tenant().0;
    let row = |user: &UserRef| (m::tenant_id.eq(tenant), m::user_id.eq(user.user.0), m::home_tenant_id.eq(user.home.0));
    let rows: Vec<_> = users.iter().map(row).collect();
    let added = diesel::insert_into(m::table).values(rows).on_conflict_do_nothing().execute(tx.conn()).await;
    let added = added.map_err(gone_or_failed)?;
    if working(tx, users).await?.len() < users.iter().collect::<HashSet<_>>().len() {
        return Err(twin());
    }
    Ok(added)
}

/// Lets a user of the transaction's tenant work in others. Gives how many are new to it. An operator's right.
pub async fn insert_elsewhere(tx: &mut Tx, user: UserId, hosts: &[TenantUid]) -> Result<usize> {
    let home = tx.tenant().0;
    let row = |host: &TenantUid| (m::tenant_id.eq(host.0), m::user_id.eq(user.0), m::home_tenant_id.eq(home));
    let rows: Vec<_> = hosts.iter().map(row).collect();
    let conn = tx.across_tenants().await?;
    let added = diesel::insert_into(m::table).values(rows).on_conflict_do_nothing().execute(conn).await;
    let added = added.map_err(gone_or_failed)?;
    tx.within_tenant().await?;
    if self::hosts(tx, user, hosts).await?.len() < hosts.iter().collect::<HashSet<_>>().len() {
        return Err(twin());
    }
    Ok(added)
}

/// The refusal of a guest where a user of the same id is at home: a tenant that was made of a backup has users of the same ids.
fn twin() -> Error {
    let text = "a user of the same id works in the tenant already: one of the two tenants was made of a backup of the other one";
    Refusal::new(Reason::ResourceExists, text).into()
}

/// Takes users out of the transaction's tenant, and all that they have there.
pub async fn remove(tx: &mut Tx, users: &[UserId]) -> Result<()> {
    let ids: Vec<Uuid> = users.iter().map(|user| user.0).collect();
    let gone = m::table.filter(m::tenant_id.eq(tx.tenant().0)).filter(m::user_id.eq_any(ids));
    diesel::delete(gone).execute(tx.conn()).await.map_err(failed)?;
    Ok(())
}

/// Calls a user of the transaction's tenant back from these tenants.
pub async fn remove_elsewhere(tx: &mut Tx, user: UserId, hosts: &[TenantUid]) -> Result<()> {
    let hosts: Vec<Uuid> = hosts.iter().map(|host| host.0).collect();
    let home = m::home_tenant_id.eq(tx.tenant().0);
    let gone = m::table.filter(home).filter(m::user_id.eq(user.0)).filter(m::tenant_id.eq_any(hosts));
    diesel::delete(gone).execute(tx.conn()).await.map_err(failed)?;
    Ok(())
}

/// Ends the sessions of users of the transaction's tenant that are active in one of these tenants.
pub async fn end_sessions(tx: &mut Tx, users: &[UserId], active: &[TenantUid]) -> Result<()> {
    let ids: Vec<Uuid> = users.iter().map(|user| user.0).collect();
    let active: Vec<Uuid> = active.iter().map(|tenant| tenant.0).collect();
    let open = s::table
        .filter(s::tenant_id.eq(tx.tenant().0))
        .filter(s::user_id.eq_any(ids))
        .filter(s::active_tenant_id.eq_any(active))
        .filter(s::ended_at.is_null());
    let ended = diesel::update(open).set(s::ended_at.eq(clock_timestamp().nullable())).execute(tx.conn()).await;
    ended.map_err(failed)?;
    Ok(())
}

/// A tenant in which a user works.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Workplace {
    /// Which.
    pub tenant: TenantUid,
    /// Its code.
    pub code: String,
    /// Since when.
    pub since: DateTime<Utc>,
}

/// Where a user of the transaction's tenant works, in the order of the codes, from behind the given one.
pub async fn workplaces(tx: &mut Tx, user: UserId, after: &str, limit: i64) -> Result<Vec<Workplace>> {
    let found: Vec<(Uuid, String, DateTime<Utc>)> = m::table
        .inner_join(ti::table.on(ti::uid.eq(m::tenant_id)))
        .filter(m::home_tenant_id.eq(tx.tenant().0))
        .filter(m::user_id.eq(user.0))
        .filter(ti::code.gt(after))
        .order(ti::code)
        .limit(limit)
        .select((ti::uid, ti::code, m::created_at))
        .load(tx.conn())
        .await
        .map_err(failed)?;
    Ok(found.into_iter().map(|(uid, code, since)| Workplace { tenant: TenantUid(uid), code, since }).collect())
}

/// Those of these tenants in which a user of the transaction's tenant works.
pub async fn hosts(tx: &mut Tx, user: UserId, among: &[TenantUid]) -> Result<Vec<TenantUid>> {
    let among: Vec<Uuid> = among.iter().map(|tenant| tenant.0).collect();
    let found = m::table
        .filter(m::home_tenant_id.eq(tx.tenant().0))
        .filter(m::user_id.eq(user.0))
        .filter(m::tenant_id.eq_any(among))
        .select(m::tenant_id);
    Ok(found.load(tx.conn()).await.map_err(failed)?.into_iter().map(TenantUid).collect())
}

/// Those of these users, wherever they are at home, who work in the transaction's tenant.
pub async fn working(tx: &mut Tx, among: &[UserRef]) -> Result<Vec<UserRef>> {
    let ids: Vec<Uuid> = among.iter().map(|user| user.user.0).collect();
    let found = m::table.filter(m::tenant_id.eq(tx.tenant().0)).filter(m::user_id.eq_any(ids));
    let found: Vec<(Uuid, Uuid)> =
        found.select((m::home_tenant_id, m::user_id)).load(tx.conn()).await.map_err(failed)?;
    let found = found.into_iter().map(|(home, user)| UserRef { home: TenantUid(home), user: UserId(user) });
    // Users of two tenants may have the same id.
    Ok(found.filter(|user| among.contains(user)).collect())
}

/// In how many tenants a user of the transaction's tenant works.
pub async fn count(tx: &mut Tx, user: UserId) -> Result<i64> {
    let all = m::table.filter(m::home_tenant_id.eq(tx.tenant().0)).filter(m::user_id.eq(user.0));
    all.count().get_result(tx.conn()).await.map_err(failed)
}
