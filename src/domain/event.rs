//! The status log and the audit trail: what happened, and what their lists can be filtered by.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::error::Result;
use super::filter::{Compare, Filter, Restriction, invalid};
use super::id::{OperationId, TenantUid, UserId, UserRef};
use super::names::names;
use super::service_identity::ServiceRef;

names! {
    /// How much an event matters.
    Severity {
        /// Good to know.
        Info = "INFO",
        /// Somebody should look.
        Warning = "WARNING",
        /// Something went wrong.
        Error = "ERROR",
    }
}

/// Who did something.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Doer {
    /// The user; none: another service, or Landlord itself.
    pub user: Option<UserRef>,
    /// The service.
    pub service: Option<ServiceRef>,
    /// The user's name at that time, or the service's.
    pub name: String,
    /// The account that the user acted for.
    pub acted_for: Option<UserId>,
    /// Why the user did so.
    pub impersonation_reason: String,
}

/// An entry of a status log.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// Whose log it is in.
    pub tenant: TenantUid,
    /// Its id.
    pub id: uuid::Uuid,
    /// When.
    pub at: DateTime<Utc>,
    /// How much it matters.
    pub severity: Severity,
    /// What happened: the name of a call, or `OPERATION_FAILED` and its like.
    pub kind: String,
    /// What it is about, by its resource name.
    pub resource: String,
    /// Further facts.
    pub details: BTreeMap<String, String>,
    /// Who did it.
    pub doer: Doer,
    /// The operation that did it, or that it is about.
    pub operation: Option<OperationId>,
    /// Ties it to the call.
    pub correlation_id: String,
    /// Whether the reader has not seen it yet.
    pub fresh: bool,
}

impl Event {
    /// What happened, for people.
    pub fn sentence(&self) -> String {
        let detail = |key: &str| self.details.get(key).map_or("", String::as_str);
        let operation = detail("operation");
        match self.kind.as_str() {
            "OPERATION_SUCCEEDED" => format!("{operation} of {} is done", self.resource),
            "OPERATION_FAILED" => format!("{operation} of {} was given up: {}", self.resource, detail("error")),
            "OPERATION_CANCELLED" => format!("{operation} of {} was cancelled", self.resource),
            "OPERATION_WAITING" => format!("{operation} of {} waits: {}", self.resource, detail("waiting_for")),
            "USERS_NEAR_LIMIT" | "USERS_AT_LIMIT" => {
                format!("{} has {} of {} users", self.resource, detail("used"), detail("limit"))
            }
            "STORAGE_NEAR_QUOTA" | "STORAGE_AT_QUOTA" => {
                format!("{} stores {} of {} bytes", self.resource, detail("used"), detail("limit"))
            }
            "DOMAIN_OPERATIONAL" => format!("{} of {} is operational", detail("domain"), self.resource),
            "DOMAIN_NOT_OPERATIONAL" => {
                format!("{} of {} is not operational any more: {}", detail("domain"), self.resource, detail("problem"))
            }
            "LICENSES_NEARLY_USED_UP" | "LICENSES_USED_UP" => {
                let (used, limit) = (detail("used"), detail("limit"));
                format!("{} uses {used} of {limit} licences of the kind {}", self.resource, detail("license"))
            }
            "SEATS_NEARLY_RESERVED" | "SEATS_ALL_RESERVED" => {
                let (used, limit) = (detail("used"), detail("limit"));
                format!("{used} of {limit} seats of the kind {} are reserved by tenants", detail("seats"))
            }
            call => {
                let by = if self.doer.name.is_empty() { "the service" } else { &self.doer.name };
                let facts: Vec<_> = self.details.iter().map(|(key, value)| format!("{key} {value}")).collect();
                let facts = if facts.is_empty() { String::new() } else { format!(": {}", facts.join(", ")) };
                format!("{call} of {} by {by}{facts}", self.resource)
            }
        }
    }
}

/// An entry of the audit trail.
#[derive(Clone, Debug, PartialEq)]
pub struct AuditRecord {
    /// The tenant that was changed, by its code, which outlives it.
    pub tenant_code: String,
    /// Its id.
    pub id: uuid::Uuid,
    /// When.
    pub at: DateTime<Utc>,
    /// The call, `/landlord.v1.TenantService/LockTenant`.
    pub method: String,
    /// What was changed, by its resource name.
    pub resource: String,
    /// Further facts.
    pub details: BTreeMap<String, String>,
    /// Who did it.
    pub doer: Doer,
    /// The session.
    pub session: Option<uuid::Uuid>,
    /// Ties it to the call.
    pub correlation_id: String,
    /// The caller's request id.
    pub request_id: Option<uuid::Uuid>,
}

/// A position in a list of what happened, newest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Before {
    /// When the last one was.
    pub at: DateTime<Utc>,
    /// Its id.
    pub id: uuid::Uuid,
}

/// What an entry of a filtered list must be like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogCondition {
    /// One of these severities.
    Severity(Vec<Severity>),
    /// Of that kind, or of that call.
    Kind(String),
    /// About that resource.
    Resource(String),
    /// About a resource with that in its name.
    ResourceHas(String),
    /// About the tenant that is named so, by code or uid, or something in it; which one that is, once it is looked up.
    Tenant(String, Option<TenantUid>),
    /// By a user of that name.
    ActorName(String),
    /// By that user.
    Actor(uuid::Uuid),
    /// At, before or after that time.
    Time(Compare, DateTime<Utc>),
    /// Of that call.
    CorrelationId(String),
}

/// The filter of a list of what happened.
pub type LogFilter = Filter<LogCondition>;

/// The filter of a status log that is written as `text`; None: everything.
pub fn event_filter(text: &str) -> Result<Option<LogFilter>> {
    Filter::parse(text, |restriction| {
        let restriction = restriction.without_star()?;
        match restriction.field.as_str() {
            "severity" => severity(&restriction),
            "kind" => equal(&restriction, LogCondition::Kind(restriction.value.clone())),
            _ => condition(restriction, "severity, kind"),
        }
    })
}

/// The filter of the audit trail that is written as `text`; None: everything.
pub fn audit_filter(text: &str) -> Result<Option<LogFilter>> {
    Filter::parse(text, |restriction| {
        let restriction = restriction.without_star()?;
        match restriction.field.as_str() {
            "method" => equal(&restriction, LogCondition::Kind(restriction.value.clone())),
            _ => condition(restriction, "method"),
        }
    })
}

fn equal(restriction: &Restriction, condition: LogCondition) -> Result<LogFilter> {
    Ok(Filter::Is(condition).negated_if(restriction.negated()?))
}

fn severity(restriction: &Restriction) -> Result<LogFilter> {
    let wanted = restriction.one_of(Severity::ALL, Severity::name)?;
    let some = Severity::ALL.iter().copied().filter(|one| restriction.compare.lets(one.cmp(&wanted)));
    Ok(Filter::Is(LogCondition::Severity(some.collect())))
}

fn condition(restriction: Restriction, others: &str) -> Result<LogFilter> {
    use LogCondition as Is;
    match restriction.field.as_str() {
        "resource" if restriction.compare == Compare::Has => Ok(Filter::Is(Is::ResourceHas(restriction.value))),
        "resource" => equal(&restriction, Is::Resource(restriction.value.clone())),
        "tenant" => {
            let tenant = restriction.value.strip_prefix("tenants/").unwrap_or(&restriction.value);
            equal(&restriction, Is::Tenant(tenant.to_owned(), None))
        }
        "actor" => match restriction.value.rsplit('/').next().and_then(|id| uuid::Uuid::try_parse(id).ok()) {
            Some(id) => equal(&restriction, Is::Actor(id)),
            None => equal(&restriction, Is::ActorName(restriction.value.clone())),
        },
        "time" if restriction.compare == Compare::Has => {
            Err(restriction.refused("is compared by =, !=, <, <=, > or >="))
        }
        "time" => Ok(Filter::Is(Is::Time(restriction.compare, restriction.time()?))),
        "correlation_id" => equal(&restriction, Is::CorrelationId(restriction.value.clone())),
        other => Err(invalid(&format!(
            "there is no field {other:.64}; there are {others}, resource, tenant, actor, time and correlation_id"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn severities_are_compared_by_how_much_they_matter() {
        let Filter::Is(LogCondition::Severity(some)) = event_filter("severity >= warning").unwrap().unwrap() else {
            panic!("a severity")
        };
        assert_eq!(some, [Severity::Warning, Severity::Error]);
    }

    #[test]
    fn each_list_has_its_own_fields() {
        assert!(event_filter("kind = LockTenant AND tenant = acme").is_ok());
        assert!(event_filter("method = LockTenant").unwrap_err().to_string().contains("severity, kind, resource"));
        assert!(audit_filter("method = LockTenant AND actor = olga").is_ok());
        assert!(audit_filter("severity = INFO").is_err());
        assert_eq!(event_filter("tenant = acme").unwrap(), event_filter("tenant = \"tenants/acme\"").unwrap());
    }
}
