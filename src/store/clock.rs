//! The database's clock, which all leases and deadlines go by, and what else of SQL several files need.

use std::time::Duration;

use diesel::data_types::PgInterval;
use diesel::sql_types::{Integer, Interval};

diesel::define_sql_function! {
    /// The time now, even in a transaction that waited for a lock.
    fn clock_timestamp() -> Timestamptz;
}
diesel::define_sql_function! {
    /// The time that far from now.
    fn time_from_now(distance: Interval) -> Timestamptz;
}
diesel::define_sql_function! {
    /// Waits for others that hold the same two numbers, and holds them until the transaction ends.
    fn pg_advisory_xact_lock(class: Integer, key: Integer);
}

/// What advisory locks are for: the first of their two numbers.
#[derive(Clone, Copy, Debug)]
pub enum LockClass {
    /// Repeats of one request.
    Request = 1,
    /// The rotation of signing keys.
    SigningKeys = 2,
    /// Making tenants while there is to be one only.
    OnlyTenant = 3,
    /// Giving numbers to tenants.
    Extensions = 6,
    /// Publishing content.
    Content = 7,
}

/// The time `distance` from now.
pub fn from_now(distance: Duration) -> time_from_now<PgInterval> {
    time_from_now(interval(distance))
}

/// The time `distance` ago.
pub fn ago(distance: Duration) -> time_from_now<PgInterval> {
    time_from_now(PgInterval::from_microseconds(-microseconds(distance)))
}

/// A duration as the database has it.
pub fn interval(duration: Duration) -> PgInterval {
    PgInterval::from_microseconds(microseconds(duration))
}

fn microseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}
