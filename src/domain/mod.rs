//! The rules, without any machinery: names, states, privileges, errors. Nothing here waits, stores or serves.

pub mod access;
pub mod account;
pub mod attempts;
pub mod error;
pub mod event;
pub mod filter;
pub mod fold;
pub mod group;
pub mod id;
pub mod license;
pub mod lifecycle;
pub mod limits;
pub mod mail;
pub mod name;
pub mod named;
pub(crate) mod names;
pub mod networks;
pub mod operation;
pub mod page;
pub mod privilege;
pub mod role;
pub mod server;
pub mod tenant;
pub mod tenant_list;
pub mod user;
pub mod user_list;
