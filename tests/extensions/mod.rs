//! Extensions: telephone numbers, given to tenants by operators and to users by the tenants' administrators.

mod model;
mod races;
mod ranges;
mod silence;
mod users;
