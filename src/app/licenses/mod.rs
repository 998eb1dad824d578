//! Use cases on licences: the system licence, what tenants have of it, and the seats that their users take.

mod allotments;
mod seats;
mod system;

pub use seats::SeatHolders;
pub(super) use seats::take_seat;
