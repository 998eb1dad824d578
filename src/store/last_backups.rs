//! What the overview of a tenant says of its backups.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Bool, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use super::error::failed;
use crate::domain::backup::{BackupState, Component, LastBackup, Storage};
use crate::domain::error::{Error, Result};
use crate::domain::id::BackupId;
use crate::domain::name::TimeZone;
use crate::domain::tenant::Backups;

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = SqlUuid)]
    tenant: Uuid,
    #[diesel(sql_type = BigInt)]
    bytes: i64,
    #[diesel(sql_type = Nullable<SqlUuid>)]
    id: Option<Uuid>,
    #[diesel(sql_type = Nullable<Text>)]
    state: Option<String>,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    at: Option<DateTime<Utc>>,
    #[diesel(sql_type = Nullable<Text>)]
    reason: Option<String>,
    #[diesel(sql_type = Nullable<Array<Text>>)]
    left_out: Option<Vec<String>>,
    #[diesel(sql_type = Nullable<Bool>)]
    copied: Option<bool>,
}

const FOUND: &str = "
    SELECT t.id AS tenant, coalesce(all_of.bytes, 0) AS bytes, last.id, last.state, last.at, last.reason, last.left_out, last.copied
    FROM unnest($1) AS t (id)
    LEFT JOIN LATERAL (SELECT sum(stored_bytes)::bigint AS bytes FROM backups b
                       WHERE b.tenant_id = t.id AND b.state IN ('COMPLETE', 'PARTIAL')) all_of ON true
    LEFT JOIN LATERAL (SELECT b.id, b.state, coalesce(b.taken_at, b.ended_at, b.created_at) AS at, b.reason, b.left_out,
                              b.copied_to IS NOT NULL AS copied
                       FROM backups b WHERE b.tenant_id = t.id AND b.state <> 'CONDEMNED' AND b.archive_id IS NULL AND NOT b.selected
                       ORDER BY b.created_at DESC, b.id DESC LIMIT 1) last ON true";

/// The backups of these tenants, each with the time zone of its server.
pub(super) async fn of(conn: &mut AsyncPgConnection, tenants: &[(Uuid, TimeZone)]) -> Result<HashMap<Uuid, Backups>> {
    let ids: Vec<Uuid> = tenants.iter().map(|(tenant, _)| *tenant).collect();
    let zones: HashMap<Uuid, &TimeZone> = tenants.iter().map(|(tenant, zone)| (*tenant, zone)).collect();
    let found = diesel::sql_query(FOUND).bind::<Array<SqlUuid>, _>(ids).load::<Row>(conn);
    let backups = |row: Row| {
        let (tenant, bytes) = (row.tenant, row.bytes);
        let last = zones.get(&tenant).map(|zone| last(row, zone)).transpose()?.flatten();
        Ok((tenant, Backups { bytes, last }))
    };
    found.await.map_err(failed)?.into_iter().map(backups).collect()
}

fn last(row: Row, zone: &TimeZone) -> Result<Option<LastBackup>> {
    let (Some(id), Some(state), Some(at)) = (row.id, row.state, row.at) else { return Ok(None) };
    let state = BackupState::parse(&state).ok_or_else(|| Error::internal("stored backup", state))?;
    let left_out = row.left_out.unwrap_or_default();
    let left_out = left_out.iter().filter_map(|name| Component::parse(name)).collect();
    Ok(Some(LastBackup {
        id: BackupId(id),
        state,
        at: at.with_timezone(&zone.clocks()).fixed_offset(),
        reason: row.reason.unwrap_or_default(),
        left_out,
        storage: Storage::of(state, row.copied == Some(true)),
    }))
}
