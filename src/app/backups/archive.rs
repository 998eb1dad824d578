//! A backup as an archive that tar and zstd open, and nothing else is needed for.
//!
//! ```text
//! {tenant}-{backup}/manifest.json        what the backup is
//!                   tables/{table}.copy  the rows, as COPY … (FORMAT BINARY) has them
//!                   assets.ndjson        a line for each asset, with the file that has its content
//!                   content/{sha256}     the content, each once
//!                   SHA256SUMS           of all that; the last one, so that a whole archive can be told
//! ```
//!
//! What is stored is given as it is: frames of zstd, which were compressed when they were written. Between them are frames that are
//! not compressed. So the same backup is the same bytes each time, and a download goes on at any of them.

use std::sync::Arc;

use aws_lc_rs::digest::{Context, SHA256};
use bytes::{Bytes, BytesMut};
use futures::stream::BoxStream;
use futures::{StreamExt as _, TryStreamExt as _};
use serde_json::json;
use tar::{EntryType, Header};

use super::kept::{KeptBlob, KeptBlobs};
use super::open::{OpenBackup, StoredObject};
use crate::app::content::{Leave, beside};
use crate::domain::backup::Segment;
use crate::domain::blob::{Sha256, hex};
use crate::domain::error::{Error, Result};
use crate::domain::id::BlobId;
use crate::store::copy::{Record, RowReader};
use crate::vault::frame::{FRAME_BYTES, frame, framed_len};
use crate::vault::sha256;

/// Bytes of the blocks that tar counts in.
const BLOCK: usize = 512;

/// An archive that is laid out: what stands where is known, and nothing of the content is read. What has a line for each asset or
/// for each content is made as it goes out, for there may be a million.
#[derive(Clone)]
pub(super) struct Archive {
    folder: String,
    /// Of each file, seconds since 1970.
    modified: u64,
    manifest: Bytes,
    tables: Vec<Segment>,
    /// `assets.ndjson`.
    lines: Summed,
    blobs: Arc<KeptBlobs>,
    /// Bytes of `SHA256SUMS`.
    sums: i64,
    /// Bytes of all of it.
    bytes: i64,
}

/// What a file has that is made as it goes out.
#[derive(Clone, Copy)]
struct Summed {
    bytes: i64,
    sha256: Sha256,
}

/// Some bytes of the archive.
enum Piece {
    /// Here, not framed yet, and not more than a frame has.
    Here(Bytes),
    /// In the store.
    Stored(StoredObject),
}

/// What follows each other.
type Pieces = BoxStream<'static, Result<Piece>>;

impl Piece {
    fn bytes(&self) -> i64 {
        match self {
            Self::Here(plain) => length(framed_len(plain.len())),
            Self::Stored(object) => object.bytes,
        }
    }
}

impl Archive {
    /// Lays the archive of a backup out. What it says of assets is read for it, other rows and the content are not.
    pub async fn lay_out(open: &Arc<OpenBackup>) -> Result<Self> {
        let manifest = serde_json::to_vec_pretty(&open.manifest).map_err(|e| Error::internal("manifest", e))?;
        let blobs = Arc::new(open.blobs().await?);
        let none = (0, Context::new(&SHA256));
        let (bytes, sum) = asset_lines(open, blobs.clone())
            .try_fold(none, |(bytes, mut sum), lines| async move {
                sum.update(&lines);
                Ok((bytes + length(lines.len()), sum))
            })
            .await?;
        let lines = Summed { bytes, sha256: sha256(sum) };
        let modified = u64::try_from(open.manifest.taken_at.timestamp()).unwrap_or(0);
        let folder = format!("{}-{}", open.manifest.tenant_code, open.manifest.backup);
        let tables = open.manifest.segments.clone();
        let archive = Self { folder, modified, manifest: manifest.into(), tables, lines, blobs, sums: 0, bytes: 0 };
        let measured = tokio::task::spawn_blocking(move || archive.measured());
        measured.await.map_err(|e| Error::internal("archive", e))?
    }

    /// It with how long it is.
    fn measured(self) -> Result<Self> {
        let content = length(content_line(&Sha256::default()).len()) * length(self.blobs.len());
        let sums = self.first_sums()?.iter().map(|line| length(line.len())).sum::<i64>() + content;
        let made = |bytes: i64| around(bytes) + length(framed_len(usize::try_from(bytes).unwrap_or(usize::MAX)));
        let tables = self.tables.iter().map(|segment| around(plain(segment)) + stored(segment)).sum::<i64>();
        let content = |kept: KeptBlob| around(kept.blob.bytes) + kept.objects().map(|object| object.bytes).sum::<i64>();
        let content = self.blobs.iter().map(content).sum::<i64>();
        let others = made(length(self.manifest.len())) + made(self.lines.bytes) + made(sums);
        Ok(Self { sums, bytes: others + tables + content + length(framed_len(2 * BLOCK)), ..self })
    }

    /// What a file with it is called.
    pub fn file_name(&self) -> String {
        format!("{}.tar.zst", self.folder)
    }

    /// What tells it from all others: the sums of what is in it, and how that is laid out. Whoever lays it out otherwise gives the form
    /// that it has there another number. With many files it takes a while.
    pub fn fingerprint(&self) -> Result<[u8; 32]> {
        let mut fingerprint = blake3::Hasher::new();
        fingerprint.update(format!("1 {} {} {}\n", self.folder, self.modified, self.bytes).as_bytes());
        for line in self.sums()? {
            fingerprint.update(line.as_bytes());
        }
        Ok(fingerprint.finalize().into())
    }

    /// Bytes that it has.
    pub fn bytes(&self) -> i64 {
        self.bytes
    }

    /// What `sha256sum -c` reads, by its lines.
    fn sums(&self) -> Result<impl Iterator<Item = String> + use<>> {
        let blobs = self.blobs.clone();
        let content = (0..blobs.len()).filter_map(move |at| blobs.get(at).map(|kept| content_line(&kept.sha256)));
        Ok(self.first_sums()?.into_iter().chain(content))
    }

    /// Those before the content.
    fn first_sums(&self) -> Result<Vec<String>> {
        let mut sum = Context::new(&SHA256);
        sum.update(&self.manifest);
        let mut first = vec![sum_line(&hex(&sha256(sum)), "manifest.json")];
        first.extend(self.tables.iter().map(|segment| sum_line(&segment.sha256, &table_file(segment))));
        first.push(sum_line(&hex(&self.lines.sha256), "assets.ndjson"));
        Ok(first)
    }

    /// It from one of its bytes on: for a caller, as long as this one may have it, which is asked again and again.
    pub fn from(
        self,
        open: Arc<OpenBackup>,
        caller: Option<Leave>,
        offset: i64,
    ) -> Result<BoxStream<'static, Result<Bytes>>> {
        let wanted = self.pieces(&open)?.scan(0, move |begins, piece| {
            let bytes = piece.as_ref().map_or(0, Piece::bytes);
            let skip = (offset - *begins).clamp(0, bytes);
            *begins += bytes;
            let wanted = piece.map(|piece| (piece.bytes() > skip).then_some((piece, skip))).transpose();
            futures::future::ready(Some(wanted))
        });
        let wanted = wanted.filter_map(futures::future::ready);
        let read = move |wanted: Result<(Piece, i64)>| {
            let (open, caller) = (open.clone(), caller.clone());
            async move {
                let (piece, skip) = match wanted {
                    Err(error) => with_leave(caller.as_ref(), 0, futures::future::ready(Err(error))).await?,
                    Ok(wanted) => wanted,
                };
                let bytes = read(&open, caller.as_ref(), piece).await?;
                Ok(bytes.slice(usize::try_from(skip).unwrap_or(usize::MAX)..))
            }
        };
        let bytes = |wanted: &Result<(Piece, i64)>| match wanted {
            Ok((Piece::Stored(object), _)) => object.bytes,
            Ok((Piece::Here(plain), _)) if plain.len() > BLOCK => length(plain.len()),
            _ => 0,
        };
        Ok(beside(wanted, bytes, read).boxed())
    }

    /// All of it.
    fn pieces(self, open: &Arc<OpenBackup>) -> Result<Pieces> {
        let sums = self.sums()?.map(|line| Ok(Bytes::from(line)));
        let Self { folder, modified, manifest, tables, lines, blobs, sums: bytes_of_sums, .. } = self;
        let file = move |name: &str, bytes: i64, content: Pieces| -> Pieces {
            let header = header(&format!("{folder}/{name}"), bytes, modified);
            let header = header.map(|header| Piece::Here(Bytes::copy_from_slice(&header)));
            let filling = Piece::Here(Bytes::from_static(&[0; BLOCK]).slice(..padding(bytes)));
            one(header).chain(content).chain(one(Ok(filling))).boxed()
        };
        let objects = |objects: Vec<StoredObject>| futures::stream::iter(objects).map(Piece::Stored).map(Ok).boxed();
        let rows =
            tables.iter().map(|segment| file(&table_file(segment), plain(segment), objects(open.objects_of(segment))));
        let rows: Vec<_> = rows.collect();
        let first = file("manifest.json", length(manifest.len()), framed(one(Ok(manifest)).boxed()));
        let asset_lines = framed(asset_lines(open, blobs.clone()));
        let asset_lines = file("assets.ndjson", lines.bytes, asset_lines);
        let sums = file("SHA256SUMS", bytes_of_sums, framed(futures::stream::iter(sums).boxed()));
        let content = (0..blobs.len()).filter_map(move |at| blobs.get(at));
        let content = futures::stream::iter(content).flat_map(move |kept| {
            file(&content_file(&kept.sha256), kept.blob.bytes, objects(kept.objects().collect()))
        });
        // Two blocks of nothing are the end.
        let end = one(Ok(Piece::Here(Bytes::from_static(&[0; 2 * BLOCK]))));
        Ok(first
            .chain(futures::stream::iter(rows).flatten())
            .chain(asset_lines)
            .chain(content)
            .chain(sums)
            .chain(end)
            .boxed())
    }
}

fn one<T: Send + 'static>(piece: Result<T>) -> BoxStream<'static, Result<T>> {
    futures::stream::iter([piece]).boxed()
}

/// Bytes as pieces that each have what a frame has, but for the last.
fn framed(bytes: BoxStream<'static, Result<Bytes>>) -> Pieces {
    let state = (bytes, BytesMut::new());
    let pieces = futures::stream::try_unfold(state, |(mut bytes, mut buffer)| async move {
        while buffer.len() < FRAME_BYTES
            && let Some(more) = bytes.try_next().await?
        {
            buffer.extend_from_slice(&more);
        }
        let piece = buffer.split_to(buffer.len().min(FRAME_BYTES)).freeze();
        Ok((!piece.is_empty()).then(|| (Piece::Here(piece), (bytes, buffer))))
    });
    pieces.boxed()
}

async fn read(open: &OpenBackup, caller: Option<&Leave>, piece: Piece) -> Result<Bytes> {
    let object = match piece {
        Piece::Here(plain) if plain.len() <= BLOCK => return Ok(frame(&plain)),
        Piece::Here(plain) => return with_leave(caller, length(plain.len()), async { Ok(frame(&plain)) }).await,
        Piece::Stored(object) => object,
    };
    let bytes = object.bytes;
    let frame = with_leave(caller, bytes, open.frame(object)).await?;
    if length(frame.len()) == bytes {
        return Ok(frame);
    }
    Err(Error::internal("archive", "a part takes other room in the store than was noted"))
}

/// Reads so many bytes, for a caller who may have them.
async fn with_leave<T>(caller: Option<&Leave>, bytes: i64, read: impl Future<Output = Result<T>>) -> Result<T> {
    match caller {
        Some(leave) => leave.read(bytes, read).await,
        None => read.await,
    }
}

/// Bytes that a file of so many has around it.
fn around(bytes: i64) -> i64 {
    length(framed_len(BLOCK) + framed_len(padding(bytes)))
}

/// Bytes of the rows of a table.
fn plain(segment: &Segment) -> i64 {
    segment.parts.iter().map(|part| part.bytes).sum()
}

/// Bytes of the frames that they are stored as.
fn stored(segment: &Segment) -> i64 {
    segment.parts.iter().map(|part| part.frame).sum()
}

fn header(path: &str, bytes: i64, modified: u64) -> Result<[u8; BLOCK]> {
    let mut header = Header::new_ustar();
    header.set_path(path).map_err(|e| Error::internal("path in an archive", e))?;
    header.set_entry_type(EntryType::Regular);
    header.set_size(bytes.unsigned_abs());
    header.set_mode(0o644);
    header.set_mtime(modified);
    header.set_cksum();
    Ok(*header.as_bytes())
}

/// Bytes that are missing to whole blocks.
fn padding(bytes: i64) -> usize {
    let block = length(BLOCK);
    usize::try_from((block - bytes % block) % block).unwrap_or(0)
}

/// A line for each asset.
fn asset_lines(open: &OpenBackup, blobs: Arc<KeptBlobs>) -> BoxStream<'static, Result<Bytes>> {
    let segment = open.manifest.segments.iter().find(|segment| segment.table == "assets").cloned();
    let state = segment.map(|segment| (open.parts(&segment), segment, RowReader::default()));
    let lines = futures::stream::try_unfold(state, move |state| {
        let blobs = blobs.clone();
        async move {
            let Some((mut parts, segment, mut reader)) = state else { return Ok(None) };
            let Some(rows) = parts.try_next().await? else { return reader.finish().map(|_| None) };
            // It takes a while for so many.
            let told = tokio::task::spawn_blocking(move || {
                let mut lines = Vec::new();
                reader.take(&rows, |row| asset_line(&Record::new(&segment.columns, row), &blobs, &mut lines))?;
                Ok(Some((Bytes::from(lines), Some((parts, segment, reader)))))
            });
            told.await.map_err(|e| Error::internal("archive", e))?
        }
    });
    lines.boxed()
}

fn asset_line(row: &Record<'_>, blobs: &KeptBlobs, lines: &mut Vec<u8>) -> Result<()> {
    let sha256 = blobs.sha256(BlobId(row.uuid("blob_id")?));
    let sha256 = sha256.ok_or_else(|| Error::internal("archive", "the content of an asset is not in the backup"))?;
    let mut line = json!({
        "id": row.uuid("id")?,
        "kind": row.text("kind")?,
        "display_name": row.text("display_name")?,
        "file": content_file(sha256),
        "size": row.long("bytes")?,
        "metadata": row.json("metadata")?,
        "creator": row.text("created_by")?,
        "create_time": row.time("created_at")?,
    });
    if row.some("call_start").is_some() {
        line["call"] = json!({
            "start_time": row.time("call_start")?,
            "duration_ms": row.long("call_ms")?,
            "caller": row.text("caller")?,
            "called": row.text("called")?,
            "extension": crate::domain::extension::Extension::stored(row.long("extension")?, row.long("extension")?).to_string(),
        });
    }
    serde_json::to_writer(&mut *lines, &line).map_err(|e| Error::internal("archive", e))?;
    lines.push(b'\n');
    Ok(())
}

fn sum_line(sha256: &str, file: &str) -> String {
    format!("{sha256}  {file}\n")
}

fn content_line(sha256: &Sha256) -> String {
    sum_line(&hex(sha256), &content_file(sha256))
}

fn table_file(segment: &Segment) -> String {
    format!("tables/{}.copy", segment.table)
}

fn content_file(sha256: &Sha256) -> String {
    format!("content/{}", hex(sha256))
}

fn length(bytes: usize) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}
