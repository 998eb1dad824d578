//! The licence of the platform as a whole, by kind of seat.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::error::failed;
use super::schema::system_licenses as l;
use super::tx::Tx;
use crate::domain::error::Result;
use crate::domain::license::SystemLicense;

type Row = (String, Option<i64>, i64, i64);

const COLUMNS: (l::kind, l::quantity, l::reserved, l::version) = (l::kind, l::quantity, l::reserved, l::version);

fn license((kind, quantity, reserved, version): Row) -> SystemLicense {
    SystemLicense { kind, quantity, reserved, version }
}

/// The kinds, by name.
pub async fn load(tx: &mut Tx) -> Result<Vec<SystemLicense>> {
    let rows = l::table.order(l::kind).select(COLUMNS).load::<Row>(tx.conn()).await;
    Ok(rows.map_err(failed)?.into_iter().map(license).collect())
}

/// The same, held until the transaction ends.
pub async fn load_for_change(tx: &mut Tx) -> Result<Vec<SystemLicense>> {
    let rows = l::table.order(l::kind).select(COLUMNS).for_no_key_update().load::<Row>(tx.conn()).await;
    Ok(rows.map_err(failed)?.into_iter().map(license).collect())
}

/// Sets the quantity of a kind; none: without limit. Less than is reserved the table does not take.
pub async fn set_quantity(tx: &mut Tx, kind: &str, quantity: Option<i64>) -> Result<()> {
    diesel::update(l::table.find(kind))
        .set((l::quantity.eq(quantity), l::version.eq(l::version + 1)))
        .execute(tx.conn())
        .await
        .map_err(failed)?;
    Ok(())
}
