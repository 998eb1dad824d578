//! Back up: copies the rows of one moment into the object store, refers to the content, and makes the backup visible.
//!
//! Whatever a worker writes is below its own attempt, so two never meet; what counts is the attempt that the row names. Content is
//! kept for the backup from its beginning on. However its operation ends, a backup that is not visible by then is FAILED: a trigger
//! sees to it.

use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use futures::{FutureExt as _, StreamExt as _};

use super::{Job, Next, Outside, Work, steps};
use crate::app::App;
use crate::app::backups::segments;
use crate::authz::permit::Purpose;
use crate::context::OpContext;
use crate::domain::backup::{Amount, Backup, Column, FORMAT, Manifest, Segment, SegmentPart, StoredPart};
use crate::domain::blob::hex;
use crate::domain::error::{Error, Result};
use crate::domain::id::BackupId;
use crate::domain::names::names;
use crate::domain::operation::Units;
use crate::store::backups::{self, Made};
use crate::store::copy::{Moment, RowReader, Rows};
use crate::store::tx::Tx;
use crate::vault::{OVERHEAD, PART_BYTES, TenantKey};

/// What it needs.
pub(super) struct BackUp {
    pub app: App,
    pub backup: BackupId,
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
        let made = copy(&self.app, job, self.backup).await?;
        *self.made.lock().unwrap_or_else(PoisonError::into_inner) = Some(made);
        Ok(Outside::Done)
    }

    async fn inside(&self, tx: &mut Tx, _: &Job, _: BackUpStep) -> Result<Next<BackUpStep>> {
        let made = self.made.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let made = made.ok_or_else(|| Error::internal("backup", "nothing was copied"))?;
        backups::publish(tx, self.backup, &made).await?;
        let backup = backups::one(tx, self.backup).await?;
        Ok(Next::Done(backup.map(|backup| backup.name()).into_iter().collect()))
    }
}

/// Makes a backup that has begun, which nobody sees before it is published.
pub(super) async fn copy(app: &App, job: &Job, backup: BackupId) -> Result<Made> {
    let op = OpContext::system(Purpose::Worker, Some(job.claimed.claim.tenant));
    let found = app.db.read(op.clone(), "backup-to-make", backup, |tx, id| backups::one(tx, *id).boxed());
    let backup = found.await?.ok_or_else(|| Error::internal("backup", "there is no such backup"))?;
    let key = app.sealing_key(backup.tenant).await?;
    let moment = app.db.moment(&op).await?;
    let made = Copying { app, job, key, backup: &backup, moment, stored_bytes: 0 }.run().await?;
    fail::fail_point!("backup.copied");
    Ok(made)
}

/// A moment of a tenant on its way into the object store.
struct Copying<'a> {
    app: &'a App,
    job: &'a Job,
    key: std::sync::Arc<TenantKey>,
    backup: &'a Backup,
    moment: Moment,
    stored_bytes: i64,
}

impl Copying<'_> {
    async fn run(mut self) -> Result<Made> {
        let mut written = Vec::new();
        for rows in segments(&self.backup.components) {
            let columns = self.moment.columns(rows.table).await?;
            let pieces = self.moment.rows(rows.table, &columns, &rows.condition).await?;
            written.push(self.segment(rows.table, columns, pieces).await?);
        }
        let rows = written.iter().map(|segment| segment.rows).sum();
        let kinds: Vec<_> = self.backup.components.iter().filter_map(|component| component.assets()).collect();
        let (objects, bytes) = self.moment.assets(&kinds).await?;
        let amount = Amount { rows, objects, bytes, stored_bytes: self.stored_bytes };
        let manifest = Manifest {
            format: FORMAT,
            tenant: self.backup.tenant,
            tenant_code: self.backup.tenant_code.clone(),
            backup: self.backup.id,
            taken_at: self.moment.at,
            components: self.backup.components.clone(),
            left_out: self.backup.left_out.clone(),
            amount,
            segments: written,
        };
        let manifest = serde_json::to_vec(&manifest).map_err(|e| Error::internal("manifest", e))?;
        self.part("manifest", 0, manifest.into()).await?;
        let amount = Amount { stored_bytes: self.stored_bytes, ..amount };
        Ok(Made { attempt: self.job.claimed.claim.epoch, key: self.key.id, taken_at: self.moment.at, amount })
    }

    /// Writes the rows of a table.
    async fn segment(&mut self, table: &str, columns: Vec<Column>, mut pieces: Rows) -> Result<Segment> {
        let (mut reader, mut buffer, mut parts) = (RowReader::default(), BytesMut::new(), Vec::new());
        let mut content = self.key.content()?;
        while let Some(piece) = pieces.next().await {
            let piece = piece?;
            reader.take(&piece, |_| Ok(()))?;
            content.update(&piece);
            buffer.extend_from_slice(&piece);
            while buffer.len() >= PART_BYTES {
                let part = buffer.split_to(PART_BYTES).freeze();
                parts.push(self.part(table, parts.len(), part).await?);
            }
        }
        parts.push(self.part(table, parts.len(), buffer.freeze()).await?);
        let sha256 = hex(&content.finish().1);
        Ok(Segment { table: table.to_owned(), columns, rows: reader.finish()?, parts, sha256 })
    }

    async fn part(&mut self, name: &str, number: usize, plain: Bytes) -> Result<StoredPart> {
        let bytes = i64::try_from(plain.len()).unwrap_or(i64::MAX);
        let place = SegmentPart {
            tenant: self.backup.tenant,
            backup: self.backup.id,
            attempt: self.job.claimed.claim.epoch,
            segment: name.to_owned(),
            part: i32::try_from(number).unwrap_or(i32::MAX),
        };
        let stored = self.app.vault.put_part(self.key.clone(), place, plain).await?;
        self.stored_bytes += stored;
        fail::fail_point!("backup.part.written");
        Ok(StoredPart { bytes, frame: stored - i64::try_from(OVERHEAD).unwrap_or(0) })
    }
}
