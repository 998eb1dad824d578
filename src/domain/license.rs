//! Licences.

use serde::{Deserialize, Serialize};

/// One kind of seat of the system licence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SystemLicense {
    /// Its name.
    pub kind: String,
    /// Seats in all; none: without limit.
    pub quantity: Option<i64>,
    /// Seats that tenants' limits have taken.
    pub reserved: i64,
    /// Grows with each change of the quantity.
    pub version: i64,
}

/// What callers send back to be sure that nobody was faster.
pub fn etag(kinds: &[SystemLicense]) -> String {
    format!("\"{:x}\"", kinds.iter().map(|kind| kind.version).sum::<i64>())
}
