//! A Postgres whose Landlord was killed goes on running. It is stopped here, so that the new one is a child of its
//! own Landlord and has today's options.

use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use tokio::time::{Instant, sleep};

use super::error::{PostgresError, io};

/// How often a process is looked at that should end.
pub(super) const LOOK: Duration = Duration::from_millis(10);

/// What to send to a postmaster that should end, and how long to give it: first it may write a checkpoint, then not.
pub(super) const REQUESTS: [(Signal, Duration); 2] =
    [(Signal::INT, Duration::from_secs(60)), (Signal::QUIT, Duration::from_secs(10))];

/// Stops the postmaster of the cluster in `data`, if one is running, and removes a note of it that would mislead.
pub(super) async fn stop(data: &Path) -> Result<(), PostgresError> {
    let note = data.join("postmaster.pid");
    let Some(pid) = noted(&note)? else { return Ok(()) };
    if !is_postmaster(pid, data) {
        return remove_if_taken(pid, &note);
    }
    tracing::info!(pid = pid.as_raw_pid(), "stopping a PostgreSQL that an earlier Landlord left running");
    for (signal, patience) in REQUESTS {
        // It may have ended just now; the loop sees that.
        let _ = kill_process(pid, signal);
        let deadline = Instant::now() + patience;
        while Instant::now() < deadline {
            if !is_postmaster(pid, data) {
                return remove_if_taken(pid, &note);
            }
            sleep(LOOK).await;
        }
    }
    Err(PostgresError::StillRunning { pid: pid.as_raw_pid().unsigned_abs() })
}

/// The process id in the first line of `postmaster.pid`.
fn noted(note: &Path) -> Result<Option<Pid>, PostgresError> {
    match std::fs::read_to_string(note) {
        Ok(text) => Ok(text.lines().next().and_then(|line| line.trim().parse().ok()).and_then(Pid::from_raw)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(io("read", note)(error)),
    }
}

/// Postgres itself sees through the note of a process that is gone. It believes one whose number some other process of
/// the account has by now, which happens soon after a restart of a container.
fn remove_if_taken(pid: Pid, note: &Path) -> Result<(), PostgresError> {
    if test_kill_process(pid) == Err(rustix::io::Errno::SRCH) {
        return Ok(());
    }
    match std::fs::remove_file(note) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(io("remove", note)(error)),
        _ => Ok(()),
    }
}

/// Whether the process is alive and a postmaster of that cluster. One that is dead and not yet reaped is not.
fn is_postmaster(pid: Pid, data: &Path) -> bool {
    let data = data.as_os_str().as_bytes();
    let pid = pid.as_raw_pid();
    if Path::new("/proc/self/cmdline").exists() {
        let arguments = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let arguments: Vec<&[u8]> = arguments.split(|byte| *byte == 0).collect();
        return arguments.windows(2).any(|pair| pair == [b"-D".as_slice(), data]);
    }
    let ps = std::process::Command::new("ps").args(["-ww", "-o", "command=", "-p", &pid.to_string()]).output();
    ps.is_ok_and(|ps| ps.stdout.windows(data.len()).any(|part| part == data))
}
