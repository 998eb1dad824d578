//! Licences by kind: what the platform has, what tenants have of it, the seats that users take, and what they open.

mod allotments;
mod figures;
mod log_in;
mod privileges;
mod races;
mod seats;
mod system;
