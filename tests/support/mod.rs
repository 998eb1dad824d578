//! Starts what the tests need, once for the whole run where that is possible.

pub mod archives;
pub mod assets;
pub mod backups;
pub mod bucket;
pub mod calls;
pub mod client;
pub mod command;
pub mod database;
pub mod directory;
pub mod extensions;
pub mod golden;
pub mod identities;
pub mod impersonation;
pub mod licenses;
pub mod lifecycle;
pub mod mail;
pub mod outage;
pub mod process;
pub mod proxy;
pub mod random;
pub mod raw;
pub mod reaper;
pub mod server;
pub mod services;
pub mod sessions;
pub mod smtp;
