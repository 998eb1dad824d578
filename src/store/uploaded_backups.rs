//! Backups that come as archives: the archive, the content that comes with them, and whose they are.

use std::collections::HashMap;

use diesel::prelude::*;
use diesel::sql_types::{Array, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use uuid::Uuid;

use super::backups::{self, Made};
use super::error::failed;
use super::schema::{backups as b, blobs, departed_content as d};
use super::tx::Tx;
use crate::domain::backup::{Component, NewBackup, Source};
use crate::domain::blob::Sha256;
use crate::domain::error::{Error, Result};
use crate::domain::id::{BackupId, BlobId, OperationId};

/// Begins a backup whose archive has arrived, with what opens that, sealed. What it has is not known yet.
pub async fn begin(
    tx: &mut Tx,
    id: BackupId,
    operation: OperationId,
    (archive, key): (BlobId, Option<&[u8]>),
    note: &str,
    creator: &str,
) -> Result<()> {
    let new = NewBackup { components: Vec::new(), note: note.to_owned() };
    backups::begin(tx, id, operation, &new, &[], creator).await?;
    let row = b::table.find((tx.tenant().0, id.0));
    let uploaded = (b::archive_id.eq(archive.0), b::archive_key.eq(key));
    diesel::update(row).set(uploaded).execute(tx.conn()).await.map_err(failed)?;
    keep(tx, id, &[archive]).await
}

/// What opens the archive of a backup that is read, sealed, if that is encrypted.
pub async fn archive_key(tx: &mut Tx, id: BackupId) -> Result<Option<Vec<u8>>> {
    let row = b::table.find((tx.tenant().0, id.0)).select(b::archive_key);
    row.first(tx.conn()).await.map_err(failed)
}

/// Keeps content of the transaction's tenant for a backup that it came with.
pub async fn keep(tx: &mut Tx, id: BackupId, blobs: &[BlobId]) -> Result<()> {
    const KEEP: &str = "
        INSERT INTO departed_content (tenant_id, blob_id, born, died, kept_for)
        SELECT tenant_id, unnest($3), seq, seq, id FROM backups WHERE tenant_id = $1 AND id = $2
        ON CONFLICT (tenant_id, kept_for, blob_id) WHERE kept_for IS NOT NULL DO NOTHING";
    diesel::sql_query(KEEP)
        .bind::<SqlUuid, _>(tx.tenant().0)
        .bind::<SqlUuid, _>(id.0)
        .bind::<Array<SqlUuid>, _>(blobs.iter().map(|blob| blob.0).collect::<Vec<_>>())
        .execute(tx.conn())
        .await
        .map_err(failed)?;
    Ok(())
}

/// The content that is kept so, by its SHA-256, with its bytes.
pub async fn kept(tx: &mut Tx, id: BackupId) -> Result<HashMap<Sha256, (BlobId, i64)>> {
    let rows: Vec<(Option<Vec<u8>>, Uuid, i64)> = d::table
        .inner_join(blobs::table.on(blobs::tenant_id.eq(d::tenant_id).and(blobs::id.eq(d::blob_id))))
        .filter(d::tenant_id.eq(tx.tenant().0))
        .filter(d::kept_for.eq(id.0))
        .select((blobs::sha256, blobs::id, blobs::bytes))
        .load(tx.conn())
        .await
        .map_err(failed)?;
    let kept = rows.into_iter().filter_map(|(sha256, blob, bytes)| {
        let sha256 = sha256.and_then(|sha256| sha256.try_into().ok())?;
        Some((sha256, (BlobId(blob), bytes)))
    });
    Ok(kept.collect())
}

/// Which blobs are content of it, as a condition on a column with their ids.
pub fn is_content(column: &str, id: BackupId, archive: BlobId) -> String {
    format!(
        "{column} IN (SELECT blob_id FROM departed_content WHERE tenant_id = current_tenant() AND kept_for = '{id}')
         AND {column} <> '{archive}'"
    )
}

/// What an archive says of what is in it.
#[derive(Clone, Copy, Debug)]
pub struct Has<'a> {
    /// What it has.
    pub components: &'a [Component],
    /// What it does not have for want of a privilege.
    pub left_out: &'a [Component],
    /// Whether it has some assets of its components, and not all.
    pub selected: bool,
}

/// Makes it visible, with what its archive says of it, and keeps the archive no longer.
pub async fn publish(tx: &mut Tx, id: BackupId, made: &Made, has: &Has<'_>, source: &Source) -> Result<()> {
    let row = b::table.find((tx.tenant().0, id.0));
    let archive: Option<Uuid> = row.select(b::archive_id).first(tx.conn()).await.map_err(failed)?;
    let archive = archive.ok_or_else(|| Error::internal("backup", "it was not uploaded"))?;
    let names = |components: &[Component]| components.iter().map(|component| component.name()).collect::<Vec<_>>();
    diesel::update(row)
        .set((
            (
                b::components.eq(names(has.components)),
                b::left_out.eq(names(has.left_out)),
                b::selected.eq(has.selected),
            ),
            (b::source_id.eq(source.tenant.0), b::source_code.eq(&source.tenant_code)),
            b::archive_key.eq(None::<Vec<u8>>),
        ))
        .execute(tx.conn())
        .await
        .map_err(failed)?;
    backups::publish(tx, id, made).await?;
    let kept = d::table.filter(d::tenant_id.eq(tx.tenant().0)).filter(d::kept_for.eq(id.0));
    diesel::delete(kept.filter(d::blob_id.eq(archive))).execute(tx.conn()).await.map_err(failed)?;
    Ok(())
}
