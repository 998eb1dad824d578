//! Texts that are kept in the repository and compared with what the code says. `UPDATE_GOLDEN=1` writes them anew.

use std::path::{Path, PathBuf};

/// Wants the file, named from the repository's root, to hold that text.
pub fn assert_file(file: &str, text: &str) {
    compare(file, text.to_owned());
}

/// Wants the part of a file between `<!-- name: begin … -->` and `<!-- name: end -->` to be that text.
pub fn assert_block(file: &str, name: &str, text: &str) {
    let whole = std::fs::read_to_string(path(file)).unwrap();
    let (before, rest) = whole.split_once(&format!("<!-- {name}: begin")).expect("the block begins");
    let (note, rest) = rest.split_once("-->\n").expect("the marker ends");
    let (_, after) = rest.split_once(&format!("<!-- {name}: end -->")).expect("the block ends");
    compare(file, format!("{before}<!-- {name}: begin{note}-->\n{text}<!-- {name}: end -->{after}"));
}

fn compare(file: &str, wanted: String) {
    let found = std::fs::read_to_string(path(file)).unwrap_or_default();
    if found == wanted {
        return;
    }
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(path(file), wanted).unwrap();
        return;
    }
    if let Some((line, (found, wanted))) = found.lines().zip(wanted.lines()).enumerate().find(|(_, (f, w))| f != w) {
        panic!("{file}:{}: says\n  {found}\nand should say\n  {wanted}\n(UPDATE_GOLDEN=1 writes it)", line + 1);
    }
    assert_eq!(found.len(), wanted.len(), "{file} ends too early or too late (UPDATE_GOLDEN=1 writes it)");
}

fn path(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(file)
}
