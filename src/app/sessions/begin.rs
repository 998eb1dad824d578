//! How a session begins, whatever was shown for it.

use std::time::Duration;

use futures::FutureExt as _;
use serde::{Deserialize, Serialize};

use super::log_in::wrong;
use super::{Issued, log_in_by_token, open, open_tenant, works_in};
use crate::app::App;
use crate::app::attempts::check_wait;
use crate::app::domains::not_operational;
use crate::app::home::{Home, leads_in};
use crate::app::licenses::take_seat;
use crate::authn::refresh_token::RefreshToken;
use crate::authn::{Caller, Credential, IdentityClaims, SessionClaims};
use crate::authz::permit::Purpose;
use crate::authz::policy;
use crate::context::OpContext;
use crate::domain::attempts::Slot;
use crate::domain::error::{Error, Reason, Refusal, Result};
use crate::domain::id::{IdentityId, SessionId, TenantUid, UserId, UserRef};
use crate::domain::user::{User, UserState};
use crate::store::my_tenants::{self, MyTenant};
use crate::store::tx::Tx;
use crate::store::{attempts, audit, sessions, users};

/// Tenants that the answer names. Who works in more asks for the list.
const MOST_TENANTS: i64 = 100;

/// A session that has begun.
pub struct LoggedIn {
    /// Its tokens.
    pub tokens: Issued,
    /// Who.
    pub user: User,
    /// Code of the user's home.
    pub home_code: String,
    /// Code of the active tenant.
    pub active_code: String,
    /// Where the user can work now.
    pub tenants: Vec<MyTenant>,
}

/// What the user has shown.
#[derive(Clone)]
pub(super) enum Shown {
    /// The password.
    Password {
        /// Where wrong ones are counted.
        slots: Vec<Slot>,
        /// How the home was named.
        home: Home,
    },
    /// A token of an identity provider.
    Token(IdentityClaims),
}

#[derive(Clone)]
struct Begin {
    user: User,
    token: RefreshToken,
    /// Uid and name of the tenant that was asked for.
    wanted: Option<(TenantUid, String)>,
    life: Duration,
    shown: Shown,
}

#[derive(Serialize, Deserialize)]
struct Begun {
    caller: Caller,
    tenants: Vec<MyTenant>,
}

impl App {
    /// Begins a session of a user who has shown that, in the tenant that is wanted.
    pub(super) async fn begin_session(
        &self,
        call: &OpContext,
        user: User,
        home_code: String,
        wanted: Option<String>,
        shown: Shown,
    ) -> Result<LoggedIn> {
        let wanted = match wanted {
            None => None,
            Some(name) => match self.resolve_tenant(&name).await? {
                Some((uid, _)) => Some((uid, name)),
                None => return Err(Error::not_found(format!("tenants/{name}"))),
            },
        };
        let home = user.tenant;
        let token = RefreshToken::new(home, SessionId::new(), 1)?;
        let input = Begin { user: user.clone(), token: token.clone(), wanted, life: self.sessions.refresh, shown };
        let op = OpContext::system(Purpose::LogIn, Some(home)).in_answer_to(call.correlation_id().to_owned());
        let Begun { caller, tenants } =
            self.db.change(op, "log-in", input, |tx, input| begin(tx, input).boxed()).await?;
        let active_code = self.code_of(caller.active).await?;
        Ok(LoggedIn { tokens: self.issue(&caller, &token)?, user, home_code, active_code, tenants })
    }
}

async fn begin(tx: &mut Tx, input: &Begin) -> Result<Begun> {
    let home = tx.tenant();
    if let Shown::Password { slots, .. } = &input.shown {
        // Of many who guess at once, those that come too early learn nothing, not even that they were right.
        check_wait(tx, slots).await?;
    }
    open_tenant(tx).await?;
    if let Shown::Password { home, .. } = &input.shown
        && !leads_in(tx, home).await?
    {
        return Err(not_operational());
    }
    // As it was found before, if nothing has changed since.
    let user = users::load_held(tx, input.user.id).await?;
    let user = user.filter(|user| user.epoch == input.user.epoch && user.state == UserState::Active);
    let user = user.ok_or_else(|| input.shown.refused())?;
    let active = match &input.wanted {
        Some((wanted, _)) => *wanted,
        None => user.default_tenant.unwrap_or(home),
    };
    let held = users::hold_tenant_at(tx, active).await?;
    if !works_in(tx, user.id, active).await? {
        return Err(elsewhere(tx, user.id, input).await?);
    }
    let claims = SessionClaims { id: input.token.session, user_epoch: user.epoch, tenant_epoch: open(held)? };
    let caller = Caller { user: UserRef { home, user: user.id }, active, credential: Credential::Session(claims) };
    take_seat(tx, user.id, active).await?;
    let began_with = still_counts(tx, &caller, &input.shown).await?;
    sessions::insert(tx, &caller, &input.token, input.life, began_with).await?;
    audit::record_user(tx, &policy::SESSION_SERVICE_CREATE_SESSION, &user, Some(claims.id)).await?;
    if let Shown::Password { slots, .. } = &input.shown {
        attempts::forgive(tx, slots).await?;
    }
    let mut tenants = my_tenants::page(tx, user.id, "", MOST_TENANTS).await?;
    tenants.retain(|tenant| tenant.usable);
    Ok(Begun { caller, tenants })
}

/// That a token counts for a call in the tenant where the session is to begin; held. Gives what the session goes with.
async fn still_counts(tx: &mut Tx, caller: &Caller, shown: &Shown) -> Result<Option<IdentityId>> {
    let Shown::Token(claims) = shown else { return Ok(None) };
    let home = tx.tenant();
    sessions::check(tx, &Caller { credential: Credential::Identity(*claims), ..*caller }).await?;
    tx.switch(home).await?;
    Ok(Some(claims.id))
}

impl Shown {
    /// The refusal of a user who can't log in.
    fn refused(&self) -> Error {
        match self {
            Self::Password { .. } => wrong(),
            Self::Token(_) => log_in_by_token::locked(),
        }
    }
}

/// Why a user can't begin where it does not work.
async fn elsewhere(tx: &mut Tx, user: UserId, input: &Begin) -> Result<Error> {
    if my_tenants::page(tx, user, "", 1).await?.is_empty() {
        let text = "you are assigned to no tenant; ask the administrator of your users to assign you to one";
        return Ok(Refusal::new(Reason::NoTenantAssigned, text).into());
    }
    if let Some((_, wanted)) = &input.wanted {
        return Ok(Error::not_found(format!("tenants/{wanted}")));
    }
    let text = "you no longer work in your default tenant; ask the administrator of your users to set a new one, or name \
                another tenant of yours in active_tenant";
    Ok(Refusal::new(Reason::DefaultTenantRequired, text).into())
}
