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

use bytes::{Bytes, BytesMut};
use futures::StreamExt as _;
use futures::stream::BoxStream;
use itertools::Itertools as _;
use serde_json::json;
use tar::{EntryType, Header};

use super::open::{KeptBlob, OpenBackup};
use crate::app::content::AHEAD;
use crate::context::OpContext;
use crate::domain::backup::Segment;
use crate::domain::blob::{ObjectName, Part, Sha256};
use crate::domain::error::{Error, Result};
use crate::domain::id::KeyId;
use crate::store::copy::Record;
use crate::vault::OVERHEAD;
use crate::vault::frame::{frame, framed_len};

/// Bytes of the blocks that tar counts in.
const BLOCK: usize = 512;

/// An archive that is laid out: what stands where is known, and nothing of the content is read.
pub(super) struct Archive {
    folder: String,
    /// Of each file, seconds since 1970.
    modified: u64,
    files: Vec<File>,
}

/// A file in the archive.
enum File {
    /// One that was made for it.
    Made { name: &'static str, content: Bytes },
    /// The rows of a table, with the bytes of each frame.
    Table { segment: Segment, frames: Vec<(ObjectName, i64)>, key: KeyId, sha256: Sha256 },
    /// Content.
    Content(KeptBlob),
}

/// Some bytes of the archive.
enum Piece {
    /// Here.
    Here(Bytes),
    /// In the store, as a frame of so many bytes.
    Stored { key: KeyId, name: ObjectName, bytes: i64 },
}

impl File {
    fn name(&self) -> String {
        match self {
            Self::Made { name, .. } => (*name).to_owned(),
            Self::Table { segment, .. } => format!("tables/{}.copy", segment.table),
            Self::Content(kept) => content_file(&kept.sha256),
        }
    }

    fn bytes(&self) -> i64 {
        match self {
            Self::Made { content, .. } => length(content.len()),
            Self::Table { segment, .. } => segment.parts.iter().sum(),
            Self::Content(kept) => kept.blob.bytes,
        }
    }

    /// The frames that it consists of.
    fn frames(&self) -> Vec<Piece> {
        match self {
            Self::Made { content, .. } => vec![Piece::Here(frame(content))],
            Self::Table { frames, key, .. } => {
                let piece =
                    |(name, bytes): &(ObjectName, i64)| Piece::Stored { key: *key, name: name.clone(), bytes: *bytes };
                frames.iter().map(piece).collect()
            }
            Self::Content(kept) => {
                let piece = |part: &Part| {
                    let bytes = i64::from(part.stored_bytes) - length(OVERHEAD);
                    Piece::Stored { key: kept.blob.key, name: kept.blob.part(part).into(), bytes }
                };
                kept.blob.parts.iter().map(piece).collect()
            }
        }
    }

    /// Bytes that these have.
    fn framed(&self) -> i64 {
        match self {
            Self::Made { content, .. } => length(framed_len(content.len())),
            Self::Table { frames, .. } => frames.iter().map(|(_, bytes)| bytes).sum(),
            Self::Content(kept) => {
                kept.blob.parts.iter().map(|part| i64::from(part.stored_bytes) - length(OVERHEAD)).sum()
            }
        }
    }
}

impl Piece {
    fn bytes(&self) -> i64 {
        match self {
            Self::Here(bytes) => length(bytes.len()),
            Self::Stored { bytes, .. } => *bytes,
        }
    }
}

impl Archive {
    /// Lays the archive of a backup out. The rows are read for it, the content is not.
    pub async fn lay_out(open: &OpenBackup) -> Result<Self> {
        let manifest = serde_json::to_vec_pretty(&open.manifest).map_err(|e| Error::internal("manifest", e))?;
        let mut files = vec![File::Made { name: "manifest.json", content: manifest.into() }];
        for segment in &open.manifest.segments {
            files.push(table(open, segment).await?);
        }
        let blobs = open.blobs().await?;
        let lines = asset_lines(open, &blobs).await?;
        files.push(File::Made { name: "assets.ndjson", content: lines });
        files.extend(blobs.into_iter().map(File::Content));
        let sums = sums(open, &files)?;
        files.push(File::Made { name: "SHA256SUMS", content: sums });
        let modified = u64::try_from(open.manifest.taken_at.timestamp()).unwrap_or(0);
        Ok(Self { folder: format!("{}-{}", open.manifest.tenant_code, open.manifest.backup), modified, files })
    }

    /// What a file with it is called.
    pub fn file_name(&self) -> String {
        format!("{}.tar.zst", self.folder)
    }

    /// Bytes that it has.
    pub fn bytes(&self) -> i64 {
        let file = |file: &File| length(framed_len(BLOCK) + framed_len(padding(file.bytes()))) + file.framed();
        self.files.iter().map(file).sum::<i64>() + length(framed_len(2 * BLOCK))
    }

    /// It from one of its bytes on, as long as the caller may have it: that is asked again with each piece of it.
    pub fn from(self, open: OpenBackup, op: OpContext, offset: i64) -> BoxStream<'static, Result<Bytes>> {
        let Self { folder, modified, files } = self;
        let pieces = files.into_iter().map(Some).chain([None]).flat_map(move |file| match file {
            Some(file) => pieces(&folder, modified, &file),
            // Two blocks of nothing are the end.
            None => vec![Ok(Piece::Here(frame(&[0; 2 * BLOCK])))],
        });
        let wanted = pieces.scan(0, move |begins, piece| {
            let bytes = piece.as_ref().map_or(0, Piece::bytes);
            let skip = (offset - *begins).clamp(0, bytes);
            *begins += bytes;
            Some(piece.map(|piece| (piece, skip)))
        });
        let wanted = wanted.filter_ok(|(piece, skip)| piece.bytes() > *skip);
        let open = std::sync::Arc::new(open);
        let read = move |wanted: Result<(Piece, i64)>| {
            let (open, op) = (open.clone(), op.clone());
            async move {
                let (piece, skip) = wanted?;
                let bytes = read(&open, op, piece).await?;
                Ok(bytes.slice(usize::try_from(skip).unwrap_or(usize::MAX)..))
            }
        };
        futures::stream::iter(wanted).map(read).buffered(AHEAD).boxed()
    }
}

async fn read(open: &OpenBackup, op: OpContext, piece: Piece) -> Result<Bytes> {
    let (key, name, bytes) = match piece {
        Piece::Here(bytes) => return Ok(bytes),
        Piece::Stored { key, name, bytes } => (key, name, bytes),
    };
    open.app.check_still_given(op).await?;
    let key = open.app.vault.key(open.backup.tenant, key).await?;
    let frame = open.app.vault.frame(key, name).await?;
    if length(frame.len()) == bytes {
        return Ok(frame);
    }
    Err(Error::internal("archive", "a part takes other room in the store than was noted"))
}

/// A file as frames: its header, its content, and what fills the last block.
fn pieces(folder: &str, modified: u64, file: &File) -> Vec<Result<Piece>> {
    let header = header(&format!("{folder}/{}", file.name()), file.bytes(), modified);
    let mut pieces = vec![header.map(|header| Piece::Here(frame(&header)))];
    pieces.extend(file.frames().into_iter().map(Ok));
    pieces.push(Ok(Piece::Here(frame(&[0; BLOCK][..padding(file.bytes())]))));
    pieces
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

async fn table(open: &OpenBackup, segment: &Segment) -> Result<File> {
    let (mut frames, mut content) = (Vec::new(), open.key.content()?);
    for part in 0..segment.parts.len() {
        let name: ObjectName = open.place(segment, part).into();
        let stored = open.app.vault.frame(open.key.clone(), name.clone()).await?;
        frames.push((name.clone(), length(stored.len())));
        content.update(&open.app.vault.unpack(stored, name).await?);
    }
    let (_, sha256) = content.finish();
    Ok(File::Table { segment: segment.clone(), frames, key: open.key.id, sha256 })
}

/// A line for each asset.
async fn asset_lines(open: &OpenBackup, blobs: &[KeptBlob]) -> Result<Bytes> {
    let mut lines = Vec::new();
    let line = |row: Record<'_>| {
        let blob = row.uuid("blob_id")?;
        // They are in the order of their ids.
        let at = blobs.binary_search_by_key(&blob, |kept| kept.blob.id.0);
        let kept = at.map_err(|_| Error::internal("archive", "the content of an asset is not in the backup"))?;
        let mut line = json!({
            "id": row.uuid("id")?,
            "kind": row.text("kind")?,
            "display_name": row.text("display_name")?,
            "file": content_file(&blobs[kept].sha256),
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
        serde_json::to_writer(&mut lines, &line).map_err(|e| Error::internal("archive", e))?;
        lines.push(b'\n');
        Ok(())
    };
    open.for_each("assets", line).await?;
    Ok(lines.into())
}

/// What `sha256sum -c` reads.
fn sums(open: &OpenBackup, files: &[File]) -> Result<Bytes> {
    let mut sums = BytesMut::new();
    for file in files {
        let sha256 = match file {
            File::Made { content, .. } => {
                let mut sum = open.key.content()?;
                sum.update(content);
                sum.finish().1
            }
            File::Table { sha256, .. } => *sha256,
            File::Content(kept) => kept.sha256,
        };
        sums.extend_from_slice(format!("{}  {}\n", hex(&sha256), file.name()).as_bytes());
    }
    Ok(sums.freeze())
}

fn content_file(sha256: &Sha256) -> String {
    format!("content/{}", hex(sha256))
}

fn hex(hash: &Sha256) -> String {
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn length(bytes: usize) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}
