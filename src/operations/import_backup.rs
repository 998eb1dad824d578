//! Import a backup from the archive that was uploaded: its content comes into the tenant, sealed with the tenant's key, and is kept for the
//! backup; then its rows are written as those of a backup that was made here, with that content in the place of the content of then.
//!
//! Nothing of the archive is believed: what it has otherwise than DownloadBackup gives it is refused, and the backup is then FAILED.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use futures::{FutureExt as _, Stream};
use itertools::Itertools as _;
use serde::Deserialize;
use uuid::Uuid;

use super::backup_writer::{BackupWriter, WritingSegment};
use super::{Job, Next, Outside, Work, steps};
use crate::app::App;
use crate::app::backups::unpack::{File, Unpacking, invalid};
use crate::app::backups::{Keeping, copy_soon, format_unknown, segments};
use crate::authz::permit::Purpose;
use crate::context::OpContext;
use crate::domain::backup::{Amount, Backup, Column, Component, FORMAT, Manifest, Segment, Source};
use crate::domain::blob::Sha256;
use crate::domain::error::{Error, Result};
use crate::domain::id::{BackupId, BlobId};
use crate::domain::name::TenantCode;
use crate::domain::names::names;
use crate::domain::operation::{Failure, Units};
use crate::store::backups::{self, Made};
use crate::store::copy::{Fields, Record, RowReader, RowWriter};
use crate::store::tx::Tx;
use crate::store::uploaded_backups::Has;
use crate::store::{uploaded_backups, uploads};

/// What it needs.
pub(super) struct ImportBackup {
    pub app: App,
    pub backup: BackupId,
    /// What the outside part has read, for the inside part.
    pub read: Mutex<Option<Imported>>,
}

/// What was read.
#[derive(Clone)]
pub(super) struct Imported {
    made: Made,
    components: Vec<Component>,
    left_out: Vec<Component>,
    selected: bool,
    source: Source,
}

names! {
    /// Its steps.
    ImportStep {
        /// The content comes in.
        Content = "content",
        /// The rows are written, and the backup becomes visible.
        Rows = "rows",
    }
}
steps!(ImportStep);

#[async_trait]
impl Work for ImportBackup {
    type Step = ImportStep;

    async fn outside(&self, job: &Job, step: ImportStep, _: Units) -> Result<Outside> {
        let backup = self.backup(job).await?;
        match step {
            ImportStep::Content => self.content(job, &backup).await?,
            ImportStep::Rows => {
                let read = Rows::read(&self.app, job, &backup).await?;
                *self.read.lock().unwrap_or_else(PoisonError::into_inner) = Some(read);
                fail::fail_point!("import.read");
            }
        }
        Ok(Outside::Done)
    }

    async fn inside(&self, tx: &mut Tx, _: &Job, step: ImportStep) -> Result<Next<ImportStep>> {
        if step == ImportStep::Content {
            return Ok(Next::Step(ImportStep::Rows));
        }
        let read = self.read.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let read = read.ok_or_else(|| Error::internal("import", "nothing was read"))?;
        let has = Has { components: &read.components, left_out: &read.left_out, selected: read.selected };
        uploaded_backups::publish(tx, self.backup, &read.made, &has, &read.source).await?;
        copy_soon(tx).await?;
        let backup = backups::one(tx, self.backup).await?;
        Ok(Next::Done(backup.map(|backup| backup.name()).into_iter().collect()))
    }

    /// What was on its way has no room reserved any more; what came is kept for no backup.
    async fn undo(&self, tx: &mut Tx, _: &Job, _: &Failure) -> Result<()> {
        uploads::give_up_all(tx, self.backup.0).await
    }
}

impl ImportBackup {
    async fn backup(&self, job: &Job) -> Result<Backup> {
        let op = OpContext::system(Purpose::Worker, Some(job.claimed.claim.tenant));
        let found = self.app.db.read(op, "backup-to-import", self.backup, |tx, id| backups::one(tx, *id).boxed());
        found.await?.ok_or_else(|| Error::internal("backup", "there is no such backup"))
    }

    async fn content(&self, job: &Job, backup: &Backup) -> Result<()> {
        let known = kept(&self.app, backup).await?;
        let mut archive = self.app.unpack(backup).await?;
        let mut keeping = Keeping::begin(&self.app, job.claimed.claim, backup.id);
        while let Some((file, bytes)) = archive.file().await? {
            if let File::Content(sha256) = file
                && !known.contains_key(&sha256)
            {
                keeping.take(&mut archive, (sha256, bytes)).await?;
                fail::fail_point!("import.content");
            }
        }
        keeping.end().await
    }
}

/// The content that came with a backup.
async fn kept(app: &App, backup: &Backup) -> Result<HashMap<Sha256, (BlobId, i64)>> {
    let op = OpContext::system(Purpose::Worker, Some(backup.tenant));
    app.db.read(op, "kept-content", backup.id, |tx, id| uploaded_backups::kept(tx, *id).boxed()).await
}

/// The rows of an archive on their way.
struct Rows<'a> {
    backup: &'a Backup,
    archive: Unpacking,
    writer: BackupWriter<'a>,
    app: &'a App,
    content: HashMap<Sha256, (BlobId, i64)>,
    /// Which content the blobs of then had.
    blobs: HashMap<Uuid, Sha256>,
    assets: (i64, i64),
}

impl<'a> Rows<'a> {
    async fn read(app: &'a App, job: &Job, backup: &'a Backup) -> Result<Imported> {
        let content = kept(app, backup).await?;
        let mut archive = app.unpack(backup).await?;
        let manifest = manifest(&mut archive).await?;
        let writer = BackupWriter::new(app, job, backup).await?;
        let mut rows = Self { app, backup, archive, writer, content, blobs: HashMap::new(), assets: (0, 0) };
        let mut segments = Vec::new();
        for segment in &manifest.segments {
            segments.push(rows.segment(segment).await?);
        }
        let (objects, bytes) = rows.assets;
        let (components, left_out) = (manifest.components.clone(), manifest.left_out.clone());
        let selected = manifest.selected;
        let source = Source { tenant: manifest.tenant, tenant_code: manifest.tenant_code.clone() };
        let amount = Amount { rows: 0, objects, bytes, stored_bytes: 0 };
        // By the clock of the database: none is of the future.
        let taken_at = manifest.taken_at.min(backup.created_at);
        let manifest = Manifest { format: FORMAT, backup: backup.id, taken_at, amount, ..manifest };
        let made = rows.writer.manifest(manifest, segments).await?;
        Ok(Imported { made, components, left_out, selected, source })
    }

    /// Takes the rows of the table that comes next, which must be that of the segment.
    async fn segment(&mut self, segment: &Segment) -> Result<WritingSegment> {
        let table = match self.archive.file().await? {
            Some((File::Table(table), _)) if table == segment.table => table,
            _ => return Err(invalid(format!("the rows of {:.100} are not where its manifest says", segment.table))),
        };
        match table {
            "blobs" => {
                self.blobs_of_then(&segment.columns).await?;
                self.content_of_now("blobs", "id").await
            }
            "blob_parts" => self.content_of_now("blob_parts", "blob_id").await,
            "assets" => {
                let Self { archive, blobs, content, assets, .. } = self;
                let refer = |columns: &[Column], row: &mut Fields| refer(columns, row, blobs, content, assets);
                let rows = checked(archive, &segment.columns, refer);
                self.writer.segment(table, segment.columns.clone(), rows).await
            }
            _ => {
                let rows = checked(&mut self.archive, &segment.columns, |_, _| Ok(()));
                self.writer.segment(table, segment.columns.clone(), rows).await
            }
        }
    }

    async fn blobs_of_then(&mut self, columns: &[Column]) -> Result<()> {
        let mut reader = RowReader::default();
        while let Some(piece) = self.archive.bytes().await? {
            let each = |row: &Fields| {
                // Each blob has content of its own.
                if self.blobs.len() >= self.content.len() {
                    return Err(invalid("it has more blobs than content"));
                }
                let row = Record::new(columns, row);
                let sha256 = <Sha256>::try_from(row.bytes("sha256")?);
                let sha256 = sha256.map_err(|_| invalid("a hash is none"))?;
                self.blobs.insert(row.uuid("id")?, sha256);
                Ok(())
            };
            reader.take(&piece, each).map_err(unreadable)?;
        }
        reader.finish().map(|_| ()).map_err(unreadable)
    }

    /// Writes what is known of the content that came, from what there is.
    async fn content_of_now(&mut self, table: &str, column: &str) -> Result<WritingSegment> {
        let archive = self.backup.archive.ok_or_else(|| Error::internal("backup", "it was not uploaded"))?;
        // For as long as it takes to write that: few have such a connection at the same time.
        let moment = self.app.db.moment(&OpContext::system(Purpose::Worker, Some(self.backup.tenant))).await?;
        let columns = moment.columns(&[table]).await?.concat();
        let condition = uploaded_backups::is_content(column, self.backup.id, archive);
        let rows = moment.rows(table, &columns, &condition).await?;
        self.writer.segment(table, columns, rows).await
    }
}

/// Makes an asset refer to the content that came, and counts it.
fn refer(
    columns: &[Column],
    row: &mut Fields,
    blobs: &HashMap<Uuid, Sha256>,
    content: &HashMap<Sha256, (BlobId, i64)>,
    (objects, bytes): &mut (i64, i64),
) -> Result<()> {
    let read = Record::new(columns, row);
    let (then, size) = (read.uuid("blob_id")?, read.long("bytes")?);
    let now = blobs.get(&then).and_then(|sha256| content.get(sha256));
    let (now, _) = now.filter(|(_, bytes)| *bytes == size).ok_or_else(|| invalid("an asset has no content"))?;
    (*objects, *bytes) = (*objects + 1, bytes.saturating_add(size));
    let at = columns.iter().position(|column| column.name == "blob_id");
    if let Some(field) = at.and_then(|at| row.get_mut(at)) {
        *field = Some(Bytes::copy_from_slice(now.0.as_bytes()));
    }
    Ok(())
}

/// The rows of the file at hand, each with as many fields as there are columns, and as `change` leaves it.
fn checked<'r>(
    archive: &'r mut Unpacking,
    columns: &'r [Column],
    change: impl FnMut(&[Column], &mut Fields) -> Result<()> + Send + 'r,
) -> impl Stream<Item = Result<Bytes>> + 'r {
    let state = (archive, RowReader::default(), RowWriter::default(), change);
    futures::stream::try_unfold(Some(state), move |state| async move {
        let Some((archive, mut reader, mut writer, mut change)) = state else { return Ok(None) };
        let Some(piece) = archive.bytes().await? else {
            reader.finish().map_err(unreadable)?;
            return Ok(Some((writer.finish(), None)));
        };
        let each = |row: &Fields| {
            if row.len() != columns.len() {
                return Err(invalid("a row has other columns than its table"));
            }
            let mut row = row.clone();
            change(columns, &mut row)?;
            writer.add(&row);
            Ok(())
        };
        reader.take(&piece, each).map_err(unreadable)?;
        Ok(Some((writer.take(), Some((archive, reader, writer, change)))))
    })
}

/// The manifest, which is the first file.
async fn manifest(archive: &mut Unpacking) -> Result<Manifest> {
    /// What every form has.
    #[derive(Deserialize)]
    struct Form {
        format: u32,
    }
    let Some((File::Manifest, _)) = archive.file().await? else { return Err(invalid("it has no manifest")) };
    let mut text = Vec::new();
    while let Some(piece) = archive.bytes().await? {
        text.extend_from_slice(&piece);
    }
    let wrong = |error: serde_json::Error| invalid(format!("its manifest can't be read: {error:.200}"));
    let Form { format } = serde_json::from_slice(&text).map_err(wrong)?;
    if format > FORMAT {
        return Err(format_unknown());
    }
    let manifest: Manifest = serde_json::from_slice(&text).map_err(wrong)?;
    TenantCode::parse(&manifest.tenant_code).map_err(|_| invalid("its manifest names no tenant"))?;
    let mut tables = segments(&manifest.components).into_iter();
    let in_order = |segment: &Segment| tables.any(|rows| rows.table == segment.table);
    if manifest.components.is_empty() || !manifest.segments.iter().all(in_order) {
        return Err(invalid("its manifest names other rows than its components have"));
    }
    let has = |table: &str| manifest.segments.iter().any(|segment| segment.table == table);
    let together = [("users", "memberships"), ("assets", "blobs"), ("assets", "blob_parts")];
    if together.iter().any(|(one, other)| has(one) != has(other)) {
        return Err(invalid("its manifest names rows without those that they refer to"));
    }
    let repeats = |segment: &Segment| !segment.columns.iter().map(|column| &column.name).all_unique();
    if manifest.segments.iter().any(repeats) {
        return Err(invalid("its manifest names a column twice"));
    }
    Ok(manifest)
}

/// What is wrong with rows is wrong with the archive.
fn unreadable(error: Error) -> Error {
    match error {
        Error::Internal { .. } => invalid("its rows are cut off, or not as Postgres writes them"),
        refused => refused,
    }
}
