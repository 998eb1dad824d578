//! Back up: copies the rows of one moment into the object store, refers to the content, and makes the backup visible.
//!
//! Whatever a worker writes is below its own attempt, so two never meet; what counts is the attempt that the row names. Content is
//! kept for the backup from its beginning on. However its operation ends, a backup that is not visible by then is FAILED: a trigger
//! sees to it.

use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use futures::FutureExt as _;

use super::backup_writer::BackupWriter;
use super::{Job, Next, Outside, Work, backup_rows, steps};
use crate::app::App;
use crate::app::backups::{copy_soon, segments_of};
use crate::authz::permit::Purpose;
use crate::context::OpContext;
use crate::domain::backup::{Amount, FORMAT, Manifest};
use crate::domain::error::{Error, Result};
use crate::domain::id::{AssetId, BackupId};
use crate::domain::names::names;
use crate::domain::operation::Units;
use crate::store::backups::{self, Made};
use crate::store::tx::Tx;

/// What it needs.
pub(super) struct BackUp {
    pub app: App,
    pub backup: BackupId,
    /// The assets that it has, if these are not all.
    pub assets: Vec<AssetId>,
    /// What the outside part has made, for the inside part.
    pub made: Mutex<Option<Made>>,
}

names! {
    /// Its steps.
    BackUpStep {
        /// Rows are copied, and the backup becomes visible.
        Copy = "copy",
    }
}
steps!(BackUpStep);

#[async_trait]
impl Work for BackUp {
    type Step = BackUpStep;

    async fn outside(&self, job: &Job, _: BackUpStep, _: Units) -> Result<Outside> {
        let made = copy(&self.app, job, self.backup, &self.assets).await?;
        *self.made.lock().unwrap_or_else(PoisonError::into_inner) = Some(made);
        Ok(Outside::Done)
    }

    async fn inside(&self, tx: &mut Tx, _: &Job, _: BackUpStep) -> Result<Next<BackUpStep>> {
        let made = self.made.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let made = made.ok_or_else(|| Error::internal("backup", "nothing was copied"))?;
        backups::publish(tx, self.backup, &made).await?;
        copy_soon(tx).await?;
        let backup = backups::one(tx, self.backup).await?;
        Ok(Next::Done(backup.map(|backup| backup.name()).into_iter().collect()))
    }
}

/// Makes a backup that has begun, which nobody sees before it is published.
pub(super) async fn copy(app: &App, job: &Job, backup: BackupId, assets: &[AssetId]) -> Result<Made> {
    let op = OpContext::system(Purpose::Worker, Some(job.claimed.claim.tenant));
    let found = app.db.read(op.clone(), "backup-to-make", backup, |tx, id| backups::one(tx, *id).boxed());
    let backup = found.await?.ok_or_else(|| Error::internal("backup", "there is no such backup"))?;
    let writer = BackupWriter::new(app, job, &backup).await?;
    let moment = app.db.moment(&op).await?;
    let tables = segments_of(&backup.components, assets);
    let (objects, bytes) = match tables.iter().find(|rows| rows.table == "assets") {
        Some(assets) => moment.assets(&assets.condition).await?,
        None => (0, 0),
    };
    let segments = backup_rows::copy(&app.db, &moment, &writer, tables).await?;
    let manifest = Manifest {
        format: FORMAT,
        tenant: backup.tenant,
        tenant_code: backup.tenant_code.clone(),
        backup: backup.id,
        taken_at: moment.at,
        components: backup.components.clone(),
        left_out: backup.left_out.clone(),
        amount: Amount { rows: 0, objects, bytes, stored_bytes: 0 },
        selected: backup.selected,
        segments: Vec::new(),
    };
    let made = writer.manifest(manifest, segments).await?;
    fail::fail_point!("backup.copied");
    Ok(made)
}
