//! What a tenant had at one moment, table by table.

use bytes::Bytes;
use chrono::{DateTime, Utc};
use futures::StreamExt as _;
use futures::stream::BoxStream;
use tokio::sync::OwnedSemaphorePermit;
use tokio_postgres::Client;

use super::connection::{Beside, Copies};
use super::copy::{columns, failed};
use super::error::unavailable;
use super::tx::Db;
use crate::context::OpContext;
use crate::domain::backup::Column;
use crate::domain::error::{Error, Result};
use crate::domain::id::TenantUid;

/// One moment of a tenant. It lasts as long as this value, on a connection of its own.
pub struct Moment {
    client: Client,
    _place: OwnedSemaphorePermit,
    tenant: TenantUid,
    /// By what name Postgres gives it to other connections.
    snapshot: String,
    /// Which moment.
    pub at: DateTime<Utc>,
}

impl Db {
    /// This moment of the tenant that the work is on.
    pub async fn moment(&self, op: &OpContext) -> Result<Moment> {
        let tenant = op.target()?;
        let Copies { client, place } = self.address().connect_for_copies(Beside::Work).await.map_err(unavailable)?;
        // The first query of the transaction takes the snapshot.
        let begin = format!("{BEGIN}; SELECT set_config('landlord.tenant', '{tenant}', true)");
        client.batch_execute(&begin).await.map_err(failed)?;
        let (at, snapshot) = seen(&client).await?;
        Ok(Moment { client, _place: place, tenant, snapshot, at })
    }

    /// The same moment once more, to be read beside the first one and no longer than that lasts; none, if there is no connection left
    /// for it.
    pub async fn beside(&self, Moment { tenant, snapshot, at, .. }: &Moment) -> Result<Option<Moment>> {
        let copies = self.address().try_connect_for_copies(Beside::Work).await.map_err(unavailable)?;
        let Some(Copies { client, place }) = copies else { return Ok(None) };
        let begin = format!(
            "{BEGIN}; SET TRANSACTION SNAPSHOT '{snapshot}';
             SELECT set_config('landlord.tenant', '{tenant}', true)"
        );
        client.batch_execute(&begin).await.map_err(failed)?;
        seen(&client).await?;
        Ok(Some(Moment { client, _place: place, tenant: *tenant, snapshot: snapshot.clone(), at: *at }))
    }
}

const BEGIN: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

/// When it is, and by what name the moment is given to others. Under row-level security a wrong role or tenant would see no rows and no
/// error: that the tenant itself is seen shows that the others are.
async fn seen(client: &Client) -> Result<(DateTime<Utc>, String)> {
    const SEEN: &str =
        "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint, pg_export_snapshot() FROM tenants
                        WHERE tenant_id = current_tenant()";
    let seen = client.query_opt(SEEN, &[]).await.map_err(failed)?;
    let seen = seen.ok_or_else(|| Error::internal("backup", "the tenant can't be seen"))?;
    Ok((DateTime::from_timestamp_micros(seen.get(0)).unwrap_or_default(), seen.get(1)))
}

impl Moment {
    /// The columns that rows of these tables consist of, table by table.
    pub async fn columns(&self, tables: &[&str]) -> Result<Vec<Vec<Column>>> {
        columns(&self.client, tables).await
    }

    /// The tenant's rows of a table that fulfil a condition.
    pub async fn rows(
        &self,
        table: &str,
        columns: &[Column],
        condition: &str,
    ) -> Result<BoxStream<'static, Result<Bytes>>> {
        let columns = columns.iter().map(|column| format!("\"{}\"", column.name)).collect::<Vec<_>>().join(", ");
        // What the tenant is called here is compared with each row, and so stands here as it is.
        let copy = format!(
            "COPY (SELECT {columns} FROM {table} WHERE tenant_id = '{}' AND ({condition})) TO STDOUT (FORMAT BINARY)",
            self.tenant
        );
        let rows = self.client.copy_out(&copy).await.map_err(failed)?;
        Ok(rows.map(|piece| piece.map_err(failed)).boxed())
    }

    /// How many assets of the tenant fulfil a condition, and how many bytes their content has.
    pub async fn assets(&self, condition: &str) -> Result<(i64, i64)> {
        let amount = format!(
            "SELECT count(*), coalesce(sum(bytes), 0)::bigint FROM assets WHERE tenant_id = '{}' AND ({condition})",
            self.tenant
        );
        let row = self.client.query_one(&amount, &[]).await.map_err(failed)?;
        Ok((row.get(0), row.get(1)))
    }
}
