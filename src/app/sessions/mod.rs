//! Sessions: log in, switch, refresh, log out.
//!
//! A session belongs to its user's home and works in one tenant at a time, home or another one. It begins, goes on and moves
//! only while both are ACTIVE, which is read under a lock: a lock of the tenant that commits first is seen, a later one
//! waits, and then ends what has begun.

mod begin;
mod check;
mod exchange;
mod explain;
mod log_in;
mod log_in_by_token;
mod mine;
mod own;
mod refresh;
mod switch;

pub use begin::LoggedIn;
pub use exchange::{ExchangeToken, Exchanged};
pub use explain::ExplainAccess;
pub use log_in::LogIn;
pub use log_in_by_token::LogInByToken;
pub use mine::MyTenants;
pub use own::Whose;

use chrono::{DateTime, Utc};

use super::App;
use crate::authn::Caller;
use crate::authn::refresh_token::RefreshToken;
use crate::context::OpContext;
use crate::domain::error::{Error, Reason, Refusal, Result};
use crate::domain::id::{TenantUid, UserId};
use crate::domain::lifecycle::State;
use crate::store::tx::Tx;
use crate::store::{memberships, users};

/// Tokens as their user gets them.
pub struct Issued {
    /// For calls.
    pub access_token: String,
    /// Until then.
    pub access_expires: DateTime<Utc>,
    /// For the next refresh.
    pub refresh_token: String,
}

impl App {
    fn issue(&self, caller: &Caller, refresh: &RefreshToken) -> Result<Issued> {
        let (access_token, access_expires) = self.tokens.issue(caller, now())?;
        Ok(Issued { access_token, access_expires, refresh_token: refresh.encode(&self.root)? })
    }
}

/// The caller of a call that only callers reach.
fn caller(op: &OpContext) -> Result<Caller> {
    let caller = op.permit().caller().copied();
    caller.ok_or_else(|| Error::internal("context", "the call has no caller"))
}

/// The epoch of the transaction's tenant, held; refused unless the tenant is active.
pub(super) async fn open_tenant(tx: &mut Tx) -> Result<i64> {
    open(users::hold_tenant(tx).await?)
}

fn open(held: Option<(State, i64)>) -> Result<i64> {
    match held {
        Some((State::Active, epoch)) => Ok(epoch),
        _ => Err(Refusal::new(Reason::TenantLocked, "the tenant is locked; ask its operator").into()),
    }
}

/// Whether a user of the transaction's tenant works there.
pub(super) async fn works_in(tx: &mut Tx, user: UserId, tenant: TenantUid) -> Result<bool> {
    Ok(!memberships::hosts(tx, user, &[tenant]).await?.is_empty())
}

fn not_a_session() -> Error {
    Refusal::new(Reason::TokenInvalid, "the session has ended; log in again").into()
}

#[expect(clippy::disallowed_methods, reason = "tokens carry times of their own, compared with a leeway")]
fn now() -> DateTime<Utc> {
    Utc::now()
}
