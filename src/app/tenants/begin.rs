//! How use cases begin operations on a tenant, for the first time or again.

use super::deletion::check_force_enabled;
use super::{Created, because, reload};
use crate::app::backups;
use crate::domain::error::{Error, Result};
use crate::domain::id::OperationId;
use crate::domain::lifecycle::{LockReason, Standing};
use crate::domain::operation::{Operation, Params};
use crate::store::tx::Tx;
use crate::store::{operations, tenants, transitions, users};

/// Adds an operation; gives it as it is now.
pub(in crate::app) async fn begin(tx: &mut Tx, params: &Params) -> Result<Operation> {
    let actor = tx.op().actor();
    let id = operations::enqueue(tx, params, &actor).await?;
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

/// Begins an operation again that was given up or cancelled, if the tenant still stands where its work begins. None: it
/// does not.
pub(in crate::app) async fn begin_again(
    tx: &mut Tx,
    again: OperationId,
    params: &Params,
) -> Result<Option<OperationId>> {
    let Some(tenant) = tenants::load_for_change(tx).await? else { return Ok(None) };
    let params = match (params, tenant.standing()) {
        (Params::Provision { .. }, Standing::Failed(failed)) if !tenant.purge_started => {
            transitions::append(tx, failed.retry(), &because(tx, "")).await?;
            params.clone()
        }
        // It was given up, and not even that could be undone.
        (Params::Provision { .. }, Standing::Provisioning(_)) => params.clone(),
        // An older one than that by which the tenant is on its way out may have been asked for something else.
        (Params::PrepareDeletion {} | Params::ForceDeletion {}, Standing::Preparing(_))
            if operations::last_way_out(tx).await? == Some(again) =>
        {
            if matches!(params, Params::ForceDeletion {}) {
                check_force_enabled(tx, &tenant).await?;
            }
            params.clone()
        }
        // A forced deletion that was given up after its point of no return goes on as a purge.
        (Params::Purge {} | Params::ForceDeletion {}, _) if tenant.purge_started => Params::Purge {},
        (Params::Thaw {}, Standing::Locked(_)) if tenant.lock_reason == Some(LockReason::Undeleted) => params.clone(),
        (Params::DeliverMail { user, .. }, Standing::Active(_) | Standing::Locked(_))
            if users::load(tx, *user).await?.is_some() =>
        {
            params.clone()
        }
        (Params::Restore(asked), Standing::Active(_) | Standing::Locked(_) | Standing::Restoring(_)) => {
            return backups::begin_again(tx, tenant, asked).await;
        }
        (
            Params::CollectContent {}
            | Params::VerifyBackup { .. }
            | Params::CopyBackups {}
            | Params::CopyAssets { .. }
            | Params::RestoreAssets { .. }
            | Params::AssignRecordings { .. },
            Standing::Active(_) | Standing::Locked(_),
        ) => params.clone(),
        _ => return Ok(None),
    };
    let actor = tx.op().actor();
    operations::enqueue(tx, &params, &actor).await.map(Some)
}
