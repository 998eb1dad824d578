//! Sessions, at their user's home.

use std::time::Duration;

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use uuid::Uuid;

use super::clock::{ago, clock_timestamp, from_now};
use super::error::failed;
use super::schema::{sessions as s, tenant_identities as ti};
use super::tx::{Tx, stands};
use crate::authn::Caller;
use crate::authn::refresh_token::RefreshToken;
use crate::domain::error::Result;
use crate::domain::id::{IdentityId, SessionId, TenantUid, UserId};

/// Whether the caller's session goes on where its token says; the transaction then is on the active tenant.
pub async fn look(tx: &mut Tx, caller: &Caller) -> Result<()> {
    stands(tx, caller, false).await
}

/// The same, held: it goes on there until the transaction ends.
pub async fn check(tx: &mut Tx, caller: &Caller) -> Result<()> {
    stands(tx, caller, true).await
}

/// Starts a session at home, that of `token`; with an identity it goes when that goes.
pub async fn insert(
    tx: &mut Tx,
    caller: &Caller,
    token: &RefreshToken,
    life: Duration,
    began_with: Option<IdentityId>,
) -> Result<()> {
    let tenant = tx.tenant().0;
    let tenant_epoch = caller.session()?.tenant_epoch;
    diesel::insert_into(s::table)
        .values((
            s::tenant_id.eq(tenant),
            s::id.eq(token.session.0),
            s::user_id.eq(caller.user.user.0),
            s::active_tenant_id.eq(caller.active.0),
            s::tenant_epoch.eq(tenant_epoch),
            s::refresh_generation.eq(token.generation),
            s::refresh_hash.eq(token.hash()),
            s::expires_at.eq(from_now(life)),
            s::identity_id.eq(began_with.map(|identity| identity.0)),
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
    /// The hash of the one before it.
    pub previous_hash: Option<Vec<u8>>,
    /// Whether the current one was issued no longer ago than the grace for a lost answer.
    pub just_refreshed: bool,
}

/// The session, unless it has ended.
pub async fn load_for_change(tx: &mut Tx, id: SessionId, grace: Duration) -> Result<Option<Session>> {
    type Row = (Uuid, Uuid, i64, i32, Vec<u8>, Option<Vec<u8>>, bool);
    let row: Option<Row> = s::table
        .find((tx.tenant().0, id.0))
        .filter(s::ended_at.is_null())
        .filter(s::expires_at.gt(clock_timestamp()))
        .select((
            s::user_id,
            s::active_tenant_id,
            s::tenant_epoch,
            s::refresh_generation,
            s::refresh_hash,
            s::previous_hash,
            s::refreshed_at.gt(ago(grace)),
        ))
        .for_no_key_update()
        .first(tx.conn())
        .await
        .optional()
        .map_err(failed)?;
    Ok(row.map(|(user, active, tenant_epoch, generation, hash, previous_hash, just_refreshed)| Session {
        user: UserId(user),
        active: TenantUid(active),
        tenant_epoch,
        generation,
        hash,
        previous_hash,
        just_refreshed,
    }))
}

/// The tenant in which a session works, if the session goes on.
pub async fn active_tenant(tx: &mut Tx, id: SessionId) -> Result<Option<TenantUid>> {
    let active = s::table.find((tx.tenant().0, id.0)).filter(s::ended_at.is_null()).select(s::active_tenant_id);
    Ok(active.first(tx.conn()).await.optional().map_err(failed)?.map(TenantUid))
}

/// The token that is current from now on; the one until now may come again for a while.
pub async fn rotate(tx: &mut Tx, session: &Session, next: &RefreshToken, life: Duration) -> Result<()> {
    diesel::update(s::table.find((tx.tenant().0, next.session.0)))
        .set((
            s::refresh_generation.eq(next.generation),
            s::refresh_hash.eq(next.hash()),
            s::previous_hash.eq(&session.hash),
            s::refreshed_at.eq(clock_timestamp()),
            s::expires_at.eq(from_now(life)),
        ))
        .execute(tx.conn())
        .await
        .map_err(failed)?;
    Ok(())
}

/// The token in the place of the current one, whose answer got lost: that one is good for nothing from now on.
pub async fn replace(tx: &mut Tx, token: &RefreshToken) -> Result<()> {
    diesel::update(s::table.find((tx.tenant().0, token.session.0)))
        .set(s::refresh_hash.eq(token.hash()))
        .execute(tx.conn())
        .await
        .map_err(failed)?;
    Ok(())
}

/// Where the session works from now on.
pub async fn work_in(tx: &mut Tx, id: SessionId, active: TenantUid, tenant_epoch: i64) -> Result<()> {
    diesel::update(s::table.find((tx.tenant().0, id.0)))
        .set((s::active_tenant_id.eq(active.0), s::tenant_epoch.eq(tenant_epoch)))
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

/// A session that goes on, as its user sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenSession {
    /// Which.
    pub id: SessionId,
    /// Where its user works: the code, or the uid of a tenant in which the user works no more.
    pub active: String,
    /// Since when.
    pub created_at: DateTime<Utc>,
    /// When its tokens were last issued.
    pub refreshed_at: DateTime<Utc>,
    /// When it ends unless it is refreshed.
    pub expires_at: DateTime<Utc>,
}

/// The sessions of a user that go on, newest first, from behind the given one.
pub async fn list(tx: &mut Tx, user: UserId, after: Option<SessionId>, limit: i64) -> Result<Vec<OpenSession>> {
    let mut query = s::table
        .left_join(ti::table.on(ti::uid.eq(s::active_tenant_id)))
        .filter(s::tenant_id.eq(tx.tenant().0))
        .filter(s::user_id.eq(user.0))
        .filter(s::ended_at.is_null())
        .filter(s::expires_at.gt(clock_timestamp()))
        .order(s::id.desc())
        .limit(limit)
        .select((s::id, s::active_tenant_id, ti::code.nullable(), s::created_at, s::refreshed_at, s::expires_at))
        .into_boxed();
    if let Some(after) = after {
        query = query.filter(s::id.lt(after.0));
    }
    type Row = (Uuid, Uuid, Option<String>, DateTime<Utc>, DateTime<Utc>, DateTime<Utc>);
    let found: Vec<Row> = query.load(tx.conn()).await.map_err(failed)?;
    let session = |(id, active, code, created_at, refreshed_at, expires_at): Row| OpenSession {
        id: SessionId(id),
        active: code.unwrap_or_else(|| TenantUid(active).to_string()),
        created_at,
        refreshed_at,
        expires_at,
    };
    Ok(found.into_iter().map(session).collect())
}

/// Whether a session is of that user, and goes on.
pub async fn is_of(tx: &mut Tx, id: SessionId, user: UserId) -> Result<bool> {
    let open = s::table
        .find((tx.tenant().0, id.0))
        .filter(s::user_id.eq(user.0))
        .filter(s::ended_at.is_null())
        .filter(s::expires_at.gt(clock_timestamp()));
    diesel::select(diesel::dsl::exists(open)).get_result(tx.conn()).await.map_err(failed)
}
