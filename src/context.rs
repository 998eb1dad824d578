//! The context of a piece of work: by whose leave, on which tenant, in answer to which call.

use std::sync::Arc;

use uuid::Uuid;

use crate::authz::decision::{self, Facts};
use crate::authz::permit::{Permit, Purpose};
use crate::authz::policy::Policy;
use crate::domain::error::{Error, Result};
use crate::domain::id::TenantUid;
use crate::domain::operation::Actor;

/// Everything that a transaction needs to know of why it runs.
#[derive(Clone, Debug)]
pub struct OpContext {
    permit: Permit,
    target: Option<TenantUid>,
    correlation_id: String,
    call: Option<Call>,
}

/// The call that the work answers.
#[derive(Clone, Debug)]
pub struct Call {
    /// Its method's rule.
    pub policy: &'static Policy,
    /// What is known of the user who calls, also of one who acts for another account; nothing of services, and of callers of whom no
    /// credential is asked.
    pub facts: Option<Arc<Facts>>,
    /// The caller's request id, which makes a repeat safe.
    pub request: Option<RequestKey>,
    /// Whether nothing may change.
    pub validate_only: bool,
    /// The resource as the request names it; empty: none.
    pub named: String,
    /// Where it comes from.
    pub client: Option<std::net::IpAddr>,
}

/// A request id with a hash of what was asked for under it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestKey {
    /// The id.
    pub id: Uuid,
    /// Keyed hash of the message without the id.
    pub body_hash: Vec<u8>,
}

impl OpContext {
    /// The context of a call that was let through.
    pub fn of_call(permit: Permit, target: Option<TenantUid>, correlation_id: String, call: Call) -> Self {
        Self { permit, target, correlation_id, call: Some(call) }
    }

    /// The context of the service's own work on a tenant, or on none.
    pub fn system(purpose: Purpose, target: Option<TenantUid>) -> Self {
        Self { permit: Permit::system(purpose), target, correlation_id: String::new(), call: None }
    }

    /// The same work, tied to the call that asked for it.
    #[must_use]
    pub fn in_answer_to(self, correlation_id: String) -> Self {
        Self { correlation_id, ..self }
    }

    /// The same work on another tenant: one that is being made, or one that is only known by now.
    #[must_use]
    pub fn on(self, target: TenantUid) -> Self {
        Self { target: Some(target), ..self }
    }

    /// The same work by another leave.
    #[must_use]
    pub fn by(self, permit: Permit) -> Self {
        Self { permit, ..self }
    }

    /// The leave.
    pub fn permit(&self) -> &Permit {
        &self.permit
    }

    /// The tenant that the work is on.
    pub fn target(&self) -> Result<TenantUid> {
        self.target.ok_or_else(|| Error::internal("context", "the work names no tenant"))
    }

    /// The id that ties logs, answers and audit records together.
    pub fn correlation_id(&self) -> &str {
        &self.correlation_id
    }

    /// The call, unless the service works by itself.
    pub fn call(&self) -> Option<&Call> {
        self.call.as_ref()
    }

    /// Whether the request leaves open which tenant it is about.
    pub fn finds_tenant(&self) -> bool {
        let open = |call: &Call| call.policy.finds_tenant && call.named.split('/').nth(1) == Some("-");
        self.call.as_ref().is_some_and(open)
    }

    /// Whether nothing may change.
    pub fn validate_only(&self) -> bool {
        self.call.as_ref().is_some_and(|c| c.validate_only)
    }

    /// The refusal of a resource that is not there, as the request named it: gone ones and unknown ones are told alike.
    pub fn not_found(&self) -> Error {
        Error::not_found(self.call.as_ref().map_or("", |c| c.named.as_str()))
    }

    /// Whether who calls could also make that call on the tenant now, leaving the tenant's state aside.
    pub fn allows(&self, policy: &'static Policy, tenant: TenantUid) -> bool {
        if let Some(service) = self.permit.service() {
            return service.allows(policy, tenant);
        }
        let Some(facts) = self.call.as_ref().and_then(|call| call.facts.as_ref()) else { return false };
        match self.permit.acting() {
            Some(acting) => acting.tenant == tenant && acting.allows(policy, facts),
            None => decision::allows(policy, facts, tenant),
        }
    }

    /// Who, for what is written down.
    pub fn actor(&self) -> Actor {
        Actor {
            user: self.permit.caller().map(|caller| caller.user),
            service: self.permit.service().map(|service| service.service.clone()),
            acted_for: self.permit.acting().map(|acting| acting.acted_for.clone()),
        }
    }
}
