//! The life of a tenant as a model: its rules, and the service held to them by random calls. `tests/leases` goes through the
//! leases of its work by the same rules.

mod books;
mod random_calls;
mod rules;
mod service;
#[allow(dead_code, reason = "whom a step asks is for the model of leases")]
mod work;
