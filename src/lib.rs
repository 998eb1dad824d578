//! Landlord: the control plane of a multi-tenant platform.
//!
//! The rooms, from the top down; each imports only what stands below it (see ARCHITECTURE.md, and the test that keeps it).

pub mod client;
pub mod config;
pub mod domain;
pub mod grpc;
pub mod http;
pub mod proto;
pub mod telemetry;
