//! Events and audit records as messages, and the tokens that say what of a log somebody has seen.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::fields::timestamp;
use crate::authn::seal::{Purpose, RootKey};
use crate::context::OpContext;
use crate::domain::error::{Error, Result};
use crate::domain::event::{AuditRecord, Doer, Event, Severity};
use crate::domain::id::TenantUid;
use crate::domain::service_identity::ServiceRef;
use crate::proto::v1;
use crate::store::snapshots::Seen;

fn user_name(tenant: TenantUid, user: impl std::fmt::Display) -> String {
    let tenant = if tenant.is_infrastructure() { "infrastructure".to_owned() } else { tenant.to_string() };
    format!("tenants/{tenant}/users/{user}")
}

fn actor(doer: &Doer) -> String {
    let user = doer.user.map(|user| user_name(user.home, user.user));
    let service = || doer.service.as_ref().map(ServiceRef::name);
    user.or_else(service).unwrap_or_else(|| "system".to_owned())
}

/// An event of the log of the tenant that `parent` names.
pub fn event(parent: &str, event: Event) -> v1::Event {
    let subject = event.resource.split('/').take(2).collect::<Vec<_>>().join("/");
    v1::Event {
        name: format!("{parent}/events/{}", event.id),
        time: Some(timestamp(event.at)),
        severity: severity(event.severity).into(),
        message: event.sentence(),
        actor: actor(&event.doer),
        acted_for: event.doer.acted_for.map(|user| format!("{subject}/users/{user}")).unwrap_or_default(),
        operation: event.operation.map(|id| format!("{subject}/operations/{id}")).unwrap_or_default(),
        kind: event.kind,
        resource: event.resource,
        actor_name: event.doer.name,
        impersonation_reason: event.doer.impersonation_reason,
        details: event.details,
        correlation_id: event.correlation_id,
        fresh: event.fresh,
    }
}

fn severity(severity: Severity) -> v1::event::Severity {
    match severity {
        Severity::Info => v1::event::Severity::Info,
        Severity::Warning => v1::event::Severity::Warning,
        Severity::Error => v1::event::Severity::Error,
    }
}

/// An audit record.
pub fn audit_record(record: AuditRecord) -> v1::AuditRecord {
    let tenant = format!("tenants/{}", record.tenant_code);
    v1::AuditRecord {
        name: format!("{tenant}/auditRecords/{}", record.id),
        time: Some(timestamp(record.at)),
        actor: actor(&record.doer),
        acted_for: record.doer.acted_for.map(|user| format!("{tenant}/users/{user}")).unwrap_or_default(),
        method: record.method,
        resource: record.resource,
        details: record.details,
        actor_name: record.doer.name,
        impersonation_reason: record.doer.impersonation_reason,
        session: record.session.map(|id| id.to_string()).unwrap_or_default(),
        correlation_id: record.correlation_id,
        request_id: record.request_id.map(|id| id.to_string()).unwrap_or_default(),
    }
}

/// That a parent is one tenant.
pub fn check_parent(parent: &str) -> Result<()> {
    match parent.split('/').collect::<Vec<_>>().as_slice() {
        ["tenants", tenant] if *tenant != "-" => Ok(()),
        _ => Err(Error::field("parent", "must be `tenants/{tenant}`")),
    }
}

/// Seals a look at a log, for its tenant and for whoever works there.
pub fn seal_seen(root: &RootKey, op: &OpContext, seen: &Seen) -> Result<String> {
    let plain = serde_json::to_vec(seen).map_err(|e| Error::internal("seen token", e))?;
    Ok(URL_SAFE_NO_PAD.encode(root.seal(Purpose::SeenToken, op.target()?.to_string().as_bytes(), &plain)?))
}

/// The look that a token is for; an empty one is for none.
pub fn open_seen(root: &RootKey, op: &OpContext, token: &str) -> Result<Option<Seen>> {
    if token.is_empty() {
        return Ok(None);
    }
    let tenant = op.target()?.to_string();
    let plain = URL_SAFE_NO_PAD.decode(token).ok();
    let plain = plain.and_then(|sealed| root.open(Purpose::SeenToken, tenant.as_bytes(), &sealed));
    let seen = plain.and_then(|plain| serde_json::from_slice(&plain).ok());
    seen.map(Some).ok_or_else(|| Error::field("seen_token", "must be one of ListEvents of the same tenant, or empty"))
}
