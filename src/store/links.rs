//! Activation and reset links. Each works once, for a time, for one user and one purpose.

use std::time::Duration;

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use uuid::Uuid;

use super::clock::{clock_timestamp, from_now};
use super::error::failed;
use super::schema::links as l;
use super::tx::{PlatformTx, Tx};
use crate::domain::error::Result;
use crate::domain::id::{LinkId, TenantUid, UserId};
use crate::domain::names::names;

names! {
    /// What a link is for.
    LinkPurpose {
        /// The first password.
        Activation = "ACTIVATION",
        /// A new password in the place of a forgotten one.
        Reset = "RESET",
    }
}

/// Stores the hash of a new link, and says until when it works. Older ones of the same user and purpose stop working.
pub async fn insert(
    tx: &mut Tx,
    user: UserId,
    purpose: LinkPurpose,
    code_hash: &[u8],
    life: Duration,
) -> Result<DateTime<Utc>> {
    let tenant = tx.tenant().0;
    diesel::delete(
        l::table
            .filter(l::tenant_id.eq(tenant))
            .filter(l::user_id.eq(user.0))
            .filter(l::purpose.eq(purpose.name()))
            .filter(l::used_at.is_null()),
    )
    .execute(tx.conn())
    .await
    .map_err(failed)?;
    diesel::insert_into(l::table)
        .values((
            l::tenant_id.eq(tenant),
            l::id.eq(LinkId::new().0),
            l::user_id.eq(user.0),
            l::purpose.eq(purpose.name()),
            l::code_hash.eq(code_hash),
            l::expires_at.eq(from_now(life)),
        ))
        .returning(l::expires_at)
        .get_result(tx.conn())
        .await
        .map_err(failed)
}

/// What is known of a link by its code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link {
    /// Tenant of its user.
    pub tenant: TenantUid,
    /// Its user.
    pub user: UserId,
    /// Whether it was used.
    pub used: bool,
    /// Whether its time is over.
    pub expired: bool,
}

/// The link of that code, whichever tenant's it is.
pub async fn find(tx: &mut PlatformTx, purpose: LinkPurpose, code_hash: &[u8]) -> Result<Option<Link>> {
    let row: Option<(Uuid, Uuid, bool, bool)> = l::table
        .filter(l::code_hash.eq(code_hash))
        .filter(l::purpose.eq(purpose.name()))
        .select((l::tenant_id, l::user_id, l::used_at.is_not_null(), l::expires_at.le(clock_timestamp())))
        .first(tx.conn())
        .await
        .optional()
        .map_err(failed)?;
    Ok(row.map(|(tenant, user, used, expired)| Link { tenant: TenantUid(tenant), user: UserId(user), used, expired }))
}

/// Uses a link up, in one statement. None: it was used, has expired, or never was.
pub async fn consume(tx: &mut Tx, purpose: LinkPurpose, code_hash: &[u8]) -> Result<Option<UserId>> {
    let tenant = tx.tenant().0;
    let used = diesel::update(
        l::table
            .filter(l::tenant_id.eq(tenant))
            .filter(l::code_hash.eq(code_hash))
            .filter(l::purpose.eq(purpose.name()))
            .filter(l::used_at.is_null())
            .filter(l::expires_at.gt(clock_timestamp())),
    )
    .set(l::used_at.eq(clock_timestamp().nullable()))
    .returning(l::user_id)
    .get_result::<Uuid>(tx.conn())
    .await;
    Ok(used.optional().map_err(failed)?.map(UserId))
}
