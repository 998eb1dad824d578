//! Landlord: the control plane of a multi-tenant platform.
//!
//! The rooms, from the bottom up; each imports only what stands above it in this list. ARCHITECTURE.md draws them, and a
//! test keeps them.

pub mod domain;
pub mod proto;

pub mod client;
pub mod config;
pub mod telemetry;

pub mod authn;
pub mod authz;
pub mod context;
pub mod store;
pub mod vault;

pub mod snapshot;

pub mod ports;

pub mod app;
pub mod infra;
pub mod operations;

pub mod grpc;
pub mod http;

pub mod boot;
pub mod dev;
pub mod failpoints;
