//! The extensions of tenants, and which of their users has which.

use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use super::clock::{LockClass, pg_advisory_xact_lock};
use super::error::{failed, gone_or_failed};
use super::schema::{tenant_extensions as t, user_extensions as u};
use super::tx::Tx;
use crate::domain::error::Result;
use crate::domain::extension::{Extension, Extensions, Held, TenantExtensions};
use crate::domain::id::UserId;

/// Ranges of which one query tells at most.
const MOST: i64 = 1000;

/// The extensions of the transaction's tenant.
pub async fn load(tx: &mut Tx) -> Result<TenantExtensions> {
    let tenant = tx.tenant().0;
    let ranges = t::table.filter(t::tenant_id.eq(tenant)).select((t::first, t::last));
    let ranges: Vec<(i64, i64)> = ranges.load(tx.conn()).await.map_err(failed)?;
    let allocated = u::table
        .filter(u::tenant_id.eq(tenant))
        .select(sql::<BigInt>("coalesce(sum(last - first + 1), 0)::bigint"))
        .first(tx.conn())
        .await
        .map_err(failed)?;
    let numbers = ranges.into_iter().map(|(first, last)| Extension::stored(first, last)).collect();
    Ok(TenantExtensions { numbers, allocated })
}

/// Gives the transaction's tenant the numbers `new` in the place of `old`; what users have must be among them, and none of them
/// another tenant's.
pub async fn replace(tx: &mut Tx, old: &Extensions, new: &Extensions) -> Result<()> {
    const REFER: &str = "
        UPDATE user_extensions u SET range_first = t.first, range_last = t.last
        FROM tenant_extensions t
        WHERE u.tenant_id = $1 AND t.tenant_id = $1 AND t.first <= u.first AND u.last <= t.last
            AND (u.range_first, u.range_last) <> (t.first, t.last)";
    let tenant = tx.tenant().0;
    for gone in old.ranges().iter().filter(|range| !new.ranges().contains(range)) {
        let (first, last) = gone.codes();
        diesel::delete(t::table.find((tenant, first, last))).execute(tx.conn()).await.map_err(failed)?;
    }
    let added = new.ranges().iter().filter(|range| !old.ranges().contains(range));
    let row = |(first, last)| (t::tenant_id.eq(tenant), t::first.eq(first), t::last.eq(last));
    let rows: Vec<_> = added.map(|range| row(range.codes())).collect();
    diesel::insert_into(t::table).values(rows).execute(tx.conn()).await.map_err(failed)?;
    diesel::sql_query(REFER).bind::<SqlUuid, _>(tenant).execute(tx.conn()).await.map_err(failed)?;
    Ok(())
}

/// Those of these numbers that other tenants have. An operator's right. Until the transaction ends no other one gives numbers
/// away.
pub async fn with_others(tx: &mut Tx, wanted: &Extensions) -> Result<Extensions> {
    let tenant = tx.tenant().0;
    let alone = pg_advisory_xact_lock(LockClass::Extensions as i32, 0);
    diesel::select(alone).execute(tx.conn()).await.map_err(failed)?;
    let found = common(tx.across_tenants().await?, "tenant_extensions", "<>", tenant, wanted).await?;
    tx.within_tenant().await?;
    Ok(found)
}

/// Those of these numbers that users of the transaction's tenant have.
pub async fn with_users(tx: &mut Tx, numbers: &Extensions) -> Result<Extensions> {
    let tenant = tx.tenant().0;
    common(tx.conn(), "user_extensions", "=", tenant, numbers).await
}

async fn common(
    conn: &mut AsyncPgConnection,
    table: &'static str,
    of: &'static str,
    tenant: Uuid,
    numbers: &Extensions,
) -> Result<Extensions> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = BigInt)]
        first: i64,
        #[diesel(sql_type = BigInt)]
        last: i64,
    }
    let query = format!(
        "SELECT greatest(held.first, asked.first) AS first, least(held.last, asked.last) AS last
         FROM unnest($1, $2) AS asked (first, last)
         JOIN {table} held ON int8range(held.first, held.last, '[]') && int8range(asked.first, asked.last, '[]')
         WHERE held.tenant_id {of} $3 ORDER BY 1 LIMIT {MOST}"
    );
    let (first, last): (Vec<i64>, Vec<i64>) = numbers.ranges().iter().map(Extension::codes).unzip();
    let rows: Vec<Row> = diesel::sql_query(query)
        .bind::<Array<BigInt>, _>(first)
        .bind::<Array<BigInt>, _>(last)
        .bind::<SqlUuid, _>(tenant)
        .load(conn)
        .await
        .map_err(failed)?;
    Ok(rows.into_iter().map(|row| Extension::stored(row.first, row.last)).collect())
}

/// Who in the transaction's tenant has some of these numbers, or one that is next to them.
pub async fn held_about(tx: &mut Tx, numbers: Extension) -> Result<Vec<Held>> {
    let (first, last) = numbers.codes();
    let rows: Vec<(i64, i64, Uuid)> = u::table
        .filter(u::tenant_id.eq(tx.tenant().0))
        .filter(u::first.le(last + 1))
        .filter(u::last.ge(first - 1))
        .order(u::first)
        .select((u::first, u::last, u::user_id))
        .load(tx.conn())
        .await
        .map_err(failed)?;
    let held = |(first, last, user)| Held { numbers: Extension::stored(first, last), user: UserId(user) };
    Ok(rows.into_iter().map(held).collect())
}

/// Writes down that users of the transaction's tenant have `after` and no longer `before`; each of them is within one of these
/// ranges of the tenant's.
pub async fn hand_over(tx: &mut Tx, before: &[Held], after: &[Held], ranges: &Extensions) -> Result<()> {
    let tenant = tx.tenant().0;
    let gone: Vec<i64> = before.iter().map(|held| held.numbers.codes().0).collect();
    let gone = u::table.filter(u::tenant_id.eq(tenant)).filter(u::first.eq_any(gone));
    diesel::delete(gone).execute(tx.conn()).await.map_err(failed)?;
    let row = |held: &Held| {
        let (range_first, range_last) = ranges.range_of(&held.numbers)?.codes();
        let (first, last) = held.numbers.codes();
        Some((
            (u::tenant_id.eq(tenant), u::user_id.eq(held.user.0)),
            (u::first.eq(first), u::last.eq(last)),
            (u::range_first.eq(range_first), u::range_last.eq(range_last)),
        ))
    };
    let rows: Vec<_> = after.iter().filter_map(row).collect();
    for rows in rows.chunks(1000) {
        diesel::insert_into(u::table).values(rows).execute(tx.conn()).await.map_err(gone_or_failed)?;
    }
    Ok(())
}
