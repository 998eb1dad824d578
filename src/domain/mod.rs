//! The rules, without any machinery: names, states, privileges, errors. Nothing here waits, stores or serves.

pub mod access;
pub mod error;
pub mod filter;
pub mod id;
pub mod lifecycle;
pub mod name;
pub(crate) mod names;
pub mod operation;
pub mod privilege;
pub mod tenant;
pub mod user;
