//! RestoreBackup in place.

use futures::FutureExt as _;
use serde::{Deserialize, Serialize};

use super::{found, permitted};
use crate::app::App;
use crate::app::administrators::Administrators;
use crate::app::tenants::{reload, target, wrong_state};
use crate::context::OpContext;
use crate::domain::backup::{Backup, Component, NewBackup};
use crate::domain::error::{Error, Reason, Refusal, Result};
use crate::domain::id::{BackupId, OperationId};
use crate::domain::lifecycle::Standing;
use crate::domain::operation::{Operation, Params};
use crate::domain::restore::{Choices, NewRestore, Preview};
use crate::domain::tenant::Tenant;
use crate::store::restoration::{self, LaidOut};
use crate::store::transitions::Because;
use crate::store::tx::Tx;
use crate::store::{backups, operations, restores, tenants, transitions};

/// A restore that has begun.
#[derive(Debug, Serialize, Deserialize)]
pub struct Restoring {
    /// The work.
    pub operation: Operation,
    /// What would be, or is to be.
    pub preview: Preview,
}

impl App {
    /// Begins to make a tenant's data those of a backup. Who only tries is told what would come and go.
    pub async fn restore_backup(&self, op: OpContext, new: NewRestore) -> Result<Restoring> {
        let wanted = self.db.read(op.clone(), "restore-wanted", new.clone(), |tx, new| wanted(tx, new).boxed()).await?;
        let open = self.open_backup(wanted.backup).await?;
        let trial = op.validate_only();
        let revive = new.choices.revive_deleted_users;
        let begun = self.db.change(op.clone(), "restore-backup", new, |tx, new| restore(tx, new).boxed()).await?;
        self.notify();
        if !trial {
            return Ok(begun);
        }
        let (own, laid) = open.lay_out(&wanted.components, revive).await?;
        let changes = self.db.read_on(own, op, laid, |tx, laid| restoration::preview(tx, laid).boxed()).await?;
        Ok(Restoring { preview: Preview { changes, ..begun.preview }, ..begun })
    }
}

/// What is asked for, as far as the caller may have it.
struct Wanted {
    backup: Backup,
    components: Vec<Component>,
    left_out: Vec<Component>,
}

async fn wanted(tx: &mut Tx, new: &NewRestore) -> Result<Wanted> {
    let backup = found(tx, new.backup).await?;
    backup.usable()?;
    let absent: Vec<_> = new.components.iter().filter(|named| !backup.components.contains(named)).collect();
    if !absent.is_empty() {
        let names = absent.iter().map(|component| component.name()).collect::<Vec<_>>().join(", ");
        return Err(Error::field("components", format!("the backup does not have {names}")));
    }
    let named = !new.components.is_empty();
    let asked = backup.components.iter().filter(|component| !named || new.components.contains(component));
    let (components, left_out) = permitted(tx, asked.copied().collect()).await?;
    // Whoever names something is not given less.
    if components.is_empty() || named && !left_out.is_empty() {
        let missing: Vec<_> = left_out.iter().map(|component| component.privilege().name()).collect();
        let text = format!("what was asked for needs {}", missing.join(", "));
        return Err(Refusal::new(Reason::PrivilegeMissing, text).with("privilege", missing.join(",")).into());
    }
    Ok(Wanted { backup, components, left_out })
}

async fn restore(tx: &mut Tx, new: &NewRestore) -> Result<Restoring> {
    operations::hold_exclusive(tx).await?;
    let tenant = target(tx).await?;
    if let Some(running) = operations::exclusive(tx).await? {
        return Err(operations::in_progress(&running));
    }
    backups::hold(tx, new.backup).await?;
    let Wanted { backup, components, left_out } = wanted(tx, new).await?;
    tx.about(backup.name());
    tx.tell("components", components.iter().map(|component| component.name()).collect::<Vec<_>>().join(" "));
    let preview = Preview { components: components.clone(), left_out, changes: Vec::new() };
    let safety = new.safety_backup.then(BackupId::new);
    let params = Params::Restore { backup: new.backup, components, choices: new.choices, safety };
    let begun = begin(tx, tenant, &params).await?;
    let operation = operations::load(tx, begun).await?;
    let operation = operation.ok_or_else(|| Error::internal("operation", "it went away in its own transaction"))?;
    Ok(Restoring { operation, preview })
}

/// Begins such an operation on a tenant that is held, and locks that.
async fn begin(tx: &mut Tx, tenant: Tenant, params: &Params) -> Result<OperationId> {
    let Params::Restore { backup, components, safety, .. } = params else {
        return Err(Error::internal("restore", "these are the parameters of other work"));
    };
    let actor = tx.op().actor();
    let operation = operations::enqueue(tx, params, &actor).await?;
    restores::begin(tx, operation, *backup).await?;
    if let Some(safety) = *safety {
        let note = format!("before the restore of {backup}");
        let new = NewBackup { components: components.clone(), note };
        backups::begin(tx, safety, operation, &new, &[], &actor.name_in(tenant.uid, &tenant.code)).await?;
    }
    let step = match tenant.standing() {
        Standing::Active(active) => active.restore(),
        Standing::Locked(locked) => locked.restore(),
        // The one before could not even be undone.
        Standing::Restoring(_) => return Ok(operation),
        _ => return Err(wrong_state(tx, &tenant)),
    };
    transitions::append(tx, step, &Because { actor, note: String::new(), operation: Some(operation) }).await?;
    Ok(operation)
}

/// The same for one that was given up or cancelled, if its backup is still there.
pub(in crate::app) async fn begin_again(tx: &mut Tx, tenant: Tenant, params: &Params) -> Result<Option<OperationId>> {
    let Params::Restore { backup, components, choices, safety } = params else { return Ok(None) };
    backups::hold(tx, *backup).await?;
    if !backups::one(tx, *backup).await?.is_some_and(|backup| backup.state.usable()) {
        return Ok(None);
    }
    let safety = safety.map(|_| BackupId::new());
    let params = Params::Restore { backup: *backup, components: components.clone(), choices: *choices, safety };
    begin(tx, tenant, &params).await.map(Some)
}

/// Makes the tenant's data those that are laid out, unless the operation has done that, and leads it back from there.
pub(crate) async fn put_back(
    tx: &mut Tx,
    laid: &LaidOut,
    operation: OperationId,
    because: &Because,
    choices: Choices,
) -> Result<()> {
    tenants::load_for_change(tx).await?;
    if restores::is_done(tx, operation).await? {
        return Ok(());
    }
    let administrators = Administrators::before(tx).await?;
    restoration::replace(tx, laid).await?;
    administrators.remain(tx).await?;
    restores::done(tx, operation).await?;
    land(tx, because, choices.stay_locked).await
}

/// Leads the tenant back from a restore to where that began.
pub(crate) async fn land(tx: &mut Tx, because: &Because, stay_locked: bool) -> Result<()> {
    let Standing::Restoring(restoring) = reload(tx).await?.standing() else { return Ok(()) };
    let origin = transitions::origin(tx).await?;
    transitions::append(tx, restoring.restored(origin), because).await?;
    if stay_locked && let Standing::Active(active) = reload(tx).await?.standing() {
        transitions::append(tx, active.lock(), because).await?;
    }
    Ok(())
}
