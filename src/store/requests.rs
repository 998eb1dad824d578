//! Repeats of changes: the first answer to a request id is kept with the change itself, in one transaction.

use std::time::Duration;

use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::clock::{LockClass, ago, clock_timestamp, pg_advisory_xact_lock};
use super::error::failed;
use super::schema::requests;
use super::tx::Tx;
use crate::context::{OpContext, RequestKey};
use crate::domain::error::{Error, Reason, Refusal, Result};

fn key(op: &OpContext) -> Option<(&'static str, &RequestKey)> {
    let call = op.call()?;
    Some((call.policy.path, call.request.as_ref()?))
}

/// The answer that was given to the same request before. Repeats that run at the same time wait for each other.
pub(super) async fn find(tx: &mut Tx, op: &OpContext, window: Duration) -> Result<Option<serde_json::Value>> {
    let (Some((method, request)), Some((home, caller))) = (key(op), op.permit().identity()) else { return Ok(None) };
    // Others that hash alike wait needlessly, no more.
    let folded = request
        .id
        .as_u128()
        .to_be_bytes()
        .chunks(4)
        .fold(0_i32, |folded, part| part.iter().fold(folded, |f, byte| f.rotate_left(8) ^ i32::from(*byte)));
    let lock = pg_advisory_xact_lock(LockClass::Request as i32, folded);
    diesel::select(lock).execute(tx.conn()).await.map_err(failed)?;
    let known: Option<(Vec<u8>, serde_json::Value)> = requests::table
        .filter(requests::tenant_id.eq(home.0))
        .filter(requests::user_id.eq(caller))
        .filter(requests::method.eq(method))
        .filter(requests::request_id.eq(request.id))
        .filter(requests::created_at.gt(ago(window)))
        .select((requests::body_hash, requests::answer))
        .first(tx.conn())
        .await
        .optional()
        .map_err(failed)?;
    match known {
        None => Ok(None),
        Some((hash, answer)) if hash == request.body_hash => Ok(Some(answer)),
        Some(_) => Err(reused()),
    }
}

/// The refusal of a request id that has come with another body.
pub(super) fn reused() -> Error {
    let text = "this request_id was used for another request; use a new UUID for each new request";
    Refusal::new(Reason::RequestIdReused, text).into()
}

/// Keeps the answer for repeats.
pub(super) async fn keep(tx: &mut Tx, op: &OpContext, answer: serde_json::Value) -> Result<()> {
    let (Some((method, request)), Some((home, caller))) = (key(op), op.permit().identity()) else { return Ok(()) };
    let row = (
        requests::tenant_id.eq(home.0),
        requests::user_id.eq(caller),
        requests::method.eq(method),
        requests::request_id.eq(request.id),
        requests::body_hash.eq(&request.body_hash),
        requests::answer.eq(&answer),
    );
    // An id whose time is over may be used again, for something else.
    diesel::insert_into(requests::table)
        .values(row)
        .on_conflict((requests::tenant_id, requests::user_id, requests::method, requests::request_id))
        .do_update()
        .set((
            requests::body_hash.eq(&request.body_hash),
            requests::answer.eq(&answer),
            requests::created_at.eq(clock_timestamp()),
        ))
        .execute(tx.conn())
        .await
        .map_err(failed)?;
    Ok(())
}
