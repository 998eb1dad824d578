//! A tenant, and what can be asked of it.

use std::collections::BTreeSet;
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::backup::LastBackup;
use super::branding::Branding;
use super::error::{Error, Reason, Refusal, Result};
use super::id::{OperationId, TenantUid};
use super::license::LicenseUse;
use super::lifecycle::{LockReason, Standing, State};
use super::limits::LimitsPatch;
use super::name::{CompanyName, DisplayName, DomainName, Labels, TenantCode, TimeZone};
use super::names::names;
use super::operation::Kind;
use super::utilization::Utilization;

/// A tenant as it is stored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Tenant {
    /// Its identity for ever.
    pub uid: TenantUid,
    /// Its code for ever.
    pub code: String,
    /// What people call it.
    pub display_name: DisplayName,
    /// The company's name; may be empty.
    pub company_name: CompanyName,
    /// The operators' labels.
    pub labels: Labels,
    /// Whether its deletion is refused.
    pub protected: bool,
    /// Where it is placed.
    pub server: String,
    /// Its time zone.
    pub time_zone: TimeZone,
    /// Whether its new users get mail. Answers that were kept before there was the switch are of tenants whose users do.
    #[serde(default = "yes")]
    pub email_notification: bool,
    /// The domain by which its users log in.
    #[serde(default)]
    pub domain: Option<DomainName>,
    /// How it looks to people before they log in.
    #[serde(default)]
    pub branding: Branding,
    /// Its state.
    pub state: State,
    /// Why it is locked, if it is.
    pub lock_reason: Option<LockReason>,
    /// Number of transitions in its log.
    pub seq: i32,
    /// Until when a failed one must rest.
    pub cooldown_until: Option<DateTime<Utc>>,
    /// How far off that was when the row was read, by the database's clock; none: it is over, or there is none.
    pub cooldown_left: Option<Duration>,
    /// Whether its deletion has passed the point of no return.
    pub purge_started: bool,
    /// Counts its lives: a restore in place begins a new one. Participants refuse calls of an older one.
    pub generation: i32,
    /// Grows when sessions in it must end.
    pub epoch: i64,
    /// Grows with each change.
    pub version: i64,
    /// When it was created.
    pub created_at: DateTime<Utc>,
    /// When it changed last.
    pub updated_at: DateTime<Utc>,
}

const fn yes() -> bool {
    true
}

impl Tenant {
    /// `tenants/{code}`.
    pub fn name(&self) -> String {
        format!("tenants/{}", self.code)
    }

    /// What callers send back to be sure that nobody was faster.
    pub fn etag(&self) -> String {
        format!("\"{:x}\"", self.version)
    }

    /// Its place in the lifecycle, with the steps that lead on.
    pub fn standing(&self) -> Standing {
        Standing::of(self.uid, self.seq, self.state, self.lock_reason)
    }

    /// State and lock reason for people.
    pub fn state_text(&self) -> String {
        match self.lock_reason {
            Some(reason) => format!("{} ({})", self.state.name(), reason.name()),
            None => self.state.name().to_owned(),
        }
    }

    /// Whether its deletion is under way.
    pub fn is_leaving(&self) -> bool {
        self.state == State::PreparingDeletion || self.purge_started
    }

    /// Refuses if the caller has read an older version. An empty etag is not compared.
    pub fn check_etag(&self, etag: &str) -> Result<()> {
        if etag.is_empty() || etag == self.etag() {
            return Ok(());
        }
        Err(Refusal::new(Reason::EtagMismatch, format!("{} has changed since it was read; read it again", self.name()))
            .about(self.name())
            .into())
    }

    /// Refuses while the tenant is protected.
    pub fn check_unprotected(&self) -> Result<()> {
        if !self.protected {
            return Ok(());
        }
        let text = format!("{} is protected; set protected to false first", self.name());
        Err(Refusal::new(Reason::TenantProtected, text).about(self.name()).into())
    }

    /// Refuses unless the caller has repeated the display name.
    pub fn check_confirmation(&self, name: &str) -> Result<()> {
        if name == self.display_name.as_str() {
            return Ok(());
        }
        let text = format!("confirm_name must repeat the display name of {} exactly", self.name());
        Err(Refusal::new(Reason::ConfirmationMismatch, text).about(self.name()).into())
    }

    /// Refuses a failed tenant that still rests.
    pub fn check_rested(&self) -> Result<()> {
        let Some((until, left)) = self.cooldown_until.zip(self.cooldown_left) else { return Ok(()) };
        Err(Refusal::new(
            Reason::TenantCoolingDown,
            format!("{} failed and can be deleted from {} on, or be retried now", self.name(), until.to_rfc3339()),
        )
        .about(self.name())
        .with("cooldown_expire_time", until.to_rfc3339())
        .retry_after(left)
        .into())
    }
}

/// The figures of a tenant. Those of parts that are not there are not there either.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Overview {
    /// Accounts at home in it, without superuser.
    pub users: i64,
    /// Assets that it has.
    pub assets: i64,
    /// Bytes of their content, each content once, with what is being uploaded.
    pub storage_bytes: i64,
    /// Its backups; none: they were not asked for.
    pub backups: Option<Backups>,
    /// Its licences, by kind; none: it is not metered.
    pub licenses: Vec<LicenseUse>,
    /// How much it is used; none: it was not asked for.
    pub utilization: Option<Utilization>,
    /// The work that keeps other work off it.
    pub current_operation: Option<CurrentOperation>,
}

/// The backups of a tenant, for the overview.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Backups {
    /// Bytes that they take in the object store beside the content.
    pub bytes: i64,
    /// The one that was begun last; none: there is none.
    pub last: Option<LastBackup>,
}

/// An operation that works on a tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CurrentOperation {
    /// Which.
    pub id: OperationId,
    /// What it does.
    pub kind: Kind,
    /// How far it is.
    pub percent: i32,
}

/// Something of a tenant that people should know besides its state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    /// What kind of thing.
    pub kind: ConditionKind,
    /// What exactly, for people.
    pub message: String,
}

names! {
    /// What can be the matter with a tenant.
    ConditionKind {
        /// Its server can't be reached.
        ServerUnreachable = "SERVER_UNREACHABLE",
        /// A participant keeps it from being deleted.
        DeletionBlocked = "DELETION_BLOCKED",
        /// It has nearly or wholly used up a limit.
        LimitNear = "LIMIT_NEAR",
        /// Of one of its kinds of licences no seat is free.
        LicensesExhausted = "LICENSES_EXHAUSTED",
        /// It has a domain, and nobody can log in by it.
        DomainNotSecure = "DOMAIN_NOT_SECURE",
    }
}

/// A tenant to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewTenant {
    /// Code that the caller wants; none: derive it.
    pub code: Option<TenantCode>,
    /// What people call it.
    pub display_name: DisplayName,
    /// The company's name.
    pub company_name: CompanyName,
    /// Labels.
    pub labels: Labels,
    /// Protection.
    pub protected: bool,
    /// Where to place it; none: the default server.
    pub server: Option<String>,
    /// Time zone; none: the server's.
    pub time_zone: Option<TimeZone>,
    /// Whether its new users get mail.
    pub email_notification: bool,
    /// Its domain.
    pub domain: Option<DomainName>,
    /// How it looks.
    pub branding: Branding,
    /// Limits; what is None is as the settings have it.
    pub limits: LimitsPatch,
    /// Features; none: the default ones.
    pub features: Option<BTreeSet<String>>,
}

/// What to change of a tenant; what is None stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TenantPatch {
    /// New display name, which the root group takes too.
    pub display_name: Option<DisplayName>,
    /// New company name.
    pub company_name: Option<CompanyName>,
    /// New labels, all of them.
    pub labels: Option<Labels>,
    /// New protection.
    pub protected: Option<bool>,
    /// New time zone.
    pub time_zone: Option<TimeZone>,
    /// Whether new users get mail from now on.
    pub email_notification: Option<bool>,
    /// New looks, all of them.
    pub branding: Option<Branding>,
}

impl TenantPatch {
    /// The fields that it changes, with their new values for people.
    pub fn fields(&self) -> Vec<(&'static str, String)> {
        let labels = self.labels.as_ref().map(|labels| {
            let pairs: Vec<_> = labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
            pairs.join(" ").chars().take(500).collect()
        });
        let fields = [
            ("display_name", self.display_name.as_ref().map(ToString::to_string)),
            ("company_name", self.company_name.as_ref().map(ToString::to_string)),
            ("labels", labels),
            ("protected", self.protected.map(|protected| protected.to_string())),
            ("time_zone", self.time_zone.as_ref().map(ToString::to_string)),
            ("email_notification", self.email_notification.map(|on| on.to_string())),
            ("branding", self.branding.as_ref().map(Branding::told)),
        ];
        fields.into_iter().filter_map(|(field, value)| Some((field, value?))).collect()
    }

    /// The fields that only operators may change and that this patch changes.
    pub fn operator_fields(&self) -> Vec<&'static str> {
        let fields = [("labels", self.labels.is_some()), ("protected", self.protected.is_some())];
        fields.into_iter().filter(|f| f.1).map(|f| f.0).collect()
    }

    /// The fields that the infrastructure tenant does not let anybody change and that this patch changes.
    pub fn fixed_in_infrastructure(&self) -> Vec<&'static str> {
        let fields = [
            ("company_name", self.company_name.is_some()),
            ("protected", self.protected.is_some()),
            ("time_zone", self.time_zone.is_some()),
            ("email_notification", self.email_notification.is_some()),
            ("branding", self.branding.is_some()),
        ];
        fields.into_iter().filter(|f| f.1).map(|f| f.0).collect()
    }
}

/// What a deletion removes, at the time of asking, and what stands in its way.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlastRadius {
    /// Accounts whose home is the tenant.
    pub users: i64,
    /// Users of other tenants who are guests in it; they are unassigned.
    #[serde(default)]
    pub guests: i64,
    /// Groups.
    pub groups: i64,
    /// Roles.
    pub roles: i64,
    /// Sessions that end.
    #[serde(default)]
    pub sessions: i64,
    /// Bytes that it stores.
    #[serde(default)]
    pub storage_bytes: i64,
    /// Participants that take part.
    pub participants: Vec<String>,
    /// What keeps the deletion from going on now.
    #[serde(default)]
    pub blockers: Vec<Blocker>,
}

/// Something that keeps a deletion from going on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Blocker {
    /// The participant.
    pub participant: String,
    /// Why.
    pub reason: String,
}

impl Blocker {
    /// The refusal that names it.
    pub fn refusal(&self, tenant: &Tenant) -> Error {
        let text =
            format!("participant {} keeps {} from being deleted: {}", self.participant, tenant.name(), self.reason);
        Refusal::new(Reason::DeletionBlocked, text)
            .with("participant", self.participant.clone())
            .about(tenant.name())
            .into()
    }
}

/// The refusal of what the infrastructure tenant does not let anybody do.
pub fn read_only(fields: &[&str]) -> Error {
    let what = if fields.is_empty() { "this call".to_owned() } else { fields.join(", ") };
    Refusal::new(
        Reason::TenantReadOnly,
        format!("the infrastructure tenant is read-only: only its display name, labels and own directory can change, not {what}"),
    )
    .about("tenants/infrastructure")
    .into()
}
