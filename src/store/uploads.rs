//! What is being uploaded. The connection that goes on with an upload last has it: every other one adds nothing more.

use std::time::Duration;

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use uuid::Uuid;

use super::blobs::{self, Written};
use super::clock::{clock_timestamp, from_now};
use super::error::failed;
use super::literal::Empty;
use super::requests::reused;
use super::schema::{blobs as b, uploads as u};
use super::tx::Tx;
use crate::domain::blob::Part;
use crate::domain::error::Result;
use crate::domain::id::{BlobId, KeyId, UploadId};
use crate::domain::upload::{Announced, Progress, Upload, UploadKey, interrupted, received};

/// Begins an upload, or goes on with one. It was announced with a body of that hash.
pub async fn begin(
    tx: &mut Tx,
    key: UploadKey,
    body_hash: &[u8],
    announced: &Announced,
    sealed_with: KeyId,
    keep: Duration,
) -> Result<Upload> {
    let (tenant, UploadKey { uploader, id }) = (tx.tenant().0, key);
    let row = u::table.find((tenant, uploader, id.0));
    let known: Option<(Vec<u8>, String, Uuid, i32)> = row
        .select((u::body_hash, u::result, u::blob_id, u::attempt))
        .for_no_key_update()
        .first(tx.conn())
        .await
        .optional()
        .map_err(failed)?;
    let Some((hash, result, blob, attempt)) = known else {
        let blob = blobs::begin(tx, sealed_with).await?;
        let row = (
            (u::tenant_id.eq(tenant), u::uploader_id.eq(uploader), u::id.eq(id.0), u::body_hash.eq(body_hash)),
            (u::bytes.eq(announced.bytes), u::blob_id.eq(blob.0), u::expires_at.eq(from_now(keep))),
        );
        diesel::insert_into(u::table).values(row).execute(tx.conn()).await.map_err(failed)?;
        return Ok(Upload { key, blob, sealed_with, attempt: 1, parts: Vec::new() });
    };
    if hash != body_hash || !result.is_empty() {
        return Err(reused());
    }
    let attempt = attempt + 1;
    let again = (u::attempt.eq(attempt), u::expires_at.eq(from_now(keep)));
    diesel::update(row).set(again).execute(tx.conn()).await.map_err(failed)?;
    let sealed_with: Uuid = b::table.find((tenant, blob)).select(b::key_id).first(tx.conn()).await.map_err(failed)?;
    let blob = BlobId(blob);
    Ok(Upload { key, blob, sealed_with: KeyId(sealed_with), attempt, parts: blobs::parts(tx, blob).await? })
}

/// Begins many small ones at once, each with the bytes of it and as if nothing had come of it before. Gives the blobs that they make.
pub async fn begin_all(
    tx: &mut Tx,
    uploader: Uuid,
    announced: &[(UploadId, i64)],
    sealed_with: KeyId,
    keep: Duration,
) -> Result<Vec<BlobId>> {
    let tenant = tx.tenant().0;
    let theirs = u::table.filter(u::tenant_id.eq(tenant)).filter(u::uploader_id.eq(uploader));
    let before = theirs.filter(u::id.eq_any(announced.iter().map(|(id, _)| id.0)));
    diesel::delete(before).execute(tx.conn()).await.map_err(failed)?;
    let blobs = blobs::begin_all(tx, sealed_with, announced.len()).await?;
    let row = |((id, bytes), blob): (&(UploadId, i64), &BlobId)| {
        (
            (u::tenant_id.eq(tenant), u::uploader_id.eq(uploader), u::id.eq(id.0), u::body_hash.eq(&[][..])),
            (u::bytes.eq(*bytes), u::blob_id.eq(blob.0), u::expires_at.eq(from_now(keep))),
        )
    };
    let rows: Vec<_> = announced.iter().zip(&blobs).map(row).collect();
    diesel::insert_into(u::table).values(rows).execute(tx.conn()).await.map_err(failed)?;
    Ok(blobs)
}

/// Ends those that have become these: nothing of them is kept.
pub async fn dissolve_all(tx: &mut Tx, uploader: Uuid, written: &[Written]) -> Result<()> {
    let theirs = u::table.filter(u::tenant_id.eq(tx.tenant().0)).filter(u::uploader_id.eq(uploader));
    let ours = theirs.filter(u::result.eq(Empty)).filter(u::blob_id.eq_any(written.iter().map(|one| one.blob.0)));
    let ended = diesel::delete(ours).execute(tx.conn()).await.map_err(failed)?;
    if ended == written.len() { Ok(()) } else { Err(interrupted()) }
}

/// Holds an upload that this connection still has.
async fn hold(tx: &mut Tx, upload: &Upload) -> Result<()> {
    let row = u::table.find((tx.tenant().0, upload.key.uploader, upload.key.id.0));
    let ours = row.filter(u::attempt.eq(upload.attempt)).filter(u::result.eq(Empty)).select(u::id).for_no_key_update();
    let held = ours.first::<Uuid>(tx.conn()).await.optional().map_err(failed)?;
    held.map(|_| ()).ok_or_else(interrupted)
}

/// Adds a part that was written.
pub async fn add_part(tx: &mut Tx, upload: &Upload, part: &Part, keep: Duration) -> Result<()> {
    hold(tx, upload).await?;
    blobs::add_part(tx, upload.blob, part).await?;
    let row = u::table.find((tx.tenant().0, upload.key.uploader, upload.key.id.0));
    diesel::update(row).set(u::expires_at.eq(from_now(keep))).execute(tx.conn()).await.map_err(failed)?;
    Ok(())
}

/// Ends an upload that this connection still has, with the last part that was written of it. What it had reserved is free again, for
/// what it becomes.
pub async fn finish(tx: &mut Tx, upload: &Upload, last: Option<&Part>, result: &str) -> Result<()> {
    let row = u::table.find((tx.tenant().0, upload.key.uploader, upload.key.id.0));
    let ours = row.filter(u::attempt.eq(upload.attempt)).filter(u::result.eq(Empty));
    let ended = diesel::update(ours).set(u::result.eq(result)).execute(tx.conn()).await.map_err(failed)?;
    complete(tx, upload, last, ended).await
}

/// The same for one that nobody asks about afterwards: nothing of it is kept.
pub async fn dissolve(tx: &mut Tx, upload: &Upload, last: Option<&Part>) -> Result<()> {
    let row = u::table.find((tx.tenant().0, upload.key.uploader, upload.key.id.0));
    let ours = row.filter(u::attempt.eq(upload.attempt)).filter(u::result.eq(Empty));
    let ended = diesel::delete(ours).execute(tx.conn()).await.map_err(failed)?;
    complete(tx, upload, last, ended).await
}

async fn complete(tx: &mut Tx, upload: &Upload, last: Option<&Part>, ended: usize) -> Result<()> {
    match last {
        _ if ended != 1 => Err(interrupted()),
        Some(part) => blobs::add_part(tx, upload.blob, part).await,
        None => Ok(()),
    }
}

/// Gives up an upload of which nothing can come any more.
pub async fn give_up(tx: &mut Tx, upload: &Upload) -> Result<()> {
    hold(tx, upload).await?;
    let row = u::table.find((tx.tenant().0, upload.key.uploader, upload.key.id.0));
    diesel::delete(row).execute(tx.conn()).await.map_err(failed)?;
    Ok(())
}

/// Gives up all uploads of one uploader that are not done.
pub async fn give_up_all(tx: &mut Tx, uploader: Uuid) -> Result<()> {
    let theirs = u::table.filter(u::tenant_id.eq(tx.tenant().0)).filter(u::uploader_id.eq(uploader));
    diesel::delete(theirs.filter(u::result.eq(Empty))).execute(tx.conn()).await.map_err(failed)?;
    Ok(())
}

/// How far an upload is.
pub async fn progress(
    tx: &mut Tx,
    UploadKey { uploader, id }: UploadKey,
    tenant_code: String,
) -> Result<Option<Progress>> {
    let row: Option<(i64, Uuid, String, DateTime<Utc>)> = u::table
        .find((tx.tenant().0, uploader, id.0))
        .filter(u::expires_at.gt(clock_timestamp()))
        .select((u::bytes, u::blob_id, u::result, u::expires_at))
        .first(tx.conn())
        .await
        .optional()
        .map_err(failed)?;
    let Some((bytes, blob, result, expires_at)) = row else { return Ok(None) };
    let received = if result.is_empty() { received(&blobs::parts(tx, BlobId(blob)).await?) } else { bytes };
    Ok(Some(Progress { tenant_code, id, bytes, received, result, expires_at }))
}

/// Gives up the uploads of the transaction's tenant whose time is over; says how many.
pub async fn remove_expired(tx: &mut Tx) -> Result<usize> {
    let expired = u::table.filter(u::tenant_id.eq(tx.tenant().0)).filter(u::expires_at.le(clock_timestamp()));
    diesel::delete(expired).execute(tx.conn()).await.map_err(failed)
}
