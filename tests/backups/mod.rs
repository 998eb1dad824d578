//! Backups of tenants.

mod crash;
mod create;
mod download;
mod encrypted;
mod hostile;
mod keep;
mod large;
mod last;
mod list;
mod many;
mod midst;
mod real;
mod recover;
mod restore;
mod restore_crash;
mod restore_limits;
mod restore_new;
mod second_store;
mod upload;
mod verify;
