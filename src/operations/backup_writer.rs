//! Writes the objects of a backup. Whatever a worker writes is below its own attempt, so two never meet.

use std::pin::pin;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use chrono::{DateTime, Utc};
use futures::{Stream, StreamExt as _};

use super::Job;
use crate::app::App;
use crate::domain::backup::{Amount, Backup, Column, Manifest, Segment, SegmentPart, StoredPart};
use crate::domain::blob::hex;
use crate::domain::error::{Error, Result};
use crate::store::backups::Made;
use crate::store::copy::RowReader;
use crate::vault::{OVERHEAD, PART_BYTES, TenantKey};

/// The objects of a backup on their way into the store.
pub(super) struct BackupWriter<'a> {
    app: &'a App,
    backup: &'a Backup,
    key: Arc<TenantKey>,
    attempt: i64,
    stored_bytes: i64,
}

impl<'a> BackupWriter<'a> {
    /// For the attempt that a worker makes.
    pub async fn new(app: &'a App, job: &Job, backup: &'a Backup) -> Result<Self> {
        let key = app.sealing_key(backup.tenant).await?;
        Ok(Self { app, backup, key, attempt: job.claimed.claim.epoch, stored_bytes: 0 })
    }

    /// Writes the rows of a table.
    pub async fn segment(
        &mut self,
        table: &str,
        columns: Vec<Column>,
        pieces: impl Stream<Item = Result<Bytes>>,
    ) -> Result<Segment> {
        let (mut reader, mut buffer, mut parts) = (RowReader::default(), BytesMut::new(), Vec::new());
        let (mut content, mut pieces) = (self.key.content()?, pin!(pieces));
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

    /// Writes the manifest, behind everything else; what was made is what it says.
    pub async fn manifest(mut self, manifest: Manifest) -> Result<Made> {
        let (taken_at, amount) = (manifest.taken_at, self.amount(manifest.amount));
        let manifest =
            serde_json::to_vec(&Manifest { amount, ..manifest }).map_err(|e| Error::internal("manifest", e))?;
        self.part("manifest", 0, manifest.into()).await?;
        Ok(self.made(taken_at, amount))
    }

    fn made(&self, taken_at: DateTime<Utc>, amount: Amount) -> Made {
        Made { attempt: self.attempt, key: self.key.id, taken_at, amount: self.amount(amount) }
    }

    fn amount(&self, amount: Amount) -> Amount {
        Amount { stored_bytes: self.stored_bytes, ..amount }
    }

    async fn part(&mut self, name: &str, number: usize, plain: Bytes) -> Result<StoredPart> {
        let bytes = i64::try_from(plain.len()).unwrap_or(i64::MAX);
        let place = SegmentPart {
            tenant: self.backup.tenant,
            backup: self.backup.id,
            attempt: self.attempt,
            segment: name.to_owned(),
            part: i32::try_from(number).unwrap_or(i32::MAX),
        };
        let stored = self.app.vault.put_part(self.key.clone(), place, plain).await?;
        self.stored_bytes += stored;
        fail::fail_point!("backup.part.written");
        Ok(StoredPart { bytes, frame: stored - i64::try_from(OVERHEAD).unwrap_or(0) })
    }
}
