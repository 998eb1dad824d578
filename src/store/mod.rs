//! The only room that speaks to Postgres. One file per noun; `tx` hands out the transactions that they need.

pub mod audit;
pub mod claims;
mod clock;
mod connection;
pub mod directory;
mod enter;
pub mod error;
pub mod expiry;
pub mod identities;
pub mod keys;
pub mod ledger;
pub mod links;
pub mod migrate;
pub mod operations;
pub mod page;
pub mod progress;
pub mod records;
pub mod requests;
mod schema;
pub mod sessions;
pub mod settings;
pub mod tenants;
pub mod transitions;
pub mod tx;
pub mod users;
