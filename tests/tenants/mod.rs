//! Tenants: each call's good case, and each reason to refuse it.

mod access;
mod create;
mod deletion;
mod list;
mod lock;
mod retry;
mod update;
