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

/// What UpdateServer asks for: which server, what to change, and the etag.
pub fn update(request: v1::UpdateServerRequest) -> Result<(String, ServerPatch, String)> {
    let sent = request.server.unwrap_or_default();
    let id = server_id("server.name", &sent.name)?;
    let mut fields = Fields::default();
    let changeable = [
        ("region", !sent.region.is_empty()),
        ("time_zone", !sent.time_zone.is_empty()),
        ("locale", !sent.locale.is_empty()),
        ("reachable", sent.reachable.is_some()),
    ];
    let [region, time_zone, locale, reachable] = fields.masked(request.update_mask, changeable);
    let mut patch = ServerPatch::default();
    if region {
        patch.region = fields.take("server.region", Region::parse(&sent.region));
    }
    if time_zone {
        patch.time_zone = fields.take("server.time_zone", TimeZone::parse(&sent.time_zone));
    }
    if locale {
        patch.locale = fields.take("server.locale", Locale::parse(&sent.locale));
    }
    if reachable {
        let sent = sent.reachable.ok_or_else(|| "must be true or false".to_owned());
        patch.reachable = fields.take("server.reachable", sent);
    }
    fields.finish(Some((id, patch, sent.etag)))
}

/// The id in `servers/{server}`.
pub fn server_id(field: &str, name: &str) -> Result<String> {
    names::of_platform("servers/{server}", field, name)
}
