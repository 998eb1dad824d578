//! Leaves nothing behind of a Postgres whose test is gone, however that went.

use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use super::command::folder;

/// The folder of a cluster. Whatever postmaster runs in it is stopped, and it is removed, when this process has ended, or
/// this value is dropped.
pub struct Reaper {
    folder: PathBuf,
    _shell: Child,
}

impl Reaper {
    /// One of a new folder.
    pub fn new() -> Self {
        let folder = folder().keep();
        Self { _shell: shell(&folder), folder }
    }

    /// Where the cluster belongs.
    pub fn folder(&self) -> &Path {
        &self.folder
    }
}

/// A shell that waits for the end of its input, which is the end of this process. It asks only then which postmaster there
/// is: a test may have stopped the first one and started another. Ctrl-C does not reach it.
fn shell(folder: &Path) -> Child {
    let script = "read -r _
        home=$(head -n 1 \"$0/postgres.location\" 2>/dev/null || echo \"$0/postgres\")
        postmaster=$(head -n 1 \"$home/data/postmaster.pid\" 2>/dev/null)
        if [ -n \"$postmaster\" ]; then
            kill -QUIT \"$postmaster\" 2>/dev/null
            kill -CONT \"$postmaster\" 2>/dev/null
            while kill -0 \"$postmaster\" 2>/dev/null; do sleep 0.1; done
        fi
        rm -rf \"$0\"";
    Command::new("sh")
        .args(["-c", script])
        .arg(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
        .unwrap()
}
