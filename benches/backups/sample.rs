//! A mixed sample: files of this machine.

use std::path::{Path, PathBuf};

/// Where files are looked for.
const ROOTS: [&str; 3] = ["/usr/share", "/usr/include", "/usr/lib"];
/// Bytes of a file at most.
const LARGEST: u64 = 64 << 20;

fn files_below(folder: &Path, found: &mut Vec<(PathBuf, u64)>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let Ok(known) = entry.metadata() else { continue };
        if known.is_dir() {
            files_below(&entry.path(), found);
        } else if known.is_file() && (1..=LARGEST).contains(&known.len()) {
            found.push((entry.path(), known.len()));
        }
    }
}

/// Copies so many files with that many bytes in all into a folder, and some more of `more` bytes into another one.
pub fn copy(count: usize, bytes: u64, into: &Path, more: u64, beside: &Path) {
    let mut found = Vec::new();
    ROOTS.iter().for_each(|root| files_below(Path::new(root), &mut found));
    // In the order of a hash: always the same, and mixed.
    found.sort_by_cached_key(|(path, _)| *blake3::hash(path.as_os_str().as_encoded_bytes()).as_bytes());
    let rest = found.split_off(count.min(found.len()));
    let (mut larger, mut spare): (Vec<_>, Vec<_>) = rest.into_iter().partition(|(_, length)| *length > 1 << 20);
    larger.sort_by_key(|(_, length)| *length);
    let mut sum: u64 = found.iter().map(|(_, length)| length).sum();
    // Large ones in the place of small ones, until it is enough.
    for small in &mut found {
        let Some(large) = (sum < bytes).then(|| larger.pop()).flatten() else { break };
        sum = sum - small.1 + large.1;
        *small = large;
    }
    let put = |folder: &Path, number: usize, file: &Path| {
        std::fs::copy(file, folder.join(format!("{number:06}"))).unwrap();
    };
    for (number, (file, _)) in found.iter().enumerate() {
        put(into, number, file);
    }
    let (mut left, mut number) = (i64::try_from(more).unwrap(), count);
    while left > 0 {
        let (file, length) = spare.pop().unwrap();
        put(beside, number, &file);
        left -= i64::try_from(length).unwrap();
        number += 1;
    }
}

/// The files of a folder, and how many bytes they have.
pub fn of(folder: &Path) -> (Vec<PathBuf>, u64) {
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let bytes = files.iter().map(|file| file.metadata().unwrap().len()).sum();
    (files, bytes)
}
