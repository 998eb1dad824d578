//! How often people log in. A trigger of the sessions writes that down.

use chrono::{DateTime, Utc};
use diesel::sql_types::{Array, BigInt, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use super::error::failed;
use super::tx::PlatformTx;
use crate::domain::error::Result;

diesel::define_sql_function! {
    /// See the migration.
    fn log_ins_since(uids: Array<SqlUuid>, since: Array<Timestamptz>) -> Array<BigInt>;
}

/// Log-ins to each of these tenants since the time that stands with it, in the same order.
pub(super) async fn since(conn: &mut AsyncPgConnection, tenants: &[(Uuid, DateTime<Utc>)]) -> Result<Vec<i64>> {
    let (uids, since): (Vec<Uuid>, Vec<DateTime<Utc>>) = tenants.iter().copied().unzip();
    diesel::select(log_ins_since(uids, since)).get_result(conn).await.map_err(failed)
}

/// Folds the log-ins to a tenant in a quarter of an hour that is over into one row, at most so many; says how many.
pub async fn fold(tx: &mut PlatformTx, most: i64) -> Result<usize> {
    const FOLD: &str = "
        WITH past AS (
            DELETE FROM log_ins WHERE ctid = ANY (ARRAY(
                SELECT ctid FROM log_ins WHERE NOT folded AND at < clock_timestamp() - interval '15 minutes' LIMIT $1))
            RETURNING tenant_id, to_timestamp(floor(extract(epoch FROM at) / 900) * 900) AS quarter),
        folded AS (
            INSERT INTO log_ins (tenant_id, at, count, folded)
            SELECT tenant_id, quarter, count(*), true FROM past GROUP BY tenant_id, quarter)
        SELECT count(*) FROM past";
    #[derive(diesel::QueryableByName)]
    struct Folded {
        #[diesel(sql_type = BigInt)]
        count: i64,
    }
    let folded: Folded = diesel::sql_query(FOLD).bind::<BigInt, _>(most).get_result(tx.conn()).await.map_err(failed)?;
    Ok(usize::try_from(folded.count).unwrap_or(0))
}
