//! The embedded default: everything that Landlord needs, started by Landlord.

pub mod postgres;
