//! The blobs of tenants: which there are, how far each is, and its parts. The migration draws the states.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use diesel::dsl::{exists, not};
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Binary, Integer, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use uuid::Uuid;

use super::clock::{LockClass, ago, clock_timestamp, pg_advisory_xact_lock};
use super::error::failed;
use super::literal::{Condemned, Empty, Live, Writing, Zero};
use super::operations;
use super::schema::{backups as k, blob_parts as p, blobs as b, departed_content as d, uploads as u};
use super::tx::{PlatformTx, Tx};
use crate::domain::blob::{Blob, ContentId, Part, Sha256};
use crate::domain::error::{Error, Result};
use crate::domain::id::{BlobId, KeyId, TenantUid};

/// Begins a blob of the transaction's tenant.
pub async fn begin(tx: &mut Tx, key: KeyId) -> Result<BlobId> {
    let id = BlobId::new();
    let row = (b::tenant_id.eq(tx.tenant().0), b::id.eq(id.0), b::key_id.eq(key.0));
    diesel::insert_into(b::table).values(row).execute(tx.conn()).await.map_err(failed)?;
    Ok(id)
}

/// Begins so many.
pub async fn begin_all(tx: &mut Tx, key: KeyId, count: usize) -> Result<Vec<BlobId>> {
    let (tenant, ids) = (tx.tenant().0, std::iter::repeat_with(BlobId::new).take(count).collect::<Vec<_>>());
    let rows: Vec<_> = ids.iter().map(|id| (b::tenant_id.eq(tenant), b::id.eq(id.0), b::key_id.eq(key.0))).collect();
    diesel::insert_into(b::table).values(rows).execute(tx.conn()).await.map_err(failed)?;
    Ok(ids)
}

/// Notes a part that was written.
pub async fn add_part(tx: &mut Tx, blob: BlobId, part: &Part) -> Result<()> {
    let row = (
        (p::tenant_id.eq(tx.tenant().0), p::blob_id.eq(blob.0), p::part.eq(part.part), p::attempt.eq(part.attempt)),
        (p::bytes.eq(part.bytes), p::stored_bytes.eq(part.stored_bytes)),
    );
    diesel::insert_into(p::table).values(row).execute(tx.conn()).await.map_err(failed)?;
    Ok(())
}

/// The parts of a blob that were written, in order.
pub async fn parts(tx: &mut Tx, blob: BlobId) -> Result<Vec<Part>> {
    let rows: Vec<(i32, i32, i32, i32)> = p::table
        .filter(p::tenant_id.eq(tx.tenant().0))
        .filter(p::blob_id.eq(blob.0))
        .order(p::part)
        .select((p::part, p::attempt, p::bytes, p::stored_bytes))
        .load(tx.conn())
        .await
        .map_err(failed)?;
    let part = |(part, attempt, bytes, stored_bytes)| Part { part, attempt, bytes, stored_bytes };
    Ok(rows.into_iter().map(part).collect())
}

/// A blob of the transaction's tenant that can be read.
pub async fn load(tx: &mut Tx, id: BlobId) -> Result<Blob> {
    let tenant = tx.tenant();
    let row = b::table.find((tenant.0, id.0)).select((b::key_id, b::bytes));
    let (key, bytes): (Uuid, i64) = row.first(tx.conn()).await.map_err(failed)?;
    Ok(Blob { tenant, id, key: KeyId(key), bytes, parts: parts(tx, id).await? })
}

/// Some of them, by their ids.
pub async fn some(tx: &mut Tx, ids: impl Iterator<Item = &BlobId>) -> Result<HashMap<BlobId, Blob>> {
    let (tenant, ids) = (tx.tenant(), ids.map(|id| id.0).collect::<Vec<_>>());
    let live = b::table.filter(b::tenant_id.eq(tenant.0)).filter(b::id.eq_any(&ids)).filter(b::state.eq(Live));
    let rows: Vec<(Uuid, Uuid, i64)> =
        live.select((b::id, b::key_id, b::bytes)).load(tx.conn()).await.map_err(failed)?;
    let blob =
        |(id, key, bytes)| (BlobId(id), Blob { tenant, id: BlobId(id), key: KeyId(key), bytes, parts: Vec::new() });
    let mut blobs: HashMap<_, _> = rows.into_iter().map(blob).collect();
    let parts = p::table.filter(p::tenant_id.eq(tenant.0)).filter(p::blob_id.eq_any(&ids)).order(p::part);
    let parts: Vec<(Uuid, (i32, i32, i32, i32))> = parts
        .select((p::blob_id, (p::part, p::attempt, p::bytes, p::stored_bytes)))
        .load(tx.conn())
        .await
        .map_err(failed)?;
    for (id, (part, attempt, bytes, stored_bytes)) in parts {
        let part = Part { part, attempt, bytes, stored_bytes };
        blobs.entry(BlobId(id)).and_modify(|blob| blob.parts.push(part));
    }
    Ok(blobs)
}

/// The blob of the transaction's tenant that has this content and can be read, if there is one.
pub async fn with(tx: &mut Tx, content: &ContentId) -> Result<Option<Blob>> {
    let live = b::table.filter(b::tenant_id.eq(tx.tenant().0)).filter(b::state.eq(Live));
    let found = live.filter(b::content.eq(&content.0[..])).select(b::id);
    match found.first::<Uuid>(tx.conn()).await.optional().map_err(failed)? {
        Some(id) => load(tx, BlobId(id)).await.map(Some),
        None => Ok(None),
    }
}

/// Makes a blob that is written one that can be referred to; or, if there is one with that content already, condemns it. Gives
/// the one to refer to.
pub async fn publish(tx: &mut Tx, id: BlobId, content: &ContentId, sha256: &Sha256, bytes: i64) -> Result<BlobId> {
    let tenant = tx.tenant().0;
    let alone = pg_advisory_xact_lock(LockClass::Content as i32, lock_key(content));
    diesel::select(alone).execute(tx.conn()).await.map_err(failed)?;
    // Held, so that it is not condemned before something refers to it.
    let known: Option<Uuid> = b::table
        .filter(b::tenant_id.eq(tenant))
        .filter(b::content.eq(&content.0[..]))
        .filter(b::state.eq(Live))
        .select(b::id)
        .for_key_share()
        .first(tx.conn())
        .await
        .optional()
        .map_err(failed)?;
    if let Some(known) = known {
        condemn(tx, &[id.0]).await?;
        return Ok(BlobId(known));
    }
    let ours = b::table.find((tenant, id.0)).filter(b::state.eq(Writing));
    let changed = diesel::update(ours)
        .set((b::state.eq(Live), b::content.eq(&content.0[..]), b::sha256.eq(&sha256[..]), b::bytes.eq(bytes)))
        .execute(tx.conn())
        .await
        .map_err(failed)?;
    if changed == 1 { Ok(id) } else { Err(given_up()) }
}

/// A small blob that is written, as its first part if it has any bytes, and not published.
#[derive(Clone, Debug)]
pub struct Written {
    /// Which.
    pub blob: BlobId,
    /// By what its content is found.
    pub content: ContentId,
    /// What everybody can compare.
    pub sha256: Sha256,
    /// Bytes of it.
    pub bytes: i32,
    /// Bytes that it takes in the object store.
    pub stored_bytes: i32,
}

/// Publishes many, no two of which have the same content. Gives those to refer to.
pub async fn publish_all(tx: &mut Tx, written: &[Written]) -> Result<Vec<BlobId>> {
    const ALONE: &str = "
        SELECT pg_advisory_xact_lock($1, key) FROM (SELECT DISTINCT key FROM unnest($2) key ORDER BY key) k";
    const PUBLISH: &str = "
        UPDATE blobs b SET state = 'LIVE', content = w.content, sha256 = w.sha256, bytes = w.bytes
        FROM unnest($2, $3, $4, $5) w (id, content, sha256, bytes)
        WHERE b.tenant_id = $1 AND b.id = w.id AND b.state = 'WRITING'";
    let tenant = tx.tenant().0;
    // In one order, so that no two wait for each other.
    let keys: Vec<_> = written.iter().map(|one| lock_key(&one.content)).collect();
    let alone = diesel::sql_query(ALONE).bind::<Integer, _>(LockClass::Content as i32);
    alone.bind::<Array<Integer>, _>(keys).execute(tx.conn()).await.map_err(failed)?;
    let contents: Vec<_> = written.iter().map(|one| one.content).collect();
    let known = live_with(tx, &contents).await?;
    let (double, new): (Vec<_>, Vec<_>) = written.iter().partition(|one| known.contains_key(&one.content));
    condemn(tx, &double.iter().map(|one| one.blob.0).collect::<Vec<_>>()).await?;
    let part = |one: &&&Written| {
        (
            (p::tenant_id.eq(tenant), p::blob_id.eq(one.blob.0), p::part.eq(0), p::attempt.eq(1)),
            (p::bytes.eq(one.bytes), p::stored_bytes.eq(one.stored_bytes)),
        )
    };
    let parts: Vec<_> = new.iter().filter(|one| one.bytes > 0).map(|one| part(&one)).collect();
    diesel::insert_into(p::table).values(parts).execute(tx.conn()).await.map_err(failed)?;
    let published = diesel::sql_query(PUBLISH)
        .bind::<SqlUuid, _>(tenant)
        .bind::<Array<SqlUuid>, _>(new.iter().map(|one| one.blob.0).collect::<Vec<_>>())
        .bind::<Array<Binary>, _>(new.iter().map(|one| &one.content.0[..]).collect::<Vec<_>>())
        .bind::<Array<Binary>, _>(new.iter().map(|one| &one.sha256[..]).collect::<Vec<_>>())
        .bind::<Array<BigInt>, _>(new.iter().map(|one| i64::from(one.bytes)).collect::<Vec<_>>())
        .execute(tx.conn())
        .await
        .map_err(failed)?;
    if published != new.len() {
        return Err(given_up());
    }
    Ok(written.iter().map(|one| known.get(&one.content).copied().unwrap_or(one.blob)).collect())
}

/// Which blobs of the transaction's tenant have these contents and can be read, held so that they are not condemned meanwhile.
pub async fn live_with(tx: &mut Tx, contents: &[ContentId]) -> Result<HashMap<ContentId, BlobId>> {
    let live = b::table.filter(b::tenant_id.eq(tx.tenant().0)).filter(b::state.eq(Live));
    let known = live.filter(b::content.eq_any(contents.iter().map(|content| &content.0[..])));
    let known: Vec<(Option<Vec<u8>>, Uuid)> =
        known.select((b::content, b::id)).for_key_share().load(tx.conn()).await.map_err(failed)?;
    let known = known.into_iter().filter_map(|(content, id)| Some((ContentId(content?.try_into().ok()?), BlobId(id))));
    Ok(known.collect())
}

/// Two uploads of the same content: the second one waits, and finds the first.
fn lock_key(content: &ContentId) -> i32 {
    let [a, b, c, d, ..] = content.0;
    i32::from_be_bytes([a, b, c, d])
}

fn given_up() -> Error {
    Error::internal("blob", "it was given up before it was published")
}

async fn condemn(tx: &mut Tx, ids: &[Uuid]) -> Result<()> {
    if ids.is_empty() {
        return Ok(());
    }
    let condemned = b::table.filter(b::tenant_id.eq(tx.tenant().0)).filter(b::id.eq_any(ids));
    let state = b::state.eq(Condemned);
    diesel::update(condemned).set(state).execute(tx.conn()).await.map_err(failed)?;
    Ok(())
}

/// Condemns blobs of the transaction's tenant that nothing refers to: those that no asset has for `grace` by now, and those whose
/// upload was given up. At most `most` of each; says how many.
pub async fn condemn_unused(tx: &mut Tx, grace: Duration, most: i64) -> Result<usize> {
    let tenant = tx.tenant().0;
    forget_departures(tx).await?;
    let shown = exists(d::table.filter(d::tenant_id.eq(tenant)).filter(d::blob_id.eq(b::id)));
    let unused = b::table
        .filter(b::tenant_id.eq(tenant))
        .filter(b::state.eq(Live))
        .filter(b::assets.eq(Zero))
        .filter(b::since.lt(ago(grace)))
        .filter(not(shown))
        .limit(most)
        .select(b::id)
        .for_update()
        .skip_locked();
    // What comes with a restore has no assets before that is done.
    let mut ids: Vec<Uuid> = match operations::exclusive(tx).await? {
        Some(_) => Vec::new(),
        None => unused.load(tx.conn()).await.map_err(failed)?,
    };
    let under_way = u::table.filter(u::tenant_id.eq(tenant)).filter(u::result.eq(Empty)).filter(u::blob_id.eq(b::id));
    let given_up = b::table
        .filter(b::tenant_id.eq(tenant))
        .filter(b::state.eq(Writing))
        .filter(b::assets.eq(Zero))
        .filter(not(exists(under_way)))
        .limit(most)
        .select(b::id)
        .for_update()
        .skip_locked();
    ids.extend(given_up.load::<Uuid>(tx.conn()).await.map_err(failed)?);
    condemn(tx, &ids).await?;
    Ok(ids.len())
}

/// The SHA-256 of all content that can be referred to.
pub async fn known(tx: &mut Tx) -> Result<HashSet<Sha256>> {
    let live = b::table.filter(b::tenant_id.eq(tx.tenant().0)).filter(b::state.eq(Live));
    let hashes: Vec<Option<Vec<u8>>> = live.select(b::sha256).load(tx.conn()).await.map_err(failed)?;
    Ok(hashes.into_iter().filter_map(|hash| hash?.try_into().ok()).collect())
}

/// Forgets which content departed of which no backup is left that shows it.
async fn forget_departures(tx: &mut Tx) -> Result<()> {
    const FORGET: &str = "
        DELETE FROM departed_content d WHERE tenant_id = $1 AND NOT EXISTS (
            SELECT FROM backups b WHERE b.tenant_id = $1 AND b.seq BETWEEN d.born AND d.died
                AND b.state IN ('RUNNING', 'COMPLETE', 'PARTIAL'))";
    let tenant = tx.tenant().0;
    let forget = diesel::sql_query(FORGET).bind::<SqlUuid, _>(tenant);
    forget.execute(tx.conn()).await.map_err(failed)?;
    Ok(())
}

/// Blobs of the transaction's tenant that are condemned for `grace` by now, at most `most`.
pub async fn condemned(tx: &mut Tx, grace: Duration, most: i64) -> Result<Vec<BlobId>> {
    let ids = b::table
        .filter(b::tenant_id.eq(tx.tenant().0))
        .filter(b::state.eq(Condemned))
        .filter(b::assets.eq(Zero))
        .filter(b::since.le(ago(grace)))
        .limit(most)
        .select(b::id);
    Ok(ids.load::<Uuid>(tx.conn()).await.map_err(failed)?.into_iter().map(BlobId).collect())
}

/// Forgets condemned blobs of the transaction's tenant, whose objects are gone.
pub async fn forget(tx: &mut Tx, blobs: &[BlobId]) -> Result<()> {
    let ids: Vec<Uuid> = blobs.iter().map(|blob| blob.0).collect();
    let gone = b::table.filter(b::tenant_id.eq(tx.tenant().0)).filter(b::id.eq_any(ids)).filter(b::state.eq(Condemned));
    diesel::delete(gone).execute(tx.conn()).await.map_err(failed)?;
    Ok(())
}

/// Tenants in which content departed that no backup shows any more.
async fn with_departures_to_forget(tx: &mut PlatformTx, most: i64) -> Result<Vec<Uuid>> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = SqlUuid)]
        tenant_id: Uuid,
    }
    const FOUND: &str = "
        SELECT DISTINCT tenant_id FROM departed_content d WHERE NOT EXISTS (
            SELECT FROM backups b WHERE b.tenant_id = d.tenant_id AND b.seq BETWEEN d.born AND d.died
                AND b.state IN ('RUNNING', 'COMPLETE', 'PARTIAL')) LIMIT $1";
    let found = diesel::sql_query(FOUND).bind::<BigInt, _>(most).load::<Row>(tx.conn());
    Ok(found.await.map_err(failed)?.into_iter().map(|row| row.tenant_id).collect())
}

/// Tenants that have something to collect: content that nothing has for `grace` by now, or uploads that have expired.
pub async fn tenants_to_collect(tx: &mut PlatformTx, grace: Duration, most: i64) -> Result<Vec<TenantUid>> {
    let unused = b::table.filter(b::assets.eq(Zero)).filter(b::since.lt(ago(grace)));
    // An upload that goes on keeps what it writes.
    let under_way = u::table.filter(u::tenant_id.eq(b::tenant_id)).filter(u::blob_id.eq(b::id));
    let under_way = under_way.filter(u::result.eq(Empty)).filter(u::expires_at.gt(clock_timestamp()));
    let unused = unused.filter(b::state.ne(Writing).or(not(exists(under_way))));
    // What a backup shows stays.
    let shown = d::table.filter(d::tenant_id.eq(b::tenant_id)).filter(d::blob_id.eq(b::id));
    let unused = unused.filter(not(exists(shown)));
    let unused = unused.select(b::tenant_id).distinct().limit(most);
    let mut tenants: Vec<Uuid> = unused.load(tx.conn()).await.map_err(failed)?;
    let condemned = k::table.filter(k::state.eq(Condemned)).select(k::tenant_id);
    tenants.extend(condemned.distinct().limit(most).load::<Uuid>(tx.conn()).await.map_err(failed)?);
    tenants.extend(with_departures_to_forget(tx, most).await?);
    let expired = u::table.filter(u::expires_at.le(clock_timestamp())).select(u::tenant_id).distinct().limit(most);
    tenants.extend(expired.load::<Uuid>(tx.conn()).await.map_err(failed)?);
    tenants.sort_unstable();
    tenants.dedup();
    Ok(tenants.into_iter().map(TenantUid).collect())
}
