//! The licence of the platform as a whole, by kind of seat.

use std::collections::BTreeMap;

use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::error::failed;
use super::schema::{license_privileges as p, opened_privileges as o, system_licenses as l};
use super::tx::Tx;
use crate::domain::error::Result;
use crate::domain::license::{BASE, NewKind, SystemLicense};
use crate::domain::name::LicenseKind;
use crate::domain::privilege::Privilege;

/// The kinds, by name.
pub async fn load(tx: &mut Tx) -> Result<Vec<SystemLicense>> {
    type Row = (String, Option<i64>, i64, i64, bool);
    let rows = l::table.order(l::kind).select((l::kind, l::quantity, l::reserved, l::version, l::permits_log_in));
    let rows: Vec<Row> = rows.load(tx.conn()).await.map_err(failed)?;
    let mut privileges = opened(tx).await?;
    let license = |(kind, quantity, reserved, version, permits_log_in): Row| SystemLicense {
        privileges: privileges.remove(&kind).unwrap_or_default(),
        kind,
        quantity,
        reserved,
        version,
        permits_log_in,
    };
    Ok(rows.into_iter().map(license).collect())
}

/// The same, held until the transaction ends.
pub async fn load_for_change(tx: &mut Tx) -> Result<Vec<SystemLicense>> {
    l::table.order(l::kind).select(l::kind).for_no_key_update().load::<String>(tx.conn()).await.map_err(failed)?;
    load(tx).await
}

/// The names of the privileges that each kind opens in tenants, in the order of their declaration.
pub(super) async fn opened(tx: &mut Tx) -> Result<BTreeMap<String, Vec<String>>> {
    let rows = o::table.select((o::kind, o::privilege)).load::<(String, String)>(tx.conn()).await.map_err(failed)?;
    let known = rows.into_iter().filter_map(|(kind, name)| Some((Privilege::parse(&name)?, kind)));
    let mut known: Vec<_> = known.filter(|(privilege, _)| !privilege.is_platform()).collect();
    known.sort();
    let mut opened: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (privilege, kind) in known {
        opened.entry(kind).or_default().push(privilege.name().to_owned());
    }
    Ok(opened)
}

/// Adds a kind, or changes it. Fewer seats than are reserved the table does not take.
pub async fn put(tx: &mut Tx, kind: &LicenseKind, new: &NewKind) -> Result<()> {
    let kind = kind.as_str();
    let values = (l::quantity.eq(new.quantity), l::permits_log_in.eq(new.permits_log_in));
    diesel::insert_into(l::table)
        .values((l::kind.eq(kind), values))
        .on_conflict(l::kind)
        .do_update()
        .set(values)
        .execute(tx.conn())
        .await
        .map_err(failed)?;
    diesel::delete(p::table.filter(p::kind.eq(kind))).execute(tx.conn()).await.map_err(failed)?;
    let rows: Vec<_> = new.privileges.iter().map(|one| (p::kind.eq(kind), p::privilege.eq(one.name()))).collect();
    diesel::insert_into(p::table).values(rows).execute(tx.conn()).await.map_err(failed)?;
    Ok(())
}

/// Removes a kind of which no tenant has a seat.
pub async fn remove(tx: &mut Tx, kind: &LicenseKind) -> Result<()> {
    diesel::delete(l::table.find(kind.as_str())).execute(tx.conn()).await.map_err(failed)?;
    Ok(())
}

/// The licence as a whole has changed.
pub async fn raise_version(tx: &mut Tx) -> Result<()> {
    let base = l::table.find(BASE);
    diesel::update(base).set(l::version.eq(l::version + 1)).execute(tx.conn()).await.map_err(failed)?;
    Ok(())
}
