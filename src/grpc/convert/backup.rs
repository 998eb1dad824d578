//! Backups as messages, and the requests that make and change them.

use std::collections::BTreeSet;

use futures::StreamExt as _;
use futures::stream::BoxStream;

use super::asset::{chunk, sent};
use super::fields::{Fields, timestamp};
use super::{names, tenant};
use crate::app::backups::{NewDownload, Passphrase, UpdateBackup, UploadBackup};
use crate::app::content::Chunk;
use crate::app::tenants::CreateTenant;
use crate::domain::backup::{Backup, BackupState, Component, LastBackup, NewBackup, Storage, name};
use crate::domain::error::{Error, Result};
use crate::domain::name::Note;
use crate::domain::restore::{Change, Choices, Listed, NewRestore, Preview};
use crate::grpc::guard::Messages;
use crate::proto::v1;
use crate::proto::v1::download_backup_response::Content as Downloaded;
use crate::proto::v1::upload_backup_request::Content as Uploaded;
use crate::store::backups::BackupPatch;
use crate::store::operations;

/// A backup as a message.
pub fn backup(backup: Backup) -> v1::Backup {
    let (reason, message) = backup.failure.as_ref().map(|f| (f.reason.clone(), f.message.clone())).unwrap_or_default();
    v1::Backup {
        name: backup.name(),
        etag: backup.etag(),
        storage: storage(backup.storage()).into(),
        state: state(backup.state).into(),
        components: named(&backup.components),
        missing_components: missing(&backup.left_out),
        operation: operations::name(&backup.tenant_code, backup.operation),
        note: backup.note,
        pinned: backup.pinned,
        creator: backup.creator,
        create_time: Some(timestamp(backup.created_at)),
        snapshot_time: backup.taken_at.map(timestamp),
        end_time: backup.ended_at.map(timestamp),
        rows: backup.amount.rows,
        objects: backup.amount.objects,
        content_bytes: backup.amount.bytes,
        stored_bytes: backup.amount.stored_bytes,
        verify_time: backup.verified_at.map(timestamp),
        reason,
        message,
        selected_assets: backup.selected,
        copy_time: backup.copied_at.map(timestamp),
        source_tenant: backup.source.map(|source| format!("tenants/{}", source.tenant_code)).unwrap_or_default(),
    }
}

fn named(components: &[Component]) -> Vec<String> {
    components.iter().map(|component| component.name().to_owned()).collect()
}

fn missing(components: &[Component]) -> Vec<v1::MissingComponent> {
    let missing = |component: &Component| v1::MissingComponent {
        component: component.name().to_owned(),
        privilege: format!("privileges/{}", component.privilege().name()),
    };
    components.iter().map(missing).collect()
}

fn state(state: BackupState) -> v1::backup::State {
    match state {
        BackupState::Running => v1::backup::State::Running,
        BackupState::Complete => v1::backup::State::Complete,
        BackupState::Partial => v1::backup::State::Partial,
        BackupState::Failed => v1::backup::State::Failed,
        BackupState::Condemned => v1::backup::State::Unspecified,
    }
}

fn storage(storage: Option<Storage>) -> v1::backup::Storage {
    match storage {
        None => v1::backup::Storage::Unspecified,
        Some(Storage::Snapshot) => v1::backup::Storage::Snapshot,
        Some(Storage::Backup) => v1::backup::Storage::Backup,
    }
}

/// The components that a request names.
fn components(fields: &mut Fields, field: &'static str, sent: &[String]) -> Vec<Component> {
    let parse = |name: &String| {
        let all = || Component::ALL.iter().map(|component| component.name()).collect::<Vec<_>>().join(", ");
        Component::parse(name).ok_or_else(|| format!("must be among {}", all()))
    };
    let mut components: Vec<_> = Vec::new();
    for name in sent {
        match fields.take(field, parse(name)) {
            Some(component) => components.push(component),
            // One refusal of the field says all that it takes.
            None => break,
        }
    }
    components
}

/// What CreateBackup asks for.
pub fn create(request: v1::CreateBackupRequest) -> Result<NewBackup> {
    names::tenant("parent", &request.parent)?;
    let mut fields = Fields::default();
    let components = components(&mut fields, "components", &request.components);
    let note = fields.take("note", Note::parse(&request.note));
    fields.finish(note.map(|note| NewBackup { components, note: note.to_string() }))
}

/// What UpdateBackup asks for.
pub fn update(request: v1::UpdateBackupRequest) -> Result<UpdateBackup> {
    let sent = request.backup.unwrap_or_default();
    let id = names::id("backup.name", &sent.name)?;
    let mut fields = Fields::default();
    let changeable = [("note", !sent.note.is_empty()), ("pinned", sent.pinned)];
    let [note, pinned] = fields.masked(request.update_mask, changeable);
    let mut patch = BackupPatch::default();
    if note {
        patch.note = fields.take("backup.note", Note::parse(&sent.note)).map(|note| note.to_string());
    }
    if pinned {
        patch.pinned = Some(sent.pinned);
    }
    fields.finish(Some(UpdateBackup { id, patch, etag: sent.etag }))
}

/// What RestoreBackup asks for.
pub fn restore(request: v1::RestoreBackupRequest) -> Result<(NewRestore, Option<CreateTenant>)> {
    let backup = names::id("name", &request.name)?;
    let make = request.new_tenant.map(|new| {
        let v1::NewTenant { tenant_id, tenant, limits, features } = new;
        let make = v1::CreateTenantRequest { tenant_id, tenant, limits, features, ..Default::default() };
        tenant::create(make).map_err(|error| error.within("new_tenant"))
    });
    let make = make.transpose()?;
    let mut fields = Fields::default();
    let components = components(&mut fields, "components", &request.components);
    for (field, set) in [("safety_backup", request.safety_backup), ("stay_locked", request.stay_locked)] {
        if make.is_some() && set {
            fields.refuse(field, "is for a restore in place: a new tenant has no data and nobody in it yet");
        }
    }
    let choices = Choices { stay_locked: request.stay_locked, revive_deleted_users: request.revive_deleted_users };
    let new = NewRestore { backup, components, choices, safety_backup: request.safety_backup };
    fields.finish(Some((new, make)))
}

/// What a restore would do, as a message.
pub fn preview(preview: Preview) -> v1::RestorePreview {
    let list = |listed: Listed| Some(v1::RestoreList { count: listed.count, names: listed.names });
    let change = |change: Change| v1::RestoreChange {
        subject: change.subject,
        returning: list(change.returning),
        going: list(change.going),
        left_out: list(change.left_out),
    };
    v1::RestorePreview {
        components: named(&preview.components),
        missing_components: missing(&preview.left_out),
        changes: preview.changes.into_iter().map(change).collect(),
    }
}

/// The backup that a tenant began last, for the overview.
pub fn last(tenant_code: &str, last: Option<LastBackup>) -> v1::LastBackup {
    let Some(last) = last else {
        return v1::LastBackup { status: v1::last_backup::Status::Never.into(), ..Default::default() };
    };
    let status = match last.state {
        BackupState::Running => v1::last_backup::Status::InProgress,
        BackupState::Complete => v1::last_backup::Status::Complete,
        BackupState::Partial => v1::last_backup::Status::Partial,
        BackupState::Failed => v1::last_backup::Status::Failed,
        BackupState::Condemned => v1::last_backup::Status::Unspecified,
    };
    let missing: BTreeSet<_> = last.left_out.iter().map(|component| component.privilege().name()).collect();
    let seconds = i64::from(last.at.offset().local_minus_utc());
    v1::LastBackup {
        status: status.into(),
        backup: name(tenant_code, last.id),
        time: Some(timestamp(last.at.to_utc())),
        utc_offset: Some(prost_types::Duration { seconds, nanos: 0 }),
        reason: last.reason,
        storage: storage(last.storage).into(),
        missing_privileges: missing.into_iter().map(|privilege| format!("privileges/{privilege}")).collect(),
    }
}

/// What UploadBackup announces.
pub fn announced(first: v1::UploadBackupRequest) -> Result<UploadBackup> {
    let Some(Uploaded::Header(header)) = first.content else {
        return Err(Error::field("header", "must be the first message of the stream"));
    };
    names::tenant("header.parent", &header.parent)?;
    let mut fields = Fields::default();
    let announced = super::asset::sized(&mut fields, header.size, &header.sha256);
    let note = fields.take("header.note", Note::parse(&header.note));
    fields.finish(note.zip(announced).map(|(note, announced)| UploadBackup { note: note.to_string(), announced }))
}

/// The messages that follow: the chunks, and what unlocks them, once it has come.
pub fn uploaded(messages: Messages<v1::UploadBackupRequest>) -> (BoxStream<'static, Result<Chunk>>, Passphrase) {
    let passphrase = Passphrase::default();
    let found = passphrase.clone();
    let chunks = messages.filter_map(move |message| {
        let chunk = match message.map(|message| message.content) {
            Ok(Some(Uploaded::Chunk(chunk))) => Some(sent(Some(chunk))),
            Ok(Some(Uploaded::Header(_))) => Some(sent(None)),
            Ok(Some(Uploaded::Unlock(unlock))) => {
                let again = found.set(unlock.passphrase.into()).is_err();
                again.then(|| Err(Error::field("unlock", "must be in one message alone")))
            }
            Ok(None) => Some(Err(Error::field("chunk", "must be in each message that follows the header"))),
            Err(error) => Some(Err(error)),
        };
        futures::future::ready(chunk)
    });
    (chunks.boxed(), passphrase)
}

/// Characters of a passphrase at least.
const PASSPHRASE: usize = 12;

/// What DownloadBackup asks for.
pub fn download(request: v1::DownloadBackupRequest) -> Result<NewDownload> {
    let id = names::id("name", &request.name)?;
    let passphrase = request.passphrase;
    if !passphrase.is_empty() && !(PASSPHRASE..=1000).contains(&passphrase.chars().count()) {
        return Err(Error::field("passphrase", format!("must have from {PASSPHRASE} to 1000 characters")));
    }
    let passphrase = (!passphrase.is_empty()).then(|| passphrase.into());
    Ok(NewDownload { id, offset: request.offset, passphrase })
}

/// The first message of a download.
pub fn download_header(of: Backup, size: i64, file_name: String) -> v1::DownloadBackupResponse {
    let header = v1::DownloadBackupHeader { backup: Some(backup(of)), size, file_name };
    v1::DownloadBackupResponse { content: Some(Downloaded::Header(header)) }
}

/// The others.
pub fn downloaded(piece: Chunk) -> v1::DownloadBackupResponse {
    v1::DownloadBackupResponse { content: Some(Downloaded::Chunk(chunk(piece))) }
}
