//! Users: for log-in, and what they may do.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use uuid::Uuid;

use super::clock::clock_timestamp;
use super::enter::set_tenant;
use super::error::failed;
use super::schema::{tenants as t, user_privileges as up, users as u};
use super::tx::{Tx, stands};
use crate::authn::Caller;
use crate::authz::decision::Facts;
use crate::domain::error::{Error, Result};
use crate::domain::id::{TenantUid, UserId};
use crate::domain::lifecycle::State;
use crate::domain::privilege::Privilege;
use crate::domain::user::{User, UserState};

type Row = (Uuid, Uuid, String, String, String, bool, i64, Option<Uuid>);

type Columns =
    (u::tenant_id, u::id, u::user_name, u::email, u::state, u::must_change_password, u::epoch, u::default_tenant_id);

const COLUMNS: Columns =
    (u::tenant_id, u::id, u::user_name, u::email, u::state, u::must_change_password, u::epoch, u::default_tenant_id);

fn user((tenant, id, user_name, email, state, must_change_password, epoch, default_tenant): Row) -> Result<User> {
    Ok(User {
        tenant: TenantUid(tenant),
        id: UserId(id),
        user_name,
        email,
        state: UserState::parse(&state).ok_or_else(|| Error::internal("stored user state", state))?,
        must_change_password,
        epoch,
        default_tenant: default_tenant.map(TenantUid),
    })
}

/// A user of the transaction's tenant.
pub async fn load(tx: &mut Tx, id: UserId) -> Result<Option<User>> {
    let row = u::table.find((tx.tenant().0, id.0)).select(COLUMNS).first::<Row>(tx.conn()).await;
    row.optional().map_err(failed)?.map(user).transpose()
}

/// The same, held: whoever locks the user or ends its sessions waits until this transaction ends.
pub async fn load_held(tx: &mut Tx, id: UserId) -> Result<Option<User>> {
    let row = u::table.find((tx.tenant().0, id.0)).select(COLUMNS).for_share().first::<Row>(tx.conn()).await;
    row.optional().map_err(failed)?.map(user).transpose()
}

/// A user by name and the hash of its password.
pub async fn find_for_log_in(tx: &mut Tx, user_name_key: &str) -> Result<Option<(User, Option<String>)>> {
    let found = u::table
        .filter(u::tenant_id.eq(tx.tenant().0))
        .filter(u::user_name_key.eq(user_name_key))
        .select((COLUMNS, u::password_hash))
        .first::<(Row, Option<String>)>(tx.conn())
        .await;
    found.optional().map_err(failed)?.map(|(row, hash)| Ok((user(row)?, hash))).transpose()
}

/// The hash of a user's password.
pub async fn password_hash(tx: &mut Tx, id: UserId) -> Result<Option<String>> {
    let hash = u::table.find((tx.tenant().0, id.0)).select(u::password_hash).first(tx.conn()).await;
    Ok(hash.optional().map_err(failed)?.flatten())
}

/// Gives an invited user the first password and makes it active. False: it was not invited any more.
pub async fn activate(tx: &mut Tx, id: UserId, hash: &str) -> Result<bool> {
    let invited = u::table.find((tx.tenant().0, id.0)).filter(u::state.eq(UserState::Invited.name()));
    let activated = diesel::update(invited)
        .set((
            u::password_hash.eq(hash),
            u::state.eq(UserState::Active.name()),
            u::epoch.eq(u::epoch + 1),
            u::updated_at.eq(clock_timestamp()),
        ))
        .execute(tx.conn())
        .await
        .map_err(failed)?;
    Ok(activated == 1)
}

/// Gives an active user a new password in the place of one that is forgotten; tokens issued before stop working. False: the
/// user is not active.
pub async fn replace_password(tx: &mut Tx, id: UserId, hash: &str) -> Result<bool> {
    let active = u::table.find((tx.tenant().0, id.0)).filter(u::state.eq(UserState::Active.name()));
    let replaced = diesel::update(active)
        .set((
            u::password_hash.eq(hash),
            u::must_change_password.eq(false),
            u::epoch.eq(u::epoch + 1),
            u::updated_at.eq(clock_timestamp()),
        ))
        .execute(tx.conn())
        .await
        .map_err(failed)?;
    Ok(replaced == 1)
}

/// Gives a user a new password; tokens issued before stop working.
pub async fn set_password(tx: &mut Tx, id: UserId, hash: &str) -> Result<()> {
    diesel::update(u::table.find((tx.tenant().0, id.0)))
        .set((
            u::password_hash.eq(hash),
            u::must_change_password.eq(false),
            u::epoch.eq(u::epoch + 1),
            u::updated_at.eq(clock_timestamp()),
        ))
        .execute(tx.conn())
        .await
        .map_err(failed)?;
    Ok(())
}

/// State and epoch of a tenant; one in use is held, so that a lock that commits later waits for this transaction.
pub async fn hold_tenant(tx: &mut Tx) -> Result<Option<(State, i64)>> {
    hold_tenant_at(tx, tx.tenant()).await
}

/// The same of another tenant, in which a user of the transaction's tenant is to work.
pub async fn hold_tenant_at(tx: &mut Tx, tenant: TenantUid) -> Result<Option<(State, i64)>> {
    let own = tx.tenant();
    if tenant != own {
        set_tenant(tx.conn(), tenant).await?;
    }
    let found = t::table.find(tenant.0).select((t::state, t::epoch));
    let mut row: Option<(String, i64)> = found.first(tx.conn()).await.optional().map_err(failed)?;
    // Where nobody works there is nothing to hold, and whoever changes it may take long.
    if row.as_ref().is_some_and(|(state, _)| state == State::Active.name()) {
        row = found.for_share().first(tx.conn()).await.optional().map_err(failed)?;
    }
    if tenant != own {
        set_tenant(tx.conn(), own).await?;
    }
    row.map(|(state, epoch)| Ok((State::parse(&state).ok_or_else(|| Error::internal("stored state", state))?, epoch)))
        .transpose()
}

/// What is known of a caller besides the token, if the token still holds.
pub async fn facts(tx: &mut Tx, caller: &Caller) -> Result<Option<Facts>> {
    stands(tx, caller, false).await?;
    let names: Vec<String> = up::table
        .filter(up::tenant_id.eq(caller.active.0))
        .filter(up::user_id.eq(caller.user.user.0))
        .select(up::privilege)
        .load(tx.conn())
        .await
        .map_err(failed)?;
    if caller.user.home != caller.active {
        tx.switch(caller.user.home).await?;
    }
    let Some(user) = load(tx, caller.user.user).await? else { return Ok(None) };
    Ok(Some(Facts {
        caller: *caller,
        user_name: user.user_name,
        privileges: names.iter().filter_map(|n| Privilege::parse(n)).collect(),
        must_change_password: user.must_change_password,
    }))
}
