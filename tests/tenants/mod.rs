//! Tenants: each call's good case, and each reason to refuse it.

mod access;
mod create;
mod deletion;
mod features;
mod force;
mod limits;
mod list;
mod lock;
mod races;
mod retry;
mod single;
mod update;
