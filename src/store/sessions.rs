//! Sessions, at their user's home.

use std::time::Duration;

use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use uuid::Uuid;

use super::clock::{ago, clock_timestamp, from_now};
use super::error::failed;
use super::schema::sessions as s;
use super::tx::Tx;
use crate::authn::Caller;
use crate::authn::token::RefreshToken;
use crate::domain::error::Result;
use crate::domain::id::{SessionId, TenantUid, UserId};

/// Starts a session at home.
pub async fn insert(tx: &mut Tx, caller: &Caller, token: &RefreshToken, life: Duration) -> Result<()> {
    let tenant = tx.tenant().0;
    diesel::insert_into(s::table)
        .values((
            s::tenant_id.eq(tenant),
            s::id.eq(token.session.0),
            s::user_id.eq(caller.user.user.0),
            s::active_tenant_id.eq(caller.active.0),
            s::tenant_epoch.eq(caller.tenant_epoch),
            s::refresh_generation.eq(token.generation),
            s::refresh_hash.eq(token.hash()),
            s::expires_at.eq(from_now(life)),
        ))
        .execute(tx.conn())
        .await
        .map_err(failed)?;
    Ok(())
}

/// A session that goes on, held for change.
#[derive(Clone, Debug)]
pub struct Session {
    /// Whose.
    pub user: UserId,
    /// Where its user works.
    pub active: TenantUid,
    /// That tenant's epoch when the session began there.
    pub tenant_epoch: i64,
    /// Which refresh token is the current one.
    pub generation: i32,
    /// Its hash.
    pub hash: Vec<u8>,
    /// Whether the current one was issued no longer ago than the grace for a lost answer.
    pub just_refreshed: bool,
}

/// The session, unless it has ended.
pub async fn load_for_change(tx: &mut Tx, id: SessionId, grace: Duration) -> Result<Option<Session>> {
    let row: Option<(Uuid, Uuid, i64, i32, Vec<u8>, bool)> = s::table
        .find((tx.tenant().0, id.0))
        .filter(s::ended_at.is_null())
        .filter(s::expires_at.gt(clock_timestamp()))
        .select((
            s::user_id,
            s::active_tenant_id,
            s::tenant_epoch,
            s::refresh_generation,
            s::refresh_hash,
            s::refreshed_at.gt(ago(grace)),
        ))
        .for_no_key_update()
        .first(tx.conn())
        .await
        .optional()
        .map_err(failed)?;
    Ok(row.map(|(user, active, tenant_epoch, generation, hash, just_refreshed)| Session {
        user: UserId(user),
        active: TenantUid(active),
        tenant_epoch,
        generation,
        hash,
        just_refreshed,
    }))
}

/// The token that is current from now on.
pub async fn refresh(tx: &mut Tx, token: &RefreshToken, life: Duration) -> Result<()> {
    diesel::update(s::table.find((tx.tenant().0, token.session.0)))
        .set((
            s::refresh_generation.eq(token.generation),
            s::refresh_hash.eq(token.hash()),
            s::refreshed_at.eq(clock_timestamp()),
            s::expires_at.eq(from_now(life)),
        ))
        .execute(tx.conn())
        .await
        .map_err(failed)?;
    Ok(())
}

/// Ends one session.
pub async fn end(tx: &mut Tx, id: SessionId) -> Result<()> {
    diesel::update(s::table.find((tx.tenant().0, id.0)).filter(s::ended_at.is_null()))
        .set(s::ended_at.eq(clock_timestamp().nullable()))
        .execute(tx.conn())
        .await
        .map_err(failed)?;
    Ok(())
}

/// Ends all sessions of a user.
pub async fn end_all(tx: &mut Tx, user: UserId) -> Result<()> {
    diesel::update(
        s::table.filter(s::tenant_id.eq(tx.tenant().0)).filter(s::user_id.eq(user.0)).filter(s::ended_at.is_null()),
    )
    .set(s::ended_at.eq(clock_timestamp().nullable()))
    .execute(tx.conn())
    .await
    .map_err(failed)?;
    Ok(())
}
