//! Counts of attempts, by slots that say nothing of who is meant.

use std::time::Duration;

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::Integer;
use diesel_async::RunQueryDsl;

use super::clock::{ago, clock_timestamp};
use super::error::failed;
use super::schema::attempts as a;
use super::tx::Tx;
use crate::domain::attempts::{Counted, FORGOTTEN, Slot};
use crate::domain::error::Result;

/// The longest of the waits that are left in these slots.
pub async fn wait(tx: &mut Tx, slots: &[Slot]) -> Result<Option<Duration>> {
    let kinds: Vec<i32> = slots.iter().map(|slot| slot.counted as i32).collect();
    let numbers: Vec<i32> = slots.iter().map(|slot| slot.number).collect();
    type Row = (i32, i32, i32, DateTime<Utc>, DateTime<Utc>);
    let found: Vec<Row> = a::table
        .filter(a::kind.eq_any(kinds))
        .filter(a::slot.eq_any(numbers))
        .filter(a::last_at.gt(ago(FORGOTTEN)))
        .select((a::kind, a::slot, a::count, a::last_at, clock_timestamp()))
        .load(tx.conn())
        .await
        .map_err(failed)?;
    let waits = slots.iter().filter_map(|slot| {
        let key = (slot.counted as i32, slot.number);
        let (_, _, count, last, now) = found.iter().find(|row| (row.0, row.1) == key)?;
        slot.counted.wait(u32::try_from(*count).ok()?, (*now - *last).to_std().unwrap_or_default())
    });
    Ok(waits.max())
}

/// Counts one more attempt in each of these slots, in their order, which must be the same everywhere.
pub async fn count(tx: &mut Tx, slots: &[Slot]) -> Result<()> {
    for slot in slots {
        let one_more = diesel::sql_query(
            "INSERT INTO attempts AS a (kind, slot) VALUES ($1, $2) ON CONFLICT (kind, slot) DO UPDATE SET
                 count = CASE WHEN a.last_at < clock_timestamp() - interval '1 hour' THEN 1 ELSE a.count + 1 END,
                 last_at = clock_timestamp()",
        );
        let one_more = one_more.bind::<Integer, _>(slot.counted as i32).bind::<Integer, _>(slot.number);
        one_more.execute(tx.conn()).await.map_err(failed)?;
    }
    Ok(())
}

/// Forgets the wrong passwords for an account, once the right one came. Those of the address stay.
pub async fn forgive(tx: &mut Tx, slots: &[Slot]) -> Result<()> {
    for slot in slots.iter().filter(|slot| slot.counted != Counted::Address) {
        let row = a::table.find((slot.counted as i32, slot.number));
        diesel::delete(row).execute(tx.conn()).await.map_err(failed)?;
    }
    Ok(())
}
