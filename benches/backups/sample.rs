//! A mixed sample: files of this machine.

use std::path::{Path, PathBuf};

use crate::files::real_files;

/// Copies so many files with that many bytes in all into a folder, and some more of `more` bytes into another one.
pub fn copy(count: usize, bytes: u64, into: &Path, more: u64, beside: &Path) {
    let (found, mut spare) = real_files(count, bytes, 0);
    // What comes anew is small: of large files it would be one or two.
    spare.retain(|(_, length)| *length <= 1 << 20);
    spare.sort_by_cached_key(|(path, _)| *blake3::hash(path.as_os_str().as_encoded_bytes()).as_bytes());
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
