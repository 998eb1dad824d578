//! What tenants keep here: assets and their content.

mod back_up;
mod change;
pub mod collect;
pub mod copy;
pub mod kinds;
mod list;
mod quota;
mod recordings;
mod resume;
pub mod s3;
mod sealed;
pub mod store;
mod upload;
