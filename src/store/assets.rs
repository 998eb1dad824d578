//! The assets of a tenant, one by one.

use std::collections::HashMap;
use std::time::Duration;

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Text, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use uuid::Uuid;

use super::clock::clock_timestamp;
use super::error::failed;
use super::schema::{assets as a, blobs as b, tenant_identities as ti, user_extensions as e};
use super::tx::Tx;
use crate::domain::asset::{Asset, AssetKind, CallRecorded, Metadata, NewAsset};
use crate::domain::error::{Error, Result};
use crate::domain::extension::Extension;
use crate::domain::fold::fold;
use crate::domain::id::{AssetId, BlobId, UserId};
use crate::domain::name::AssetName;

pub(super) type Row = (
    (Uuid, String, String, serde_json::Value, i64, Option<Vec<u8>>),
    (String, DateTime<Utc>, DateTime<Utc>, i64, String),
    (Option<DateTime<Utc>>, Option<i64>, Option<String>, Option<String>, Option<i64>, Option<Uuid>),
);

#[diesel::dsl::auto_type(no_type_alias)]
pub(super) fn columns() -> _ {
    (
        (a::id, a::kind, a::display_name, a::metadata, a::bytes, b::sha256),
        (a::created_by, a::created_at, a::updated_at, a::version, a::folded),
        (a::call_start, a::call_ms, a::caller, a::called, a::extension, a::user_id),
    )
}

pub(super) fn asset(tenant_code: &str, row: Row) -> Result<Asset> {
    let ((id, kind, display_name, metadata, bytes, sha256), (creator, created_at, updated_at, version, _), call) = row;
    let stored = |what: &'static str| Error::internal("stored asset", what);
    let (start, ms, caller, called, extension, user) = call;
    let call = match (start, ms, caller, called, extension) {
        (Some(start), Some(ms), Some(caller), Some(called), Some(number)) => Some(CallRecorded {
            start,
            duration: Duration::from_millis(ms.unsigned_abs()),
            caller,
            called,
            extension: Extension::stored(number, number),
        }),
        _ => None,
    };
    Ok(Asset {
        tenant_code: tenant_code.to_owned(),
        id: AssetId(id),
        kind: AssetKind::parse(&kind).ok_or_else(|| stored("kind"))?,
        display_name,
        bytes,
        sha256: sha256.and_then(|hash| hash.try_into().ok()).ok_or_else(|| stored("sha256"))?,
        metadata: serde_json::from_value(metadata).map_err(|_| stored("metadata"))?,
        call,
        user: user.map(UserId),
        creator,
        created_at,
        updated_at,
        version,
    })
}

/// The code of the transaction's tenant.
pub(super) async fn tenant_code(tx: &mut Tx) -> Result<String> {
    ti::table.find(tx.tenant().0).select(ti::code).first(tx.conn()).await.map_err(failed)
}

/// Adds an asset to the transaction's tenant; a recording is of the user who has the extension.
pub async fn insert(
    tx: &mut Tx,
    id: AssetId,
    new: &NewAsset,
    (blob, bytes): (BlobId, i64),
    creator: &str,
) -> Result<()> {
    let metadata = serde_json::to_value(&new.metadata).map_err(|e| Error::internal("metadata", e))?;
    let call = new.call.as_ref();
    let number = call.map(|call| call.extension.codes().0);
    let whose = e::table
        .filter(e::tenant_id.eq(tx.tenant().0))
        .filter(e::first.nullable().le(number))
        .filter(e::last.nullable().ge(number));
    let whose = whose.select(e::user_id);
    let row = (
        (a::tenant_id.eq(tx.tenant().0), a::id.eq(id.0), a::kind.eq(new.kind.name()), a::blob_id.eq(blob.0)),
        (a::display_name.eq(new.display_name.as_str()), a::folded.eq(fold(new.display_name.as_str()))),
        (a::metadata.eq(metadata), a::bytes.eq(bytes), a::created_by.eq(creator)),
        (
            a::call_start.eq(call.map(|call| call.start)),
            a::call_ms.eq(call.map(|call| i64::try_from(call.duration.as_millis()).unwrap_or(i64::MAX))),
            a::caller.eq(call.map(|call| call.caller.as_str())),
            a::called.eq(call.map(|call| call.called.as_str())),
            a::extension.eq(number),
            a::user_id.eq(whose.single_value()),
        ),
    );
    diesel::insert_into(a::table).values(row).execute(tx.conn()).await.map_err(failed)?;
    Ok(())
}

/// An asset of the transaction's tenant.
pub async fn one(tx: &mut Tx, id: AssetId) -> Result<Option<Asset>> {
    let code = ti::table.find(tx.tenant().0).select(ti::code).single_value().assume_not_null();
    let row: Option<(String, Row)> = a::table
        .inner_join(b::table.on(b::tenant_id.eq(a::tenant_id).and(b::id.eq(a::blob_id))))
        .filter(a::tenant_id.eq(tx.tenant().0))
        .filter(a::id.eq(id.0))
        .select((code, columns()))
        .first(tx.conn())
        .await
        .optional()
        .map_err(failed)?;
    row.map(|(code, row)| asset(&code, row)).transpose()
}

/// Those of these assets of the transaction's tenant that are there.
pub async fn some(tx: &mut Tx, ids: &[AssetId]) -> Result<Vec<Asset>> {
    let code = tenant_code(tx).await?;
    let ids: Vec<Uuid> = ids.iter().map(|id| id.0).collect();
    let rows: Vec<Row> = a::table
        .inner_join(b::table.on(b::tenant_id.eq(a::tenant_id).and(b::id.eq(a::blob_id))))
        .filter(a::tenant_id.eq(tx.tenant().0))
        .filter(a::id.eq_any(ids))
        .select(columns())
        .load(tx.conn())
        .await
        .map_err(failed)?;
    rows.into_iter().map(|row| asset(&code, row)).collect()
}

/// The names of those that are there.
pub async fn names(tx: &mut Tx, ids: &[AssetId]) -> Result<Vec<String>> {
    let found: HashMap<_, _> = some(tx, ids).await?.into_iter().map(|asset| (asset.id, asset.name())).collect();
    Ok(ids.iter().filter_map(|id| found.get(id).cloned()).collect())
}

/// Adds an asset with the content and all that is said of another one, unless it is there or that is gone.
pub async fn duplicate(tx: &mut Tx, of: AssetId, id: AssetId, creator: &str) -> Result<()> {
    const DUPLICATE: &str = "
        INSERT INTO assets (tenant_id, id, kind, display_name, folded, metadata, blob_id, bytes, created_by,
                            call_start, call_ms, caller, called, extension, user_id, assigned)
        SELECT tenant_id, $3, kind, display_name, folded, metadata, blob_id, bytes, $4,
               call_start, call_ms, caller, called, extension, user_id, assigned
        FROM assets WHERE tenant_id = $1 AND id = $2 FOR KEY SHARE
        ON CONFLICT (tenant_id, id) DO NOTHING";
    diesel::sql_query(DUPLICATE)
        .bind::<SqlUuid, _>(tx.tenant().0)
        .bind::<SqlUuid, _>(of.0)
        .bind::<SqlUuid, _>(id.0)
        .bind::<Text, _>(creator)
        .execute(tx.conn())
        .await
        .map_err(failed)?;
    Ok(())
}

/// Holds an asset of the transaction's tenant for a change.
pub async fn hold(tx: &mut Tx, id: AssetId) -> Result<()> {
    let row = a::table.find((tx.tenant().0, id.0)).select(a::id).for_no_key_update();
    row.first::<Uuid>(tx.conn()).await.optional().map_err(failed)?;
    Ok(())
}

/// The blob of an asset.
pub async fn blob(tx: &mut Tx, id: AssetId) -> Result<BlobId> {
    let blob = a::table.find((tx.tenant().0, id.0)).select(a::blob_id);
    Ok(BlobId(blob.first(tx.conn()).await.map_err(failed)?))
}

/// What to change of an asset.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AssetPatch {
    /// The new name.
    pub display_name: Option<AssetName>,
    /// The new metadata, in the place of all there are.
    pub metadata: Option<Metadata>,
}

/// Changes an asset.
pub async fn update(tx: &mut Tx, id: AssetId, patch: &AssetPatch) -> Result<()> {
    let metadata = patch.metadata.as_ref().map(serde_json::to_value).transpose();
    let metadata = metadata.map_err(|e| Error::internal("metadata", e))?;
    let name = patch.display_name.as_ref().map(AssetName::as_str);
    diesel::update(a::table.find((tx.tenant().0, id.0)))
        .set((
            name.map(|name| (a::display_name.eq(name), a::folded.eq(fold(name)))),
            metadata.map(|metadata| a::metadata.eq(metadata)),
            a::updated_at.eq(clock_timestamp()),
            a::version.eq(a::version + 1),
        ))
        .execute(tx.conn())
        .await
        .map_err(failed)?;
    Ok(())
}

/// Removes an asset; says whether it was there. Its content goes when nothing has it any more.
pub async fn delete(tx: &mut Tx, id: AssetId) -> Result<bool> {
    let gone = diesel::delete(a::table.find((tx.tenant().0, id.0))).execute(tx.conn()).await.map_err(failed)?;
    Ok(gone == 1)
}
