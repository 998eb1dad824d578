//! Servers: where tenants are placed.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::error::{Error, Reason, Refusal, Result};
use super::name::{Locale, Region, TimeZone};

/// The server that tenants are placed on unless another is named.
pub const DEFAULT_SERVER: &str = "default";

/// A server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Server {
    /// Its id, for ever.
    pub id: String,
    /// Where it stands; may be empty.
    pub region: Region,
    /// Its time zone, which tenants on it have unless they choose another.
    pub time_zone: TimeZone,
    /// The language that people there read, by its tag.
    pub locale: Locale,
    /// Since when it can't be reached; none: it can.
    pub unreachable_since: Option<DateTime<Utc>>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it was changed last.
    pub updated_at: DateTime<Utc>,
    /// Grows with each change.
    pub version: i64,
}

impl Server {
    /// `servers/{server}`.
    pub fn name(&self) -> String {
        format!("servers/{}", self.id)
    }

    /// What callers send back to be sure that nobody was faster.
    pub fn etag(&self) -> String {
        format!("\"{:x}\"", self.version)
    }

    /// Refuses to place anything on a server that can't be reached.
    pub fn check_reachable(&self) -> Result<()> {
        let Some(since) = self.unreachable_since else { return Ok(()) };
        let text = format!("{} can't be reached since {}; name another server", self.name(), since.to_rfc3339());
        Err(Error::from(Refusal::new(Reason::ServerUnreachable, text).about(self.name())))
    }
}

/// A server to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewServer {
    /// Its id.
    pub id: String,
    /// Where it stands.
    pub region: Region,
    /// Its time zone.
    pub time_zone: TimeZone,
    /// Its language.
    pub locale: Locale,
}

/// What to change of a server; what is None stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServerPatch {
    /// New region.
    pub region: Option<Region>,
    /// New time zone, for tenants that are placed there from now on.
    pub time_zone: Option<TimeZone>,
    /// New language.
    pub locale: Option<Locale>,
    /// Whether it can be reached.
    pub reachable: Option<bool>,
}
