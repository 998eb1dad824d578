//! Passwords: set by link, changed by their owners.

mod change;
mod link;
mod request;
