//! Where a cluster's unix socket is. Its path must be short, and plain enough to stand in a connection string as it is.

use std::path::{Path, PathBuf};

use super::error::{PostgresError, io};
use super::home::{Home, name_for};

/// The file that Postgres makes, after its fixed port number.
const FILE: &str = "/.s.PGSQL.5432";

/// What a socket's path may measure on macOS; Linux allows three bytes more.
const LONGEST: usize = 103;

/// Makes the directory for the socket, empty: called while no Postgres of this home is running.
pub(super) fn make(home: &Home) -> Result<PathBuf, PostgresError> {
    let own = home.path.join("socket");
    let short = format!("landlord-{}", name_for(&home.path));
    let places = [
        (own, home.path.clone()),
        (std::env::temp_dir().join(&short), std::env::temp_dir()),
        (Path::new("/tmp").join(&short), PathBuf::from("/tmp")),
    ];
    let (path, _) = places
        .into_iter()
        .find(|(path, parent)| fits(path) && home.reaches(parent))
        .ok_or_else(|| PostgresError::NoSocketDir { home: home.path.clone() })?;
    home.account.make_private(&path)?;
    // A lock file whose process id belongs to somebody else by now would keep Postgres from starting.
    for entry in std::fs::read_dir(&path).map_err(io("list", &path))?.flatten() {
        std::fs::remove_file(entry.path()).map_err(io("remove", &entry.path()))?;
    }
    Ok(path)
}

/// Removes the directory after a clean stop. The next start makes it again, so a failure does not matter.
pub(super) fn remove(path: &Path) {
    let _ = std::fs::remove_dir(path);
}

pub(super) fn superuser_url(socket_dir: &Path, database: &str) -> String {
    let mut name = String::new();
    for byte in database.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => name.push(char::from(byte)),
            _ => name.push_str(&format!("%{byte:02X}")),
        }
    }
    format!("postgresql:///{name}?host={}&user=postgres", socket_dir.display())
}

fn fits(path: &Path) -> bool {
    let bytes = path.as_os_str().as_encoded_bytes();
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"/._-".contains(byte);
    bytes.len() + FILE.len() <= LONGEST && bytes.iter().all(plain)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{fits, superuser_url};

    #[test]
    fn a_socket_goes_only_where_its_path_is_short_and_plain() {
        assert!(fits(Path::new("/home/ann/landlord/.landlord/postgres/socket")));
        assert!(!fits(Path::new("/home/ann,bob/socket")));
        assert!(!fits(Path::new("/home/ann lee/socket")));
        assert!(fits(Path::new(&format!("/{}", "d".repeat(88)))));
        assert!(!fits(Path::new(&format!("/{}", "d".repeat(89)))));
    }

    #[test]
    fn the_superusers_url_reads_back_as_what_it_was_made_from() {
        let url = superuser_url(Path::new("/tmp/s"), "a b?c");
        let config: tokio_postgres::Config = url.parse().expect("a valid connection string");
        assert_eq!(config.get_dbname(), Some("a b?c"));
        assert_eq!(config.get_user(), Some("postgres"));
        assert_eq!(config.get_hosts(), [tokio_postgres::config::Host::Unix("/tmp/s".into())]);
    }
}
