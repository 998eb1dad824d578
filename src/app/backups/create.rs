//! CreateBackup.

use futures::FutureExt as _;
use serde::{Deserialize, Serialize};

use super::{lacking, meant, permitted};
use crate::app::App;
use crate::app::tenants::target;
use crate::context::OpContext;
use crate::domain::backup::{Backup, Component, NewBackup};
use crate::domain::error::{Error, Result};
use crate::domain::id::BackupId;
use crate::domain::operation::{Operation, Params};
use crate::store::tx::Tx;
use crate::store::{backups, operations};

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
    let operation = operations::enqueue(tx, &Params::BackUp { backup: id, assets: Vec::new() }, &actor).await?;
    let new = NewBackup { components, note: new.note.clone() };
    backups::begin(tx, id, operation, &new, &left_out, &actor.name_in(tenant.uid, &tenant.code)).await?;
    let gone = || Error::internal("backup", "it went away in its own transaction");
    let backup = backups::one(tx, id).await?.ok_or_else(gone)?;
    let operation = operations::load(tx, operation).await?.ok_or_else(gone)?;
    tx.about(backup.name());
    let names = |components: &[Component]| components.iter().map(|c| c.name()).collect::<Vec<_>>().join(" ");
    tx.tell("components", names(&new.components));
    if !left_out.is_empty() {
        tx.tell("left_out", names(&left_out));
    }
    Ok(Begun { operation, backup })
}
