//! What tenants keep here: assets and their content.

mod change;
pub mod collect;
mod copy;
pub mod kinds;
mod list;
mod quota;
mod recordings;
mod resume;
mod s3;
mod sealed;
pub mod store;
mod upload;
