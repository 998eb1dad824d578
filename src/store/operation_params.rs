//! What operations were asked for.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::error::failed;
use super::schema::operations as o;
use super::tx::Tx;
use crate::domain::error::{Error, Result};
use crate::domain::id::OperationId;
use crate::domain::operation::{Kind, Params};

/// What an operation was asked for; None: that is forgotten, with its tenant.
pub async fn load(tx: &mut Tx, id: OperationId) -> Result<Option<Params>> {
    let stored = o::table.find((tx.tenant().0, id.0)).select(o::params).first::<serde_json::Value>(tx.conn()).await;
    Ok(stored.optional().map_err(failed)?.and_then(|params| serde_json::from_value(params).ok()))
}

/// What the tenant's last provisioning was asked for.
pub async fn last_provisioning(tx: &mut Tx) -> Result<Option<Params>> {
    let params: Option<serde_json::Value> = o::table
        .filter(o::tenant_id.eq(tx.tenant().0))
        .filter(o::kind.eq(Kind::Provision.name()))
        .order((o::created_at.desc(), o::id.desc()))
        .select(o::params)
        .first(tx.conn())
        .await
        .optional()
        .map_err(failed)?;
    let params = params.map(serde_json::from_value).transpose().map_err(|e| Error::internal("stored parameters", e))?;
    Ok(params.filter(|params| matches!(params, Params::Provision { .. })))
}

/// Forgets what the ended operations of the transaction's tenant asked for: names and addresses of people among it.
pub async fn forget(tx: &mut Tx) -> Result<()> {
    let tenant = tx.tenant().0;
    diesel::update(o::table.filter(o::tenant_id.eq(tenant)).filter(o::ended_at.is_not_null()))
        .set(o::params.eq(serde_json::json!({})))
        .execute(tx.conn())
        .await
        .map_err(failed)?;
    Ok(())
}
