//! The list of tenants: the rows of a page, and what has changed for those who keep the list in memory.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use chrono::DateTime;
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Jsonb, Nullable, Text};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::clock::clock_timestamp;
use super::error::failed;
use super::schema::{
    operations as o, servers, settings, tenant_domains as d, tenant_licenses as tl, tenant_limits as l, tenants as t,
    unlicensed_privileges as n, users,
};
use super::tenants::{Row, columns, tenant};
use super::tx::{PlatformTx, Tx};
use super::{domains, last_backups, log_ins};
use crate::domain::error::{Error, Result};
use crate::domain::id::{OperationId, TenantUid};
use crate::domain::license::{self, LicenseUse};
use crate::domain::lifecycle::{LockReason, State};
use crate::domain::limits::Limits;
use crate::domain::name::{Labels, TimeZone};
use crate::domain::operation::Kind;
use crate::domain::privilege::Privilege;
use crate::domain::tenant::{CurrentOperation, Overview, Tenant};
use crate::domain::tenant_domain::TenantDomain;
use crate::domain::user::UserState;
use crate::domain::utilization::{Utilization, Week};

/// A row of the list.
#[derive(Clone, Debug, PartialEq)]
pub struct Listed {
    /// The tenant.
    pub tenant: Tenant,
    /// What the account lacks that can be acted for, or the one that lacks least; none: there is no such account.
    pub target_lacks: Option<Vec<Privilege>>,
    /// Whether its server can be reached.
    pub server_reachable: bool,
    /// Its limits, with what is in use.
    pub limits: Limits,
    /// What the work on it waits for; empty: nothing.
    pub waiting_for: String,
    /// Its figures.
    pub overview: Overview,
    /// Whether tenants may be prepared and deleted in one call.
    pub force_enabled: bool,
    /// Its domain, if it has one.
    pub domain: Option<TenantDomain>,
    /// The current week where its server stands.
    pub week: Week,
    /// How late it is there.
    pub zone: TimeZone,
}

type ListedRow = (
    Row,
    (Option<Vec<String>>, bool, bool, i32),
    (String, DateTime<chrono::Utc>),
    (Option<i64>, Option<i64>, i64, i64, i64, i64),
    Option<serde_json::Value>,
    Option<(Uuid, String, i32, String)>,
    Option<domains::Row>,
);

diesel::define_sql_function! {
    /// How many elements an array has.
    fn cardinality(array: Array<Text>) -> Integer;
}
diesel::define_sql_function! {
    /// An array of two numbers.
    fn jsonb_build_array(first: BigInt, second: BigInt) -> Jsonb;
}
diesel::define_sql_function! {
    /// An object of all rows, by key; null: there are none.
    #[aggregate]
    fn jsonb_object_agg(key: Text, value: Jsonb) -> Nullable<Jsonb>;
}

/// How much of a row is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail {
    /// All but what is counted for it.
    Basic,
    /// With its utilization and its backups, too.
    Full,
}

/// The tenants of these uids, in one query, in no particular order. Those that are gone are missing. What is counted comes
/// from another one.
pub async fn page(tx: &mut PlatformTx, uids: &[TenantUid], detail: Detail) -> Result<Vec<Listed>> {
    rows(tx.conn(), uids, detail).await
}

/// The transaction's tenant, as a row of the list; None once it is gone.
pub async fn one(tx: &mut Tx, detail: Detail) -> Result<Option<Listed>> {
    let tenant = tx.tenant();
    Ok(rows(tx.conn(), &[tenant], detail).await?.pop())
}

async fn rows(conn: &mut AsyncPgConnection, uids: &[TenantUid], detail: Detail) -> Result<Vec<Listed>> {
    let uids: Vec<Uuid> = uids.iter().map(|uid| uid.0).collect();
    let lacks = users::table
        .filter(users::tenant_id.eq(t::tenant_id))
        .filter(users::impersonation_target)
        .filter(users::state.eq(UserState::Active.name()))
        .order(cardinality(users::lacks))
        .limit(1)
        .select(users::lacks);
    // At most one such operation of a tenant is unfinished, by a unique key.
    let working = o::tenant_id.eq(t::tenant_id).and(o::exclusive).and(o::ended_at.is_null());
    let licenses = tl::table
        .filter(tl::tenant_id.eq(t::tenant_id))
        .select(jsonb_object_agg(tl::kind, jsonb_build_array(tl::quantity, tl::used)));
    let found = t::table
        .inner_join(servers::table.on(servers::id.eq(t::server)))
        .inner_join(l::table.on(l::tenant_id.eq(t::tenant_id)))
        .inner_join(settings::table.on(settings::only_one))
        .left_join(o::table.on(working))
        .left_join(d::table.on(d::tenant_id.eq(t::tenant_id)))
        .filter(t::tenant_id.eq_any(uids))
        .select((
            columns(),
            (
                lacks.single_value(),
                servers::unreachable_since.is_null(),
                settings::force_delete_enabled,
                settings::limit_warning_percent,
            ),
            (servers::time_zone, clock_timestamp()),
            (l::max_users, l::disk_quota, l::users, l::storage_bytes, l::version, l::assets),
            licenses.single_value(),
            (o::id, o::kind, o::percent, o::waiting_for).nullable(),
            domains::columns().nullable(),
        ))
        .load::<ListedRow>(conn)
        .await
        .map_err(failed)?;
    let mut rows: Vec<Listed> = found.into_iter().map(listed).collect::<Result<_>>()?;
    leave_out_unlicensed(conn, &mut rows).await?;
    if detail == Detail::Full {
        count_log_ins(conn, &mut rows).await?;
        let tenants: Vec<_> = rows.iter().map(|row| (row.tenant.uid.0, row.zone.clone())).collect();
        let mut backups = last_backups::of(conn, &tenants).await?;
        for row in &mut rows {
            row.overview.backups = Some(backups.remove(&row.tenant.uid.0).unwrap_or_default());
        }
    }
    Ok(rows)
}

/// Adds how much the tenants are used. Log-ins are counted where that can be told.
async fn count_log_ins(conn: &mut AsyncPgConnection, rows: &mut [Listed]) -> Result<()> {
    let mut asked = Vec::new();
    let mut counts = Vec::new();
    for row in rows {
        let licenses = license::total(row.overview.licenses.iter()).map_or(0, |total| total.quantity);
        let uncounted = Utilization::uncounted(row.tenant.state, row.server_reachable, licenses, row.week);
        if let Utilization::Counted { log_ins, .. } = row.overview.utilization.insert(uncounted) {
            asked.push((row.tenant.uid.0, row.week.start));
            counts.push(log_ins);
        }
    }
    if asked.is_empty() {
        return Ok(());
    }
    for (log_ins, count) in counts.into_iter().zip(log_ins::since(conn, &asked).await?) {
        *log_ins = count;
    }
    Ok(())
}

/// What a tenant's licences don't open nobody lacks there. Few accounts lack anything, so this mostly asks nothing.
async fn leave_out_unlicensed(conn: &mut AsyncPgConnection, rows: &mut [Listed]) -> Result<()> {
    let mut lacking: Vec<_> = rows
        .iter_mut()
        .filter_map(|row| Some((row.tenant.uid.0, row.target_lacks.as_mut().filter(|lacks| !lacks.is_empty())?)))
        .collect();
    if lacking.is_empty() {
        return Ok(());
    }
    let tenants: Vec<Uuid> = lacking.iter().map(|(tenant, _)| *tenant).collect();
    let unlicensed = n::table.filter(n::tenant_id.eq_any(tenants)).select((n::tenant_id, n::privilege));
    let unlicensed: BTreeSet<(Uuid, String)> = unlicensed.load(conn).await.map_err(failed)?.into_iter().collect();
    for (tenant, lacks) in &mut lacking {
        lacks.retain(|privilege| !unlicensed.contains(&(*tenant, privilege.name().to_owned())));
    }
    Ok(())
}

fn listed(row: ListedRow) -> Result<Listed> {
    let (
        row,
        (lacks, server_reachable, force_enabled, warning_percent),
        (zone, now),
        limits,
        licenses,
        operation,
        domain,
    ) = row;
    let (max_users, disk_quota, users, storage_bytes, version, assets) = limits;
    let mut waiting_for = String::new();
    let current = operation.map(|(id, kind, percent, waits)| {
        let kind = Kind::parse(&kind).ok_or_else(|| Error::internal("stored kind", kind))?;
        waiting_for = waits;
        Ok::<_, Error>(CurrentOperation { id: OperationId(id), kind, percent })
    });
    let licenses: BTreeMap<String, (i64, i64)> = licenses
        .map_or(Ok(BTreeMap::new()), serde_json::from_value)
        .map_err(|e| Error::internal("licences of a tenant", e))?;
    let licenses = licenses.into_iter().map(|(kind, (quantity, used))| LicenseUse { kind, quantity, used }).collect();
    let current_operation = current.transpose()?;
    let overview =
        Overview { users, assets, storage_bytes, backups: None, licenses, utilization: None, current_operation };
    let limits = Limits { max_users, disk_quota, users, storage_bytes, warning_percent, version };
    let tenant = tenant(row)?;
    let target_lacks = lacks.map(|names| names.iter().filter_map(|name| Privilege::parse(name)).collect());
    let domain = domain.map(domains::domain);
    let zone = TimeZone::stored(zone);
    let week = Week::current(now, &zone);
    Ok(Listed {
        tenant,
        target_lacks,
        server_reachable,
        limits,
        waiting_for,
        overview,
        force_enabled,
        domain,
        week,
        zone,
    })
}

diesel::define_sql_function! {
    /// See the migration.
    fn tenants_changed(since: Nullable<Jsonb>, most: BigInt) -> Jsonb;
}

/// What of a tenant lists go by.
#[derive(Clone, Debug, Deserialize)]
pub struct Sketch {
    /// Which tenant.
    pub uid: TenantUid,
    /// Grows with each change of it.
    pub version: i64,
    /// Its code.
    pub code: String,
    /// Its name.
    pub display_name: String,
    /// Its state.
    pub state: State,
    lock_reason: String,
    /// Where it is placed.
    pub server: String,
    /// Its labels.
    pub labels: Labels,
    /// Whether it is protected.
    pub protected: bool,
    /// When it was created, in microseconds.
    created_at: i64,
}

impl Sketch {
    /// Why it is locked, if it is.
    pub fn lock_reason(&self) -> Option<LockReason> {
        LockReason::parse(&self.lock_reason)
    }

    /// When it was created.
    pub fn created_at(&self) -> DateTime<chrono::Utc> {
        DateTime::from_timestamp_micros(self.created_at).unwrap_or_default()
    }
}

/// Which transactions were over when somebody read what has changed. Of two readings of one cluster the later one is the
/// greater.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Reading {
    /// The first transaction that had not begun.
    pub end: i64,
    /// How many before that one were still open. Between two new transactions these can only become fewer.
    pub open: Reverse<i64>,
    /// The first transaction that may not have been over.
    pub position: i64,
    /// The snapshot, as Postgres writes it.
    pub seen: String,
    /// The cluster, and since which failover.
    pub cluster: String,
}

/// What has changed since a reading.
#[derive(Clone, Debug, Deserialize)]
pub struct Changes {
    /// Where to go on from.
    pub reading: Reading,
    /// Whether this is all. If not, it is nothing: the list has to be read anew.
    pub complete: bool,
    /// The tenants that changed, as they are.
    pub tenants: Vec<Sketch>,
    /// The tenants that are gone.
    pub gone: Vec<TenantUid>,
}

/// What has changed since a reading, if these are at most so many tenants. Without a reading: where to begin.
pub async fn changes(tx: &mut PlatformTx, since: Option<&Reading>, most: i64) -> Result<Changes> {
    let since = since.map(serde_json::to_value).transpose().map_err(|e| Error::internal("reading", e))?;
    let found: serde_json::Value =
        diesel::select(tenants_changed(since, most)).get_result(tx.conn()).await.map_err(failed)?;
    serde_json::from_value(found).map_err(|e| Error::internal("changed tenants", e))
}

type SketchRow = (Uuid, i64, String, String, String, String, String, serde_json::Value, bool, DateTime<chrono::Utc>);

/// A batch of all tenants in the order of their creation, from behind the given one.
pub async fn batch(tx: &mut PlatformTx, after: Option<&Sketch>, most: i64) -> Result<Vec<Sketch>> {
    let mut query = t::table
        .order((t::created_at, t::tenant_id))
        .limit(most)
        .select((
            t::tenant_id,
            t::version,
            t::code,
            t::display_name,
            t::state,
            t::lock_reason,
            t::server,
            t::labels,
            t::protected,
            t::created_at,
        ))
        .into_boxed();
    if let Some(last) = after {
        let (at, uid) = (last.created_at(), last.uid.0);
        // The first condition is what the index is searched by.
        query = query.filter(t::created_at.ge(at)).filter(t::created_at.gt(at).or(t::tenant_id.gt(uid)));
    }
    let rows = query.load::<SketchRow>(tx.conn()).await.map_err(failed)?;
    rows.into_iter().map(sketch).collect()
}

fn sketch(row: SketchRow) -> Result<Sketch> {
    let (uid, version, code, display_name, state, lock_reason, server, labels, protected, created_at) = row;
    Ok(Sketch {
        uid: TenantUid(uid),
        version,
        code,
        display_name,
        state: State::parse(&state).ok_or_else(|| Error::internal("stored state", state))?,
        lock_reason,
        server,
        labels: serde_json::from_value(labels).map_err(|e| Error::internal("stored labels", e))?,
        protected,
        created_at: created_at.timestamp_micros(),
    })
}
