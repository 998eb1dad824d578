//! Adapters: what the ports ask for, with real means.

pub mod files;
pub mod mail_folder;
