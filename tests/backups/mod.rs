//! Backups of tenants.

mod crash;
mod create;
mod download;
mod keep;
mod last;
mod list;
mod real;
mod restore;
mod restore_crash;
mod restore_limits;
mod verify;
