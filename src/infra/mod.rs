//! Adapters: what the ports ask for, with real means.

pub mod documents;
pub mod domain_probe;
pub mod files;
pub mod mail_folder;
mod mail_message;
pub mod mail_smtp;
pub mod objects;
mod tls;
