//! What each participant has done in each phase of a tenant's life.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::error::failed;
use super::schema::participant_ledger as p;
use super::tx::Tx;
use crate::domain::error::Result;
use crate::domain::id::OperationId;
use crate::domain::names::names;

names! {
    /// What a participant has done.
    Phase {
        /// Set its part up.
        Provisioned = "PROVISIONED",
        /// Frozen it.
        Frozen = "FROZEN",
        /// Removed it.
        Purged = "PURGED",
    }
}

/// The participants that have done their part of a phase.
pub async fn done(tx: &mut Tx, generation: i32, phase: Phase) -> Result<Vec<String>> {
    p::table
        .filter(p::tenant_id.eq(tx.tenant().0))
        .filter(p::generation.eq(generation))
        .filter(p::phase.eq(phase.name()))
        .select(p::participant)
        .load(tx.conn())
        .await
        .map_err(failed)
}

/// Writes down that a participant has done its part.
pub async fn record(
    tx: &mut Tx,
    generation: i32,
    participant: &str,
    phase: Phase,
    operation: OperationId,
) -> Result<()> {
    let tenant = tx.tenant().0;
    diesel::insert_into(p::table)
        .values((
            p::tenant_id.eq(tenant),
            p::generation.eq(generation),
            p::participant.eq(participant),
            p::phase.eq(phase.name()),
            p::operation_id.eq(operation.0),
        ))
        .on_conflict((p::tenant_id, p::generation, p::participant, p::phase))
        .do_update()
        .set(p::operation_id.eq(operation.0))
        .execute(tx.conn())
        .await
        .map_err(failed)?;
    Ok(())
}

/// Takes back that participants have done their part of a phase.
pub async fn strike(tx: &mut Tx, generation: i32, phase: Phase) -> Result<()> {
    let rows = p::table
        .filter(p::tenant_id.eq(tx.tenant().0))
        .filter(p::generation.eq(generation))
        .filter(p::phase.eq(phase.name()));
    diesel::delete(rows).execute(tx.conn()).await.map_err(failed)?;
    Ok(())
}
