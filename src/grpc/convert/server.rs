//! Servers as messages, and the requests that make and change them.

use super::fields::{Fields, timestamp};
use super::names;
use crate::domain::error::Result;
use crate::domain::name::{Locale, Region, TimeZone, slug};
use crate::domain::server::{NewServer, Server, ServerPatch};
use crate::proto::v1;

/// A server as a message.
pub fn server(server: Server) -> v1::Server {
    v1::Server {
        name: server.name(),
        etag: server.etag(),
        region: server.region.to_string(),
        time_zone: server.time_zone.to_string(),
        locale: server.locale.to_string(),
        reachable: Some(server.unreachable_since.is_none()),
        unreachable_since: server.unreachable_since.map(timestamp),
        create_time: Some(timestamp(server.created_at)),
        update_time: Some(timestamp(server.updated_at)),
    }
}

/// What CreateServer asks for.
pub fn create(request: v1::CreateServerRequest) -> Result<NewServer> {
    let mut fields = Fields::default();
    let sent = request.server.unwrap_or_default();
    let or = |text: String, default: &str| if text.is_empty() { default.to_owned() } else { text };
    let id = fields.take("server_id", slug(&request.server_id));
    let region = fields.take("server.region", Region::parse(&sent.region));
    let zone = fields.take("server.time_zone", TimeZone::parse(&or(sent.time_zone, "UTC")));
    let locale = fields.take("server.locale", Locale::parse(&or(sent.locale, "en")));
    let new = || Some(NewServer { id: id?, region: region?, time_zone: zone?, locale: locale? });
    let new = new();
    fields.finish(new)
}

/// The fields that UpdateServer changes.
const CHANGEABLE: [&str; 4] = ["region", "time_zone", "locale", "reachable"];

/// What UpdateServer asks for: which server, what to change, and the etag.
pub fn update(request: v1::UpdateServerRequest) -> Result<(String, ServerPatch, String)> {
    let sent = request.server.unwrap_or_default();
    let id = server_id("server.name", &sent.name)?;
    let filled =
        [!sent.region.is_empty(), !sent.time_zone.is_empty(), !sent.locale.is_empty(), sent.reachable.is_some()];
    let populated =
        || CHANGEABLE.iter().zip(filled).filter(|(_, filled)| *filled).map(|(path, _)| (*path).to_owned()).collect();
    let paths: Vec<String> = request.update_mask.map_or_else(populated, |mask| mask.paths);
    let mut fields = Fields::default();
    let mut patch = ServerPatch::default();
    for path in &paths {
        match path.as_str() {
            "region" => patch.region = fields.take("server.region", Region::parse(&sent.region)),
            "time_zone" => patch.time_zone = fields.take("server.time_zone", TimeZone::parse(&sent.time_zone)),
            "locale" => patch.locale = fields.take("server.locale", Locale::parse(&sent.locale)),
            "reachable" => {
                let reachable = sent.reachable.ok_or_else(|| "must be true or false".to_owned());
                patch.reachable = fields.take("server.reachable", reachable);
            }
            _ => fields.refuse("update_mask", format!("may name {} only, not {path}", CHANGEABLE.join(", "))),
        }
    }
    if paths.is_empty() {
        fields.refuse("update_mask", format!("must name at least one of {}", CHANGEABLE.join(", ")));
    }
    fields.finish(Some((id, patch, sent.etag)))
}

/// The id in `servers/{server}`.
pub fn server_id(field: &str, name: &str) -> Result<String> {
    names::of_platform("servers/{server}", field, name)
}
