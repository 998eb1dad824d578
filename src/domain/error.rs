//! The one error of the service, free of any transport.
//!
//! What callers may read (a [`Refusal`]) is kept apart from what only logs may hold ([`Error::Internal`]). `grpc/status.rs`
//! maps both, once, to what goes over the wire.

mod reason;

use std::collections::BTreeMap;
use std::time::Duration;

pub use self::reason::{Class, Reason};
use super::lifecycle::State;

/// The result of anything that can be refused or fail.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why something was not done.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The caller is told why.
    #[error("{}: {}", .0.reason.name(), .0.message)]
    Refused(Box<Refusal>),
    /// The caller is told that it was not the caller's fault, and a number to ask about; the log has the rest.
    #[error("{context}: {source}")]
    Internal {
        /// What was being done.
        context: &'static str,
        /// What went wrong.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// What a caller is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Why, for programs.
    pub reason: Reason,
    /// Why, and what to do, for people.
    pub message: String,
    /// Each field that is wrong, and what is allowed there.
    pub fields: Vec<FieldViolation>,
    /// Facts that go with the reason, such as `state` or `operation`.
    pub metadata: BTreeMap<&'static str, String>,
    /// The resource that it is about.
    pub resource: Option<String>,
    /// How long to wait before the same call can succeed.
    pub retry_after: Option<Duration>,
}

/// A field of the request that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldViolation {
    /// Path of the field, such as `tenant.display_name`.
    pub field: String,
    /// What is allowed.
    pub allowed: String,
}

impl FieldViolation {
    /// The field at `field` must be as `allowed` says.
    pub fn new(field: impl Into<String>, allowed: impl Into<String>) -> Self {
        Self { field: field.into(), allowed: allowed.into() }
    }
}

impl Refusal {
    /// A refusal with nothing but a reason and a text.
    pub fn new(reason: Reason, message: impl Into<String>) -> Self {
        Self {
            reason,
            message: message.into(),
            fields: Vec::new(),
            metadata: BTreeMap::new(),
            resource: None,
            retry_after: None,
        }
    }

    /// Adds a fact.
    #[must_use]
    pub fn with(mut self, key: &'static str, value: impl Into<String>) -> Self {
        self.metadata.insert(key, value.into());
        self
    }

    /// Says which resource it is about.
    #[must_use]
    pub fn about(mut self, resource: impl Into<String>) -> Self {
        self.resource = Some(resource.into());
        self
    }

    /// Says when to try again.
    #[must_use]
    pub fn retry_after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(Box::new(refusal))
    }
}

impl Error {
    /// A failure that is nobody's fault but ours.
    pub fn internal(context: &'static str, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Internal { context, source: source.into() }
    }

    /// Some fields are wrong.
    pub fn fields(fields: Vec<FieldViolation>) -> Self {
        let listed: Vec<_> = fields.iter().map(|f| format!("{}: {}", f.field, f.allowed)).collect();
        Refusal { fields, ..Refusal::new(Reason::FieldsInvalid, listed.join("; ")) }.into()
    }

    /// The same, of fields that are those of a message in a field of the request.
    #[must_use]
    pub fn within(self, field: &str) -> Self {
        match self {
            Self::Refused(refusal) if !refusal.fields.is_empty() => {
                let inside =
                    |wrong: FieldViolation| FieldViolation::new(format!("{field}.{}", wrong.field), wrong.allowed);
                Self::fields(refusal.fields.into_iter().map(inside).collect())
            }
            other => other,
        }
    }

    /// One field is wrong.
    pub fn field(field: impl Into<String>, allowed: impl Into<String>) -> Self {
        Self::fields(vec![FieldViolation::new(field, allowed)])
    }

    /// There is no such resource, or none that this caller may know of: the two are told alike.
    pub fn not_found(resource: impl Into<String>) -> Self {
        let resource = resource.into();
        Refusal::new(Reason::ResourceNotFound, format!("there is no {resource}, or you may not see it"))
            .about(resource)
            .into()
    }

    /// The resource changed since the caller read it.
    pub fn stale(resource: impl Into<String>) -> Self {
        let resource = resource.into();
        let text = format!("{resource} has changed since it was read; read it again");
        Refusal::new(Reason::EtagMismatch, text).about(resource).into()
    }

    /// The tenant is not in a state that allows the call.
    pub fn state(current: &str, allowed: &[State]) -> Self {
        let allowed: Vec<_> = allowed.iter().map(|s| s.name()).collect();
        let allowed = allowed.join(", ");
        Refusal::new(
            Reason::TenantStateInvalid,
            match allowed.as_str() {
                "" => format!("the tenant is {current}"),
                _ => format!("the tenant is {current}; this call is allowed when it is {allowed}"),
            },
        )
        .with("state", current)
        .with("allowed_states", allowed)
        .into()
    }

    /// The reason, for a refusal.
    pub fn reason(&self) -> Option<Reason> {
        match self {
            Self::Refused(refusal) => Some(refusal.reason),
            Self::Internal { .. } => None,
        }
    }
}
