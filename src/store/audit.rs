//! The audit trail: a change that can't be written down is not made. What it writes stands in the status log as well.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use super::error::failed;
use super::events::{self, Happened, doer, facts};
use super::log_filter;
use super::schema::{audit_records as a, tenant_identities as ti};
use super::tx::{PlatformTx, Tx};
use crate::authn::Caller;
use crate::authz::policy::Policy;
use crate::context::{Call, OpContext};
use crate::domain::error::{Error, Result};
use crate::domain::event::{AuditRecord, Before, LogFilter, Severity};
use crate::domain::id::{SessionId, TenantUid, UserRef};
use crate::domain::operation::Actor;
use crate::domain::service_identity::ServiceRef;
use crate::domain::user::User;

/// Writes the record of what a user has done without being a caller: logged in, or used a link.
pub async fn record_user(tx: &mut Tx, policy: &'static Policy, user: &User, session: Option<SessionId>) -> Result<()> {
    let (tenant, op) = (tx.tenant(), tx.op().clone());
    let resource = resource(tx, "").await?;
    diesel::insert_into(a::table)
        .values((
            a::tenant_id.eq(tenant.0),
            a::method.eq(policy.path),
            a::actor_tenant_id.eq(tenant.0),
            a::actor_id.eq(user.id.0),
            a::actor_name.eq(&user.user_name),
            a::session_id.eq(session.map(|session| session.0)),
            a::correlation_id.eq(op.correlation_id()),
            a::resource.eq(&resource),
        ))
        .execute(tx.conn())
        .await
        .map_err(failed)?;
    let happened = Happened {
        for_operators: false,
        severity: Severity::Info,
        kind: policy.name,
        resource: &resource,
        details: BTreeMap::new(),
        actor: Actor { user: Some(UserRef { home: tenant, user: user.id }), ..Actor::default() },
        actor_name: &user.user_name,
        operation: None,
        correlation_id: op.correlation_id(),
    };
    events::log(tx, happened).await
}

/// What a call named, with the transaction's tenant by its code; that tenant, if it named nothing.
async fn resource(tx: &mut Tx, named: &str) -> Result<String> {
    let code: String = ti::table.find(tx.tenant().0).select(ti::code).first(tx.conn()).await.map_err(failed)?;
    let below = named.splitn(3, '/').nth(2).map_or_else(String::new, |below| format!("/{below}"));
    Ok(format!("tenants/{code}{below}"))
}

/// Writes the record of a change, if its method's policy wants one, in the transaction that makes the change; in the logs of
/// other tenants that it concerns, too.
pub(super) async fn record(tx: &mut Tx, op: &OpContext) -> Result<()> {
    let (Some(call), Some(caller)) = (op.call(), op.permit().identity()) else { return Ok(()) };
    if !call.policy.audited {
        return Ok(());
    }
    let story = tx.take_story();
    let resource = if story.resource.is_empty() { resource(tx, &call.named).await? } else { story.resource };
    // What operators do in a tenant their own log has, too, also when they act for somebody there.
    let for_operators = !call.policy.platform.is_empty() || op.actor().acted_for.is_some();
    write(tx, (call, caller), resource, story.details, for_operators).await?;
    let tenant = tx.tenant();
    for (other, details) in story.elsewhere {
        tx.work_in(other).await?;
        let resource = self::resource(tx, "").await?;
        write(tx, (call, caller), resource, details, false).await?;
        tx.work_in(tenant).await?;
    }
    Ok(())
}

/// Writes it in the logs of the transaction's tenant.
async fn write(
    tx: &mut Tx,
    (call, (home, caller)): (&Call, (TenantUid, Uuid)),
    resource: String,
    details: BTreeMap<&'static str, String>,
    for_operators: bool,
) -> Result<()> {
    let (tenant, op) = (tx.tenant(), tx.op().clone());
    let told = serde_json::to_value(&details).map_err(|e| Error::internal("audit record", e))?;
    let actor = op.actor();
    let service = actor.service.as_ref().map(ServiceRef::name);
    let user_name = call.facts.as_ref().map_or("", |facts| facts.user_name.as_str());
    let actor_name = service.as_deref().unwrap_or(user_name);
    diesel::insert_into(a::table)
        .values((
            a::tenant_id.eq(tenant.0),
            a::method.eq(call.policy.path),
            a::actor_tenant_id.eq(home.0),
            a::actor_id.eq(caller),
            a::actor_name.eq(actor_name),
            a::acted_for.eq(actor.acted_for.as_ref().map(|acted| acted.user.0)),
            a::impersonation_reason.eq(actor.acted_for.as_ref().map_or("", |acted| acted.reason.as_str())),
            a::session_id.eq(op.permit().caller().and_then(Caller::session_id).map(|session| session.0)),
            a::correlation_id.eq(op.correlation_id()),
            a::request_id.eq(call.request.as_ref().map(|r| r.id)),
            a::resource.eq(&resource),
            a::details.eq(told),
        ))
        .execute(tx.conn())
        .await
        .map_err(failed)?;
    let happened = Happened {
        for_operators,
        severity: Severity::Info,
        kind: call.policy.name,
        resource: &resource,
        details,
        actor,
        actor_name,
        operation: None,
        correlation_id: op.correlation_id(),
    };
    events::log(tx, happened).await
}

/// Audit records, and how many there are in all.
type Records = (Vec<AuditRecord>, i64);

/// The audit records of the transaction's tenant, newest first, and their number, counted up to `most`.
pub async fn list(
    tx: &mut Tx,
    filter: Option<&LogFilter>,
    before: Option<Before>,
    limit: i64,
    most: i64,
) -> Result<Records> {
    let tenant = tx.tenant().0;
    list_of(tx.conn(), Some(tenant), filter, before, (limit, most)).await
}

/// The same of all tenants.
pub async fn list_all(
    tx: &mut PlatformTx,
    filter: Option<&LogFilter>,
    before: Option<Before>,
    limit: i64,
    most: i64,
) -> Result<Records> {
    list_of(tx.conn(), None, filter, before, (limit, most)).await
}

type Row = (
    (Uuid, Uuid, DateTime<Utc>, String, String, serde_json::Value),
    (Uuid, Uuid, String, Option<Uuid>, String),
    (Option<Uuid>, String, Option<Uuid>),
);

async fn list_of(
    conn: &mut AsyncPgConnection,
    tenant: Option<Uuid>,
    filter: Option<&LogFilter>,
    before: Option<Before>,
    (limit, most): (i64, i64),
) -> Result<Records> {
    let mut all = a::table.select(a::id).limit(most).into_boxed();
    let mut query = a::table
        .order((a::at.desc(), a::id.desc()))
        .limit(limit)
        .select((
            (a::tenant_id, a::id, a::at, a::method, a::resource, a::details),
            (a::actor_tenant_id, a::actor_id, a::actor_name, a::acted_for, a::impersonation_reason),
            (a::session_id, a::correlation_id, a::request_id),
        ))
        .into_boxed();
    if let Some(tenant) = tenant {
        query = query.filter(a::tenant_id.eq(tenant));
        all = all.filter(a::tenant_id.eq(tenant));
    }
    if let Some(filter) = filter {
        query = query.filter(log_filter::audit_records(filter));
        all = all.filter(log_filter::audit_records(filter));
    }
    if let Some(Before { at, id }) = before {
        // The first condition is what the index is searched by.
        query = query.filter(a::at.le(at)).filter(a::at.lt(at).or(a::id.lt(id)));
    }
    let rows = query.load::<Row>(conn).await.map_err(failed)?;
    let tenants: Vec<Uuid> = rows.iter().map(|((tenant, ..), ..)| *tenant).collect();
    let codes: Vec<(Uuid, String)> =
        ti::table.filter(ti::uid.eq_any(tenants)).select((ti::uid, ti::code)).load(conn).await.map_err(failed)?;
    let codes: BTreeMap<_, _> = codes.into_iter().collect();
    let records = rows.into_iter().map(|row| record_of(&codes, row)).collect::<Result<_>>()?;
    let counted = all.load::<Uuid>(conn).await.map_err(failed)?.len();
    Ok((records, i64::try_from(counted).unwrap_or(i64::MAX)))
}

fn record_of(codes: &BTreeMap<Uuid, String>, row: Row) -> Result<AuditRecord> {
    let (
        (tenant, id, at, method, resource, details),
        (actor_tenant, actor, name, acted_for, impersonation_reason),
        (session, correlation_id, request_id),
    ) = row;
    Ok(AuditRecord {
        tenant_code: codes.get(&tenant).cloned().unwrap_or_else(|| tenant.to_string()),
        id,
        at,
        method,
        resource,
        details: facts(details)?,
        doer: doer(Some(actor_tenant), Some(actor), name, acted_for, impersonation_reason),
        session,
        correlation_id,
        request_id,
    })
}
