//! The account that Postgres runs under. Postgres refuses root, so root hands it to somebody with fewer rights.

use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use super::error::{PostgresError, io};

/// Who runs Postgres and owns its files.
#[derive(Clone, Copy, Debug)]
pub(super) struct Account {
    uid: u32,
    gid: u32,
    /// Whether that is somebody other than this process.
    dropped: bool,
}

impl Account {
    /// The account of this process, unless that is root: then the owner of the home if there is one already,
    /// else `postgres`, else `nobody`.
    pub(super) fn choose(home: Option<&Path>) -> Result<Self, PostgresError> {
        let uid = rustix::process::geteuid().as_raw();
        if uid != 0 {
            return Ok(Self { uid, gid: rustix::process::getegid().as_raw(), dropped: false });
        }
        if let Some(home) = home {
            let owner = home.symlink_metadata().map_err(io("read", home))?;
            if owner.uid() != 0 {
                return Ok(Self { uid: owner.uid(), gid: owner.gid(), dropped: true });
            }
        }
        let path = Path::new("/etc/passwd");
        let passwd = std::fs::read_to_string(path).map_err(io("read", path))?;
        let (uid, gid) =
            ["postgres", "nobody"].into_iter().find_map(|name| ids(&passwd, name)).ok_or(PostgresError::NoAccount)?;
        Ok(Self { uid, gid, dropped: true })
    }

    /// Makes the command run under this account, without any of this process's groups.
    pub(super) fn run(self, command: &mut Command) {
        if self.dropped {
            command.uid(self.uid).gid(self.gid);
        }
    }

    /// Makes the directory if need be, this account's alone.
    pub(super) fn make_private(self, path: &Path) -> Result<(), PostgresError> {
        use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
        match std::fs::DirBuilder::new().mode(0o700).create(path) {
            Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => return Err(io("create", path)(error)),
            _ => {}
        }
        // In a folder that anyone can write to, somebody may have been there first. A directory of our own is one
        // that we were killed over before we handed it on.
        let found = path.symlink_metadata().map_err(io("read", path))?;
        let ours = rustix::process::geteuid().as_raw();
        if !found.is_dir() || (found.uid() != self.uid && found.uid() != ours) {
            return Err(PostgresError::Foreign { path: path.to_owned() });
        }
        if self.dropped {
            std::os::unix::fs::chown(path, Some(self.uid), Some(self.gid)).map_err(io("hand over", path))?;
        }
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o700)).map_err(io("make private", path))
    }
}

/// The user and group id of that name in the text of `/etc/passwd`; never root's.
fn ids(passwd: &str, name: &str) -> Option<(u32, u32)> {
    let mut fields = passwd.lines().map(|line| line.split(':')).find(|fields| fields.clone().next() == Some(name))?;
    let (uid, gid) = (fields.nth(2)?.parse().ok()?, fields.next()?.parse().ok()?);
    (uid != 0).then_some((uid, gid))
}

#[cfg(test)]
mod tests {
    use super::ids;

    const PASSWD: &str = "root:x:0:0:root:/root:/bin/bash\nnobody:x:65534:65533::/:/bin/false\ntoor:x:0:0::/:/bin/sh\n";

    #[test]
    fn an_account_is_found_by_its_whole_name_and_is_never_root() {
        assert_eq!(ids(PASSWD, "nobody"), Some((65534, 65533)));
        assert_eq!(ids(PASSWD, "nobod"), None);
        assert_eq!(ids(PASSWD, "toor"), None);
    }
}
