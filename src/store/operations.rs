//! Operations as callers see them, and how a use case adds one.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::clock::clock_timestamp;
use super::error::{failed, is_duplicate};
use super::schema::{operation_steps as s, operations as o, tenant_identities as ti};
use super::tx::{PlatformTx, Tx};
use crate::domain::error::{Error, Reason, Refusal, Result};
use crate::domain::id::{OperationId, TenantUid, UserId};
use crate::domain::impersonation::ActedFor;
use crate::domain::name::ImpersonationReason;
use crate::domain::operation::{Actor, Failure, Kind, Operation, Params, State, StepRecord};
use crate::domain::page::EXACT_TOTAL;
use crate::domain::service_identity::ServiceRef;
use crate::domain::tenant::Blocker;

/// Adds an operation in the transaction of what asked for it. An exclusive one finds the tenant free, or is refused.
pub async fn enqueue(tx: &mut Tx, params: &Params, actor: &Actor) -> Result<OperationId> {
    let acted_for = actor.acted_for.as_ref();
    let (home, id_of_actor) = actor.ids();
    let (tenant, id, kind) = (tx.tenant(), OperationId::new(), params.kind());
    let in_the_way = if kind.exclusive() { exclusive(tx).await? } else { None };
    if let Some(running) = in_the_way {
        return Err(in_progress(&running));
    }
    let correlation = tx.op().correlation_id().to_owned();
    let params = serde_json::to_value(params).map_err(|e| Error::internal("parameters", e))?;
    diesel::insert_into(o::table)
        .values((
            o::tenant_id.eq(tenant.0),
            o::id.eq(id.0),
            o::kind.eq(kind.name()),
            o::params.eq(params),
            o::exclusive.eq(kind.exclusive()),
            o::actor_tenant_id.eq(home.map(|home| home.0)),
            o::actor_id.eq(id_of_actor),
            o::actor_name.eq(actor.service.as_ref().map_or_else(String::new, ServiceRef::name)),
            o::acted_for.eq(acted_for.map(|acted| acted.user.0)),
            o::impersonation_reason.eq(acted_for.map_or("", |acted| acted.reason.as_str())),
            o::method.eq(acted_for.map_or("", |acted| acted.method.as_str())),
            o::correlation_id.eq(correlation),
        ))
        .execute(tx.conn())
        .await
        .map_err(|error| if is_duplicate(&error, "operations_one_exclusive") { raced() } else { failed(error) })?;
    Ok(id)
}

/// Holds the operation that keeps others off the transaction's tenant, so that it neither ends nor has another effect
/// before this transaction ends. Taken before the tenant's row, in the order in which a worker takes the two.
pub async fn hold_exclusive(tx: &mut Tx) -> Result<()> {
    o::table
        .filter(o::tenant_id.eq(tx.tenant().0))
        .filter(o::exclusive)
        .filter(o::ended_at.is_null())
        .select(o::id)
        .for_no_key_update()
        .load::<Uuid>(tx.conn())
        .await
        .map_err(failed)?;
    Ok(())
}

/// The operation that keeps others off the transaction's tenant, if one does.
pub async fn exclusive(tx: &mut Tx) -> Result<Option<Operation>> {
    let row = o::table
        .inner_join(ti::table.on(ti::uid.eq(o::tenant_id)))
        .filter(o::tenant_id.eq(tx.tenant().0))
        .filter(o::exclusive)
        .filter(o::ended_at.is_null())
        .select(columns())
        .first::<Row>(tx.conn())
        .await
        .optional()
        .map_err(failed)?;
    row.map(operation).transpose()
}

/// Holds what is unfinished of a kind on the transaction's tenant, so that it does not end before this commits, and lets it look again
/// whether what it waits for is there. Says whether there is any.
pub async fn wake(tx: &mut Tx, kind: Kind) -> Result<bool> {
    let tenant = tx.tenant().0;
    let unfinished =
        o::table.filter(o::tenant_id.eq(tenant)).filter(o::kind.eq(kind.name())).filter(o::ended_at.is_null());
    let held: Vec<Uuid> = unfinished.select(o::id).for_no_key_update().load(tx.conn()).await.map_err(failed)?;
    let waiting = o::table
        .filter(o::tenant_id.eq(tenant))
        .filter(o::id.eq_any(&held))
        .filter(o::owner.is_null())
        .filter(o::waiting_for.ne(""));
    diesel::update(waiting).set(o::run_after.eq(clock_timestamp())).execute(tx.conn()).await.map_err(failed)?;
    Ok(!held.is_empty())
}

/// The refusal that names the operation in the way.
pub fn in_progress(running: &Operation) -> Error {
    let name = name(&running.tenant_code, running.id);
    let text =
        format!("{} works on the tenant; wait for it with WaitOperation and repeat the call", running.kind.name());
    Refusal::new(Reason::OperationInProgress, text).with("operation", name.clone()).about(name).into()
}

fn raced() -> Error {
    let text = "another operation began on the tenant at the same time; repeat the call";
    Refusal::new(Reason::OperationInProgress, text).into()
}

/// `tenants/{tenant}/operations/{operation}`.
pub fn name(tenant_code: &str, id: OperationId) -> String {
    format!("tenants/{tenant_code}/operations/{id}")
}

/// Holds one operation of the transaction's tenant until the transaction ends.
pub async fn hold(tx: &mut Tx, id: OperationId) -> Result<()> {
    let row = o::table.find((tx.tenant().0, id.0)).select(o::id).for_no_key_update();
    row.first::<Uuid>(tx.conn()).await.optional().map_err(failed)?;
    Ok(())
}

/// Asks whoever works on an operation, now or next, to undo it and end it.
pub async fn ask_to_stop(tx: &mut Tx, id: OperationId) -> Result<()> {
    diesel::update(o::table.find((tx.tenant().0, id.0)).filter(o::ended_at.is_null()))
        .set((
            o::state.eq(State::Cancelling.name()),
            o::run_after.eq(clock_timestamp()),
            o::waiting_for.eq(""),
            o::attempts.eq(0),
        ))
        .execute(tx.conn())
        .await
        .map_err(failed)?;
    Ok(())
}

/// Ends what runs beside other work on the transaction's tenant and makes no sense when that is to be deleted.
pub async fn pre_empt(tx: &mut Tx) -> Result<()> {
    let yielding: Vec<_> = Kind::ALL.iter().filter(|kind| kind.yields_to_deletion()).map(|kind| kind.name()).collect();
    let running: Vec<Uuid> = o::table
        .filter(o::tenant_id.eq(tx.tenant().0))
        .filter(o::kind.eq_any(yielding))
        .filter(o::ended_at.is_null())
        .order(o::id)
        .select(o::id)
        .for_no_key_update()
        .load(tx.conn())
        .await
        .map_err(failed)?;
    for id in running {
        cancel_at_once(tx, OperationId(id)).await?;
    }
    Ok(())
}

/// Whether the last thaw of the transaction's tenant has brought all participants back.
pub async fn last_thaw_succeeded(tx: &mut Tx) -> Result<bool> {
    let last: Option<String> = o::table
        .filter(o::tenant_id.eq(tx.tenant().0))
        .filter(o::kind.eq(Kind::Thaw.name()))
        .order((o::created_at.desc(), o::id.desc()))
        .select(o::state)
        .first(tx.conn())
        .await
        .optional()
        .map_err(failed)?;
    Ok(last.is_some_and(|state| state == State::Succeeded.name()))
}

/// The operation that led the transaction's tenant out last, as far as it came.
pub async fn last_way_out(tx: &mut Tx) -> Result<Option<OperationId>> {
    let ways_out = [Kind::PrepareDeletion, Kind::ForceDeletion, Kind::Purge].map(Kind::name);
    let last: Option<Uuid> = o::table
        .filter(o::tenant_id.eq(tx.tenant().0))
        .filter(o::exclusive)
        .filter(o::kind.eq_any(ways_out))
        .order((o::created_at.desc(), o::id.desc()))
        .select(o::id)
        .first(tx.conn())
        .await
        .optional()
        .map_err(failed)?;
    Ok(last.map(OperationId))
}

/// The participants that have not done their part of an operation of the transaction's tenant, and said why.
pub async fn blockers(tx: &mut Tx, id: OperationId) -> Result<Vec<Blocker>> {
    let steps: Vec<(String, String)> = s::table
        .filter(s::tenant_id.eq(tx.tenant().0))
        .filter(s::operation_id.eq(id.0))
        .filter(s::participant.ne(""))
        .filter(s::last_error.ne(""))
        .filter(diesel::dsl::not(s::done))
        .order(s::position)
        .select((s::participant, s::last_error))
        .load(tx.conn())
        .await
        .map_err(failed)?;
    Ok(steps.into_iter().map(|(participant, reason)| Blocker { participant, reason }).collect())
}

/// Ends an operation that has not ended, whoever works on it: its next effect will find itself fenced off.
pub async fn cancel_at_once(tx: &mut Tx, id: OperationId) -> Result<()> {
    let ended: Option<String> = diesel::update(o::table.find((tx.tenant().0, id.0)).filter(o::ended_at.is_null()))
        .set((
            o::state.eq(State::Cancelled.name()),
            o::epoch.eq(o::epoch + 1),
            o::owner.eq(None::<Uuid>),
            o::lease_until.eq(None::<DateTime<Utc>>),
            o::waiting_for.eq(""),
            o::error_code.eq(""),
            o::error_reason.eq(""),
            o::error_message.eq(""),
            o::error_metadata.eq(serde_json::json!({})),
            o::ended_at.eq(clock_timestamp().nullable()),
        ))
        .returning(o::kind)
        .get_result(tx.conn())
        .await
        .optional()
        .map_err(failed)?;
    let Some(kind) = ended.as_deref().and_then(Kind::parse) else { return Ok(()) };
    let actor = tx.op().actor();
    super::events::log_operation(tx, (id, kind, actor), State::Cancelled, None, "").await
}

type Row = (
    (Uuid, String, Uuid, String, String, String, i32, i64, i64, String),
    (String, String, String, serde_json::Value, Vec<String>),
    (ActorRow, ActedForRow, i64),
    (DateTime<Utc>, Option<DateTime<Utc>>, Option<DateTime<Utc>>),
);

#[diesel::dsl::auto_type(no_type_alias)]
fn columns() -> _ {
    (
        (
            o::tenant_id,
            ti::code,
            o::id,
            o::kind,
            o::state,
            o::step,
            o::percent,
            o::done_units,
            o::total_units,
            o::waiting_for,
        ),
        (o::error_code, o::error_reason, o::error_message, o::error_metadata, o::results),
        (
            (o::actor_tenant_id, o::actor_id, o::actor_name),
            (o::acted_for, o::impersonation_reason, o::method),
            o::version,
        ),
        (o::created_at, o::started_at, o::ended_at),
    )
}

/// Why an operation failed, as its row has it.
pub(super) fn stored_failure(
    code: String,
    reason: String,
    message: String,
    metadata: serde_json::Value,
) -> Result<Option<Failure>> {
    let metadata = serde_json::from_value(metadata).map_err(|e| Error::internal("stored error", e))?;
    Ok((!code.is_empty()).then_some(Failure { code, reason, message, metadata }))
}

/// The account that an operation is done for, why, and by which call it was asked for.
type ActedForRow = (Option<Uuid>, String, String);

/// Ids and name of who asked for an operation. The name is there of services alone.
type ActorRow = (Option<Uuid>, Option<Uuid>, String);

/// Who asked for an operation, as its row has it.
pub(super) fn stored_actor((home, id, name): ActorRow, (acted_for, reason, method): ActedForRow) -> Actor {
    let acted_for = acted_for.map(|account| ActedFor {
        user: UserId(account),
        reason: ImpersonationReason::stored(reason),
        method,
    });
    Actor::written(home, id, &name, acted_for)
}

fn operation(row: Row) -> Result<Operation> {
    let (
        (tenant, tenant_code, id, kind, state, step, percent, done_units, total_units, waiting_for),
        (code, reason, message, metadata, results),
        (actor, acted_for, version),
        (created_at, started_at, ended_at),
    ) = row;
    Ok(Operation {
        tenant: TenantUid(tenant),
        tenant_code,
        id: OperationId(id),
        kind: Kind::parse(&kind).ok_or_else(|| Error::internal("stored kind", kind))?,
        state: State::parse(&state).ok_or_else(|| Error::internal("stored state", state))?,
        step,
        percent,
        done_units,
        total_units,
        waiting_for,
        error: stored_failure(code, reason, message, metadata)?,
        results,
        actor: stored_actor(actor, acted_for),
        steps: Vec::new(),
        version,
        created_at,
        started_at,
        ended_at,
    })
}

/// One operation with its steps, of the tenant given, gone or not.
pub async fn load(tx: &mut Tx, id: OperationId) -> Result<Option<Operation>> {
    let tenant = tx.tenant().0;
    let row = o::table
        .inner_join(ti::table.on(ti::uid.eq(o::tenant_id)))
        .filter(o::tenant_id.eq(tenant))
        .filter(o::id.eq(id.0))
        .select(columns())
        .first::<Row>(tx.conn())
        .await
        .optional()
        .map_err(failed)?;
    let Some(row) = row else { return Ok(None) };
    let steps: Vec<(String, String, i32, bool, String)> = s::table
        .filter(s::tenant_id.eq(tenant))
        .filter(s::operation_id.eq(id.0))
        .order(s::position)
        .select((s::step, s::participant, s::attempts, s::done, s::last_error))
        .load(tx.conn())
        .await
        .map_err(failed)?;
    let steps = steps
        .into_iter()
        .map(|(step, participant, attempts, done, last_error)| StepRecord {
            step,
            participant,
            attempts,
            done,
            last_error,
        })
        .collect();
    Ok(Some(Operation { steps, ..operation(row)? }))
}

/// A position in a list of operations, newest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct After {
    /// When the last one was created.
    pub created_at: DateTime<Utc>,
    /// Its id.
    pub id: OperationId,
}

/// A page of one tenant's operations, newest first, without their steps, and their number.
pub async fn list(tx: &mut Tx, after: Option<After>, limit: i64) -> Result<(Vec<Operation>, i64)> {
    let tenant = tx.tenant().0;
    list_of(tx.conn(), Some(tenant), after, limit).await
}

/// The same of all tenants.
pub async fn list_all(tx: &mut PlatformTx, after: Option<After>, limit: i64) -> Result<(Vec<Operation>, i64)> {
    list_of(tx.conn(), None, after, limit).await
}

async fn list_of(
    conn: &mut diesel_async::AsyncPgConnection,
    tenant: Option<Uuid>,
    after: Option<After>,
    limit: i64,
) -> Result<(Vec<Operation>, i64)> {
    let mut query = o::table
        .inner_join(ti::table.on(ti::uid.eq(o::tenant_id)))
        .select(columns())
        .order((o::created_at.desc(), o::id.desc()))
        .limit(limit)
        .into_boxed();
    let mut total = o::table.select(o::id).limit(EXACT_TOTAL + 1).into_boxed();
    if let Some(tenant) = tenant {
        query = query.filter(o::tenant_id.eq(tenant));
        total = total.filter(o::tenant_id.eq(tenant));
    }
    if let Some(After { created_at, id }) = after {
        // The first condition is what the index is searched by.
        query = query.filter(o::created_at.le(created_at)).filter(o::created_at.lt(created_at).or(o::id.lt(id.0)));
    }
    let rows = query.load::<Row>(conn).await.map_err(failed)?;
    let counted = total.load::<Uuid>(conn).await.map_err(failed)?.len();
    Ok((rows.into_iter().map(operation).collect::<Result<_>>()?, i64::try_from(counted).unwrap_or(i64::MAX)))
}
