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
use super::snapshots::{
    Seen, Snapshot, cluster_identity, pg_current_snapshot, pg_snapshot_xmax, pg_snapshot_xmin, was_there,
};
use super::tx::{PlatformTx, Tx};
use crate::domain::error::{Error, Result};
use crate::domain::event::{Before, Doer, Event, LogFilter, Severity};
use crate::domain::id::{OperationId, TenantUid, UserId};
use crate::domain::operation::{Actor, Failure, Kind, State};
use crate::domain::service_identity::ServiceRef;
use crate::domain::tenant_domain::TenantDomain;

#[expect(clippy::too_many_arguments, reason = "generated; one argument for each column")]
mod sql {
    use super::*;

    diesel::define_sql_function! {
        /// See the migration.
        fn log_event(for_operators: Bool, severity: Text, kind: Text, resource: Text, details: Jsonb,
            actor_tenant_id: Nullable<SqlUuid>, actor_id: Nullable<SqlUuid>, actor_name: Text,
            acted_for: Nullable<SqlUuid>, operation_id: Nullable<SqlUuid>, correlation_id: Text, impersonation_reason: Text)
            -> Bool;
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
    let acted_for = what.actor.acted_for.as_ref();
    let ((home, id), service) = (what.actor.ids(), what.actor.service.as_ref().map(ServiceRef::name));
    let logged = diesel::select(sql::log_event(
        what.for_operators,
        what.severity.name(),
        what.kind,
        what.resource,
        details,
        home.map(|home| home.0),
        id,
        service.as_deref().unwrap_or(what.actor_name),
        acted_for.map(|acted| acted.user.0),
        what.operation.map(|o| o.0),
        what.correlation_id,
        acted_for.map_or("", |acted| acted.reason.as_str()),
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
    // Tidying up is nobody's news, as long as it goes well.
    if matches!(kind, Kind::CollectContent | Kind::CopyBackups) && state == State::Succeeded {
        return Ok(());
    }
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

/// Logs that people can log in by the tenant's domain from now on, or can't any more.
pub async fn log_domain(tx: &mut Tx, domain: &TenantDomain) -> Result<()> {
    let (severity, event) = match domain.operational() {
        true => (Severity::Info, "DOMAIN_OPERATIONAL"),
        false => (Severity::Warning, "DOMAIN_NOT_OPERATIONAL"),
    };
    let mut details = BTreeMap::from([("domain", domain.name.to_string())]);
    if !domain.operational() {
        details.insert("problem", domain.problem.clone());
    }
    let op = tx.op().clone();
    let happened = Happened {
        for_operators: true,
        severity,
        kind: event,
        resource: "",
        details,
        actor: op.actor(),
        actor_name: "",
        operation: None,
        correlation_id: op.correlation_id(),
    };
    log(tx, happened).await
}

/// What is known of a log as its reader looks.
#[derive(Clone, Debug)]
pub struct Look {
    /// What was cleared.
    cleared: Seen,
    /// What the reader had seen before.
    seen: Seen,
    /// What the reader sees now.
    pub now: Seen,
}

impl Look {
    /// The snapshot before which everything was there already. Numbers of another cluster say nothing of this one's.
    fn start(&self, seen: &Seen) -> Snapshot {
        if seen.cluster == self.now.cluster { seen.snapshot.clone() } else { Snapshot::first() }
    }
}

/// Looks at the log of the transaction's tenant.
pub async fn look(tx: &mut Tx, reader: UserId) -> Result<Look> {
    let tenant = tx.tenant().0;
    // First: what is written after this moment counts as new for whoever marks this look as seen.
    let now =
        diesel::select((cluster_identity(), pg_current_snapshot())).get_result(tx.conn()).await.map_err(failed)?;
    let cleared = c::table.find(tenant).select((c::cluster, c::cleared)).first(tx.conn()).await;
    let cleared = cleared.optional().map_err(failed)?;
    let marked = m::table.find((tenant, reader.0)).select((m::cluster, m::seen)).first(tx.conn()).await;
    let marked = marked.optional().map_err(failed)?;
    let nothing = Seen::nothing;
    Ok(Look { cleared: cleared.map_or_else(nothing, seen), seen: marked.map_or_else(nothing, seen), now: seen(now) })
}

fn seen((cluster, snapshot): (String, Snapshot)) -> Seen {
    Seen { cluster, snapshot }
}

/// Whether an event was there for somebody who looked, as this cluster can tell.
#[diesel::dsl::auto_type(no_type_alias)]
fn was_in(seen: &Seen, here: &str) -> _ {
    let Seen { cluster, snapshot } = seen.clone();
    let (cluster, snapshot, here): (String, Snapshot, String) = (cluster, snapshot, here.to_owned());
    was_there(e::cluster, e::xid, cluster, snapshot, here)
}

type Row = (
    (Uuid, DateTime<Utc>, String, String, String, serde_json::Value),
    (Option<Uuid>, Option<Uuid>, String, Option<Uuid>, String),
    (Option<Uuid>, String),
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
    let here = &look.now.cluster;
    let mut query = e::table
        .filter(e::tenant_id.eq(tenant.0))
        .filter(not(was_in(&look.cleared, here)))
        .order((e::at.desc(), e::id.desc()))
        .limit(limit)
        .select((
            (e::id, e::at, e::severity, e::kind, e::resource, e::details),
            (e::actor_tenant_id, e::actor_id, e::actor_name, e::acted_for, e::impersonation_reason),
            (e::operation_id, e::correlation_id),
            not(was_in(&look.seen, here)),
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
    let mut query = e::table
        .filter(e::tenant_id.eq(tx.tenant().0))
        .filter(not(was_in(&look.cleared, &look.now.cluster)))
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
        (actor_tenant, actor, name, acted_for, impersonation_reason),
        (operation, correlation_id),
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
        doer: doer(actor_tenant, actor, name, acted_for, impersonation_reason),
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

pub(super) fn doer(
    home: Option<Uuid>,
    id: Option<Uuid>,
    name: String,
    acted_for: Option<Uuid>,
    impersonation_reason: String,
) -> Doer {
    let Actor { user, service, .. } = Actor::written(home, id, &name, None);
    Doer { user, service, name, acted_for: acted_for.map(UserId), impersonation_reason }
}

/// The severities of the events that the reader has not seen, at most so many.
pub async fn fresh(tx: &mut Tx, look: &Look, most: i64) -> Result<Vec<Severity>> {
    let (old, cleared, here) = (&look.seen, &look.cleared, &look.now.cluster);
    let names: Vec<String> = e::table
        .filter(e::tenant_id.eq(tx.tenant().0))
        // What every transaction before this one wrote is old: the index ends the search there.
        .filter(e::xid.ge(pg_snapshot_xmin(look.start(old))))
        .filter(e::xid.ge(pg_snapshot_xmin(look.start(cleared))))
        .filter(not(was_in(old, here)))
        .filter(not(was_in(cleared, here)))
        .limit(most)
        .select(e::severity)
        .load(tx.conn())
        .await
        .map_err(failed)?;
    Ok(names.iter().filter_map(|name| Severity::parse(name)).collect())
}

/// Notes that the reader has seen what was there in that snapshot. An older one than is noted changes nothing.
pub async fn mark(tx: &mut Tx, reader: UserId, seen: &Seen) -> Result<()> {
    let (tenant, Seen { cluster, snapshot }) = (tx.tenant().0, seen);
    diesel::insert_into(m::table)
        .values((m::tenant_id.eq(tenant), m::user_id.eq(reader.0), m::cluster.eq(cluster), m::seen.eq(snapshot)))
        .on_conflict_do_nothing()
        .execute(tx.conn())
        .await
        .map_err(failed)?;
    let here = cluster_identity().eq(cluster);
    let older = m::cluster.eq(cluster).and(pg_snapshot_xmax(m::seen).le(pg_snapshot_xmax(snapshot)));
    diesel::update(m::table.find((tenant, reader.0)).filter(older.or(m::cluster.ne(cluster).and(here))))
        .set((m::cluster.eq(cluster), m::seen.eq(snapshot)))
        .execute(tx.conn())
        .await
        .map_err(failed)?;
    Ok(())
}

/// Clears what was there in that snapshot, for everybody. The rows go later, by [`sweep`].
pub async fn clear(tx: &mut Tx, cleared: &Seen) -> Result<()> {
    let (tenant, Seen { cluster, snapshot }) = (tx.tenant().0, cleared);
    diesel::insert_into(c::table)
        .values((c::tenant_id.eq(tenant), c::cluster.eq(cluster), c::cleared.eq(snapshot)))
        .on_conflict_do_nothing()
        .execute(tx.conn())
        .await
        .map_err(failed)?;
    let here = cluster_identity().eq(cluster);
    let older = c::cluster.eq(cluster).and(pg_snapshot_xmax(c::cleared).le(pg_snapshot_xmax(snapshot)));
    diesel::update(c::table.find(tenant).filter(older.or(c::cluster.ne(cluster).and(here))))
        .set((c::cluster.eq(cluster), c::cleared.eq(snapshot), c::swept.eq(false)))
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
    let cleared: Option<(String, Snapshot, String)> = c::table
        .find(tenant)
        .filter(not(c::swept))
        .select((c::cluster, c::cleared, cluster_identity()))
        .for_no_key_update()
        .skip_locked()
        .first(tx.conn())
        .await
        .optional()
        .map_err(failed)?;
    let Some((cluster, snapshot, here)) = cleared else { return Ok(false) };
    let batch: Vec<Uuid> = e::table
        .filter(e::tenant_id.eq(tenant))
        .filter(was_in(&Seen { cluster, snapshot }, &here))
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
