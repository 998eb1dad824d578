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

use super::open::{KeptBlob, OpenBackup, StoredObject};
use crate::app::content::{Leave, beside};
use crate::context::OpContext;
use crate::domain::backup::Segment;
use crate::domain::blob::{Sha256, hex};
use crate::domain::error::{Error, Result};
use crate::store::copy::Record;
use crate::vault::TenantKey;
use crate::vault::frame::{FRAME_BYTES, frame, framed_len};

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
    /// The rows of a table.
    Table { segment: Segment, parts: Vec<StoredObject> },
    /// Content.
    Content(KeptBlob),
}

/// Some bytes of the archive.
enum Piece {
    /// Here, not framed yet, and not more than a frame has.
    Here(Bytes),
    /// In the store.
    Stored(StoredObject),
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
            Self::Table { segment, .. } => segment.parts.iter().map(|part| part.bytes).sum(),
            Self::Content(kept) => kept.blob.bytes,
        }
    }

    /// The frames that it consists of.
    fn frames(&self) -> Vec<Piece> {
        match self {
            Self::Made { content, .. } => {
                let begins = (0..content.len()).step_by(FRAME_BYTES);
                begins.map(|at| Piece::Here(content.slice(at..content.len().min(at + FRAME_BYTES)))).collect()
            }
            Self::Table { parts, .. } => parts.iter().cloned().map(Piece::Stored).collect(),
            Self::Content(kept) => kept.objects().map(Piece::Stored).collect(),
        }
    }
}

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
    pub async fn lay_out(open: &OpenBackup) -> Result<Self> {
        let manifest = serde_json::to_vec_pretty(&open.manifest).map_err(|e| Error::internal("manifest", e))?;
        let mut files = vec![File::Made { name: "manifest.json", content: manifest.into() }];
        for segment in &open.manifest.segments {
            files.push(File::Table { segment: segment.clone(), parts: open.objects_of(segment) });
        }
        let blobs = open.blobs().await?;
        let lines = asset_lines(open, &blobs).await?;
        files.push(File::Made { name: "assets.ndjson", content: lines });
        files.extend(blobs.into_iter().map(File::Content));
        let key = open.key.clone();
        let summed = tokio::task::spawn_blocking(move || sums(&key, &files).map(|sums| (files, sums)));
        let (mut files, sums) = summed.await.map_err(|e| Error::internal("archive", e))??;
        files.push(File::Made { name: "SHA256SUMS", content: sums });
        let modified = u64::try_from(open.manifest.taken_at.timestamp()).unwrap_or(0);
        Ok(Self { folder: format!("{}-{}", open.manifest.tenant_code, open.manifest.backup), modified, files })
    }

    /// What a file with it is called.
    pub fn file_name(&self) -> String {
        format!("{}.tar.zst", self.folder)
    }

    /// What tells it from all others: the sums of what is in it, and how that is laid out. Whoever lays it out otherwise gives the form
    /// that it has there another number.
    pub fn fingerprint(&self) -> [u8; 32] {
        let mut fingerprint = blake3::Hasher::new();
        fingerprint.update(format!("1 {} {} {}\n", self.folder, self.modified, self.bytes()).as_bytes());
        if let Some(File::Made { content, .. }) = self.files.last() {
            fingerprint.update(content);
        }
        fingerprint.finalize().into()
    }

    /// Bytes that it has.
    pub fn bytes(&self) -> i64 {
        let file = |file: &File| {
            let around = length(framed_len(BLOCK) + framed_len(padding(file.bytes())));
            around + file.frames().iter().map(Piece::bytes).sum::<i64>()
        };
        self.files.iter().map(file).sum::<i64>() + length(framed_len(2 * BLOCK))
    }

    /// It from one of its bytes on, as long as the caller may have it: that is asked again and again.
    pub fn from(self, open: OpenBackup, op: OpContext, offset: i64) -> BoxStream<'static, Result<Bytes>> {
        let Self { folder, modified, files } = self;
        let pieces = files.into_iter().map(Some).chain([None]).flat_map(move |file| match file {
            Some(file) => pieces(&folder, modified, &file),
            // Two blocks of nothing are the end.
            None => vec![Ok(Piece::Here(Bytes::from_static(&[0; 2 * BLOCK])))],
        });
        let wanted = pieces.scan(0, move |begins, piece| {
            let bytes = piece.as_ref().map_or(0, Piece::bytes);
            let skip = (offset - *begins).clamp(0, bytes);
            *begins += bytes;
            Some(piece.map(|piece| (piece, skip)))
        });
        let wanted = wanted.filter_ok(|(piece, skip)| piece.bytes() > *skip);
        let leave = Leave::new(open.app.clone(), op);
        let open = std::sync::Arc::new(open);
        let read = move |wanted: Result<(Piece, i64)>| {
            let (open, leave) = (open.clone(), leave.clone());
            async move {
                let (piece, skip) = wanted?;
                let bytes = read(&open, &leave, piece).await?;
                Ok(bytes.slice(usize::try_from(skip).unwrap_or(usize::MAX)..))
            }
        };
        let bytes = |wanted: &Result<(Piece, i64)>| match wanted {
            Ok((Piece::Stored(object), _)) => object.bytes,
            Ok((Piece::Here(plain), _)) if plain.len() > BLOCK => length(plain.len()),
            _ => 0,
        };
        beside(futures::stream::iter(wanted), bytes, read).boxed()
    }
}

async fn read(open: &OpenBackup, leave: &Leave, piece: Piece) -> Result<Bytes> {
    let object = match piece {
        Piece::Here(plain) => return Ok(frame(&plain)),
        Piece::Stored(object) => object,
    };
    let bytes = object.bytes;
    let frame = leave.read(bytes, open.frame(object)).await?;
    if length(frame.len()) == bytes {
        return Ok(frame);
    }
    Err(Error::internal("archive", "a part takes other room in the store than was noted"))
}

/// A file as frames: its header, its content, and what fills the last block.
fn pieces(folder: &str, modified: u64, file: &File) -> Vec<Result<Piece>> {
    let header = header(&format!("{folder}/{}", file.name()), file.bytes(), modified);
    let mut pieces = vec![header.map(|header| Piece::Here(Bytes::copy_from_slice(&header)))];
    pieces.extend(file.frames().into_iter().map(Ok));
    pieces.push(Ok(Piece::Here(Bytes::from_static(&[0; BLOCK]).slice(..padding(file.bytes())))));
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
fn sums(key: &TenantKey, files: &[File]) -> Result<Bytes> {
    let mut sums = BytesMut::new();
    for file in files {
        let sha256 = match file {
            File::Made { content, .. } => {
                let mut sum = key.content()?;
                sum.update(content);
                hex(&sum.finish().1)
            }
            File::Table { segment, .. } => segment.sha256.clone(),
            File::Content(kept) => hex(&kept.sha256),
        };
        sums.extend_from_slice(format!("{sha256}  {}\n", file.name()).as_bytes());
    }
    Ok(sums.freeze())
}

fn content_file(sha256: &Sha256) -> String {
    format!("content/{}", hex(sha256))
}

fn length(bytes: usize) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}
