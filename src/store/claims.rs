//! Who works on an operation: claims, leases, and the fence that each effect passes.

use std::time::Duration;

use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Interval, Jsonb, Text, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::clock::{from_now, interval};
use super::error::failed;
use super::operations::{stored_actor, stored_failure};
use super::schema::operations as o;
use super::tx::{PlatformTx, Tx};
use crate::domain::error::{Error, Result};
use crate::domain::id::{BootId, OperationId, TenantUid};
use crate::domain::operation::{Actor, Failure, Kind, Params, State, Units};

/// A worker's hold on an operation. It ends when another claim is made or the operation ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The tenant that it works on.
    pub tenant: TenantUid,
    /// The operation.
    pub id: OperationId,
    /// Which claim of the operation this is.
    pub epoch: i64,
}

/// A claimed operation.
#[derive(Clone, Debug)]
pub struct Claimed {
    /// The hold.
    pub claim: Claim,
    /// What to do.
    pub params: Params,
    /// Where to go on.
    pub step: String,
    /// Failed attempts at that step so far.
    pub attempts: i32,
    /// Who asked for it.
    pub actor: Actor,
    /// Ties it to the call that asked for it.
    pub correlation_id: String,
    /// How far that step is.
    pub units: Units,
    /// Why the last attempt failed, if one did.
    pub failure: Option<Failure>,
    /// Whether it is to be cancelled.
    pub cancelling: bool,
    /// Whether another worker's lease had run out.
    pub taken_over: bool,
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = SqlUuid)]
    tenant_id: Uuid,
    #[diesel(sql_type = SqlUuid)]
    id: Uuid,
    #[diesel(sql_type = BigInt)]
    epoch: i64,
    #[diesel(sql_type = Jsonb)]
    params: serde_json::Value,
    #[diesel(sql_type = Text)]
    step: String,
    #[diesel(sql_type = diesel::sql_types::Integer)]
    attempts: i32,
    #[diesel(sql_type = diesel::sql_types::Nullable<SqlUuid>)]
    actor_tenant_id: Option<Uuid>,
    #[diesel(sql_type = diesel::sql_types::Nullable<SqlUuid>)]
    actor_id: Option<Uuid>,
    #[diesel(sql_type = Text)]
    actor_name: String,
    #[diesel(sql_type = diesel::sql_types::Nullable<SqlUuid>)]
    acted_for: Option<Uuid>,
    #[diesel(sql_type = Text)]
    impersonation_reason: String,
    #[diesel(sql_type = Text)]
    method: String,
    #[diesel(sql_type = Text)]
    correlation_id: String,
    #[diesel(sql_type = BigInt)]
    done_units: i64,
    #[diesel(sql_type = BigInt)]
    total_units: i64,
    #[diesel(sql_type = Text)]
    state: String,
    #[diesel(sql_type = Text)]
    error_code: String,
    #[diesel(sql_type = Text)]
    error_reason: String,
    #[diesel(sql_type = Text)]
    error_message: String,
    #[diesel(sql_type = Jsonb)]
    error_metadata: serde_json::Value,
    #[diesel(sql_type = diesel::sql_types::Bool)]
    taken_over: bool,
}

/// Without MATERIALIZED the planner may run the inner query again for each row and lock more than its limit.
const CLAIM: &str = "
    WITH due AS MATERIALIZED (
        SELECT tenant_id, id, owner IS NOT NULL AS taken_over FROM operations
        WHERE ended_at IS NULL AND run_after <= clock_timestamp()
          AND (lease_until IS NULL OR lease_until < clock_timestamp())
          AND kind = ANY ($1)
        ORDER BY run_after LIMIT $2
        FOR UPDATE SKIP LOCKED)
    UPDATE operations o
    SET owner = $3, lease_until = clock_timestamp() + $4, epoch = o.epoch + 1,
        -- A worker that died counts as a failed attempt: what kills its workers must not go round for ever.
        attempts = o.attempts + due.taken_over::int,
        state = CASE o.state WHEN 'PENDING' THEN 'RUNNING' ELSE o.state END,
        started_at = coalesce(o.started_at, clock_timestamp())
    FROM due WHERE o.tenant_id = due.tenant_id AND o.id = due.id
    RETURNING o.tenant_id, o.id, o.epoch, o.params, o.step, o.attempts, o.actor_tenant_id, o.actor_id, o.actor_name, o.acted_for,
              o.impersonation_reason, o.method, o.correlation_id, o.done_units, o.total_units, o.state,
              o.error_code, o.error_reason, o.error_message, o.error_metadata, due.taken_over";

/// Takes at most `most` operations of these kinds that are due and that nobody works on.
pub async fn claim(
    tx: &mut PlatformTx,
    kinds: &[Kind],
    owner: BootId,
    lease: Duration,
    most: i64,
) -> Result<Vec<Claimed>> {
    let kinds: Vec<_> = kinds.iter().map(|k| k.name()).collect();
    let rows: Vec<Row> = diesel::sql_query(CLAIM)
        .bind::<Array<Text>, _>(kinds)
        .bind::<BigInt, _>(most)
        .bind::<SqlUuid, _>(owner.0)
        .bind::<Interval, _>(interval(lease))
        .load(tx.conn())
        .await
        .map_err(failed)?;
    let mut claimed = Vec::new();
    for row in rows {
        let claim = Claim { tenant: TenantUid(row.tenant_id), id: OperationId(row.id), epoch: row.epoch };
        // A newer version asked for it; one that knows it will come along. The others must not wait for that.
        let Ok(params) = serde_json::from_value(row.params) else {
            leave(tx, &claim).await?;
            continue;
        };
        claimed.push(Claimed {
            claim,
            params,
            step: row.step,
            attempts: row.attempts,
            actor: stored_actor(
                (row.actor_tenant_id, row.actor_id, row.actor_name),
                (row.acted_for, row.impersonation_reason, row.method),
            ),
            correlation_id: row.correlation_id,
            units: Units { done: row.done_units, total: row.total_units },
            failure: stored_failure(row.error_code, row.error_reason, row.error_message, row.error_metadata)?,
            cancelling: row.state == State::Cancelling.name(),
            taken_over: row.taken_over,
        });
    }
    Ok(claimed)
}

/// Leaves an operation alone for a while that this version does not understand.
async fn leave(tx: &mut PlatformTx, claim: &Claim) -> Result<()> {
    tracing::warn!(operation = %claim.id, "this version does not know what the operation asks for");
    diesel::update(held(claim))
        .set((
            o::owner.eq(None::<Uuid>),
            o::lease_until.eq(None::<chrono::DateTime<chrono::Utc>>),
            o::run_after.eq(from_now(Duration::from_secs(60))),
            o::waiting_for.eq("a version that knows what it asks for"),
        ))
        .execute(tx.conn())
        .await
        .map_err(failed)?;
    Ok(())
}

/// What a worker's sign of life is answered with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Beat {
    /// Go on.
    GoOn,
    /// Stop, and undo it.
    Cancel,
    /// Nothing: the worker itself has just ended it.
    Ended,
    /// The claim is over.
    Over,
}

/// Prolongs the lease.
pub async fn heartbeat(tx: &mut Tx, claim: &Claim, lease: Duration) -> Result<Beat> {
    let held = diesel::update(held(claim)).set(o::lease_until.eq((from_now(lease)).nullable())).returning(o::state);
    let state: Option<String> = held.get_result(tx.conn()).await.optional().map_err(failed)?;
    Ok(match state {
        None if ended(tx, claim).await? => Beat::Ended,
        None => Beat::Over,
        Some(state) if state == State::Cancelling.name() => Beat::Cancel,
        Some(_) => Beat::GoOn,
    })
}

/// Whether the operation has ended as only who works on it ends it.
async fn ended(tx: &mut Tx, claim: &Claim) -> Result<bool> {
    let own = [State::Succeeded.name(), State::Failed.name()];
    let row = o::table.find((claim.tenant.0, claim.id.0)).filter(o::epoch.eq(claim.epoch)).filter(o::state.eq_any(own));
    diesel::select(diesel::dsl::exists(row)).get_result(tx.conn()).await.map_err(failed)
}

/// Gives an unfinished operation back, for anybody to go on with at once.
pub async fn release(tx: &mut Tx, claim: &Claim) -> Result<()> {
    diesel::update(held(claim))
        .set((o::owner.eq(None::<Uuid>), o::lease_until.eq(None::<chrono::DateTime<chrono::Utc>>)))
        .execute(tx.conn())
        .await
        .map_err(failed)?;
    Ok(())
}

/// The fence: holds the operation's row until the transaction ends, if the claim still stands. Every effect of an
/// operation begins with it, in the effect's own transaction. Once the claim is over it fails with [`Fenced`].
pub async fn fence(tx: &mut Tx, claim: &Claim) -> Result<()> {
    state_past_fence(tx, claim).await.map(|_| ())
}

/// The same for what the engine writes: fails with [`Cancelled`] if the operation is to be cancelled.
pub async fn fence_unless_cancelling(tx: &mut Tx, claim: &Claim) -> Result<()> {
    let state = state_past_fence(tx, claim).await?;
    if state == State::Cancelling.name() { Err(Error::internal("fence", Cancelled)) } else { Ok(()) }
}

async fn state_past_fence(tx: &mut Tx, claim: &Claim) -> Result<String> {
    let row = held(claim).select(o::state).for_no_key_update().first::<String>(tx.conn()).await;
    row.optional().map_err(failed)?.ok_or_else(|| Error::internal("fence", Fenced))
}

/// The claim is over: another worker has the operation, or it has ended. Whoever sees this stops without a trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the claim is over")]
pub struct Fenced;

impl Fenced {
    /// Whether that is what went wrong.
    pub fn is(error: &Error) -> bool {
        matches!(error, Error::Internal { source, .. } if source.is::<Fenced>())
    }
}

/// The operation is to be cancelled: whoever holds the claim undoes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the operation is to be cancelled")]
pub struct Cancelled;

impl Cancelled {
    /// Whether that is what went wrong.
    pub fn is(error: &Error) -> bool {
        matches!(error, Error::Internal { source, .. } if source.is::<Cancelled>())
    }
}

#[diesel::dsl::auto_type(no_type_alias)]
fn held(claim: &Claim) -> _ {
    let (tenant, id, epoch): (Uuid, Uuid, i64) = (claim.tenant.0, claim.id.0, claim.epoch);
    o::table
        .filter(o::tenant_id.eq(tenant))
        .filter(o::id.eq(id))
        .filter(o::epoch.eq(epoch))
        .filter(o::ended_at.is_null())
}
