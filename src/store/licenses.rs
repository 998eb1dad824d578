//! The licence of the platform as a whole, by kind of seat.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::error::failed;
use super::schema::system_licenses as l;
use super::tx::Tx;
use crate::domain::error::Result;
use crate::domain::license::SystemLicense;

/// The kinds, by name.
pub async fn load(tx: &mut Tx) -> Result<Vec<SystemLicense>> {
    let rows: Vec<(String, Option<i64>, i64, i64)> = l::table
        .order(l::kind)
        .select((l::kind, l::quantity, l::reserved, l::version))
        .load(tx.conn())
        .await
        .map_err(failed)?;
    let kinds = rows.into_iter();
    Ok(kinds.map(|(kind, quantity, reserved, version)| SystemLicense { kind, quantity, reserved, version }).collect())
}

/// Sets the quantity of a kind; none: without limit. False: more of it is reserved.
pub async fn set_quantity(tx: &mut Tx, kind: &str, quantity: Option<i64>) -> Result<bool> {
    let enough = l::table.filter(l::kind.eq(kind)).filter(l::reserved.le(quantity.unwrap_or(i64::MAX)));
    let changed = diesel::update(enough)
        .set((l::quantity.eq(quantity), l::version.eq(l::version + 1)))
        .execute(tx.conn())
        .await
        .map_err(failed)?;
    Ok(changed == 1)
}
