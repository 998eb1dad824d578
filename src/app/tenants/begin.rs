//! How use cases begin operations on a tenant, for the first time or again.

use super::{Created, because, reload};
use crate::domain::error::{Error, Result};
use crate::domain::id::OperationId;
use crate::domain::lifecycle::{LockReason, Standing};
use crate::domain::operation::{Operation, Params};
use crate::store::tx::Tx;
use crate::store::{operations, tenants, transitions, users};

/// Adds an operation; gives it as it is now.
pub(super) async fn begin(tx: &mut Tx, params: &Params) -> Result<Operation> {
    let actor = tx.op().actor();
    let id = operations::enqueue(tx, params, actor).await?;
    let found = operations::load(tx, id).await?;
    let operation = found.ok_or_else(|| Error::internal("operation", "it went away in its own transaction"))?;
    tx.tell("begun", operations::name(&operation.tenant_code, id));
    Ok(operation)
}

/// The same, for a call that answers with the tenant.
pub(super) async fn begun(tx: &mut Tx, params: &Params) -> Result<Created> {
    let operation = begin(tx, params).await?;
    Ok(Created { operation, tenant: reload(tx).await? })
}

/// Begins work again that was given up or cancelled, if the tenant still stands where that work begins. None: it does not.
pub(in crate::app) async fn begin_again(tx: &mut Tx, params: &Params) -> Result<Option<OperationId>> {
    let Some(tenant) = tenants::load_for_change(tx).await? else { return Ok(None) };
    let params = match (params, tenant.standing()) {
        (Params::Provision { .. }, Standing::Failed(failed)) if !tenant.purge_started => {
            transitions::append(tx, failed.retry(), &because(tx, "")).await?;
            params.clone()
        }
        (Params::PrepareDeletion {} | Params::ForceDeletion {}, Standing::Preparing(_)) => params.clone(),
        // A forced deletion that was given up after its point of no return goes on as a purge.
        (Params::Purge {} | Params::ForceDeletion {}, _) if tenant.purge_started => Params::Purge {},
        (Params::Thaw {}, Standing::Locked(_)) if tenant.lock_reason == Some(LockReason::Undeleted) => params.clone(),
        (Params::DeliverMail { user, .. }, _) if users::load(tx, *user).await?.is_some() => params.clone(),
        _ => return Ok(None),
    };
    let actor = tx.op().actor();
    operations::enqueue(tx, &params, actor).await.map(Some)
}
