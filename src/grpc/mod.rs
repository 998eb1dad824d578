//! What tonic serves: the layers that a call passes, the guard, one file per service, and the one place where errors
//! become statuses.

mod acting;
pub mod admin_service;
pub mod asset_service;
pub mod backup_service;
pub mod call;
mod client_address;
pub mod codec;
pub mod convert;
mod directory;
pub mod event_service;
pub mod guard;
pub mod guarded;
pub mod interceptors;
pub mod layers;
pub mod operation_service;
mod peer;
pub mod server;
mod service_caller;
pub mod session_service;
pub mod status;
pub mod tenant_service;
pub mod tls;
pub mod user_service;
