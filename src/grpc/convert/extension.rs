//! Extensions as messages, and the requests that give them away.

use super::fields::Fields;
use super::names;
use crate::app::extensions::{Taken, Wanted};
use crate::domain::error::{Error, Result};
use crate::domain::extension::{Extension, Extensions, MOST_RANGES, Stretch, TenantExtensions};
use crate::proto::v1;

/// The extensions of a tenant as a message.
pub fn tenant_extensions(tenant: &str, found: &TenantExtensions) -> v1::TenantExtensions {
    v1::TenantExtensions {
        name: format!("{tenant}/extensions"),
        ranges: found.numbers.ranges().iter().map(Extension::to_string).collect(),
        numbers: found.numbers.count(),
        allocated: found.allocated,
        etag: found.numbers.etag(),
    }
}

/// The numbers that a request has as ranges.
pub fn ranges(sent: &[String]) -> Result<Extensions> {
    let mut fields = Fields::default();
    if sent.len() > MOST_RANGES {
        fields.refuse("ranges", format!("must be at most {MOST_RANGES}"));
        return fields.finish(None);
    }
    let ranges: Vec<_> = sent.iter().filter_map(|text| fields.take("ranges", Extension::parse(text))).collect();
    fields.finish(Some(ranges.into_iter().collect()))
}

/// Who is to have which numbers, or to have them no longer.
pub fn wanted(user: &str, extension: &str) -> Result<Wanted> {
    let numbers = Extension::parse(extension).map_err(|allowed| Error::field("extension", allowed))?;
    Ok(Wanted { user: names::id("user", user)?, numbers })
}

/// Extensions that an answer to a change has at most.
const MOST_SHOWN: usize = 1000;

/// Whose numbers were taken, as messages.
pub fn taken(taken: Taken) -> Vec<v1::Extension> {
    taken.from.into_iter().take(MOST_SHOWN).map(|from| stretch(&taken.tenant_code, from)).collect()
}

/// A row of the list as a message.
pub fn stretch(tenant_code: &str, stretch: Stretch) -> v1::Extension {
    let (user, user_name) = match stretch.user {
        Some((user, user_name)) => (format!("tenants/{tenant_code}/users/{user}"), user_name),
        None => (String::new(), String::new()),
    };
    v1::Extension { extension: stretch.numbers.to_string(), user, user_name }
}
