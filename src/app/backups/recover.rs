//! Backups as the object stores have them, for who has lost the database: what there is, and the archive of each, which UploadBackup
//! takes at another Landlord.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use chrono::SecondsFormat;
use futures::StreamExt as _;
use futures::stream::BoxStream;

use super::archive::Archive;
use super::download::check_given_out;
use super::open::OpenBackup;
use crate::domain::backup::{Component, Manifest};
use crate::domain::backup_place::BackupPlace;
use crate::domain::error::{Error, Reason, Refusal, Result};
use crate::domain::id::BackupId;
use crate::vault::{Vault, VaultError};

/// A backup that the stores have.
pub struct Kept {
    place: BackupPlace,
    /// What it says of itself, or why that can't be read.
    manifest: Result<Manifest>,
}

/// What stands above the lines of [`Kept`].
pub const HEADING: Row<'static> = Row(["BACKUP", "TAKEN", "TENANT", "ROWS", "ASSETS", "BYTES", "COMPONENTS"]);

/// A line of a table.
pub struct Row<'a>([&'a str; 7]);

impl fmt::Display for Row<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self([backup, taken, tenant, rows, assets, bytes, components]) = self;
        write!(f, "{backup:<36}  {taken:<20}  {tenant:<36}  {rows:>9}  {assets:>9}  {bytes:>14}  {components}")
    }
}

impl fmt::Display for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (backup, tenant) = (self.place.backup.to_string(), self.place.tenant.to_string());
        let manifest = match &self.manifest {
            Ok(manifest) => manifest,
            Err(error) => return Row([&backup, "-", &tenant, "-", "-", "-", &error.to_string()]).fmt(f),
        };
        let amount = &manifest.amount;
        let [rows, assets, bytes] = [amount.rows, amount.objects, amount.bytes].map(|number| number.to_string());
        let taken = manifest.taken_at.to_rfc3339_opts(SecondsFormat::Secs, true);
        let components: Vec<_> = manifest.components.iter().map(|component| component.name()).collect();
        let all = components.len() == Component::ALL.len();
        let mut components = if all { "all".to_owned() } else { components.join(",") };
        if manifest.selected {
            components.push_str(" (some assets)");
        }
        Row([&backup, &taken, &manifest.tenant_code, &rows, &assets, &bytes, &components]).fmt(f)
    }
}

/// Manifests that are read at the same time.
const BESIDE: usize = 16;

/// Why nothing is recovered.
#[derive(Debug, thiserror::Error)]
pub enum RecoverError {
    /// No store can be asked.
    #[error(transparent)]
    Stores(#[from] VaultError),
    /// There is no such backup, or it can't be read.
    #[error(transparent)]
    Backup(#[from] Error),
}

/// All backups that the stores have, those of each tenant one after the other.
pub async fn list(vault: &Vault) -> Result<Vec<Kept>, VaultError> {
    let read = |place: BackupPlace| async move {
        let manifest = OpenBackup::found(vault, place).await.map(|open| open.manifest);
        Kept { place, manifest }
    };
    let places = vault.backups().await?;
    Ok(futures::stream::iter(places).map(read).buffered(BESIDE).collect().await)
}

/// A backup as an archive.
pub struct Recovered {
    /// Bytes of the whole archive.
    pub bytes: i64,
    /// The archive.
    pub pieces: BoxStream<'static, Result<Bytes>>,
}

/// The archive of a backup that the stores have.
pub async fn archive(vault: &Vault, id: BackupId) -> Result<Recovered, RecoverError> {
    let place = vault.backups().await?.into_iter().find(|place| place.backup == id);
    let none = || {
        let text = format!("the object stores have no backup {id}; `landlord recover list` shows what they have");
        Error::from(Refusal::new(Reason::ResourceNotFound, text))
    };
    let open = Arc::new(OpenBackup::found(vault, place.ok_or_else(none)?).await?);
    check_given_out(open.manifest.tenant)?;
    let archive = Archive::lay_out(&open).await?;
    Ok(Recovered { bytes: archive.bytes(), pieces: archive.from(open, None, 0)? })
}
