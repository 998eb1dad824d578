//! The other programs that do such work, each timed as a whole.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const PASSPHRASE: &str = "several unrelated words";

/// A repository each of restic and borg, both of which encrypt.
pub struct Repositories {
    sample: PathBuf,
    restic: PathBuf,
    borg: PathBuf,
    archives: usize,
}

impl Repositories {
    /// New ones, below a folder, for the files in another one.
    pub fn new(folder: &Path, sample: &Path) -> Self {
        let (restic, borg) = (folder.join("restic"), folder.join("borg"));
        let made = Self { sample: sample.to_owned(), restic, borg, archives: 0 };
        timed(made.restic(&["init"]));
        timed(made.borg(&["init", "--encryption", "repokey-blake2", &made.borg.display().to_string()]));
        made
    }

    /// How long restic takes to back the files up.
    pub fn restic_backup(&self) -> Duration {
        timed(self.restic(&["backup", &self.sample.display().to_string()]))
    }

    /// The same into a repository of its own.
    pub fn restic_backup_anew(&self, folder: &Path) -> Duration {
        let anew =
            Self { sample: self.sample.clone(), restic: folder.to_owned(), borg: self.borg.clone(), archives: 0 };
        timed(anew.restic(&["init"]));
        anew.restic_backup()
    }

    /// How long borg takes to back the files up.
    pub fn borg_backup(&mut self) -> Duration {
        self.archives += 1;
        let archive = format!("{}::{}", self.borg.display(), self.archives);
        timed(self.borg(&["create", &archive, &self.sample.display().to_string()]))
    }

    /// How long restic takes to read and check all that it has.
    pub fn restic_check(&self) -> Duration {
        timed(self.restic(&["check", "--read-data"]))
    }

    fn restic(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("restic");
        command.arg("--quiet").arg("--repo").arg(&self.restic).args(arguments).env("RESTIC_PASSWORD", PASSPHRASE);
        command
    }

    fn borg(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("borg");
        command.args(arguments).env("BORG_PASSPHRASE", PASSPHRASE);
        command
    }
}

/// How long tar and zstd take to make an archive of the files.
pub fn tar_zstd(sample: &Path) -> Duration {
    let mut command = Command::new("sh");
    command.args(["-c", "tar c -C \"$0\" . | zstd -T2 -3 -q > /dev/null"]).arg(sample);
    timed(command)
}

/// How long psql takes to run something.
pub fn psql(url: &str, sql: &str) -> Duration {
    let mut command = Command::new("psql");
    command.args(["--no-psqlrc", "--quiet", "--set", "ON_ERROR_STOP=1", "--dbname", url, "--command", sql]);
    timed(command)
}

/// How long pg_dump takes to give these tables out, compressed as it does by itself.
pub fn pg_dump(url: &str, tables: &[&str]) -> Duration {
    let mut command = Command::new("pg_dump");
    command.args(["--format=custom", "--data-only", "--dbname", url]);
    command.args(tables.iter().map(|table| format!("--table={table}")));
    timed(command)
}

/// How long it takes to copy all files below a folder into another one, to stay there.
pub fn cp(from: &Path, to: &Path) -> Duration {
    let mut command = Command::new("sh");
    command.args(["-c", "cp -r \"$0\" \"$1\" && sync -f \"$1\""]).arg(from).arg(to);
    timed(command)
}

/// Waits until the disk has all that was written before: whoever is measured next does not wait for it.
pub fn settle() {
    rustix::fs::sync();
}

/// How long a command takes, which must end well.
pub fn timed(mut command: Command) -> Duration {
    settle();
    let began = Instant::now();
    let ended = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).output().unwrap();
    assert!(ended.status.success(), "{command:?}: {}", String::from_utf8_lossy(&ended.stderr));
    began.elapsed()
}
