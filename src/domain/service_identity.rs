//! Service identities: other services of the platform that call, and what they may do.

use std::collections::BTreeSet;
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::error::{Error, Reason, Refusal, Result};
use super::id::{ServiceId, TenantUid};
use super::name::{DisplayName, SpiffeId};

/// How long a key may be good.
pub const LONGEST_KEY: Duration = Duration::from_secs(366 * 24 * 3600);

/// How long a key goes on after a rotation that says nothing else.
pub const OVERLAP: Duration = Duration::from_secs(24 * 3600);

/// How long it may go on.
pub const LONGEST_OVERLAP: Duration = Duration::from_secs(30 * 24 * 3600);

/// Tenants that an identity names at most.
pub const MOST_TENANTS: usize = 1000;

/// A service by its name, as it is written down wherever it has done something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceRef {
    /// Which, for ever.
    pub uid: ServiceId,
    /// The id in its name.
    pub id: String,
}

impl ServiceRef {
    /// `serviceIdentities/{service_identity}`.
    pub fn name(&self) -> String {
        format!("{COLLECTION}{}", self.id)
    }

    /// The service that was written down by that name. None: it is the name of a user, which has no slash.
    pub fn written(uid: uuid::Uuid, name: &str) -> Option<Self> {
        name.strip_prefix(COLLECTION).map(|id| Self { uid: ServiceId(uid), id: id.to_owned() })
    }
}

/// What the names of service identities begin with.
pub const COLLECTION: &str = "serviceIdentities/";

/// The tenants that a service is bound to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reach {
    /// Every one but the infrastructure tenant, also those that are yet to come.
    All,
    /// These.
    These(BTreeSet<TenantUid>),
}

impl Reach {
    /// Whether the service may call on that tenant.
    pub fn covers(&self, tenant: TenantUid) -> bool {
        match self {
            Self::All => !tenant.is_infrastructure(),
            Self::These(tenants) => tenants.contains(&tenant),
        }
    }
}

/// A service identity.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceIdentity {
    /// Which, by its name.
    pub service: ServiceRef,
    /// What people call it.
    pub display_name: DisplayName,
    /// The calls that it may make: `SessionService.CheckAccess`.
    pub methods: BTreeSet<String>,
    /// The tenants that it may make them on.
    pub reach: Reach,
    /// Their codes.
    pub tenant_codes: Vec<String>,
    /// The one of its certificates.
    pub spiffe_id: Option<SpiffeId>,
    /// Its keys, the newest first.
    pub keys: Vec<ServiceKey>,
    /// When it called last.
    pub used_at: Option<DateTime<Utc>>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it was changed last.
    pub updated_at: DateTime<Utc>,
    /// Grows with each change.
    pub version: i64,
}

impl ServiceIdentity {
    /// What callers send back to be sure that nobody was faster.
    pub fn etag(&self) -> String {
        format!("\"{:x}\"", self.version)
    }

    /// Refuses a change of what was read before somebody else's.
    pub fn check_etag(&self, sent: &str) -> Result<()> {
        if sent.is_empty() || sent == self.etag() { Ok(()) } else { Err(Error::stale(self.service.name())) }
    }

    /// Which of its keys goes on when it gets another one: the one that it uses.
    pub fn goes_on(&self) -> GoesOn {
        match self.keys.as_slice() {
            [newest, _] if newest.used_at.is_none() => GoesOn::Older,
            [only] if !only.newest => GoesOn::Older,
            _ => GoesOn::Newest,
        }
    }
}

/// Which key goes on in a rotation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GoesOn {
    /// The newest one, which gives way to the new one as such.
    Newest,
    /// The one before, for nobody has ever used the newest one, or its time is over.
    Older,
}

/// A key of a service, without the key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceKey {
    /// Whether it is the last one that was made.
    pub newest: bool,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// From when on it is refused.
    pub expires_at: DateTime<Utc>,
    /// When it was used last.
    pub used_at: Option<DateTime<Utc>>,
}

/// A service identity to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewServiceIdentity {
    /// Its name.
    pub service: ServiceRef,
    /// What people call it.
    pub display_name: DisplayName,
    /// The calls that it may make.
    pub methods: BTreeSet<String>,
    /// The tenants that it may make them on.
    pub reach: Reach,
    /// The one of its certificates.
    pub spiffe_id: Option<SpiffeId>,
}

/// What to change of a service identity; what is None stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServiceIdentityPatch {
    /// New name for people.
    pub display_name: Option<DisplayName>,
    /// All that it may call from now on.
    pub methods: Option<BTreeSet<String>>,
    /// All tenants that it may call on from now on.
    pub reach: Option<Reach>,
    /// New SPIFFE id, or none any more.
    pub spiffe_id: Option<Option<SpiffeId>>,
}

/// The refusal of a call that the service has not been given.
pub fn method_not_given(service: &ServiceRef, method: &str) -> Error {
    let name = service.name();
    let text = format!("{name} has not been given {method}; an operator can with UpdateServiceIdentity");
    Refusal::new(Reason::MethodNotGiven, text).with("method", method.to_owned()).about(name).into()
}

/// A SPIFFE id of a workload, or what is allowed.
pub fn spiffe_id(text: &str) -> Result<String, String> {
    let allowed = "must be `spiffe://{trust domain}/{path}`, at most 2048 characters: the trust domain of a-z, 0-9, '.', '_' and \
                   '-', the segments of the path of those and A-Z";
    let of = |part: &str, upper: bool| {
        !part.is_empty()
            && part.bytes().all(|b| {
                b.is_ascii_lowercase()
                    || b.is_ascii_digit()
                    || matches!(b, b'.' | b'_' | b'-')
                    || upper && b.is_ascii_uppercase()
            })
    };
    let fits = text.len() <= 2048
        && text.strip_prefix("spiffe://").and_then(|rest| rest.split_once('/')).is_some_and(|(domain, path)| {
            domain.len() <= 255
                && of(domain, false)
                && path.split('/').all(|segment| of(segment, true) && segment != "." && segment != "..")
        });
    if fits { Ok(text.to_owned()) } else { Err(allowed.to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spiffe_ids_have_a_trust_domain_and_a_path_and_nothing_else() {
        for good in ["spiffe://example.org/billing", "spiffe://td_1/ns/prod/sa/Billing-2.v1"] {
            assert!(spiffe_id(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "https://example.org/billing",
            "SPIFFE://example.org/billing",
            "spiffe://example.org",
            "spiffe://example.org/",
            "spiffe:///billing",
            "spiffe://Example.org/billing",
            "spiffe://example.org:443/billing",
            "spiffe://user@example.org/billing",
            "spiffe://example.org/billing/",
            "spiffe://example.org//billing",
            "spiffe://example.org/./billing",
            "spiffe://example.org/../billing",
            "spiffe://example.org/billing?a=b",
            "spiffe://example.org/billing#a",
            "spiffe://example.org/b%69lling",
            "spiffe://example.org/billing ",
        ] {
            assert!(spiffe_id(bad).is_err(), "{bad}");
        }
        assert!(spiffe_id(&format!("spiffe://example.org/{}", "x".repeat(2048))).is_err());
    }

    #[test]
    fn all_tenants_are_all_but_the_infrastructure_tenant() {
        let (one, infrastructure) = (TenantUid::new(), TenantUid::INFRASTRUCTURE);
        assert!(Reach::All.covers(one) && !Reach::All.covers(infrastructure));
        let these = Reach::These([one, infrastructure].into());
        assert!(these.covers(one) && these.covers(infrastructure) && !these.covers(TenantUid::new()));
        assert!(!Reach::These(BTreeSet::new()).covers(one));
    }
}
