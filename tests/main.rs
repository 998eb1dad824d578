//! All tests that need the whole service: through the public gRPC API, against real Postgres. Files are named after what
//! they show; `support/` starts the servers.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "in tests a panic is how a failure is said")]
#![allow(clippy::print_stdout, reason = "it is shown with the test that fails, and says how far that got")]

mod support;

mod admin;
mod architecture;
mod assets;
mod backups;
mod crashes;
mod dev_command;
mod directory;
mod domains;
mod events;
mod expiry;
mod extensions;
mod faults;
mod fields;
mod impersonation;
mod input;
mod licenses;
mod mail;
mod matrix;
mod metadata;
mod model;
mod mutants;
mod oidc;
mod operations;
mod postgres_outages;
mod protos;
mod reflection;
mod repeats;
mod rooms;
mod schema;
mod serve_command;
mod servers;
mod services;
mod sessions;
mod shutdown;
mod smoke;
mod steering;
mod stores;
mod tenants;
mod tour;
mod users;
mod utilization;
