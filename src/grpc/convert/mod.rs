//! Between messages and what the use cases speak of. All that is wrong with a request's fields is told at once.

pub mod fields;
pub mod operation;
pub mod page;
pub mod tenant;
