//! Use cases on the backups of a tenant.

mod archive;
mod change;
mod copies;
mod create;
mod download;
mod kept;
mod list;
mod open;
pub mod recover;
mod restore;
mod restore_new;
mod segments;
pub(crate) mod unpack;
mod upload;

pub use change::UpdateBackup;
pub(crate) use copies::copy_soon;
pub use create::Begun;
pub use download::{Download, NewDownload};
pub(crate) use kept::KeptBlob;
pub(crate) use open::{OpenBackup, StoredObject};
pub use restore::Restoring;
pub(super) use restore::begin_again;
pub(crate) use restore::{land, put_back};
pub use restore_new::NewlyRestored;
pub(crate) use segments::{Rows, segments, segments_of};
pub(crate) use upload::Keeping;
pub use upload::{Arrived, Passphrase, UploadBackup};

use std::collections::BTreeSet;

use crate::domain::backup::{Backup, Component};
use crate::domain::error::{Error, Reason, Refusal, Result};
use crate::domain::id::BackupId;
use crate::store::tx::Tx;
use crate::store::{backups, privileges};

/// Of these components those that whoever calls may back up or restore, and those that it may not. A service may all, where it
/// was given the call.
pub(super) async fn permitted(tx: &mut Tx, wanted: Vec<Component>) -> Result<(Vec<Component>, Vec<Component>)> {
    let op = tx.op().clone();
    let Some((_, user)) = op.permit().subject() else { return Ok((wanted, Vec::new())) };
    let held = privileges::of_user(tx, user).await?;
    Ok(wanted.into_iter().partition(|component| held.contains(&component.privilege())))
}

/// The refusal of a backup that a later version made.
pub(crate) fn format_unknown() -> Error {
    let text = "the backup is of a newer form than this version knows; use the version that made it, or a later one";
    Refusal::new(Reason::BackupFormatUnknown, text).into()
}

/// The refusal that names the privileges of these components, which are missing.
fn lacking(what: &str, components: &[Component]) -> Error {
    let missing: BTreeSet<_> = components.iter().map(|component| component.privilege().name()).collect();
    let missing: Vec<_> = missing.into_iter().collect();
    let text = format!("{what} needs {}", missing.join(", "));
    Refusal::new(Reason::PrivilegeMissing, text).with("privilege", missing.join(",")).into()
}

/// The components that are meant: those that are named, each once and in their order, or all.
pub(super) fn meant(named: &[Component]) -> Vec<Component> {
    let named: BTreeSet<_> = named.iter().copied().collect();
    let meant = |component: &&Component| named.is_empty() || named.contains(component);
    Component::ALL.iter().filter(meant).copied().collect()
}

/// A backup of the tenant that the call is on.
pub(super) async fn found(tx: &mut Tx, id: BackupId) -> Result<Backup> {
    backups::one(tx, id).await?.ok_or_else(|| tx.op().not_found())
}
