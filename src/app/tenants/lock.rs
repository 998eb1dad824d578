//! LockTenant and UnlockTenant.

use futures::FutureExt as _;

use super::{because, reload, target, wrong_state};
use crate::app::App;
use crate::context::OpContext;
use crate::domain::error::{Error, Result};
use crate::domain::lifecycle::{LockReason, Standing};
use crate::domain::name::Note;
use crate::domain::tenant::Tenant;
use crate::store::tx::Tx;
use crate::store::{operations, transitions};

/// What LockTenant is told.
#[derive(Clone, Debug)]
pub struct LockTenant {
    /// Why.
    pub note: Note,
    /// What the caller has read.
    pub etag: String,
}

impl App {
    /// Locks an active tenant: sessions in it stop working when this commits.
    pub async fn lock_tenant(&self, op: OpContext, input: LockTenant) -> Result<Tenant> {
        self.db.change(op, "lock-tenant", input, |tx, input| lock(tx, input).boxed()).await
    }

    /// Unlocks a tenant that an operator locked or whose deletion was cancelled.
    pub async fn unlock_tenant(&self, op: OpContext, etag: String) -> Result<Tenant> {
        self.db.change(op, "unlock-tenant", etag, |tx, etag| unlock(tx, etag).boxed()).await
    }
}

async fn lock(tx: &mut Tx, input: &LockTenant) -> Result<Tenant> {
    let tenant = target(tx).await?;
    let Standing::Active(active) = tenant.standing() else { return Err(wrong_state(tx, &tenant)) };
    tenant.check_etag(&input.etag)?;
    if !input.note.as_str().is_empty() {
        tx.tell("reason", input.note.as_str());
    }
    transitions::append(tx, active.lock(), &because(tx, input.note.as_str())).await?;
    reload(tx).await
}

async fn unlock(tx: &mut Tx, etag: &str) -> Result<Tenant> {
    let tenant = target(tx).await?;
    let Standing::Locked(locked) = tenant.standing() else { return Err(wrong_state(tx, &tenant)) };
    tenant.check_etag(etag)?;
    // Participants that are still being thawed would refuse the tenant's users.
    if let Some(running) = operations::exclusive(tx).await? {
        return Err(operations::in_progress(&running));
    }
    if tenant.lock_reason == Some(LockReason::Undeleted) && !operations::last_thaw_succeeded(tx).await? {
        let text = "LOCKED (UNDELETED), and its thaw was given up: begin that again with RetryOperation";
        return Err(Error::state(text, tx.op().call().map_or(&[], |c| c.policy.states)));
    }
    transitions::append(tx, locked.unlock(), &because(tx, "")).await?;
    reload(tx).await
}
