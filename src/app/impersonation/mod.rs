//! Whom operators may act for in a tenant: the list of its targets.

mod superuser;
mod targets;

pub use superuser::{Check, Repair};
pub use targets::SetTarget;
