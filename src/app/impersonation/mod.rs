//! Whom operators may act for in a tenant: the list of its targets.

mod targets;

pub use targets::SetTarget;
