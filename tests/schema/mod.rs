//! Laws over the whole database, read from its catalogue and tried by the roles that they bind.

mod catalogue;
mod constraints;
mod diesel;
mod isolation;
mod keys;
mod lifecycle;
mod list_changes;
mod migrations;
mod rights;
mod state;
mod world;
