//! What the engine writes of an operation as it goes on. Only the holder of the claim gets here, past the fence.

use std::time::Duration;

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use uuid::Uuid;

use super::claims::Claim;
use super::clock::{clock_timestamp, from_now};
use super::error::failed;
use super::schema::{operation_steps as s, operations as o};
use super::tx::Tx;
use crate::domain::error::{Error, Result};
use crate::domain::operation::{Failure, State, Units};

/// Goes on to the next step, at once.
pub async fn proceed(tx: &mut Tx, claim: &Claim, step: &str, percent: i32) -> Result<()> {
    diesel::update(row(claim))
        .set((
            o::step.eq(step),
            o::percent.eq(percent),
            o::attempts.eq(0),
            o::done_units.eq(0),
            o::total_units.eq(0),
            o::waiting_for.eq(""),
            o::error_code.eq(""),
            o::error_reason.eq(""),
            o::error_message.eq(""),
            o::run_after.eq(clock_timestamp()),
        ))
        .execute(tx.conn())
        .await
        .map_err(failed)?;
    Ok(())
}

/// Tells how far the step is. A batch that went well forgives the attempts that failed before it, and waits for nothing.
pub async fn units(tx: &mut Tx, claim: &Claim, units: Units, percent: i32) -> Result<()> {
    diesel::update(row(claim))
        .set((
            o::done_units.eq(units.done),
            o::total_units.eq(units.total),
            o::percent.eq(percent),
            o::attempts.eq(0),
            o::waiting_for.eq(""),
        ))
        .execute(tx.conn())
        .await
        .map_err(failed)?;
    Ok(())
}

/// Lets go of the operation until later, and says why: it waits, or its attempt failed.
pub async fn postpone(
    tx: &mut Tx,
    claim: &Claim,
    wait: Duration,
    waiting_for: &str,
    attempts: i32,
    failure: Option<&Failure>,
) -> Result<()> {
    diesel::update(row(claim))
        .set((
            o::state.eq(diesel::dsl::case_when(
                o::state.eq(State::Running.name()),
                State::Pending.name().into_sql::<diesel::sql_types::Text>(),
            )
            .otherwise(o::state)),
            o::owner.eq(None::<Uuid>),
            o::lease_until.eq(None::<DateTime<Utc>>),
            o::run_after.eq(from_now(wait)),
            o::waiting_for.eq(waiting_for),
            o::attempts.eq(attempts),
        ))
        .execute(tx.conn())
        .await
        .map_err(failed)?;
    if let Some(failure) = failure {
        write_failure(tx, claim, failure).await?;
    }
    Ok(())
}

/// What the operation has been waiting for; empty: nothing.
pub async fn waiting_for(tx: &mut Tx, claim: &Claim) -> Result<String> {
    let found = o::table.find((claim.tenant.0, claim.id.0)).select(o::waiting_for).first(tx.conn()).await;
    Ok(found.optional().map_err(failed)?.unwrap_or_default())
}

/// Ends the operation, with what made it fail, if it did.
pub async fn end(
    tx: &mut Tx,
    claim: &Claim,
    state: State,
    results: &[String],
    failure: Option<&Failure>,
) -> Result<()> {
    // What went wrong on the way is over with an end that is none: its steps still have it.
    write_failure(tx, claim, failure.unwrap_or(&Failure::none())).await?;
    let percent = if state == State::Succeeded { Some(o::percent.eq(100)) } else { None };
    diesel::update(row(claim))
        .set((
            o::state.eq(state.name()),
            percent,
            o::results.eq(results),
            o::waiting_for.eq(""),
            o::owner.eq(None::<Uuid>),
            o::lease_until.eq(None::<DateTime<Utc>>),
            o::ended_at.eq(clock_timestamp().nullable()),
        ))
        .execute(tx.conn())
        .await
        .map_err(failed)?;
    Ok(())
}

async fn write_failure(tx: &mut Tx, claim: &Claim, failure: &Failure) -> Result<()> {
    let metadata = serde_json::to_value(&failure.metadata).map_err(|e| Error::internal("failure", e))?;
    diesel::update(row(claim))
        .set((
            o::error_code.eq(&failure.code),
            o::error_reason.eq(&failure.reason),
            o::error_message.eq(&failure.message),
            o::error_metadata.eq(metadata),
        ))
        .execute(tx.conn())
        .await
        .map_err(failed)?;
    Ok(())
}

/// Writes down what became of an attempt at a step, alone or with one participant.
pub async fn record_step(
    tx: &mut Tx,
    claim: &Claim,
    step: &str,
    participant: &str,
    done: bool,
    last_error: &str,
) -> Result<()> {
    let (tenant, id) = (claim.tenant.0, claim.id.0);
    let changed = diesel::update(
        s::table
            .filter(s::tenant_id.eq(tenant))
            .filter(s::operation_id.eq(id))
            .filter(s::step.eq(step))
            .filter(s::participant.eq(participant)),
    )
    .set((s::attempts.eq(s::attempts + 1), s::done.eq(done), s::last_error.eq(last_error)))
    .execute(tx.conn())
    .await
    .map_err(failed)?;
    if changed > 0 {
        return Ok(());
    }
    let steps = s::table.filter(s::tenant_id.eq(tenant)).filter(s::operation_id.eq(id));
    let last: Option<i32> = steps.select(diesel::dsl::max(s::position)).first(tx.conn()).await.map_err(failed)?;
    diesel::insert_into(s::table)
        .values((
            s::tenant_id.eq(tenant),
            s::operation_id.eq(id),
            s::position.eq(last.unwrap_or(0) + 1),
            s::step.eq(step),
            s::participant.eq(participant),
            s::attempts.eq(1),
            s::done.eq(done),
            s::last_error.eq(last_error),
        ))
        .execute(tx.conn())
        .await
        .map_err(failed)?;
    Ok(())
}

#[diesel::dsl::auto_type(no_type_alias)]
fn row(claim: &Claim) -> _ {
    let (tenant, id, epoch): (Uuid, Uuid, i64) = (claim.tenant.0, claim.id.0, claim.epoch);
    o::table.filter(o::tenant_id.eq(tenant)).filter(o::id.eq(id)).filter(o::epoch.eq(epoch))
}
