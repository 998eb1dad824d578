//! Writes the objects of a backup. Whatever a worker writes is below its own attempt, so two never meet.

use std::pin::pin;
use std::sync::Arc;

use aws_lc_rs::digest::{Context, SHA256};
use bytes::{Bytes, BytesMut};
use futures::{Stream, StreamExt as _};
use tokio_util::task::AbortOnDropHandle;

use super::Job;
use crate::app::App;
use crate::app::content::Room;
use crate::domain::backup::{Amount, Backup, Column, Manifest, Segment, StoredPart};
use crate::domain::backup_place::BackupPlace;
use crate::domain::blob::hex;
use crate::domain::error::{Error, Result};
use crate::store::backups::Made;
use crate::store::copy::RowReader;
use crate::vault::{OVERHEAD, TenantKey, sha256};

/// The objects of a backup on their way into the store.
pub(super) struct BackupWriter<'a> {
    app: &'a App,
    place: BackupPlace,
    key: Arc<TenantKey>,
    room: Room,
}

/// A segment whose parts may still be on their way.
pub(super) struct WritingSegment {
    segment: Segment,
    parts: Vec<Writing>,
}

/// Bytes of a part of rows. Smaller than one of content: what is left of the rows when all have come is not long in being written.
const ROWS_BYTES: usize = 1 << 20;

/// A part that is being written.
type Writing = AbortOnDropHandle<Result<StoredPart>>;

impl<'a> BackupWriter<'a> {
    /// For the attempt that a worker makes.
    pub async fn new(app: &'a App, job: &Job, backup: &Backup) -> Result<Self> {
        let (key, room) = (app.sealing_key(backup.tenant).await?, Room::default());
        let place = BackupPlace { tenant: backup.tenant, backup: backup.id, attempt: job.claimed.claim.epoch };
        Ok(Self { app, place, key, room })
    }

    /// Writes the rows of a table.
    pub async fn segment(
        &self,
        table: &str,
        columns: Vec<Column>,
        pieces: impl Stream<Item = Result<Bytes>>,
    ) -> Result<WritingSegment> {
        let (mut reader, mut buffer, mut parts) = (RowReader::default(), BytesMut::new(), Vec::new());
        let (mut hash, mut pieces) = (Context::new(&SHA256), pin!(pieces));
        while let Some(piece) = pieces.next().await {
            let piece = piece?;
            reader.count(&piece)?;
            hash.update(&piece);
            buffer.extend_from_slice(&piece);
            while buffer.len() >= ROWS_BYTES {
                let part = buffer.split_to(ROWS_BYTES).freeze();
                parts.push(self.part(table, parts.len(), part).await?);
            }
        }
        parts.push(self.part(table, parts.len(), buffer.freeze()).await?);
        let sha256 = hex(&sha256(hash));
        let segment = Segment { table: table.to_owned(), columns, rows: reader.finish()?, parts: Vec::new(), sha256 };
        Ok(WritingSegment { segment, parts })
    }

    /// Writes the manifest, once everything else is there: what it says of itself, with these segments.
    pub async fn manifest(self, manifest: Manifest, writing: Vec<WritingSegment>) -> Result<Made> {
        let (mut segments, mut amount) = (Vec::new(), manifest.amount);
        for WritingSegment { mut segment, parts } in writing {
            for part in parts {
                let part = written(part).await?;
                amount.stored_bytes += part.frame + OVERHEAD;
                segment.parts.push(part);
            }
            amount.rows += segment.rows;
            segments.push(segment);
        }
        // What a manifest refers to stays before there is a manifest: whoever finds one has a backup.
        self.app.vault.settle().await?;
        let taken_at = manifest.taken_at;
        let manifest = Manifest { amount, segments, ..manifest };
        let manifest = serde_json::to_vec(&manifest).map_err(|e| Error::internal("manifest", e))?;
        let stored = self.app.vault.put_part(self.key.clone(), self.place.manifest(), manifest.into()).await?;
        let stored_bytes = amount.stored_bytes + stored;
        let amount = Amount { stored_bytes, ..amount };
        Ok(Made { attempt: self.place.attempt, key: self.key.id, taken_at, amount })
    }

    /// Begins to write a part, as soon as there is room for it.
    async fn part(&self, name: &str, number: usize, plain: Bytes) -> Result<Writing> {
        let bytes = i64::try_from(plain.len()).unwrap_or(i64::MAX);
        let room = self.room.take(bytes).await?;
        let (vault, key, place) = (self.app.vault.clone(), self.key.clone(), self.place.part(name, number));
        let writing = tokio::spawn(async move {
            let _room = room;
            let stored = vault.put_part_soon(key, place, plain).await?;
            fail::fail_point!("backup.part.written");
            Ok(StoredPart { bytes, frame: stored - OVERHEAD })
        });
        Ok(AbortOnDropHandle::new(writing))
    }
}

async fn written(part: Writing) -> Result<StoredPart> {
    part.await.map_err(|e| Error::internal("backup", e))?
}
