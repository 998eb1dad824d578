//! Positions in ordered lists: each order ends in a unique key, so a page begins right after the last row of the one before.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::domain::id::TenantUid;

/// The orders in which tenants are listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Order {
    /// By name, without regard to case.
    DisplayName,
    /// By code.
    Code,
    /// By state.
    State,
    /// By age.
    CreateTime,
}

/// The last row of a page, by its key in the order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    /// Its key, where the order is one of texts.
    pub text: String,
    /// Its key, where the order is one of times.
    pub time: Option<DateTime<Utc>>,
    /// The row.
    pub uid: TenantUid,
}
