//! The removal of all assets of a tenant in batches, and how much there is of them.

use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::BigInt;
use diesel_async::RunQueryDsl;

use super::directory::{remove_batch as remove_from, rows_to_remove};
use super::error::failed;
use super::schema::{assets as a, blobs as b};
use super::tx::Tx;
use crate::domain::error::Result;

/// The tables in the order in which their rows can go.
const IN_ORDER_OF_REMOVAL: [&str; 6] = ["uploads", "backups", "assets", "departed_content", "blob_parts", "blobs"];

/// How many rows there are in all.
pub async fn rows(tx: &mut Tx) -> Result<i64> {
    diesel::select(rows_to_remove(IN_ORDER_OF_REMOVAL.to_vec())).get_result(tx.conn()).await.map_err(failed)
}

/// Removes at most so many rows; says how many. 0: nothing is left.
pub async fn remove_batch(tx: &mut Tx, most: i64) -> Result<i64> {
    for relation in IN_ORDER_OF_REMOVAL {
        let gone: i64 = diesel::select(remove_from(relation, most)).get_result(tx.conn()).await.map_err(failed)?;
        if gone > 0 {
            return Ok(gone);
        }
    }
    Ok(0)
}

/// How many assets the transaction's tenant has, and how many bytes their content has, each content once.
pub async fn usage(tx: &mut Tx) -> Result<(i64, i64)> {
    let tenant = tx.tenant().0;
    let assets = a::table.filter(a::tenant_id.eq(tenant)).count().get_result(tx.conn()).await.map_err(failed)?;
    let used = b::table.filter(b::tenant_id.eq(tenant)).filter(b::assets.gt(0));
    let bytes = used.select(sql::<BigInt>("coalesce(sum(bytes), 0)::bigint"));
    Ok((assets, bytes.first(tx.conn()).await.map_err(failed)?))
}
