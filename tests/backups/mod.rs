//! Backups of tenants.

mod crash;
mod create;
mod keep;
mod list;
mod verify;
