//! Real files: those of the machine.

use std::path::{Path, PathBuf};

/// Where files are looked for.
const ROOTS: [&str; 3] = ["/usr/share", "/usr/include", "/usr/lib"];
/// Bytes of a file at most.
const LARGEST: u64 = 64 << 20;

/// A file, and how many bytes it has.
pub type Found = (PathBuf, u64);

fn files_below(folder: &Path, found: &mut Vec<Found>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let Ok(known) = entry.metadata() else { continue };
        if known.is_dir() {
            files_below(&entry.path(), found);
        } else if known.is_file() && (1..=LARGEST).contains(&known.len()) {
            found.push((entry.path(), known.len()));
        }
    }
}

/// So many files of the machine, mixed, with that many bytes in all, or as many as there are; and the others.
pub fn real_files(count: usize, bytes: u64, seed: u64) -> (Vec<Found>, Vec<Found>) {
    let mut found = Vec::new();
    ROOTS.iter().for_each(|root| files_below(Path::new(root), &mut found));
    // In the order of a hash: the same for the same seed, and mixed.
    let hash = |path: &Path| {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&seed.to_le_bytes()).update(path.as_os_str().as_encoded_bytes());
        *hasher.finalize().as_bytes()
    };
    found.sort_by_cached_key(|(path, _)| hash(path));
    let mut rest = found.split_off(count.min(found.len()));
    rest.sort_by_key(|(_, length)| *length);
    let mut sum: u64 = found.iter().map(|(_, length)| length).sum();
    // Large ones in the place of small ones, until it is enough.
    for small in &mut found {
        let Some(large) = (sum < bytes).then(|| rest.pop()).flatten() else { break };
        sum = sum - small.1 + large.1;
        *small = large;
    }
    (found, rest)
}
