//! Servers, where tenants are placed.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::clock::clock_timestamp;
use super::error::{failed, is_duplicate, is_reference};
use super::schema::servers as s;
use super::tx::Tx;
use crate::domain::error::{Reason, Refusal, Result};
use crate::domain::name::{Locale, Region, TimeZone};
use crate::domain::server::{DEFAULT_SERVER, NewServer, Server, ServerPatch};

type Row = (String, String, String, String, Option<DateTime<Utc>>, DateTime<Utc>, DateTime<Utc>, i64);

#[diesel::dsl::auto_type(no_type_alias)]
fn columns() -> _ {
    (s::id, s::region, s::time_zone, s::locale, s::unreachable_since, s::created_at, s::updated_at, s::version)
}

fn server((id, region, zone, locale, unreachable_since, created_at, updated_at, version): Row) -> Server {
    Server {
        id,
        region: Region::stored(region),
        time_zone: TimeZone::stored(zone),
        locale: Locale::stored(locale),
        unreachable_since,
        created_at,
        updated_at,
        version,
    }
}

/// One server.
pub async fn load(tx: &mut Tx, id: &str) -> Result<Option<Server>> {
    let row = s::table.find(id).select(columns()).first::<Row>(tx.conn()).await;
    Ok(row.optional().map_err(failed)?.map(server))
}

/// The same, kept from being deleted until the transaction ends.
pub async fn load_to_stay(tx: &mut Tx, id: &str) -> Result<Option<Server>> {
    let row = s::table.find(id).select(columns()).for_key_share().first::<Row>(tx.conn()).await;
    Ok(row.optional().map_err(failed)?.map(server))
}

/// The same, held until the transaction ends.
pub async fn load_for_change(tx: &mut Tx, id: &str) -> Result<Option<Server>> {
    let row = s::table.find(id).select(columns()).for_no_key_update().first::<Row>(tx.conn()).await;
    Ok(row.optional().map_err(failed)?.map(server))
}

/// Servers in the order of their ids, from behind the given one.
pub async fn list(tx: &mut Tx, after: &str, limit: i64) -> Result<Vec<Server>> {
    let rows =
        s::table.filter(s::id.gt(after)).order(s::id).limit(limit).select(columns()).load::<Row>(tx.conn()).await;
    Ok(rows.map_err(failed)?.into_iter().map(server).collect())
}

/// How many there are.
pub async fn count(tx: &mut Tx) -> Result<i64> {
    s::table.count().get_result(tx.conn()).await.map_err(failed)
}

/// Makes sure that the default server is there.
pub async fn ensure_default(tx: &mut Tx) -> Result<()> {
    diesel::insert_into(s::table)
        .values(s::id.eq(DEFAULT_SERVER))
        .on_conflict(s::id)
        .do_nothing()
        .execute(tx.conn())
        .await
        .map_err(failed)?;
    Ok(())
}

/// Adds a server.
pub async fn insert(tx: &mut Tx, new: &NewServer) -> Result<()> {
    let row = (
        s::id.eq(&new.id),
        s::region.eq(new.region.as_str()),
        s::time_zone.eq(new.time_zone.as_str()),
        s::locale.eq(new.locale.as_str()),
    );
    diesel::insert_into(s::table).values(row).execute(tx.conn()).await.map_err(|error| {
        if !is_duplicate(&error, "servers_pkey") {
            return failed(error);
        }
        let name = format!("servers/{}", new.id);
        Refusal::new(Reason::ResourceExists, format!("there is a server {name} already")).about(name).into()
    })?;
    Ok(())
}

#[derive(AsChangeset)]
#[diesel(table_name = s, treat_none_as_null = false)]
struct Change<'a> {
    region: Option<&'a str>,
    time_zone: Option<&'a str>,
    locale: Option<&'a str>,
}

/// Changes a server.
pub async fn update(tx: &mut Tx, id: &str, patch: &ServerPatch) -> Result<()> {
    let change = Change {
        region: patch.region.as_ref().map(Region::as_str),
        time_zone: patch.time_zone.as_ref().map(TimeZone::as_str),
        locale: patch.locale.as_ref().map(Locale::as_str),
    };
    diesel::update(s::table.find(id))
        .set((change, s::version.eq(s::version + 1), s::updated_at.eq(clock_timestamp())))
        .execute(tx.conn())
        .await
        .map_err(failed)?;
    let reached = match patch.reachable {
        Some(true) => {
            diesel::update(s::table.find(id))
                .set(s::unreachable_since.eq(None::<DateTime<Utc>>))
                .execute(tx.conn())
                .await
        }
        // Since when is what it was, if it was so before.
        Some(false) => {
            let reachable = s::table.find(id).filter(s::unreachable_since.is_null());
            diesel::update(reachable)
                .set(s::unreachable_since.eq(clock_timestamp().nullable()))
                .execute(tx.conn())
                .await
        }
        None => return Ok(()),
    };
    reached.map_err(failed)?;
    Ok(())
}

/// Removes a server. False: tenants are placed on it.
pub async fn delete(tx: &mut Tx, id: &str) -> Result<bool> {
    match diesel::delete(s::table.find(id)).execute(tx.conn()).await {
        Ok(_) => Ok(true),
        Err(error) if is_reference(&error) => Ok(false),
        Err(error) => Err(failed(error)),
    }
}
