//! Between messages and what the use cases speak of. All that is wrong with a request's fields is told at once.

pub mod admin;
pub mod asset;
pub mod backup;
pub mod domain;
pub mod event;
pub mod extension;
pub mod fields;
pub mod identity_provider;
pub mod license;
pub mod limits;
pub mod mail_text;
pub mod names;
pub mod obstacle;
pub mod operation;
pub mod page;
pub mod role;
pub mod server;
pub mod service_identity;
pub mod session;
pub mod tenant;
pub mod user;
pub mod utilization;
