//! The backups of tenants.

use chrono::{DateTime, Utc};
use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::Text;
use diesel_async::RunQueryDsl;
use uuid::Uuid;

use super::clock::clock_timestamp;
use super::error::failed;
use super::literal::Condemned;
use super::schema::{backups as b, tenant_identities as ti, tenant_limits as l};
use super::tx::Tx;
use crate::domain::backup::{Amount, Backup, BackupState, Component, NewBackup, Source};
use crate::domain::error::{Error, Result};
use crate::domain::id::{BackupId, BlobId, KeyId, OperationId, TenantUid};
use crate::domain::operation::Failure;

pub(super) type Row = (
    (Uuid, String, Uuid, String, Vec<String>, Vec<String>, String, bool),
    (String, Uuid, DateTime<Utc>, Option<DateTime<Utc>>, Option<DateTime<Utc>>, Option<DateTime<Utc>>),
    (i64, i64, i64, i64),
    (Option<i64>, Option<Uuid>, String, String, i64),
    (Option<Uuid>, Option<Uuid>, Option<String>, bool),
    (Option<Uuid>, Option<DateTime<Utc>>),
);

#[diesel::dsl::auto_type(no_type_alias)]
pub(super) fn columns() -> _ {
    (
        (b::tenant_id, ti::code, b::id, b::state, b::components, b::left_out, b::note, b::pinned),
        (b::created_by, b::operation_id, b::created_at, b::taken_at, b::ended_at, b::verified_at),
        (b::rows, b::objects, b::bytes, b::stored_bytes),
        (b::attempt, b::key_id, b::reason, b::message, b::version),
        (b::archive_id, b::source_id, b::source_code, b::selected),
        (b::copied_to, b::copied_at),
    )
}

pub(super) fn backup(row: Row) -> Result<Backup> {
    let stored = |what: &'static str| Error::internal("stored backup", what);
    let (
        (tenant, tenant_code, id, state, components, left_out, note, pinned),
        (creator, operation, created_at, taken_at, ended_at, verified_at),
        (rows, objects, bytes, stored_bytes),
        (attempt, key, reason, message, version),
        (archive, source, source_code, selected),
        (copied_to, copied_at),
    ) = row;
    let parse = |names: Vec<String>| names.iter().map(|name| Component::parse(name)).collect::<Option<Vec<_>>>();
    Ok(Backup {
        tenant: TenantUid(tenant),
        tenant_code,
        id: BackupId(id),
        state: BackupState::parse(&state).ok_or_else(|| stored("state"))?,
        components: parse(components).ok_or_else(|| stored("components"))?,
        left_out: parse(left_out).ok_or_else(|| stored("left_out"))?,
        note,
        pinned,
        creator,
        operation: OperationId(operation),
        created_at,
        taken_at,
        ended_at,
        amount: Amount { rows, objects, bytes, stored_bytes },
        verified_at,
        failure: (!reason.is_empty()).then(|| Failure { reason, message, ..Failure::none() }),
        place: attempt.zip(key.map(KeyId)),
        version,
        selected,
        copied_at: copied_at.filter(|_| copied_to.is_some()),
        archive: archive.map(BlobId),
        source: source.zip(source_code).map(|(tenant, tenant_code)| Source { tenant: TenantUid(tenant), tenant_code }),
    })
}

/// Begins a backup of the transaction's tenant, which is held: from now on all content that there is is kept for it.
pub async fn begin(
    tx: &mut Tx,
    id: BackupId,
    operation: OperationId,
    new: &NewBackup,
    left_out: &[Component],
    creator: &str,
) -> Result<()> {
    let tenant = tx.tenant().0;
    let seq: i64 = diesel::update(l::table.find(tenant))
        .set(l::backup_seq.eq(l::backup_seq + 1))
        .returning(l::backup_seq)
        .get_result(tx.conn())
        .await
        .map_err(failed)?;
    let names = |components: &[Component]| components.iter().map(|component| component.name()).collect::<Vec<_>>();
    let row = (
        (b::tenant_id.eq(tenant), b::id.eq(id.0), b::seq.eq(seq), b::operation_id.eq(operation.0)),
        (
            b::components.eq(names(&new.components)),
            b::left_out.eq(names(left_out)),
            b::note.eq(&new.note),
            b::created_by.eq(creator),
        ),
    );
    diesel::insert_into(b::table).values(row).execute(tx.conn()).await.map_err(failed)?;
    Ok(())
}

/// Notes that a backup that has begun has some assets of its components, and not all.
pub async fn select(tx: &mut Tx, id: BackupId) -> Result<()> {
    let row = b::table.find((tx.tenant().0, id.0));
    diesel::update(row).set(b::selected.eq(true)).execute(tx.conn()).await.map_err(failed)?;
    Ok(())
}

/// A backup of the transaction's tenant that is not deleted.
pub async fn one(tx: &mut Tx, id: BackupId) -> Result<Option<Backup>> {
    let row: Option<Row> = b::table
        .inner_join(ti::table.on(ti::uid.eq(b::tenant_id)))
        .filter(b::tenant_id.eq(tx.tenant().0))
        .filter(b::id.eq(id.0))
        .filter(b::state.ne(BackupState::Condemned.name()))
        .select(columns())
        .first(tx.conn())
        .await
        .optional()
        .map_err(failed)?;
    row.map(backup).transpose()
}

/// Holds a backup of the transaction's tenant for a change.
pub async fn hold(tx: &mut Tx, id: BackupId) -> Result<()> {
    let row = b::table.find((tx.tenant().0, id.0)).select(b::id).for_no_key_update();
    row.first::<Uuid>(tx.conn()).await.optional().map_err(failed)?;
    Ok(())
}

/// Where a backup that is done has its objects, and what it shows.
#[derive(Clone, Debug)]
pub struct Made {
    /// The claim that made them.
    pub attempt: i64,
    /// The key that they are sealed with.
    pub key: KeyId,
    /// The moment.
    pub taken_at: DateTime<Utc>,
    /// How much.
    pub amount: Amount,
}

/// Makes a backup visible, whole or in part.
pub async fn publish(tx: &mut Tx, id: BackupId, made: &Made) -> Result<()> {
    let running = b::table.find((tx.tenant().0, id.0)).filter(b::state.eq(BackupState::Running.name()));
    let state = sql::<Text>("CASE left_out WHEN '{}' THEN 'COMPLETE' ELSE 'PARTIAL' END");
    let Amount { rows, objects, bytes, stored_bytes } = made.amount;
    let changed = diesel::update(running)
        .set((
            (b::state.eq(state), b::attempt.eq(made.attempt), b::key_id.eq(made.key.0), b::taken_at.eq(made.taken_at)),
            (b::rows.eq(rows), b::objects.eq(objects), b::bytes.eq(bytes), b::stored_bytes.eq(stored_bytes)),
            b::ended_at.eq(clock_timestamp().nullable()),
            b::version.eq(b::version + 1),
        ))
        .execute(tx.conn())
        .await
        .map_err(failed)?;
    if changed == 1 { Ok(()) } else { Err(Error::internal("backup", "it is not running any more")) }
}

/// Notes what a verification has found: nothing, or what is wrong.
pub async fn note_verification(tx: &mut Tx, id: BackupId, wrong: Option<&Failure>) -> Result<()> {
    let row = b::table.find((tx.tenant().0, id.0));
    let (reason, message) = wrong.map_or(("", ""), |wrong| (wrong.reason.as_str(), wrong.message.as_str()));
    diesel::update(row)
        .set((b::reason.eq(reason), b::message.eq(message), b::version.eq(b::version + 1)))
        .execute(tx.conn())
        .await
        .map_err(failed)?;
    if wrong.is_none() {
        let now = b::verified_at.eq(clock_timestamp().nullable());
        diesel::update(row).set(now).execute(tx.conn()).await.map_err(failed)?;
    }
    Ok(())
}

/// What to change of what is said of a backup.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BackupPatch {
    /// The new note.
    pub note: Option<String>,
    /// Whether it is pinned.
    pub pinned: Option<bool>,
}

/// Changes what is said of a backup.
pub async fn update(tx: &mut Tx, id: BackupId, patch: &BackupPatch) -> Result<()> {
    diesel::update(b::table.find((tx.tenant().0, id.0)))
        .set((
            patch.note.as_ref().map(|note| b::note.eq(note)),
            patch.pinned.map(|pinned| b::pinned.eq(pinned)),
            b::version.eq(b::version + 1),
        ))
        .execute(tx.conn())
        .await
        .map_err(failed)?;
    Ok(())
}

/// Condemns a backup that has ended: it is not there any more, and its objects go.
pub async fn condemn(tx: &mut Tx, id: BackupId) -> Result<()> {
    let row = b::table.find((tx.tenant().0, id.0));
    diesel::update(row).set(b::state.eq(Condemned)).execute(tx.conn()).await.map_err(failed)?;
    Ok(())
}

/// Condemned backups of the transaction's tenant, at most `most`.
pub async fn condemned(tx: &mut Tx, most: i64) -> Result<Vec<BackupId>> {
    let condemned = b::table.filter(b::tenant_id.eq(tx.tenant().0)).filter(b::state.eq(Condemned));
    let ids: Vec<Uuid> = condemned.limit(most).select(b::id).load(tx.conn()).await.map_err(failed)?;
    Ok(ids.into_iter().map(BackupId).collect())
}

/// Forgets condemned backups of the transaction's tenant, whose objects are gone.
pub async fn forget(tx: &mut Tx, backups: &[BackupId]) -> Result<()> {
    let ids: Vec<Uuid> = backups.iter().map(|backup| backup.0).collect();
    let gone = b::table.filter(b::tenant_id.eq(tx.tenant().0)).filter(b::id.eq_any(ids)).filter(b::state.eq(Condemned));
    diesel::delete(gone).execute(tx.conn()).await.map_err(failed)?;
    Ok(())
}
