//! Assets and their content as messages, and the requests that make and change them.

use std::time::Duration;

use chrono::{DateTime, Utc};

use super::fields::{Fields, bounded, duration, timestamp};
use super::names;
use crate::app::assets::{BackupAssets, CopyAssets, RestoreAssets, UpdateAsset};
use crate::app::content::Chunk;
use crate::domain::asset::{Asset, AssetKind, CallRecorded, NewAsset, metadata};
use crate::domain::blob::{Sha256, hex, parse_hex};
use crate::domain::error::{Error, Result};
use crate::domain::extension::Extension;
use crate::domain::name::{AssetName, Note};
use crate::domain::upload::{Announced, MOST_BYTES, Progress};
use crate::proto::v1;
use crate::store::assets::AssetPatch;
use v1::download_asset_response::Content as Downloaded;
use v1::upload_asset_request::Content as Uploaded;

/// How long a recorded call may be.
const LONGEST_CALL: Duration = Duration::from_secs(7 * 24 * 3600);

/// Bytes that a chunk may have.
const LARGEST_CHUNK: usize = 1 << 20;

/// An asset as a message.
pub fn asset(asset: Asset) -> v1::Asset {
    let user = asset.user.map(|user| format!("tenants/{}/users/{user}", asset.tenant_code));
    v1::Asset {
        name: asset.name(),
        etag: asset.etag(),
        kind: kind(asset.kind).into(),
        display_name: asset.display_name,
        size: asset.bytes,
        sha256: hex(&asset.sha256),
        metadata: asset.metadata,
        call: asset.call.map(|call| v1::CallMetadata {
            start_time: Some(timestamp(call.start)),
            duration: Some(duration(call.duration)),
            caller: call.caller,
            called: call.called,
            extension: call.extension.to_string(),
        }),
        user: user.unwrap_or_default(),
        creator: asset.creator,
        create_time: Some(timestamp(asset.created_at)),
        update_time: Some(timestamp(asset.updated_at)),
    }
}

const KINDS: [(AssetKind, v1::asset::Kind); 13] = [
    (AssetKind::Filter, v1::asset::Kind::Filter),
    (AssetKind::Template, v1::asset::Kind::Template),
    (AssetKind::ReportScript, v1::asset::Kind::ReportScript),
    (AssetKind::Database, v1::asset::Kind::Database),
    (AssetKind::Analysis, v1::asset::Kind::Analysis),
    (AssetKind::Dashboard, v1::asset::Kind::Dashboard),
    (AssetKind::Document, v1::asset::Kind::Document),
    (AssetKind::Portal, v1::asset::Kind::Portal),
    (AssetKind::Collaboration, v1::asset::Kind::Collaboration),
    (AssetKind::Process, v1::asset::Kind::Process),
    (AssetKind::Arcm, v1::asset::Kind::Arcm),
    (AssetKind::Recording, v1::asset::Kind::Recording),
    (AssetKind::Other, v1::asset::Kind::Other),
];

fn kind(kind: AssetKind) -> v1::asset::Kind {
    KINDS.iter().find(|(ours, _)| *ours == kind).map_or(v1::asset::Kind::Unspecified, |(_, message)| *message)
}

fn parse_kind(sent: i32) -> Result<AssetKind, String> {
    let found = KINDS.iter().find(|(_, message)| i32::from(*message) == sent);
    let names = || KINDS.iter().map(|(kind, _)| format!("KIND_{}", kind.name())).collect::<Vec<_>>().join(", ");
    found.map(|(kind, _)| *kind).ok_or_else(|| format!("must be one of {}", names()))
}

fn sha256(text: &str) -> Result<Option<Sha256>, String> {
    if text.is_empty() {
        return Ok(None);
    }
    parse_hex(text).map(Some).ok_or_else(|| "must be 64 hexadecimal digits, or empty".to_owned())
}

/// What the first message of an upload announces.
pub fn announced(first: v1::UploadAssetRequest) -> Result<(NewAsset, Announced)> {
    let Some(Uploaded::Header(header)) = first.content else {
        return Err(Error::field("header", "must be the first message of the stream"));
    };
    names::tenant_or_open("header.parent", &header.parent)?;
    let mut fields = Fields::default();
    let kind = fields.take("header.kind", parse_kind(header.kind));
    let display_name = fields.take("header.display_name", AssetName::parse(&header.display_name));
    let metadata = fields.take("header.metadata", metadata(header.metadata));
    let announced = sized(&mut fields, header.size, &header.sha256);
    let call = header.call.map(|sent| call(&mut fields, sent));
    match (kind, &call) {
        (Some(AssetKind::Recording), None) => fields.refuse("header.call", "is required for a recording"),
        (Some(other), Some(_)) if other != AssetKind::Recording => {
            fields.refuse("header.call", "is for recordings alone");
        }
        _ => {}
    }
    let read = || {
        let new = NewAsset { kind: kind?, display_name: display_name?, metadata: metadata?, call: call.flatten() };
        Some((new, announced?))
    };
    fields.finish(read())
}

fn call(fields: &mut Fields, sent: v1::CallMetadata) -> Option<CallRecorded> {
    let party = |text: String| {
        let fits = text.chars().count() <= 100 && !text.chars().any(char::is_control);
        if fits {
            Ok(text)
        } else {
            Err("must have at most 100 characters, none of them a control character".to_owned())
        }
    };
    let start = sent.start_time.ok_or_else(|| "is required".to_owned()).and_then(time);
    let start = fields.take("header.call.start_time", start);
    let lasted = bounded(sent.duration.unwrap_or_default(), LONGEST_CALL);
    let lasted = fields.take("header.call.duration", lasted);
    let caller = fields.take("header.call.caller", party(sent.caller));
    let called = fields.take("header.call.called", party(sent.called));
    let extension = Extension::parse(&sent.extension).and_then(|extension| match extension.count() {
        1 => Ok(extension),
        _ => Err("must be one number".to_owned()),
    });
    let extension = fields.take("header.call.extension", extension);
    Some(CallRecorded { start: start?, duration: lasted?, caller: caller?, called: called?, extension: extension? })
}

fn time(sent: prost_types::Timestamp) -> Result<DateTime<Utc>, String> {
    let nanos = u32::try_from(sent.nanos).ok().filter(|nanos| *nanos < 1_000_000_000);
    let time = nanos.and_then(|nanos| DateTime::from_timestamp(sent.seconds, nanos));
    let years = |time: &DateTime<Utc>| (1900..3000).contains(&chrono::Datelike::year(time));
    time.filter(years).ok_or_else(|| "must be a time from 1900 to 2999".to_owned())
}

/// A further message of an upload.
pub fn uploaded(message: v1::UploadAssetRequest) -> Result<Chunk> {
    match message.content {
        Some(Uploaded::Chunk(chunk)) => sent(Some(chunk)),
        Some(Uploaded::Header(_)) => sent(None),
        None => Err(Error::field("chunk", "must be in each message that follows the header")),
    }
}

/// A chunk of an upload; none: another header came.
pub(super) fn sent(chunk: Option<v1::Chunk>) -> Result<Chunk> {
    match chunk {
        Some(chunk) if chunk.data.len() > LARGEST_CHUNK => {
            Err(Error::field("chunk.data", format!("must have at most {LARGEST_CHUNK} bytes")))
        }
        Some(v1::Chunk { offset, data, crc32c }) => Ok(Chunk { offset, data, crc32c }),
        None => Err(Error::field("header", "must be the first message of the stream, and no other")),
    }
}

/// How much is announced of an upload.
pub(super) fn sized(fields: &mut Fields, size: i64, hash: &str) -> Option<Announced> {
    let bytes = Some(size).filter(|size| (0..=MOST_BYTES).contains(size));
    let bytes = fields.take("header.size", bytes.ok_or_else(|| format!("must be from 0 to {MOST_BYTES}")));
    let sha256 = fields.take("header.sha256", sha256(hash));
    Some(Announced { bytes: bytes?, sha256: sha256? })
}

/// What begins a download.
pub fn download_header(found: Asset) -> v1::DownloadAssetResponse {
    let header = v1::DownloadAssetHeader { asset: Some(asset(found)) };
    v1::DownloadAssetResponse { content: Some(Downloaded::Header(header)) }
}

/// A further message of a download.
pub fn downloaded(piece: Chunk) -> v1::DownloadAssetResponse {
    v1::DownloadAssetResponse { content: Some(Downloaded::Chunk(chunk(piece))) }
}

/// A piece of content as a message.
pub fn chunk(Chunk { offset, data, crc32c }: Chunk) -> v1::Chunk {
    v1::Chunk { offset, data, crc32c }
}

/// What CopyAssets asks for.
pub fn copy(request: v1::CopyAssetsRequest) -> Result<CopyAssets> {
    names::tenant("parent", &request.parent)?;
    let assets = names::all("names", &request.names, 1)?;
    let destination = Some(request.destination).filter(|destination| !destination.is_empty());
    let destination = destination.map(|destination| names::tenant("destination", &destination)).transpose()?;
    Ok(CopyAssets { assets, destination })
}

/// What BackupAssets asks for.
pub fn back_up(request: v1::BackupAssetsRequest) -> Result<BackupAssets> {
    names::tenant("parent", &request.parent)?;
    let assets = names::all("names", &request.names, 1)?;
    let note = Note::parse(&request.note).map_err(|allowed| Error::field("note", allowed))?;
    Ok(BackupAssets { assets, note: note.to_string() })
}

/// What RestoreAssets asks for.
pub fn restore(request: v1::RestoreAssetsRequest) -> Result<RestoreAssets> {
    let backup = names::id("name", &request.name)?;
    Ok(RestoreAssets { backup, assets: names::all("assets", &request.assets, 0)? })
}

/// How far an upload is, as a message.
pub fn upload(found: Progress) -> v1::Upload {
    v1::Upload {
        name: format!("tenants/{}/uploads/{}", found.tenant_code, found.id),
        size: found.bytes,
        received: found.received,
        result: found.result,
        expire_time: Some(timestamp(found.expires_at)),
    }
}

/// What UpdateAsset asks for.
pub fn update(request: v1::UpdateAssetRequest) -> Result<UpdateAsset> {
    let sent = request.asset.unwrap_or_default();
    let id = names::id("asset.name", &sent.name)?;
    let mut fields = Fields::default();
    let changeable = [("display_name", !sent.display_name.is_empty()), ("metadata", !sent.metadata.is_empty())];
    let [display_name, extra] = fields.masked(request.update_mask, changeable);
    let mut patch = AssetPatch::default();
    if display_name {
        patch.display_name = fields.take("asset.display_name", AssetName::parse(&sent.display_name));
    }
    if extra {
        patch.metadata = fields.take("asset.metadata", metadata(sent.metadata));
    }
    fields.finish(Some(UpdateAsset { id, patch, etag: sent.etag }))
}
