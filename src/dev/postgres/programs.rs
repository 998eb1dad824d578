//! Finds the programs of a PostgreSQL server: on the PATH, else where distributions and Homebrew put them.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::account::Account;
use super::error::{PostgresError, io};

/// The oldest major version that Landlord's schema runs on.
const OLDEST: u32 = 13;

/// Folders outside the PATH: what stands before and after the part that names the version.
const PLACES: [(&str, &str, &str); 5] = [
    ("/usr/lib/postgresql", "", "bin"),
    ("/usr", "pgsql-", "bin"),
    ("/opt/homebrew/opt", "postgresql", "bin"),
    ("/usr/local/opt", "postgresql", "bin"),
    ("/home/linuxbrew/.linuxbrew/opt", "postgresql", "bin"),
];

/// One installed version.
#[derive(Clone, Debug)]
pub(super) struct Programs {
    bin: PathBuf,
    major: u32,
}

impl Programs {
    /// The programs to use for the cluster in `data`: those of its own major version if it exists, else the ones on
    /// the PATH, else the newest.
    pub(super) fn find(data: &Path) -> Result<Self, PostgresError> {
        let mut installed = candidates().into_iter().filter_map(Self::at).filter(|found| found.major >= OLDEST);
        match major_of(data)? {
            None => installed.next().ok_or(PostgresError::NotInstalled),
            Some(major) => installed
                .find(|found| found.major == major)
                .ok_or_else(|| PostgresError::OtherVersion { path: data.to_owned(), data: major }),
        }
    }

    fn at(bin: PathBuf) -> Option<Self> {
        if !bin.join("initdb").exists() {
            return None;
        }
        let output = Command::new(bin.join("postgres")).arg("--version").stderr(Stdio::null()).output().ok()?;
        let major = parse_major(&String::from_utf8_lossy(&output.stdout))?;
        Some(Self { bin, major })
    }

    /// The command for one of the programs, run in `directory` under `account`, with no setting of this process's.
    pub(super) fn command(&self, program: &str, account: Account, directory: &Path) -> Command {
        let mut command = Command::new(self.bin.join(program));
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("PG") {
                command.env_remove(name);
            }
        }
        // Messages in English, since some of them are looked for; and macOS refuses to start without a locale.
        command.env("LC_ALL", "C").env("TZ", "UTC").current_dir(directory).stdin(Stdio::null());
        account.run(&mut command);
        command
    }
}

/// Folders that may hold the programs, best first.
fn candidates() -> Vec<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let on_path = std::env::split_paths(&path).map(|folder| folder.join("initdb")).filter(|file| file.is_file());
    // A program on the PATH is often a link into the folder where its companions are.
    let mut found: Vec<PathBuf> = on_path
        .flat_map(|file| [file.canonicalize().ok(), Some(file)])
        .filter_map(|file| Some(file?.parent()?.to_owned()))
        .collect();

    let mut elsewhere: Vec<(u32, PathBuf)> = PLACES
        .into_iter()
        .flat_map(|(place, prefix, suffix)| {
            let entries = std::fs::read_dir(place).into_iter().flatten().flatten();
            entries.filter_map(move |entry| {
                let name = entry.file_name().into_string().ok()?;
                let version = name.strip_prefix(prefix)?.trim_start_matches('@').parse().unwrap_or(0);
                Some((version, entry.path().join(suffix)))
            })
        })
        .collect();
    elsewhere.sort_by(|a, b| b.cmp(a));
    found.extend(elsewhere.into_iter().map(|(_, folder)| folder));
    found
}

/// The major version that made the cluster; none if there is no cluster.
fn major_of(data: &Path) -> Result<Option<u32>, PostgresError> {
    let path = data.join("PG_VERSION");
    match std::fs::read_to_string(&path) {
        Ok(text) => Ok(text.trim().parse().ok()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(io("read", &path)(error)),
    }
}

/// From `postgres (PostgreSQL) 15.8 (Debian 15.8-0+deb12u1)` or `postgres (PostgreSQL) 19beta1`.
fn parse_major(version: &str) -> Option<u32> {
    let number = version.split_once("(PostgreSQL) ")?.1;
    let digits = number.split(|c: char| !c.is_ascii_digit()).next()?;
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::parse_major;

    #[test]
    fn the_major_version_is_read_from_releases_and_betas() {
        assert_eq!(parse_major("postgres (PostgreSQL) 15.8 (Debian 15.8-0+deb12u1)\n"), Some(15));
        assert_eq!(parse_major("postgres (PostgreSQL) 19beta1\n"), Some(19));
        assert_eq!(parse_major("cockroach 22"), None);
    }
}
