//! The status log of each tenant, what each person has seen of it, and what was cleared.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use diesel::dsl::not;
use diesel::prelude::*;
use diesel::sql_types::{Bool, Jsonb, Nullable, Text, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use uuid::Uuid;

use super::error::failed;
use super::log_filter;
use super::schema::{event_clears as c, event_marks as m, events as e};
use super::snapshots::{Seen, pg_current_snapshot, pg_snapshot_xmax, pg_snapshot_xmin, pg_visible_in_snapshot};
use super::tx::{PlatformTx, Tx};
use crate::domain::error::{Error, Result};
use crate::domain::event::{Before, Doer, Event, LogFilter, Severity};
use crate::domain::id::{OperationId, TenantUid, UserId, UserRef};
use crate::domain::operation::{Actor, Failure, Kind, State};

#[expect(clippy::too_many_arguments, reason = "generated; one argument for each column")]
mod sql {
    use super::*;

    diesel::define_sql_function! {
        /// See the migration.
        fn log_event(for_operators: Bool, severity: Text, kind: Text, resource: Text, details: Jsonb,
            actor_tenant_id: Nullable<SqlUuid>, actor_id: Nullable<SqlUuid>, actor_name: Text,
            acted_for: Nullable<SqlUuid>, operation_id: Nullable<SqlUuid>, correlation_id: Text) -> Bool;
    }
}

/// Something that happened to the transaction's tenant, to be logged.
pub(super) struct Happened<'a> {
    pub for_operators: bool,
    pub severity: Severity,
    pub kind: &'a str,
    /// Empty: the tenant itself.
    pub resource: &'a str,
    pub details: BTreeMap<&'static str, String>,
    pub actor: Actor,
    pub actor_name: &'a str,
    pub operation: Option<OperationId>,
    pub correlation_id: &'a str,
}

/// Logs it, in the transaction in which it happens.
pub(super) async fn log(tx: &mut Tx, what: Happened<'_>) -> Result<()> {
    let details = serde_json::to_value(&what.details).map_err(|e| Error::internal("event", e))?;
    let logged = diesel::select(sql::log_event(
        what.for_operators,
        what.severity.name(),
        what.kind,
        what.resource,
        details,
        what.actor.user.map(|u| u.home.0),
        what.actor.user.map(|u| u.user.0),
        what.actor_name,
        what.actor.acted_for.map(|u| u.0),
        what.operation.map(|o| o.0),
        what.correlation_id,
    ));
    logged.execute(tx.conn()).await.map_err(failed)?;
    Ok(())
}

/// Logs what has become of an operation: its end, or what it waits for.
pub async fn log_operation(
    tx: &mut Tx,
    (id, kind, actor): (OperationId, Kind, Actor),
    state: State,
    failure: Option<&Failure>,
    waiting_for: &str,
) -> Result<()> {
    let (severity, event) = match state {
        State::Succeeded => (Severity::Info, "OPERATION_SUCCEEDED"),
        State::Failed => (Severity::Error, "OPERATION_FAILED"),
        State::Cancelled => (Severity::Info, "OPERATION_CANCELLED"),
        State::Pending | State::Running | State::Cancelling => (Severity::Warning, "OPERATION_WAITING"),
    };
    let mut details = BTreeMap::from([("operation", kind.name().to_owned())]);
    if let Some(failure) = failure {
        details.insert("reason", failure.reason.clone());
        details.insert("error", failure.message.clone());
    }
    if !waiting_for.is_empty() {
        details.insert("waiting_for", waiting_for.to_owned());
    }
    let op = tx.op().clone();
    let happened = Happened {
        // Each mail is the tenant's own affair, until one can't be sent.
        for_operators: kind != Kind::DeliverMail || severity != Severity::Info,
        severity,
        kind: event,
        resource: "",
        details,
        actor,
        actor_name: "",
        operation: Some(id),
        correlation_id: op.correlation_id(),
    };
    log(tx, happened).await
}

/// What is known of a log as its reader looks.
#[derive(Clone, Debug)]
pub struct Look {
    /// What was cleared.
    cleared: Option<Seen>,
    /// What the reader had seen before.
    seen: Option<Seen>,
    /// What the reader sees now.
    pub now: Seen,
}

/// Looks at the log of the transaction's tenant.
pub async fn look(tx: &mut Tx, reader: UserId) -> Result<Look> {
    let tenant = tx.tenant().0;
    // First: what is written after this moment counts as new for whoever marks this look as seen.
    let now = diesel::select(pg_current_snapshot()).get_result(tx.conn()).await.map_err(failed)?;
    let cleared = c::table.find(tenant).select(c::cleared).first(tx.conn()).await.optional().map_err(failed)?;
    let seen = m::table.find((tenant, reader.0)).select(m::seen).first(tx.conn()).await.optional().map_err(failed)?;
    Ok(Look { cleared, seen, now })
}

type Row = (
    (Uuid, DateTime<Utc>, String, String, String, serde_json::Value),
    (Option<Uuid>, Option<Uuid>, String, Option<Uuid>, Option<Uuid>, String),
    bool,
);

/// Events of the transaction's tenant, newest first.
pub async fn list(
    tx: &mut Tx,
    look: &Look,
    filter: Option<&LogFilter>,
    before: Option<Before>,
    limit: i64,
) -> Result<Vec<Event>> {
    let tenant = tx.tenant();
    let old = look.seen.clone().unwrap_or_else(Seen::nothing);
    let cleared = look.cleared.clone().unwrap_or_else(Seen::nothing);
    let mut query = e::table
        .filter(e::tenant_id.eq(tenant.0))
        .filter(not(pg_visible_in_snapshot(e::xid, cleared)))
        .order((e::at.desc(), e::id.desc()))
        .limit(limit)
        .select((
            (e::id, e::at, e::severity, e::kind, e::resource, e::details),
            (e::actor_tenant_id, e::actor_id, e::actor_name, e::acted_for, e::operation_id, e::correlation_id),
            not(pg_visible_in_snapshot(e::xid, old)),
        ))
        .into_boxed();
    if let Some(filter) = filter {
        query = query.filter(log_filter::events(filter));
    }
    if let Some(Before { at, id }) = before {
        // The first condition is what the index is searched by.
        query = query.filter(e::at.le(at)).filter(e::at.lt(at).or(e::id.lt(id)));
    }
    let rows = query.load::<Row>(tx.conn()).await.map_err(failed)?;
    rows.into_iter().map(|row| event(tenant, row)).collect()
}

/// How many there are in all, counted up to `most`.
pub async fn count(tx: &mut Tx, look: &Look, filter: Option<&LogFilter>, most: i64) -> Result<i64> {
    let cleared = look.cleared.clone().unwrap_or_else(Seen::nothing);
    let mut query = e::table
        .filter(e::tenant_id.eq(tx.tenant().0))
        .filter(not(pg_visible_in_snapshot(e::xid, cleared)))
        .limit(most)
        .select(e::id)
        .into_boxed();
    if let Some(filter) = filter {
        query = query.filter(log_filter::events(filter));
    }
    let found = query.load::<Uuid>(tx.conn()).await.map_err(failed)?.len();
    Ok(i64::try_from(found).unwrap_or(i64::MAX))
}

fn event(tenant: TenantUid, row: Row) -> Result<Event> {
    let (
        (id, at, severity, kind, resource, details),
        (actor_tenant, actor, name, acted_for, operation, correlation_id),
        fresh,
    ) = row;
    Ok(Event {
        tenant,
        id,
        at,
        severity: Severity::parse(&severity).ok_or_else(|| Error::internal("stored severity", severity))?,
        kind,
        resource,
        details: facts(details)?,
        doer: doer(actor_tenant, actor, name, acted_for),
        operation: operation.map(OperationId),
        correlation_id,
        fresh,
    })
}

/// Stored details, with numbers as texts.
pub(super) fn facts(details: serde_json::Value) -> Result<BTreeMap<String, String>> {
    let serde_json::Value::Object(details) = details else {
        return Err(Error::internal("stored details", "they are no object"));
    };
    let text = |value: serde_json::Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    Ok(details.into_iter().map(|(key, value)| (key, text(value))).collect())
}

pub(super) fn doer(home: Option<Uuid>, user: Option<Uuid>, name: String, acted_for: Option<Uuid>) -> Doer {
    let user = home.zip(user).map(|(home, user)| UserRef { home: TenantUid(home), user: UserId(user) });
    Doer { user, name, acted_for: acted_for.map(UserId) }
}

/// The severities of the events that the reader has not seen, at most so many.
pub async fn fresh(tx: &mut Tx, look: &Look, most: i64) -> Result<Vec<Severity>> {
    let old = look.seen.clone().unwrap_or_else(Seen::nothing);
    let cleared = look.cleared.clone().unwrap_or_else(Seen::nothing);
    let names: Vec<String> = e::table
        .filter(e::tenant_id.eq(tx.tenant().0))
        // What every transaction before this one wrote is old: the index ends the search there.
        .filter(e::xid.ge(pg_snapshot_xmin(old.clone())))
        .filter(e::xid.ge(pg_snapshot_xmin(cleared.clone())))
        .filter(not(pg_visible_in_snapshot(e::xid, old)))
        .filter(not(pg_visible_in_snapshot(e::xid, cleared)))
        .limit(most)
        .select(e::severity)
        .load(tx.conn())
        .await
        .map_err(failed)?;
    Ok(names.iter().filter_map(|name| Severity::parse(name)).collect())
}

/// Notes that the reader has seen what was there in that snapshot. An older one than is noted changes nothing.
pub async fn mark(tx: &mut Tx, reader: UserId, seen: &Seen) -> Result<()> {
    let tenant = tx.tenant().0;
    diesel::insert_into(m::table)
        .values((m::tenant_id.eq(tenant), m::user_id.eq(reader.0), m::seen.eq(seen)))
        .on_conflict_do_nothing()
        .execute(tx.conn())
        .await
        .map_err(failed)?;
    let older = pg_snapshot_xmax(m::seen).le(pg_snapshot_xmax(seen));
    diesel::update(m::table.find((tenant, reader.0)).filter(older))
        .set(m::seen.eq(seen))
        .execute(tx.conn())
        .await
        .map_err(failed)?;
    Ok(())
}

/// Clears what was there in that snapshot, for everybody. The rows go later, by [`sweep`].
pub async fn clear(tx: &mut Tx, cleared: &Seen) -> Result<()> {
    let tenant = tx.tenant().0;
    diesel::insert_into(c::table)
        .values((c::tenant_id.eq(tenant), c::cleared.eq(cleared)))
        .on_conflict_do_nothing()
        .execute(tx.conn())
        .await
        .map_err(failed)?;
    let older = pg_snapshot_xmax(c::cleared).le(pg_snapshot_xmax(cleared));
    diesel::update(c::table.find(tenant).filter(older))
        .set((c::cleared.eq(cleared), c::swept.eq(false)))
        .execute(tx.conn())
        .await
        .map_err(failed)?;
    Ok(())
}

/// The tenants whose logs were cleared and have rows left of that.
pub async fn to_sweep(tx: &mut PlatformTx, most: i64) -> Result<Vec<TenantUid>> {
    let tenants =
        c::table.filter(not(c::swept)).limit(most).select(c::tenant_id).load(tx.conn()).await.map_err(failed)?;
    Ok(tenants.into_iter().map(TenantUid).collect())
}

/// Removes a batch of what was cleared of the log of the transaction's tenant. False: nothing was left, or somebody else is
/// at it.
pub async fn sweep(tx: &mut Tx, most: i64) -> Result<bool> {
    let tenant = tx.tenant().0;
    let cleared: Option<Seen> = c::table
        .find(tenant)
        .filter(not(c::swept))
        .select(c::cleared)
        .for_no_key_update()
        .skip_locked()
        .first(tx.conn())
        .await
        .optional()
        .map_err(failed)?;
    let Some(cleared) = cleared else { return Ok(false) };
    let batch: Vec<Uuid> = e::table
        .filter(e::tenant_id.eq(tenant))
        .filter(pg_visible_in_snapshot(e::xid, cleared))
        .limit(most)
        .select(e::id)
        .load(tx.conn())
        .await
        .map_err(failed)?;
    if batch.is_empty() {
        diesel::update(c::table.find(tenant)).set(c::swept.eq(true)).execute(tx.conn()).await.map_err(failed)?;
        return Ok(false);
    }
    let rows = e::table.filter(e::tenant_id.eq(tenant)).filter(e::id.eq_any(batch));
    diesel::delete(rows).execute(tx.conn()).await.map_err(failed)?;
    Ok(true)
}
