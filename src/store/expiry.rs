//! Removes what has served its time, a batch with each transaction.

use std::time::Duration;

use diesel::sql_types::Interval;
use diesel_async::RunQueryDsl;

use super::clock::interval;
use super::error::failed;
use super::tx::PlatformTx;
use crate::domain::error::Result;

/// What expires. How long each is kept beyond its time stands in the policies, too, which let no more be removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expiring {
    /// The first answers to request ids, once repeats are no longer recognized.
    Requests,
    /// Sessions, a day after their end.
    Sessions,
    /// Links, a month after their end.
    Links,
    /// Counts of attempts, once they are forgotten.
    Attempts,
    /// Log-ins, two weeks after them.
    LogIns,
}

impl Expiring {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Requests, Self::Sessions, Self::Links, Self::Attempts, Self::LogIns];

    const fn batch(self) -> &'static str {
        match self {
            Self::Requests => {
                "DELETE FROM requests WHERE ctid = ANY (ARRAY(
                     SELECT ctid FROM requests WHERE created_at < clock_timestamp() - $1 LIMIT 1000))"
            }
            Self::Sessions => {
                "DELETE FROM sessions WHERE ctid = ANY (ARRAY(
                     SELECT ctid FROM sessions
                     WHERE least(ended_at, expires_at) < clock_timestamp() - interval '1 day' LIMIT 1000))"
            }
            Self::Links => {
                "DELETE FROM links WHERE ctid = ANY (ARRAY(
                     SELECT ctid FROM links
                     WHERE expires_at < clock_timestamp() - interval '30 days' LIMIT 1000))"
            }
            Self::Attempts => {
                "DELETE FROM attempts WHERE ctid = ANY (ARRAY(
                     SELECT ctid FROM attempts WHERE last_at < clock_timestamp() - interval '1 hour' LIMIT 1000))"
            }
            Self::LogIns => {
                "DELETE FROM log_ins WHERE ctid = ANY (ARRAY(
                     SELECT ctid FROM log_ins
                     WHERE folded AND at < clock_timestamp() - interval '14 days' LIMIT 1000))"
            }
        }
    }
}

/// Removes a batch of what has expired; says how many rows went. Answers are kept for `repeat_window`.
pub async fn remove(tx: &mut PlatformTx, what: Expiring, repeat_window: Duration) -> Result<usize> {
    let batch = diesel::sql_query(what.batch());
    let removed = match what {
        Expiring::Requests => batch.bind::<Interval, _>(interval(repeat_window)).execute(tx.conn()).await,
        Expiring::Sessions | Expiring::Links | Expiring::Attempts | Expiring::LogIns => batch.execute(tx.conn()).await,
    };
    removed.map_err(failed)
}
