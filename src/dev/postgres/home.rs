//! Where a cluster lives: in its data directory if Postgres's account can get there, else where it can.
//!
//! A clone in root's home is the usual case for the latter: nobody but root may look into it, and Postgres does not run
//! as root. The home is then under `/var/lib/landlord-dev`, or in the folder for temporary files where that can't be
//! written, and `postgres.location` remembers it.

use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use super::account::Account;
use super::error::{PostgresError, io};
use super::programs::Programs;

/// Where homes go that can't be in their data directory.
const ELSEWHERE: &str = "/var/lib/landlord-dev";

/// A place for a cluster, and what is needed to run things there.
#[derive(Clone, Debug)]
pub(super) struct Home {
    /// A directory of the account's own.
    pub(super) path: PathBuf,
    pub(super) account: Account,
    pub(super) programs: Programs,
}

impl Home {
    fn new(path: PathBuf, account: Account) -> Result<Self, PostgresError> {
        let programs = Programs::find(&path.join("data"))?;
        Ok(Self { path, account, programs })
    }

    /// The cluster's own directory. It exists from the moment at which it is complete.
    pub(super) fn data(&self) -> PathBuf {
        self.path.join("data")
    }

    /// Whether the account can work in the directory, found out by doing so: no list of permission bits knows of
    /// access lists and security modules.
    pub(super) fn reaches(&self, directory: &Path) -> bool {
        let mut trial = self.programs.command("postgres", self.account, directory);
        trial.arg("--version").stdout(Stdio::null()).stderr(Stdio::null());
        trial.status().is_ok_and(|status| status.success())
    }
}

/// A name for something that belongs to a path, the same at every start.
pub(super) fn name_for(path: &Path) -> String {
    let id = uuid::Uuid::new_v5(&uuid::Uuid::NAMESPACE_URL, path.as_os_str().as_bytes());
    let mut name = id.simple().to_string();
    name.truncate(16);
    name
}

/// The home of a data directory, if it has one. The data directory's path is canonical, here and below.
pub(super) fn find(data_dir: &Path) -> Result<Option<Home>, PostgresError> {
    let within = data_dir.join("postgres");
    let path = match recorded(data_dir)? {
        Some(path) if path.is_dir() => path,
        _ if within.is_dir() => within,
        _ => return Ok(None),
    };
    let account = Account::choose(Some(&path))?;
    Home::new(path, account).map(Some)
}

/// The home of a data directory, made if need be.
pub(super) fn find_or_create(data_dir: &Path) -> Result<Home, PostgresError> {
    if let Some(home) = find(data_dir)? {
        let usable = home.account.make_private(&home.path).map(|()| home.reaches(&home.path));
        match (usable, home.data().exists()) {
            (Ok(true), _) => {
                if home.path.parent() != Some(data_dir) {
                    record(data_dir, &home.path)?;
                }
                return Ok(home);
            }
            // What is there must not seem lost only because a new cluster was begun in another place.
            (Ok(false), true) => return Err(PostgresError::OutOfReach { path: home.path }),
            (Err(error), true) => return Err(error),
            (_, false) => {}
        }
    }
    let account = Account::choose(None)?;
    let within = Home::new(data_dir.join("postgres"), account)?;
    account.make_private(&within.path)?;
    if within.reaches(&within.path) {
        return Ok(within);
    }
    // Only for tidiness: it holds no cluster.
    let _ = std::fs::remove_dir(&within.path);
    elsewhere(data_dir, account)
}

fn elsewhere(data_dir: &Path, account: Account) -> Result<Home, PostgresError> {
    let name = name_for(data_dir);
    // Others may pass through, not look around. Where it can't be made, the next place is tried.
    let _ = std::fs::DirBuilder::new().mode(0o711).create(ELSEWHERE);
    let places = [
        Path::new(ELSEWHERE).join(&name),
        std::env::temp_dir().join(format!("landlord-dev-{name}")),
        Path::new("/tmp").join(format!("landlord-dev-{name}")),
    ];
    for path in places {
        if account.make_private(&path).is_err() {
            continue;
        }
        let home = Home::new(path, account)?;
        if home.reaches(&home.path) {
            record(data_dir, &home.path)?;
            return Ok(home);
        }
        let _ = std::fs::remove_dir(&home.path);
    }
    Err(PostgresError::NoHome { data_dir: data_dir.to_owned() })
}

/// Drops the record of a home that is gone.
pub(super) fn forget(data_dir: &Path) -> Result<(), PostgresError> {
    let file = data_dir.join("postgres.location");
    match std::fs::remove_file(&file) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(io("remove", &file)(error)),
        _ => Ok(()),
    }
}

/// The record has two lines: the home, and the data directory that it was written for.
fn record(data_dir: &Path, home: &Path) -> Result<(), PostgresError> {
    let (file, beside) = (data_dir.join("postgres.location"), data_dir.join("postgres.location.new"));
    let text = [home.as_os_str().as_bytes(), b"\n", data_dir.as_os_str().as_bytes(), b"\n"].concat();
    std::fs::write(&beside, text).map_err(io("write", &beside))?;
    std::fs::rename(&beside, &file).map_err(io("write", &file))
}

/// The recorded home. A data directory that was moved keeps its home; one that was copied must not share it.
fn recorded(data_dir: &Path) -> Result<Option<PathBuf>, PostgresError> {
    let Some((home, written_for)) = read_record(data_dir)? else { return Ok(None) };
    let copied = written_for != data_dir && matches!(read_record(&written_for), Ok(Some((other, _))) if other == home);
    Ok((!copied).then_some(home))
}

fn read_record(data_dir: &Path) -> Result<Option<(PathBuf, PathBuf)>, PostgresError> {
    let file = data_dir.join("postgres.location");
    let text = match std::fs::read(&file) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(io("read", &file)(error)),
    };
    let path = |line: &[u8]| PathBuf::from(std::ffi::OsString::from_vec(line.to_vec()));
    let mut lines = text.split(|byte| *byte == b'\n');
    Ok(lines.next().map(path).zip(lines.next().map(path)))
}
