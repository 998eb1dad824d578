//! Users, where they work, their groups and roles, and the privileges of these.

mod account;
mod administrators;
mod assignment;
mod groups;
mod guests;
mod isolation;
mod list;
mod model;
mod privileges;
mod races;
mod revocation;
mod roles;
