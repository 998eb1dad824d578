//! Services that call: what their identities give them, and when they were here last.

use std::time::Duration;

use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use uuid::Uuid;

use super::clock::{ago, clock_timestamp};
use super::error::failed;
use super::schema::{service_identities as s, service_keys as k};
use super::service_identities::reach;
use super::tx::Tx;
use crate::authn::Proof;
use crate::authz::services::Service;
use crate::domain::error::Result;
use crate::domain::id::ServiceId;
use crate::domain::service_identity::ServiceRef;

/// How exactly it is noted when a service was here last.
const EXACT_TO: Duration = Duration::from_secs(60);

/// A service that has shown something, if its identity is there.
#[derive(Debug)]
pub struct Found {
    /// The service.
    pub service: Service,
    /// Its keys.
    pub keys: Vec<KeyHash>,
    /// Whether it was here less than a minute ago.
    pub seen: bool,
}

/// A key of a service, as it is stored.
#[derive(Debug)]
pub struct KeyHash {
    /// The hash.
    pub hash: Vec<u8>,
    /// Whether its time is over.
    pub expired: bool,
    /// Whether it was used less than a minute ago.
    pub seen: bool,
}

/// The identity that is meant by what a service has shown. Whether it is its own is for the caller to compare.
pub async fn find(tx: &mut Tx, proof: &Proof) -> Result<Option<Found>> {
    type Row = (Uuid, String, Vec<String>, Vec<Uuid>, bool, Option<bool>);
    let mut query = s::table
        .select((s::uid, s::id, s::methods, s::tenants, s::all_tenants, s::used_at.gt(ago(EXACT_TO).nullable())))
        .into_boxed();
    query = match proof {
        Proof::Key(service, _) => query.filter(s::uid.eq(service.0)),
        Proof::Certificate(id) => query.filter(s::spiffe_id.eq(id.as_str())),
    };
    let row: Option<Row> = query.first(tx.conn()).await.optional().map_err(failed)?;
    let Some((uid, id, methods, tenants, all, seen)) = row else { return Ok(None) };
    let service = Service {
        service: ServiceRef { uid: ServiceId(uid), id },
        proof: proof.clone(),
        methods: methods.into_iter().collect(),
        reach: reach(tenants, all),
    };
    let keys = match proof {
        Proof::Key(service, _) => keys(tx, *service).await?,
        Proof::Certificate(_) => Vec::new(),
    };
    Ok(Some(Found { service, keys, seen: seen == Some(true) }))
}

async fn keys(tx: &mut Tx, service: ServiceId) -> Result<Vec<KeyHash>> {
    let keys = k::table.filter(k::service.eq(service.0)).select((
        k::hash,
        k::expires_at.le(clock_timestamp()),
        k::used_at.gt(ago(EXACT_TO).nullable()),
    ));
    let keys: Vec<(Vec<u8>, bool, Option<bool>)> = keys.load(tx.conn()).await.map_err(failed)?;
    Ok(keys.into_iter().map(|(hash, expired, seen)| KeyHash { hash, expired, seen: seen == Some(true) }).collect())
}

/// Notes that a service was here. Calls that change something hold its identity; they are not waited for, and what is not noted now
/// is with the next call.
pub async fn note(tx: &mut Tx, service: ServiceId, proof: &Proof) -> Result<()> {
    if let Proof::Key(_, hash) = proof {
        let key = k::table.filter(k::service.eq(service.0)).filter(k::hash.eq(hash));
        diesel::update(key)
            .set(k::used_at.eq(clock_timestamp().nullable()))
            .execute(tx.conn())
            .await
            .map_err(failed)?;
    }
    let free = s::table.find(service.0).select(s::uid).for_no_key_update().skip_locked();
    let free: Option<Uuid> = free.first(tx.conn()).await.optional().map_err(failed)?;
    if let Some(uid) = free {
        let row = s::table.find(uid);
        diesel::update(row)
            .set(s::used_at.eq(clock_timestamp().nullable()))
            .execute(tx.conn())
            .await
            .map_err(failed)?;
    }
    Ok(())
}
