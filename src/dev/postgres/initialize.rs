//! Makes a cluster. It is made beside its place and renamed into it, so a cluster that is in place is complete.

use std::path::Path;

use super::error::{PostgresError, io};
use super::home::Home;

/// What the directory's name begins with while `initdb` works in it.
const UNFINISHED: &str = "unfinished-";

/// Tried in turn: macOS before 15 and some small systems lack the first.
const LOCALES: [&str; 2] = ["C.UTF-8", "C"];

/// Makes the cluster of a home unless it exists.
pub(super) async fn ensure(home: &Home, durable: bool) -> Result<(), PostgresError> {
    let data = home.data();
    if data.exists() {
        return Ok(());
    }
    clear_unfinished(home).await?;
    let mut failure = String::new();
    for locale in LOCALES {
        // Named anew each time: the initdb of a Landlord that was killed may still be writing into its own.
        let beside = home.path.join(format!("{UNFINISHED}{}", uuid::Uuid::new_v4().simple()));
        match initdb(home, &beside, locale, durable).await? {
            None => return tokio::fs::rename(&beside, &data).await.map_err(io("put in place", &data)),
            Some(output) if output.contains("locale") => failure = output,
            Some(output) => return Err(PostgresError::Initdb { output }),
        }
    }
    Err(PostgresError::Initdb { output: failure })
}

/// Runs `initdb`; gives what it printed if it failed.
async fn initdb(home: &Home, into: &Path, locale: &str, durable: bool) -> Result<Option<String>, PostgresError> {
    let mut command = home.programs.command("initdb", home.account, &home.path);
    command.arg("-D").arg(into).arg(format!("--locale={locale}"));
    // Only its own account and root can open the socket's directory, and there is no other way in.
    command.args(["--username=postgres", "--encoding=UTF8", "--auth-local=trust", "--auth-host=reject"]);
    if !durable {
        command.arg("--no-sync");
    }
    let mut command = tokio::process::Command::from(command);
    let output = command.kill_on_drop(true).output().await.map_err(io("run initdb in", &home.path))?;
    let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    Ok((!output.status.success()).then(|| format!("{}\n{}", said(&output.stdout), said(&output.stderr))))
}

/// Removes what a start that was killed left unfinished.
async fn clear_unfinished(home: &Home) -> Result<(), PostgresError> {
    let mut entries = tokio::fs::read_dir(&home.path).await.map_err(io("list", &home.path))?;
    while let Some(entry) = entries.next_entry().await.map_err(io("list", &home.path))? {
        if entry.file_name().to_string_lossy().starts_with(UNFINISHED) {
            // An initdb that is still at it can keep it from becoming empty; the next start tries again.
            let _ = tokio::fs::remove_dir_all(entry.path()).await;
        }
    }
    Ok(())
}
