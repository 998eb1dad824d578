//! The domains of tenants, and what is known of them.

use std::time::Duration;

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Interval, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use uuid::Uuid;

use super::clock::{clock_timestamp, from_now, interval};
use super::error::{failed, is_duplicate};
use super::schema::{tenant_domains as d, tenants as t};
use super::tx::{PlatformTx, Tx};
use crate::domain::error::{Error, Reason, Refusal, Result};
use crate::domain::id::TenantUid;
use crate::domain::name::DomainName;
use crate::domain::tenant_domain::{Silence, TenantDomain};

#[diesel::dsl::auto_type(no_type_alias)]
pub(super) fn columns() -> _ {
    ((d::domain, d::challenge, d::verified, d::secure, d::problem), (d::silent_checks, d::silent_since, d::checked_at))
}

pub(super) type Row = ((String, String, bool, bool, String), (i32, Option<DateTime<Utc>>, Option<DateTime<Utc>>));

pub(super) fn domain(row: Row) -> TenantDomain {
    let ((name, challenge, verified, secure, problem), (silent_checks, silent_since, checked_at)) = row;
    let silence = silent_since.map(|since| Silence { checks: silent_checks, since });
    TenantDomain { name: DomainName::stored(name), challenge, verified, secure, problem, silence, checked_at }
}

/// The domain of the transaction's tenant, if it has one.
pub async fn load(tx: &mut Tx) -> Result<Option<TenantDomain>> {
    let row = d::table.find(tx.tenant().0).select(columns()).first::<Row>(tx.conn()).await;
    Ok(row.optional().map_err(failed)?.map(domain))
}

/// The same, held until the transaction ends, and the time now. Who changes the domain holds the tenant before.
pub async fn load_for_change(tx: &mut Tx) -> Result<Option<(TenantDomain, DateTime<Utc>)>> {
    let row = d::table.find(tx.tenant().0).select(d::tenant_id).for_no_key_update().first::<Uuid>(tx.conn()).await;
    if row.optional().map_err(failed)?.is_none() {
        return Ok(None);
    }
    let now = diesel::select(clock_timestamp()).get_result(tx.conn()).await.map_err(failed)?;
    Ok(load(tx).await?.map(|domain| (domain, now)))
}

/// Gives the transaction's tenant that domain, of which nothing is known yet, in the place of the one that it has.
pub async fn set(tx: &mut Tx, name: &DomainName, challenge: &str) -> Result<()> {
    remove(tx).await?;
    let tenant = tx.tenant().0;
    let named = diesel::update(t::table.find(tenant)).set(t::domain.eq(name.as_str())).execute(tx.conn()).await;
    named.map_err(|error| if is_duplicate(&error, "tenants_domain_key") { taken(name) } else { failed(error) })?;
    diesel::insert_into(d::table)
        .values((d::tenant_id.eq(tenant), d::domain.eq(name.as_str()), d::challenge.eq(challenge)))
        .execute(tx.conn())
        .await
        .map_err(failed)?;
    Ok(())
}

fn taken(name: &DomainName) -> Error {
    let text = format!("{name} is the domain of a tenant already; remove it there first");
    Refusal::new(Reason::ResourceExists, text).into()
}

/// Takes the domain from the transaction's tenant, if it has one.
pub async fn remove(tx: &mut Tx) -> Result<()> {
    let tenant = tx.tenant().0;
    diesel::delete(d::table.find(tenant)).execute(tx.conn()).await.map_err(failed)?;
    let row = t::table.find(tenant).filter(t::domain.is_not_null());
    diesel::update(row).set(t::domain.eq(None::<String>)).execute(tx.conn()).await.map_err(failed)?;
    Ok(())
}

/// Writes down what is known of the domain of the transaction's tenant by now, and when it is to be checked next.
pub async fn note(tx: &mut Tx, known: &TenantDomain, next_check: Duration) -> Result<()> {
    diesel::update(d::table.find(tx.tenant().0))
        .set((
            d::verified.eq(known.verified),
            d::secure.eq(known.secure),
            d::problem.eq(&known.problem),
            d::silent_checks.eq(known.silence.map_or(0, |silence| silence.checks)),
            d::silent_since.eq(known.silence.map(|silence| silence.since)),
            d::checked_at.eq(known.checked_at),
            d::check_after.eq(from_now(next_check)),
        ))
        .execute(tx.conn())
        .await
        .map_err(failed)?;
    Ok(())
}

/// The tenant that has that domain, operational or not, with its code.
pub async fn tenant_at(tx: &mut PlatformTx, name: &DomainName) -> Result<Option<(TenantUid, String)>> {
    let found = t::table.filter(t::domain.eq(name.as_str())).select((t::tenant_id, t::code));
    let found: Option<(Uuid, String)> = found.first(tx.conn()).await.optional().map_err(failed)?;
    Ok(found.map(|(uid, code)| (TenantUid(uid), code)))
}

#[derive(QueryableByName)]
struct Claimed {
    #[diesel(sql_type = SqlUuid)]
    tenant_id: Uuid,
}

/// Without MATERIALIZED the planner may run the inner query again for each row and lock more than its limit.
const CLAIM: &str = "
    WITH due AS MATERIALIZED (
        SELECT tenant_id FROM tenant_domains WHERE check_after <= clock_timestamp()
        ORDER BY check_after LIMIT $1
        FOR NO KEY UPDATE SKIP LOCKED)
    UPDATE tenant_domains d SET check_after = clock_timestamp() + $2
    FROM due WHERE d.tenant_id = due.tenant_id
    RETURNING d.tenant_id";

/// Takes at most so many domains that are due, for so long: the others leave them alone meanwhile.
pub async fn claim(tx: &mut PlatformTx, most: i64, lease: Duration) -> Result<Vec<TenantUid>> {
    let claim = diesel::sql_query(CLAIM).bind::<BigInt, _>(most).bind::<Interval, _>(interval(lease));
    let claimed: Vec<Claimed> = claim.load(tx.conn()).await.map_err(failed)?;
    Ok(claimed.into_iter().map(|row| TenantUid(row.tenant_id)).collect())
}
