//! CreateBackup.

use futures::FutureExt as _;
use serde::{Deserialize, Serialize};

use super::{lacking, meant, permitted};
use crate::app::App;
use crate::app::tenants::{begin, target};
use crate::context::OpContext;
use crate::domain::backup::{Backup, Component, NewBackup};
use crate::domain::error::{Error, Result};
use crate::domain::id::BackupId;
use crate::domain::operation::{Operation, Params};
use crate::store::backups;
use crate::store::tx::Tx;

/// A backup that has begun.
#[derive(Debug, Serialize, Deserialize)]
pub struct Begun {
    /// The work.
    pub operation: Operation,
    /// What it makes.
    pub backup: Backup,
}

impl App {
    /// Begins a backup of what the caller may back up.
    pub async fn create_backup(&self, op: OpContext, new: NewBackup) -> Result<Begun> {
        let begun = self.db.change(op, "create-backup", new, |tx, new| create(tx, new).boxed()).await?;
        self.notify();
        Ok(begun)
    }
}

async fn create(tx: &mut Tx, new: &NewBackup) -> Result<Begun> {
    let tenant = target(tx).await?;
    let (components, left_out) = permitted(tx, meant(&new.components)).await?;
    if components.is_empty() {
        return Err(lacking("what was asked for", &left_out));
    }
    let (id, actor) = (BackupId::new(), tx.op().actor());
    let operation = begin(tx, &Params::BackUp { backup: id, assets: Vec::new() }).await?;
    let new = NewBackup { components, note: new.note.clone() };
    backups::begin(tx, id, operation.id, &new, &left_out, &actor.name_in(tenant.uid, &tenant.code)).await?;
    let backup = backups::one(tx, id).await?;
    let backup = backup.ok_or_else(|| Error::internal("backup", "it went away in its own transaction"))?;
    tx.about(backup.name());
    let names = |components: &[Component]| components.iter().map(|c| c.name()).collect::<Vec<_>>().join(" ");
    tx.tell("components", names(&new.components));
    if !left_out.is_empty() {
        tx.tell("left_out", names(&left_out));
    }
    Ok(Begun { operation, backup })
}
