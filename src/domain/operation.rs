//! Long work: its kinds, what each needs to know, and which kinds keep others off a tenant.

mod params;

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::id::{OperationId, TenantUid, UserId, UserRef};
use super::impersonation::ActedFor;
use super::names::names;
use super::service_identity::ServiceRef;
pub use params::{InitialAdmin, Mail, Params};

names! {
    /// What an operation does. Each kind is one file in `operations/`.
    Kind {
        /// Sets a tenant up with every participant.
        Provision = "provision",
        /// Freezes every participant's part of a tenant.
        PrepareDeletion = "prepare-deletion",
        /// Thaws what a cancelled deletion had frozen.
        Thaw = "thaw",
        /// Removes every participant's part, then the tenant.
        Purge = "purge",
        /// Prepares a tenant for deletion and deletes it, in one.
        ForceDeletion = "force-deletion",
        /// Sends one mail.
        DeliverMail = "deliver-mail",
        /// Removes content that nothing has any more.
        CollectContent = "collect-content",
        /// Backs a tenant up.
        BackUp = "back-up",
        /// Reads the archive of a backup that was uploaded.
        ImportBackup = "import-backup",
        /// Reads all of a backup.
        VerifyBackup = "verify-backup",
        /// Copies backups to the second store.
        CopyBackups = "copy-backups",
        /// Makes a tenant's data those of a backup.
        Restore = "restore",
        /// Copies assets, within a tenant or to another one.
        CopyAssets = "copy-assets",
        /// Brings assets back that a backup has.
        RestoreAssets = "restore-assets",
        /// Finds whose recordings are.
        AssignRecordings = "assign-recordings",
    }
}

impl Kind {
    /// Whether it keeps other exclusive work off its tenant.
    pub const fn exclusive(self) -> bool {
        match self {
            Self::Provision
            | Self::PrepareDeletion
            | Self::Thaw
            | Self::Purge
            | Self::ForceDeletion
            | Self::Restore => true,
            Self::DeliverMail
            | Self::CollectContent
            | Self::BackUp
            | Self::ImportBackup
            | Self::VerifyBackup
            | Self::CopyBackups
            | Self::CopyAssets
            | Self::RestoreAssets
            | Self::AssignRecordings => false,
        }
    }

    /// Whether CancelOperation stops it. What has a call of its own to turn back, or no way back, it does not.
    pub const fn cancellable(self) -> bool {
        match self {
            Self::Provision
            | Self::DeliverMail
            | Self::CollectContent
            | Self::BackUp
            | Self::ImportBackup
            | Self::VerifyBackup
            | Self::CopyBackups
            | Self::Restore
            | Self::CopyAssets
            | Self::RestoreAssets
            | Self::AssignRecordings => true,
            Self::PrepareDeletion | Self::Thaw | Self::Purge | Self::ForceDeletion => false,
        }
    }

    /// Whether it ends when its tenant is prepared for deletion.
    pub const fn yields_to_deletion(self) -> bool {
        match self {
            Self::DeliverMail
            | Self::CollectContent
            | Self::BackUp
            | Self::ImportBackup
            | Self::VerifyBackup
            | Self::CopyBackups
            | Self::CopyAssets
            | Self::RestoreAssets
            | Self::AssignRecordings => true,
            Self::Provision
            | Self::PrepareDeletion
            | Self::Thaw
            | Self::Purge
            | Self::ForceDeletion
            | Self::Restore => false,
        }
    }
}

names! {
    /// How far it is.
    State {
        /// For a worker to take, or for its time to come.
        Pending = "PENDING",
        /// With a worker.
        Running = "RUNNING",
        /// Asked to stop.
        Cancelling = "CANCELLING",
        /// Done.
        Succeeded = "SUCCEEDED",
        /// Given up.
        Failed = "FAILED",
        /// Stopped.
        Cancelled = "CANCELLED",
    }
}

impl State {
    /// Whether nothing will change any more.
    pub const fn ended(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed | Self::Cancelled)
    }
}

/// Who asked for something, and for whom.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Actor {
    /// The user; none: another service, or Landlord itself.
    pub user: Option<UserRef>,
    /// The service.
    #[serde(default)]
    pub service: Option<ServiceRef>,
    /// The account that the user acted for.
    pub acted_for: Option<ActedFor>,
}

impl Actor {
    /// The ids by which it is written down: whose user, and which. Services belong to the infrastructure tenant.
    pub fn ids(&self) -> (Option<TenantUid>, Option<uuid::Uuid>) {
        match (self.user, self.service.as_ref()) {
            (Some(user), _) => (Some(user.home), Some(user.user.0)),
            (None, Some(service)) => (Some(TenantUid::INFRASTRUCTURE), Some(service.uid.0)),
            (None, None) => (None, None),
        }
    }

    /// Who it is that was written down by these ids and that name.
    pub fn written(home: Option<uuid::Uuid>, id: Option<uuid::Uuid>, name: &str, acted_for: Option<ActedFor>) -> Self {
        let service = id.and_then(|id| ServiceRef::written(id, name));
        let user = home.zip(id).filter(|_| service.is_none());
        let user = user.map(|(home, user)| UserRef { home: TenantUid(home), user: UserId(user) });
        Self { user, service, acted_for }
    }

    /// Its resource name, as a tenant of this code sees it; `system`: Landlord itself.
    pub fn name_in(&self, tenant: TenantUid, code: &str) -> String {
        match (self.user, self.service.as_ref()) {
            (Some(UserRef { home, user }), _) if home.is_infrastructure() => {
                format!("tenants/infrastructure/users/{user}")
            }
            (Some(UserRef { home, user }), _) if home == tenant => format!("tenants/{code}/users/{user}"),
            (Some(UserRef { home, user }), _) => format!("tenants/{home}/users/{user}"),
            (None, Some(service)) => service.name(),
            (None, None) => "system".to_owned(),
        }
    }
}

/// An operation as everybody may see it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Operation {
    /// The tenant that it works on.
    pub tenant: TenantUid,
    /// That tenant's code, which outlives it.
    pub tenant_code: String,
    /// Its id.
    pub id: OperationId,
    /// What it does.
    pub kind: Kind,
    /// How far it is.
    pub state: State,
    /// Step that is next or being worked on.
    pub step: String,
    /// Share done, 0 to 100.
    pub percent: i32,
    /// Units done.
    pub done_units: i64,
    /// Units in all; 0: not known.
    pub total_units: i64,
    /// What it waits for; empty: nothing.
    pub waiting_for: String,
    /// What went wrong, at last.
    pub error: Option<Failure>,
    /// Names of what it made.
    pub results: Vec<String>,
    /// Who asked for it.
    pub actor: Actor,
    /// Steps so far.
    pub steps: Vec<StepRecord>,
    /// Grows with each change.
    pub version: i64,
    /// When it was asked for.
    pub created_at: DateTime<Utc>,
    /// When a worker first took it.
    pub started_at: Option<DateTime<Utc>>,
    /// When it ended.
    pub ended_at: Option<DateTime<Utc>>,
}

impl Operation {
    /// Whether CancelOperation stops it now.
    pub fn cancellable(&self) -> bool {
        self.kind.cancellable() && matches!(self.state, State::Pending | State::Running)
    }
}

/// Units of work, for people who wait.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Units {
    /// Done.
    pub done: i64,
    /// In all; 0: not known.
    pub total: i64,
}

impl Units {
    /// With a batch added.
    #[must_use]
    pub fn and(self, batch: Self) -> Self {
        Self { done: self.done + batch.done, total: self.total.max(batch.total) }
    }

    /// The share of a span of so many percent that is done.
    pub fn share_of(self, span: i32) -> i32 {
        if self.total <= 0 {
            return 0;
        }
        let done = i128::from(self.done.clamp(0, self.total)) * i128::from(span) / i128::from(self.total);
        i32::try_from(done).unwrap_or(span)
    }
}

/// What became of one step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepRecord {
    /// The step.
    pub step: String,
    /// The participant that it calls; empty: none.
    pub participant: String,
    /// Attempts so far.
    pub attempts: i32,
    /// Whether it is done.
    pub done: bool,
    /// What went wrong at the last attempt; empty: nothing.
    pub last_error: String,
}

/// Why an operation failed, as its reader sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// gRPC code by name.
    pub code: String,
    /// Reason by name.
    pub reason: String,
    /// For people.
    pub message: String,
    /// Further facts.
    pub metadata: BTreeMap<String, String>,
}

impl Failure {
    /// As it is stored of what did not fail.
    pub const fn none() -> Self {
        Self { code: String::new(), reason: String::new(), message: String::new(), metadata: BTreeMap::new() }
    }
}

/// How often and how soon a failed attempt is repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryPolicy {
    /// Attempts in all at one step.
    pub max_attempts: u32,
    /// Upper bound of the wait after the first failure; it doubles from there.
    pub base: Duration,
    /// Upper bound of any wait.
    pub most: Duration,
}

impl RetryPolicy {
    /// How long to wait after the given failed attempt (from 1), or None when that was the last. `share` is a random
    /// number from 0 to 1: full jitter, so that replicas that failed together do not come back together.
    pub fn wait(&self, attempt: u32, share: f64) -> Option<Duration> {
        if attempt >= self.max_attempts {
            return None;
        }
        let doubled = self.base.saturating_mul(1u32.checked_shl(attempt.saturating_sub(1)).unwrap_or(u32::MAX));
        Some(doubled.min(self.most).mul_f64(share.clamp(0.0, 1.0)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_stay_below_the_most_and_end() {
        let policy = RetryPolicy { max_attempts: 40, base: Duration::from_millis(500), most: Duration::from_secs(60) };
        assert_eq!(policy.wait(1, 1.0), Some(Duration::from_millis(500)));
        assert_eq!(policy.wait(3, 1.0), Some(Duration::from_secs(2)));
        assert_eq!(policy.wait(39, 1.0), Some(Duration::from_secs(60)));
        assert_eq!(policy.wait(3, 0.0), Some(Duration::ZERO));
        assert_eq!(policy.wait(40, 1.0), None);
    }

    #[test]
    fn a_part_of_a_step_is_a_part_of_its_share() {
        let share = |done, total| Units { done, total }.share_of(50);
        assert_eq!((share(0, 0), share(5, 0), share(1, 4), share(4, 4), share(9, 4)), (0, 0, 12, 50, 50));
        assert_eq!(share(i64::MAX, i64::MAX), 50);
    }

    #[test]
    fn parameters_come_back_from_storage_as_they_went_in() {
        let params = Params::DeliverMail { mail: Mail::Activation, user: UserId::new() };
        let json = serde_json::to_value(&params).expect("serializes");
        assert_eq!(json["kind"], params.kind().name());
        assert_eq!(serde_json::from_value::<Params>(json).expect("deserializes"), params);
    }
}
