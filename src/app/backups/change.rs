//! UpdateBackup, DeleteBackup and VerifyBackup.

use futures::FutureExt as _;

use super::found;
use crate::app::App;
use crate::app::tenants::{begin, target};
use crate::context::OpContext;
use crate::domain::backup::{Backup, BackupState};
use crate::domain::error::{Reason, Refusal, Result};
use crate::domain::id::BackupId;
use crate::domain::operation::{Operation, Params};
use crate::store::backups::{self, BackupPatch};
use crate::store::tx::Tx;
use crate::store::{operations, restores};

/// What to change of a backup.
#[derive(Clone, Debug)]
pub struct UpdateBackup {
    /// Which.
    pub id: BackupId,
    /// What.
    pub patch: BackupPatch,
    /// As the caller has read it; empty: whatever it is.
    pub etag: String,
}

impl App {
    /// Changes what is said of a backup.
    pub async fn update_backup(&self, op: OpContext, input: UpdateBackup) -> Result<Backup> {
        self.db.change(op, "update-backup", input, |tx, input| update(tx, input).boxed()).await
    }

    /// Deletes a backup that has ended.
    pub async fn delete_backup(&self, op: OpContext, id: BackupId, etag: String) -> Result<()> {
        self.db.change(op, "delete-backup", (id, etag), |tx, (id, etag)| delete(tx, *id, etag).boxed()).await
    }

    /// Begins to read all of a backup, perhaps for its seals alone.
    pub async fn verify_backup(&self, op: OpContext, id: BackupId, seals_only: bool) -> Result<Operation> {
        let input = (id, seals_only);
        let begun = self.db.change(op, "verify-backup", input, |tx, (id, seals)| verify(tx, *id, *seals).boxed());
        let begun = begun.await?;
        self.notify();
        Ok(begun)
    }
}

/// The backup that the call names, held for the change.
async fn held(tx: &mut Tx, id: BackupId) -> Result<Backup> {
    target(tx).await?;
    backups::hold(tx, id).await?;
    let backup = found(tx, id).await?;
    tx.about(backup.name());
    Ok(backup)
}

async fn update(tx: &mut Tx, UpdateBackup { id, patch, etag }: &UpdateBackup) -> Result<Backup> {
    let backup = held(tx, *id).await?;
    backup.check_etag(etag)?;
    backups::update(tx, *id, patch).await?;
    let changed = found(tx, *id).await?;
    tx.tell_changes(facts(&backup), facts(&changed));
    Ok(changed)
}

/// The backup by field, for people.
fn facts(backup: &Backup) -> [(&'static str, String); 2] {
    [("note", backup.note.clone()), ("pinned", backup.pinned.to_string())]
}

async fn delete(tx: &mut Tx, id: BackupId, etag: &str) -> Result<()> {
    let backup = held(tx, id).await?;
    backup.check_etag(etag)?;
    if backup.state == BackupState::Running {
        let text = "the backup is being made; cancel its operation first";
        let refusal = Refusal::new(Reason::BackupStateInvalid, text).with("state", backup.state.name());
        return Err(refusal.about(backup.name()).into());
    }
    if let Some(restore) = restores::of(tx, id).await?
        && let Some(restore) = operations::load(tx, restore).await?
    {
        return Err(operations::in_progress(&restore));
    }
    backups::condemn(tx, id).await
}

async fn verify(tx: &mut Tx, id: BackupId, seals_only: bool) -> Result<Operation> {
    let backup = held(tx, id).await?;
    backup.usable()?;
    begin(tx, &Params::VerifyBackup { backup: id, seals_only }).await
}
