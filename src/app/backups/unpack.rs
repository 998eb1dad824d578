//! Reads an archive that somebody uploaded. Nothing is taken for granted of it: it is what `archive` writes, file by file and in that order,
//! or it is refused where it is not.

use std::collections::BTreeSet;
use std::io::{self, BufReader, Read};
use std::sync::{Arc, Mutex, PoisonError};

use aws_lc_rs::digest::{Context, SHA256};
use bytes::Bytes;
use futures::StreamExt as _;
use tar::EntryType;
use tokio::sync::mpsc;
use tokio_util::io::{StreamReader, SyncIoBridge};

use super::segments;
use crate::app::content::Given;
use crate::domain::backup::Component;
use crate::domain::blob::{Sha256, hex, parse_hex};
use crate::domain::error::{Error, Reason, Refusal, Result};
use crate::vault::age::{FileKey, decrypt};
use crate::vault::sha256;

/// Files of an archive at most.
const MOST_FILES: usize = 5_000_000;
/// Bytes of a file that is kept in memory.
const MOST_MANIFEST: u64 = 16 << 20;
/// Bytes of the rows of a table, and of what is said of all assets, at most.
const MOST_ROWS: u64 = 4 << 30;
/// Bytes of all content at most.
const MOST_CONTENT: u64 = 4 << 40;
/// Of a frame of zstd, no more than so many bytes are kept to look back at (as a power of two): no part has more.
const WINDOW_LOG: u32 = 24;
/// Bytes that are handed over at once.
const PIECE: usize = 256 * 1024;

/// A file of an archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum File {
    /// What the backup is.
    Manifest,
    /// The rows of a table.
    Table(&'static str),
    /// A line for each asset.
    Assets,
    /// Content, by its SHA-256.
    Content(Sha256),
    /// The SHA-256 of all others.
    Sums,
}

impl File {
    fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "manifest.json" => Self::Manifest,
            "assets.ndjson" => Self::Assets,
            "SHA256SUMS" => Self::Sums,
            name => match name.split_once('/')? {
                ("content", hash) => Self::Content(parse_hex(hash).filter(|parsed| hex(parsed) == hash)?),
                ("tables", file) => {
                    let table = file.strip_suffix(".copy")?;
                    Self::Table(segments(Component::ALL).into_iter().find(|rows| rows.table == table)?.table)
                }
                _ => return None,
            },
        })
    }

    fn most(self) -> u64 {
        match self {
            Self::Manifest => MOST_MANIFEST,
            Self::Table(_) | Self::Assets | Self::Sums => MOST_ROWS,
            Self::Content(_) => u64::MAX,
        }
    }
}

/// An archive that is read, file by file.
pub(crate) struct Unpacking {
    pieces: mpsc::Receiver<Result<Piece>>,
    /// What was received and belongs to the next file.
    next: Option<(File, i64)>,
    /// Whether the end was received.
    ended: bool,
}

enum Piece {
    Begins(File, i64),
    Bytes(Bytes),
    End,
}

impl Unpacking {
    /// Reads what is given out; the key opens it if it is encrypted.
    pub fn begin(archive: Given, key: Option<FileKey>) -> Self {
        let (sender, pieces) = mpsc::channel(4);
        // Why no more is given out is not for a reader of bytes to tell.
        let gave_out = Arc::new(Mutex::new(None));
        let why = gave_out.clone();
        let bytes = archive.map(move |chunk| {
            chunk.map(|chunk| chunk.data).map_err(|error| {
                *why.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
                io::Error::other("it was not given out")
            })
        });
        let reader = SyncIoBridge::new(StreamReader::new(bytes));
        tokio::task::spawn_blocking(move || {
            // Whoever wants no more is told nothing.
            let give = |piece| sender.blocking_send(Ok(piece)).map_err(|_| invalid("nobody reads it any more"));
            let read = match key {
                None => read(reader, give),
                Some(key) => decrypt(reader, &key).map_err(broken).and_then(|plain| read(plain, give)),
            };
            if let Err(error) = read {
                let error = gave_out.lock().unwrap_or_else(PoisonError::into_inner).take().unwrap_or(error);
                let _ = sender.blocking_send(Err(error));
            }
        });
        Self { pieces, next: None, ended: false }
    }

    /// The next file and its bytes, past what is left of the one before. None: the archive is whole, and all of it was read.
    pub async fn file(&mut self) -> Result<Option<(File, i64)>> {
        while self.bytes().await?.is_some() {}
        Ok(self.next.take())
    }

    /// The next bytes of the file.
    pub async fn bytes(&mut self) -> Result<Option<Bytes>> {
        if self.next.is_some() || self.ended {
            return Ok(None);
        }
        match self.pieces.recv().await.transpose()? {
            Some(Piece::Bytes(bytes)) => Ok(Some(bytes)),
            Some(Piece::Begins(file, bytes)) => {
                self.next = Some((file, bytes));
                Ok(None)
            }
            Some(Piece::End) => {
                self.ended = true;
                Ok(None)
            }
            None => Err(Error::internal("archive", "it was not read to its end")),
        }
    }
}

fn read(archive: impl Read, mut give: impl FnMut(Piece) -> Result<()>) -> Result<()> {
    let mut decoder = zstd::stream::read::Decoder::with_buffer(BufReader::new(archive)).map_err(broken)?;
    decoder.window_log_max(WINDOW_LOG).map_err(broken)?;
    let mut archive = tar::Archive::new(decoder);
    let (mut seen, mut folder, mut sums, mut buffer) = (BTreeSet::new(), None, Context::new(&SHA256), vec![0; PIECE]);
    let mut all: u64 = 0;
    // As they are: what other programs say by entries of their own, such as of long names, is not in it.
    for entry in archive.entries().map_err(broken)?.raw(true) {
        let mut entry = entry.map_err(broken)?;
        let (path, bytes) = (String::from_utf8_lossy(&entry.path_bytes()).into_owned(), entry.size());
        if entry.header().entry_type() != EntryType::Regular {
            return Err(invalid(format!("{path:.200} is no file")));
        }
        let (inside, name) = path.split_once('/').ok_or_else(|| unexpected(&path))?;
        if *folder.get_or_insert_with(|| inside.to_owned()) != inside {
            return Err(unexpected(&path));
        }
        let file = File::parse(name).ok_or_else(|| unexpected(&path))?;
        if seen.contains(&File::Sums) || seen.is_empty() != (file == File::Manifest) || !seen.insert(file) {
            return Err(invalid(format!("{path:.200} does not belong there")));
        }
        all = all.saturating_add(bytes);
        if seen.len() > MOST_FILES || bytes > file.most() || all > MOST_CONTENT {
            return Err(invalid(format!("{path:.200} is more than an archive has")));
        }
        give(Piece::Begins(file, i64::try_from(bytes).map_err(|_| unexpected(&path))?))?;
        let (mut sum, mut left) = (Context::new(&SHA256), bytes);
        loop {
            let read = entry.read(&mut buffer).map_err(broken)?;
            if read == 0 {
                break;
            }
            sum.update(&buffer[..read]);
            left = left.saturating_sub(u64::try_from(read).unwrap_or(u64::MAX));
            give(Piece::Bytes(Bytes::copy_from_slice(&buffer[..read])))?;
        }
        if left > 0 {
            return Err(invalid(format!("{path:.200} is cut off")));
        }
        let sum = sha256(sum);
        match file {
            File::Content(wanted) if sum != wanted => {
                return Err(invalid(format!("{path:.200} has other content than its name says")));
            }
            File::Sums if sum != sha256(sums.clone()) => {
                return Err(invalid(format!("{path:.200} does not say what is in the archive")));
            }
            _ => {}
        }
        sums.update(format!("{}  {name}\n", hex(&sum)).as_bytes());
    }
    if seen.contains(&File::Sums) { give(Piece::End) } else { Err(invalid("it ends before SHA256SUMS")) }
}

fn broken(error: io::Error) -> Error {
    invalid(format!("it can't be read: {error:.200}"))
}

fn unexpected(path: &str) -> Error {
    invalid(format!("{path:.200} is no file of a backup"))
}

/// The refusal of an archive that is not one of a backup.
pub(crate) fn invalid(why: impl std::fmt::Display) -> Error {
    let text = format!("the archive is not what DownloadBackup gave, or was changed since: {why}");
    Refusal::new(Reason::ArchiveInvalid, text).into()
}
