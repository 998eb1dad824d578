//! Reads what is in a backup, as it stands in the object store.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use futures::stream::BoxStream;
use futures::{StreamExt as _, TryStreamExt as _};

use super::kept::{KeptBlob, KeptBlobs, Reading};
use super::{format_unknown, segments};
use crate::app::App;
use crate::app::content::{Given, beside};
use crate::authz::permit::Purpose;
use crate::context::OpContext;
use crate::domain::asset::AssetKind;
use crate::domain::backup::{Backup, Component, FORMAT, Manifest, Segment, StoredPart};
use crate::domain::backup_place::{BackupPlace, SegmentPart};
use crate::domain::blob::ObjectName;
use crate::domain::error::{Error, Reason, Refusal, Result};
use crate::domain::id::{AssetId, KeyId};
use crate::store::connection::Beside;
use crate::store::copy::{Record, RowReader};
use crate::store::error::is_of_statement;
use crate::store::restoration::{self, Destination, LaidOut};
use crate::store::tx::{Db, Own};
use crate::vault::{TenantKey, Vault};

/// What a manifest is called where it is damaged.
const MANIFEST: &str = "its manifest";

/// A backup that is read.
pub(crate) struct OpenBackup {
    vault: Vault,
    place: BackupPlace,
    /// The key of its own objects.
    pub key: Arc<TenantKey>,
    /// What it says of itself.
    pub manifest: Manifest,
    /// Whether it was uploaded, so that nobody here vouches for its rows.
    uploaded: bool,
    /// Whether the second store has it as well.
    copied: bool,
}

/// An object in the store that a backup has or refers to: a frame of zstd, sealed.
#[derive(Clone)]
pub(crate) struct StoredObject {
    /// The key that it is sealed with.
    pub key: KeyId,
    /// What it is called.
    pub name: ObjectName,
    /// Bytes of the frame.
    pub bytes: i64,
    /// What is damaged if it can't be read.
    pub what: String,
}

impl App {
    /// Opens a backup that can be used.
    pub(crate) async fn open_backup(&self, backup: &Backup) -> Result<OpenBackup> {
        let (attempt, key) = backup.usable()?;
        let key = self.vault.key(backup.tenant, key).await?;
        let place = BackupPlace { tenant: backup.tenant, backup: backup.id, attempt };
        let open = OpenBackup::at(self.vault.clone(), place, key).await?;
        Ok(OpenBackup { uploaded: backup.archive.is_some(), copied: backup.copied_at.is_some(), ..open })
    }
}

impl OpenBackup {
    /// The backup at a place, of which nothing is known but what it says of itself.
    pub async fn found(vault: &Vault, place: BackupPlace) -> Result<Self> {
        let key = vault.key_of_backup(place).await.map_err(|error| corrupt(error, MANIFEST))?;
        Self::at(vault.clone(), place, key).await
    }

    async fn at(vault: Vault, place: BackupPlace, key: Arc<TenantKey>) -> Result<Self> {
        let manifest = vault.part(key.clone(), place.manifest()).await.map_err(|error| corrupt(error, MANIFEST))?;
        let manifest: Manifest = serde_json::from_slice(&manifest).map_err(|e| Error::internal("manifest", e))?;
        if manifest.format > FORMAT || manifest.backup != place.backup {
            return Err(format_unknown());
        }
        Ok(Self { vault, place, key, manifest, uploaded: false, copied: false })
    }

    /// The parts of a segment, some of which are read before the one at hand is taken.
    pub fn parts(&self, segment: &Segment) -> BoxStream<'static, Result<Bytes>> {
        let (vault, key, what) = (self.vault.clone(), self.key.clone(), segment.what());
        let read = move |(place, _): (SegmentPart, i64)| {
            let (vault, key) = (vault.clone(), key.clone());
            async move { vault.part(key, place).await }
        };
        let part = |(number, part): (usize, &StoredPart)| (self.place(segment, number), part.bytes);
        let parts: Vec<_> = segment.parts.iter().enumerate().map(part).collect();
        let parts = beside(futures::stream::iter(parts), |(_, bytes)| *bytes, read);
        parts.map_err(move |error| corrupt(error, &what)).boxed()
    }

    /// An object of it, or of its content, as a frame of zstd.
    pub async fn frame(&self, object: StoredObject) -> Result<Bytes> {
        let key = self.vault.key(self.place.tenant, object.key).await?;
        self.vault.frame(key, object.name).await.map_err(|error| corrupt(error, &object.what))
    }

    /// Copies an object of it, or of its content, into the second store.
    pub async fn copy(&self, object: StoredObject) -> Result<()> {
        let key = self.vault.key(self.place.tenant, object.key).await?;
        self.vault.copy_part(key, object.name).await.map_err(|error| corrupt(error, &object.what))
    }

    /// The parts of a segment.
    pub fn objects_of(&self, segment: &Segment) -> Vec<StoredObject> {
        let object = |(number, part): (usize, &StoredPart)| StoredObject {
            key: self.key.id,
            name: self.place(segment, number).into(),
            bytes: part.frame,
            what: segment.what(),
        };
        segment.parts.iter().enumerate().map(object).collect()
    }

    /// All of its own objects, the manifest last.
    pub fn objects(&self) -> Vec<StoredObject> {
        let mut objects: Vec<_> = self.manifest.segments.iter().flat_map(|segment| self.objects_of(segment)).collect();
        let name = self.place.manifest().into();
        objects.push(StoredObject { key: self.key.id, name, bytes: 0, what: MANIFEST.to_owned() });
        objects
    }

    /// Makes sure that the second store has an object, if this backup is there.
    async fn check_copy(&self, object: StoredObject) -> Result<()> {
        if !self.copied {
            return Ok(());
        }
        let key = self.vault.key(self.place.tenant, object.key).await?;
        self.vault.check_copy(key, object.name).await.map_err(|error| corrupt(error, &object.what))
    }

    /// Where a part of a segment is.
    fn place(&self, segment: &Segment, part: usize) -> SegmentPart {
        self.place.part(&segment.table, part)
    }

    /// Hands each row of a table to `each`, if the backup has it.
    pub async fn for_each(&self, table: &str, mut each: impl FnMut(Record<'_>) -> Result<()>) -> Result<()> {
        let Some(segment) = self.manifest.segments.iter().find(|segment| segment.table == table) else { return Ok(()) };
        let mut reader = RowReader::default();
        let mut parts = self.parts(segment);
        while let Some(part) = parts.try_next().await? {
            reader.take(&part, |row| each(Record::new(&segment.columns, row)))?;
        }
        reader.finish().map(|_| ())
    }

    /// Lays out what a restore of these components brings back.
    pub async fn lay_out(
        &self,
        db: &Db,
        components: &[Component],
        revive: bool,
        to: Destination,
        whose: Beside,
    ) -> Result<(Own, LaidOut)> {
        let wanted = segments(components);
        let wanted = |table: &str| restoration::takes(table, to) && wanted.iter().any(|rows| rows.table == table);
        let segments = self.manifest.segments.iter().filter(|segment| wanted(&segment.table)).cloned();
        let source = (to == Destination::New).then_some(self.manifest.tenant);
        let laid = LaidOut { components: components.to_vec(), segments: segments.collect(), revive, source };
        let staging = db.staging(whose).await?;
        for segment in &laid.segments {
            let mut laying = staging.lay(segment).await.map_err(|error| self.judge(error))?;
            let mut parts = self.parts(segment);
            while let Some(part) = parts.try_next().await? {
                laying.take(part).await?;
            }
            laying.finish().await?;
        }
        Ok((staging.done().await?, laid))
    }

    /// Of a backup that was uploaded, what the database can't do with its rows is wrong with these.
    pub fn judge(&self, error: Error) -> Error {
        match &error {
            Error::Internal { source, .. } if self.uploaded && is_of_statement(source.as_ref()) => {
                broken("its rows", "are none that this version takes")
            }
            _ => error,
        }
    }

    /// The assets that it has, with their kinds.
    pub async fn assets(&self) -> Result<BTreeMap<AssetId, AssetKind>> {
        let mut assets = BTreeMap::new();
        let each = |row: Record<'_>| {
            let kind = AssetKind::parse(row.text("kind")?);
            let kind = kind.ok_or_else(|| Error::internal("backup", "an asset is of no kind that is known"))?;
            assets.insert(AssetId(row.uuid("id")?), kind);
            Ok(())
        };
        self.for_each("assets", each).await?;
        Ok(assets)
    }

    /// The blobs that it refers to.
    pub async fn blobs(&self) -> Result<KeptBlobs> {
        let mut reading = Reading::default();
        self.for_each("blob_parts", |row| reading.part(&row)).await?;
        self.for_each("blobs", |row| reading.blob(&row)).await?;
        Ok(reading.done(self.place.tenant))
    }

    /// Small content, as a whole.
    pub async fn content(&self, kept: &KeptBlob) -> Result<Bytes> {
        let (key, mut whole) = (self.vault.key(kept.blob.tenant, kept.blob.key).await?, BytesMut::new());
        for part in &kept.blob.parts {
            let plain = self.vault.part(key.clone(), kept.blob.part(part)).await;
            whole.extend_from_slice(&plain.map_err(|error| corrupt(error, &kept.what()))?);
        }
        Ok(whole.freeze())
    }

    /// Content of any size, as it comes.
    pub async fn give(&self, app: &App, kept: KeptBlob) -> Result<Given> {
        let (what, op) = (kept.what(), OpContext::system(Purpose::Worker, Some(kept.blob.tenant)));
        let given = app.give(op, kept.blob, 0).await?;
        Ok(given.map(move |chunk| chunk.map_err(|error| corrupt(error, &what))).boxed())
    }

    /// Reads all rows, and wants as many as there were.
    pub async fn check_rows(&self) -> Result<()> {
        for segment in &self.manifest.segments {
            let mut reader = RowReader::default();
            let mut parts = self.parts(segment);
            while let Some(part) = parts.try_next().await? {
                reader.count(&part)?;
            }
            if reader.finish()? != segment.rows {
                return Err(broken(&segment.what(), "are not as many as there were"));
            }
        }
        for object in self.objects() {
            self.check_copy(object).await?;
        }
        Ok(())
    }

    /// Reads objects, in each store that has them, and wants their seals to hold.
    pub async fn check_seals(&self, objects: impl IntoIterator<Item = StoredObject>) -> Result<()> {
        for object in objects {
            self.frame(object.clone()).await?;
            self.check_copy(object).await?;
        }
        Ok(())
    }

    /// Reads a blob, and wants what it had.
    pub async fn check_blob(&self, kept: &KeptBlob) -> Result<()> {
        let key = self.vault.key(kept.blob.tenant, kept.blob.key).await?;
        let mut content = key.content_hash()?;
        for part in &kept.blob.parts {
            let hashed = self.vault.hash_part(key.clone(), kept.blob.part(part), content).await;
            content = hashed.map_err(|error| corrupt(error, &kept.what()))?;
        }
        if content.finish() != kept.content {
            return Err(broken(&kept.what(), "is not what it was"));
        }
        for object in kept.objects() {
            self.check_copy(object).await?;
        }
        Ok(())
    }
}

/// What is damaged, in the place of an error that says only that something is.
fn corrupt(error: Error, what: &str) -> Error {
    match &error {
        Error::Refused(refusal) if refusal.reason == Reason::ContentCorrupt => broken(what, "can't be read"),
        _ => error,
    }
}

fn broken(what: &str, how: &str) -> Error {
    let text = format!("{what} {how}; the backup can't be restored");
    Refusal::new(Reason::BackupCorrupt, text).with("damaged", what).into()
}
