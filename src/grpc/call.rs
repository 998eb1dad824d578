//! What is known of a call before its message is read: typed extensions, put there by layers and interceptors.

use std::fmt;
use std::sync::Arc;

use secrecy::SecretString;
use tokio::time::Instant;

use crate::authz::impersonation::{Whom, Wish};
use crate::domain::id::TenantUid;
use crate::domain::name::{ImpersonationReason, TenantCode, UserName};

/// Ties an answer, its log lines and its audit records together: 1 to 64 characters of `[A-Za-z0-9._-]`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CorrelationId(Arc<str>);

impl CorrelationId {
    /// What a caller sent, if it may be used.
    pub fn parse(text: &str) -> Option<Self> {
        let fits = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
        ((1..=64).contains(&text.len()) && text.bytes().all(fits)).then(|| Self(text.into()))
    }

    /// One of our own, for a call that brought none.
    pub fn fresh() -> Self {
        Self(uuid::Uuid::now_v7().hyphenated().to_string().into())
    }

    /// The id that the trace layer gave the call. Where that layer is missing, a fresh one.
    pub fn of(extensions: &http::Extensions) -> Self {
        extensions.get::<Self>().cloned().unwrap_or_else(Self::fresh)
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for CorrelationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// When the call reached the outermost layer; its deadline is counted from here.
#[derive(Clone, Copy, Debug)]
pub struct ArrivedAt(pub Instant);

/// The tenant that a caller selects. It narrows what the credential grants and never grants anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TenantHint {
    /// By its code.
    Code(TenantCode),
    /// By its uid.
    Uid(TenantUid),
}

impl TenantHint {
    /// The tenant that `text` names, or what is allowed there.
    pub fn parse(text: &str) -> Result<Self, String> {
        if let Some(uid) = TenantUid::parse(text) {
            return Ok(Self::Uid(uid));
        }
        // Nobody may be given this code, but those who work there have to name it.
        let infrastructure = TenantCode::infrastructure();
        if text == infrastructure.as_str() {
            return Ok(Self::Code(infrastructure));
        }
        TenantCode::parse(text).map(Self::Code)
    }
}

impl fmt::Display for TenantHint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(code) => code.fmt(f),
            Self::Uid(uid) => uid.fmt(f),
        }
    }
}

/// What the metadata of impersonation asks for: whom to act for, and why. Or the key that is wrong and what is allowed there.
pub fn impersonation(target: Option<&str>, reason: Option<&str>) -> Result<Option<Wish>, (&'static str, String)> {
    use crate::client::keys::{IMPERSONATE, IMPERSONATE_REASON};
    let target = match (target, reason) {
        (None, None) => return Ok(None),
        (None, Some(_)) => return Err((IMPERSONATE, format!("is required with {IMPERSONATE_REASON}"))),
        (Some(target), _) => UserName::parse(target).map_err(|allowed| (IMPERSONATE, allowed))?,
    };
    let reason = reason.ok_or_else(|| (IMPERSONATE_REASON, format!("is required with {IMPERSONATE}")))?;
    let reason = ImpersonationReason::parse(reason).map_err(|allowed| (IMPERSONATE_REASON, allowed))?;
    Ok(Some(Wish { whom: Whom::Named(target), reason }))
}

/// The metadata of a call, once its form was found right.
#[derive(Clone, Debug)]
pub struct CallMetadata {
    /// The correlation id, the caller's or ours.
    pub correlation_id: CorrelationId,
    /// The credential. An empty one counts as absent.
    pub bearer: Option<SecretString>,
    /// The tenant that the caller selects.
    pub tenant: Option<TenantHint>,
    /// Whom the caller wants to act for.
    pub impersonation: Option<Wish>,
}

/// The tenant context of a call, as its interceptor read it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TenantContext(pub Option<TenantHint>);

/// The impersonation that a call asks for, as its interceptor read it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImpersonationContext(pub Option<Wish>);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn correlation_ids_are_short_and_plain() {
        assert!(CorrelationId::parse("a.B_9-").is_some());
        assert!(CorrelationId::parse(&"x".repeat(64)).is_some());
        for bad in ["", "a b", "ä", "a/b", &"x".repeat(65)] {
            assert!(CorrelationId::parse(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn a_tenant_is_named_by_code_or_uid() {
        let uid = "11111111-1111-1111-1111-111111111111";
        assert_eq!(TenantHint::parse(uid), Ok(TenantHint::Uid(TenantUid::INFRASTRUCTURE)));
        assert_eq!(TenantHint::parse("infrastructure"), Ok(TenantHint::Code(TenantCode::infrastructure())));
        assert!(matches!(TenantHint::parse("acme"), Ok(TenantHint::Code(code)) if code.as_str() == "acme"));
        assert!(TenantHint::parse("system").is_err());
        assert!(TenantHint::parse("Acme").is_err());
    }

    #[test]
    fn impersonation_needs_a_target_and_a_reason() {
        assert_eq!(impersonation(None, None), Ok(None));
        assert!(impersonation(None, Some("help")).is_err());
        assert!(impersonation(Some("superuser"), None).is_err());
        assert!(impersonation(Some("superuser"), Some("  ")).is_err());
        let wish = impersonation(Some("superuser"), Some(" ticket 4711 ")).unwrap().unwrap();
        assert_eq!(wish.whom, Whom::Named(UserName::parse("superuser").unwrap()));
        assert_eq!(wish.reason.as_str(), "ticket 4711");
    }
}
