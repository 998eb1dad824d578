//! Use cases on extensions: operators give numbers to tenants, and a tenant's administrators give them to its users.

mod allocate;
mod list;
mod ranges;

pub use allocate::{Taken, Wanted};
pub use list::ExtensionPage;
