//! RestoreBackup in place.

use futures::FutureExt as _;
use serde::{Deserialize, Serialize};

use super::{found, lacking, permitted};
use crate::app::App;
use crate::app::administrators::Administrators;
use crate::app::tenants::{reload, target, wrong_state};
use crate::context::OpContext;
use crate::domain::backup::{Backup, Component, NewBackup};
use crate::domain::error::{Error, Reason, Refusal, Result};
use crate::domain::id::{BackupId, OperationId};
use crate::domain::lifecycle::Standing;
use crate::domain::operation::{Operation, Params};
use crate::domain::restore::{Choices, NewRestore, Preview, Restore};
use crate::domain::tenant::Tenant;
use crate::store::connection::Beside;
use crate::store::impersonation::{self, OwnRights};
use crate::store::restoration::{self, Destination, LaidOut};
use crate::store::transitions::Because;
use crate::store::tx::{Prepared, Tx};
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
        let wanted = self.db.prepare(op.clone(), "restore-wanted", new.clone(), |tx, new| {
            wanted(tx, new, Destination::InPlace).boxed()
        });
        let wanted = match wanted.await? {
            Prepared::Goes(wanted) => wanted,
            Prepared::Answered(begun) => return Ok(begun),
        };
        let open = self.open_backup(&wanted.backup).await?;
        let (trial, revive) = (op.validate_only(), new.choices.revive_deleted_users);
        let begun = self.db.change(op.clone(), "restore-backup", new, |tx, new| restore(tx, new).boxed()).await?;
        self.notify();
        if !trial {
            return Ok(begun);
        }
        let (own, laid) =
            open.lay_out(&self.db, &wanted.components, revive, Destination::InPlace, Beside::Call).await?;
        let changes = self
            .db
            .read_on(own, op, "preview-restore", laid, |tx, laid| restoration::preview(tx, laid).boxed())
            .await?;
        Ok(Restoring { preview: Preview { changes, ..begun.preview }, ..begun })
    }
}

/// What is asked for, as far as the caller may have it.
pub(super) struct Wanted {
    pub backup: Backup,
    pub components: Vec<Component>,
    pub left_out: Vec<Component>,
}

pub(super) async fn wanted(tx: &mut Tx, new: &NewRestore, to: Destination) -> Result<Wanted> {
    let backup = found(tx, new.backup).await?;
    backup.usable()?;
    if let Some(source) =
        backup.source.as_ref().filter(|source| to == Destination::InPlace && source.tenant != backup.tenant)
    {
        let text = format!(
            "the backup was made of tenants/{}, with whose data this tenant is not overwritten; restore it to a new one (new_tenant)",
            source.tenant_code
        );
        return Err(Refusal::new(Reason::BackupOfAnotherTenant, text).about(backup.name()).into());
    }
    if backup.selected {
        let text = "the backup has some assets and not all; AssetService.RestoreAssets brings them back";
        return Err(Refusal::new(Reason::BackupStateInvalid, text).about(backup.name()).into());
    }
    let absent: Vec<_> = new.components.iter().filter(|named| !backup.components.contains(named)).collect();
    if !absent.is_empty() {
        let names = absent.iter().map(|component| component.name()).collect::<Vec<_>>().join(", ");
        return Err(Error::field("components", format!("the backup does not have {names}")));
    }
    let named = !new.components.is_empty();
    let asked = backup.components.iter().filter(|component| !named || new.components.contains(component));
    let (components, left_out) = permitted(tx, asked.copied().collect()).await?;
    if new.choices.stay_locked && tx.op().permit().caller().is_some() && tx.op().permit().acting().is_none() {
        let text =
            "nobody who works in a locked tenant can unlock it; an operator who acts for an account may ask for this";
        return Err(Error::field("stay_locked", text));
    }
    // Whoever names something is not given less.
    if components.is_empty() || named && !left_out.is_empty() {
        return Err(lacking("what was asked for", &left_out));
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
    let Wanted { backup, components, left_out } = wanted(tx, new, Destination::InPlace).await?;
    tx.about(backup.name());
    tx.tell("components", components.iter().map(|component| component.name()).collect::<Vec<_>>().join(" "));
    let preview = Preview { components: components.clone(), left_out, changes: Vec::new() };
    let safety = new.safety_backup.then(BackupId::new);
    let asked = Restore { backup: new.backup, components, choices: new.choices, safety };
    let begun = begin(tx, tenant, asked).await?;
    let operation = operations::load(tx, begun).await?;
    let operation = operation.ok_or_else(|| Error::internal("operation", "it went away in its own transaction"))?;
    Ok(Restoring { operation, preview })
}

/// Begins such an operation on a tenant that is held, and locks that.
async fn begin(tx: &mut Tx, tenant: Tenant, asked: Restore) -> Result<OperationId> {
    let Restore { backup, components, safety, .. } = asked.clone();
    let actor = tx.op().actor();
    let operation = operations::enqueue(tx, &Params::Restore(asked), &actor).await?;
    restores::begin(tx, operation, backup).await?;
    if let Some(safety) = safety {
        let note = format!("before the restore of {backup}");
        let new = NewBackup { components, note };
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
pub(in crate::app) async fn begin_again(tx: &mut Tx, tenant: Tenant, asked: &Restore) -> Result<Option<OperationId>> {
    backups::hold(tx, asked.backup).await?;
    if !backups::one(tx, asked.backup).await?.is_some_and(|backup| backup.state.usable()) {
        return Ok(None);
    }
    let asked = Restore { safety: asked.safety.map(|_| BackupId::new()), ..asked.clone() };
    begin(tx, tenant, asked).await.map(Some)
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
    // Not held: whoever takes the leave away does not wait until all is put back.
    impersonation::check_still_permitted(tx, &because.actor, false).await?;
    let own = OwnRights::of(tx, because.actor.acted_for.as_ref().map(|account| account.user)).await?;
    replace(tx, laid).await?;
    if let Some(own) = own {
        own.remain(tx).await?;
    }
    restores::done(tx, operation).await?;
    land(tx, because, choices.stay_locked).await
}

async fn replace(tx: &mut Tx, laid: &LaidOut) -> Result<()> {
    let administrators = Administrators::before(tx).await?;
    restoration::replace(tx, laid).await?;
    administrators.remain(tx).await
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
