//! The keys that sign access tokens, as they rest: sealed by the root key.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::clock::{LockClass, clock_timestamp, pg_advisory_xact_lock};
use super::error::failed;
use super::schema::signing_keys as k;
use super::tx::PlatformTx;
use crate::domain::error::Result;

/// A key as it rests.
#[derive(Clone, Debug)]
pub struct SealedKey {
    /// Its id.
    pub kid: String,
    /// Its sealed PKCS #8.
    pub sealed: Vec<u8>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
}

/// All keys, held so that two replicas don't rotate at once; and the database's time.
pub async fn load_for_change(tx: &mut PlatformTx) -> Result<(Vec<SealedKey>, DateTime<Utc>)> {
    diesel::select(pg_advisory_xact_lock(LockClass::SigningKeys as i32, 0)).execute(tx.conn()).await.map_err(failed)?;
    let rows: Vec<(String, Vec<u8>, DateTime<Utc>)> =
        k::table.order(k::created_at).load(tx.conn()).await.map_err(failed)?;
    let now = diesel::select(clock_timestamp()).get_result(tx.conn()).await.map_err(failed)?;
    Ok((rows.into_iter().map(|(kid, sealed, created_at)| SealedKey { kid, sealed, created_at }).collect(), now))
}

/// Adds a key.
pub async fn insert(tx: &mut PlatformTx, key: &SealedKey) -> Result<()> {
    diesel::insert_into(k::table)
        .values((k::kid.eq(&key.kid), k::sealed.eq(&key.sealed), k::created_at.eq(key.created_at)))
        .execute(tx.conn())
        .await
        .map_err(failed)?;
    Ok(())
}

/// Removes a key that no valid token can be signed with any more.
pub async fn delete(tx: &mut PlatformTx, kid: &str) -> Result<()> {
    diesel::delete(k::table.find(kid)).execute(tx.conn()).await.map_err(failed)?;
    Ok(())
}
