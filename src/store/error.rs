//! What the database says, in our words. Its own never leave: they go to the log as the source of an internal error.

use diesel::result::{DatabaseErrorKind, Error as DieselError};

use crate::domain::error::{Error, Reason, Refusal};

/// What becomes of a failed transaction.
#[derive(Debug)]
pub(super) enum Outcome {
    /// Run it again: another one was in the way.
    Retry(Error),
    /// Give up.
    GiveUp(Error),
}

/// The error of a statement or of a commit.
pub fn failed(error: DieselError) -> Error {
    match &error {
        DieselError::DatabaseError(DatabaseErrorKind::ClosedConnection, _) | DieselError::BrokenTransactionManager => {
            unavailable(error)
        }
        DieselError::DatabaseError(_, info) => {
            let message = info.message();
            if let Some(reason) = message.strip_prefix("landlord:").and_then(Reason::parse) {
                return refused_by_rule(reason);
            }
            if TOO_LONG.contains(&message) {
                return held(error);
            }
            if is_outage(message) {
                return unavailable(error);
            }
            Error::internal("database", error)
        }
        _ => Error::internal("database", error),
    }
}

/// Whether a unique key of that name was hit.
pub fn is_duplicate(error: &DieselError, constraint: &str) -> bool {
    matches!(error, DieselError::DatabaseError(DatabaseErrorKind::UniqueViolation, info)
        if info.constraint_name() == Some(constraint))
}

/// Whether something refers to what was to be removed.
pub fn is_reference(error: &DieselError) -> bool {
    matches!(error, DieselError::DatabaseError(DatabaseErrorKind::ForeignKeyViolation, _))
}

/// Whether the database refused a statement for what it says, and would again.
pub fn is_of_statement(source: &(dyn std::error::Error + Send + Sync + 'static)) -> bool {
    match source.downcast_ref::<DieselError>() {
        Some(DieselError::DatabaseError(DatabaseErrorKind::SerializationFailure, _)) => false,
        Some(DieselError::DatabaseError(_, told)) => !told.message().contains("deadlock detected"),
        Some(_) => false,
        None => source.downcast_ref::<tokio_postgres::Error>().is_some_and(|error| error.as_db_error().is_some()),
    }
}

/// The error of a statement that refers to what may go at the same time, held by another tenant's transaction.
pub fn gone_or_failed(error: DieselError) -> Error {
    if !is_reference(&error) {
        return failed(error);
    }
    let text = "a user or a tenant that the call names went away at the same time; read it again";
    Refusal::new(Reason::EtagMismatch, text).into()
}

/// The database can't be reached, or went away. Whether a commit that was under way took place is not known.
pub fn unavailable(source: impl std::fmt::Display) -> Error {
    tracing::warn!(error = %source, "the database is unavailable");
    Refusal::new(
        Reason::StoreUnavailable,
        "the database can't be reached; whether the change was made is not known: repeat the call with the same request_id",
    )
    .retry_after(std::time::Duration::from_secs(1))
    .into()
}

/// What Postgres says when something else had what a statement needs for too long.
const TOO_LONG: [&str; 2] = ["canceling statement due to lock timeout", "canceling statement due to statement timeout"];

/// Something else had what the transaction needs for too long.
fn held(source: DieselError) -> Error {
    tracing::warn!(error = %source, "a statement was not done in time");
    let text = "what the call needs is held by another change, or the database is busy: repeat the call with the same request_id";
    Refusal::new(Reason::StoreUnavailable, text).retry_after(std::time::Duration::from_secs(1)).into()
}

/// Whether the transaction is worth another try.
pub(super) fn judge(error: Error) -> Outcome {
    let Error::Internal { source, .. } = &error else { return Outcome::GiveUp(error) };
    let again = match source.downcast_ref::<DieselError>() {
        Some(DieselError::DatabaseError(DatabaseErrorKind::SerializationFailure, _)) => true,
        Some(DieselError::DatabaseError(_, info)) => info.message().contains("deadlock detected"),
        _ => false,
    };
    if again { Outcome::Retry(error) } else { Outcome::GiveUp(error) }
}

/// What Postgres says when it is starting, stopping or cutting connections. The driver does not pass its codes on, so
/// this needs English messages; the start of the service warns of others.
fn is_outage(message: &str) -> bool {
    const OUTAGES: &[&str] = &[
        "terminating connection",
        "the database system is",
        "connection closed",
        "server closed the connection",
        "error communicating with the server",
        "remaining connection slots are reserved",
        "too many connections",
        "too many clients",
    ];
    OUTAGES.iter().any(|known| message.contains(known))
}

/// The rules that triggers keep, for callers who got past the checks before them.
fn refused_by_rule(reason: Reason) -> Error {
    let text = match reason {
        Reason::EtagMismatch => "the tenant changed at the same time; read it again",
        Reason::TenantCoolingDown => "the failed tenant can be deleted only after its cool-down",
        Reason::TenantProtected => "the tenant is protected; set protected to false first",
        Reason::TenantReadOnly => "the infrastructure tenant is read-only",
        Reason::UserLimitReached => "the tenant has as many users as it may have; an operator can raise max_users",
        Reason::DiskQuotaExceeded => {
            "the tenant's data would take more than its quota; an operator can raise disk_quota_bytes"
        }
        Reason::LimitBelowUse => "the limit is below what is in use by now; read it again",
        Reason::LicensesExhausted => {
            "too few seats are left: lower another tenant's max_users or licences, or raise the system licence"
        }
        _ => "the tenant's state does not allow this",
    };
    Refusal::new(reason, text).into()
}
