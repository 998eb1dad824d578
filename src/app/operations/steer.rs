//! CancelOperation and RetryOperation.

use futures::FutureExt as _;

use crate::app::App;
use crate::app::tenants::begin_again;
use crate::context::OpContext;
use crate::domain::error::{Error, Reason, Refusal, Result};
use crate::domain::id::OperationId;
use crate::domain::operation::{Kind, Operation, State};
use crate::store::tx::Tx;
use crate::store::{operation_params, operations, restores};

impl App {
    /// Asks an operation to stop. Its worker, or the next one, undoes what it did.
    pub async fn cancel_operation(&self, op: OpContext, id: OperationId) -> Result<Operation> {
        let asked = self.db.change(op, "cancel-operation", id, |tx, id| cancel(tx, *id).boxed()).await?;
        self.notify();
        Ok(asked)
    }

    /// Begins again what an operation was given up at, or cancelled: a new operation of the same kind, or the purge that a
    /// forced deletion had got to.
    pub async fn retry_operation(&self, op: OpContext, id: OperationId) -> Result<Operation> {
        let begun = self.db.change(op, "retry-operation", id, |tx, id| retry(tx, *id).boxed()).await?;
        self.notify();
        Ok(begun)
    }
}

async fn cancel(tx: &mut Tx, id: OperationId) -> Result<Operation> {
    let operation = held(tx, id).await?;
    // Asking twice is the same as asking once.
    if matches!(operation.state, State::Cancelling | State::Cancelled) {
        return Ok(operation);
    }
    if !operation.cancellable() || restores::is_done(tx, id).await? {
        return Err(not_cancellable(&operation));
    }
    operations::ask_to_stop(tx, id).await?;
    loaded(tx, id).await
}

fn not_cancellable(operation: &Operation) -> Error {
    let name = operations::name(&operation.tenant_code, operation.id);
    let why = match operation.kind {
        _ if operation.state.ended() => format!("it has ended: {}", operation.state.name()),
        Kind::PrepareDeletion | Kind::ForceDeletion => "turn it back with CancelTenantDeletion".to_owned(),
        Kind::Thaw => "the tenant can't be used before it is done".to_owned(),
        Kind::Restore if operation.cancellable() => "the tenant's data are those of the backup by now".to_owned(),
        Kind::Purge => "there is no way back from a purge".to_owned(),
        Kind::Provision
        | Kind::DeliverMail
        | Kind::CollectContent
        | Kind::BackUp
        | Kind::ImportBackup
        | Kind::VerifyBackup
        | Kind::CopyBackups
        | Kind::Restore
        | Kind::CopyAssets
        | Kind::RestoreAssets
        | Kind::AssignRecordings => "it is stopping already".to_owned(),
    };
    let text = format!("{} can't be cancelled: {why}", operation.kind.name());
    Refusal::new(Reason::OperationNotCancellable, text).with("state", operation.state.name()).about(name).into()
}

async fn retry(tx: &mut Tx, id: OperationId) -> Result<Operation> {
    operations::hold_exclusive(tx).await?;
    let operation = held(tx, id).await?;
    if !matches!(operation.state, State::Failed | State::Cancelled) {
        return Err(not_retryable(&operation, &format!("it is {}", operation.state.name())));
    }
    if let Some(running) = operations::exclusive(tx).await?.filter(|_| operation.kind.exclusive()) {
        return Err(operations::in_progress(&running));
    }
    let Some(params) = operation_params::load(tx, id).await? else {
        return Err(not_retryable(&operation, "its tenant is gone"));
    };
    let begun = begin_again(tx, id, &params).await?;
    let begun = begun.ok_or_else(|| not_retryable(&operation, "the tenant has gone on since"))?;
    tx.tell("begun", operations::name(&operation.tenant_code, begun));
    loaded(tx, begun).await
}

fn not_retryable(operation: &Operation, why: &str) -> Error {
    let name = operations::name(&operation.tenant_code, operation.id);
    let text = format!("{} can't be begun again: {why}", operation.kind.name());
    Refusal::new(Reason::OperationNotRetryable, text).with("state", operation.state.name()).about(name).into()
}

/// The operation, held until the transaction ends, so that it neither ends nor goes on meanwhile.
async fn held(tx: &mut Tx, id: OperationId) -> Result<Operation> {
    operations::hold(tx, id).await?;
    let operation = operations::load(tx, id).await?.ok_or_else(|| tx.op().not_found())?;
    tx.about(operations::name(&operation.tenant_code, id));
    tx.tell("operation", operation.kind.name());
    Ok(operation)
}

async fn loaded(tx: &mut Tx, id: OperationId) -> Result<Operation> {
    let found = operations::load(tx, id).await?;
    found.ok_or_else(|| Error::internal("operation", "it went away in its own transaction"))
}
