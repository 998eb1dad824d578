//! Sessions: log in, refresh, log out.

use chrono::{DateTime, Utc};
use futures::FutureExt as _;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use super::App;
use crate::authn::Caller;
use crate::authn::token::RefreshToken;
use crate::authz::permit::Purpose;
use crate::authz::policy;
use crate::context::OpContext;
use crate::domain::error::{Error, Reason, Refusal, Result};
use crate::domain::id::{SessionId, TenantUid, UserRef};
use crate::domain::lifecycle::State;
use crate::domain::name::UserName;
use crate::domain::user::{User, UserState};
use crate::store::tx::Tx;
use crate::store::{audit, sessions, tenants, users};

/// Who wants to log in.
#[derive(Debug)]
pub struct LogIn {
    /// User name.
    pub user_name: String,
    /// Password.
    pub password: SecretString,
    /// Code or uid of the home tenant, if one was given.
    pub tenant: Option<String>,
}

/// A session as its user gets it.
pub struct Session {
    /// For calls.
    pub access_token: String,
    /// Until then.
    pub access_expires: DateTime<Utc>,
    /// For the next refresh.
    pub refresh_token: String,
    /// Who.
    pub user: User,
    /// Code of the active tenant.
    pub tenant_code: String,
}

impl App {
    /// Logs a user in. A wrong tenant, a wrong user and a wrong password are answered alike, in text and in time.
    /// Those that succeed stand in the logs; those that don't leave no trace there, which anybody could fill.
    pub async fn log_in(&self, call: &OpContext, log_in: LogIn) -> Result<Session> {
        let home = self.home_of(log_in.tenant.as_deref()).await?;
        // An unknown tenant is searched as a known one is, so that the time does not tell them apart.
        let searched = home.as_ref().map_or(TenantUid(uuid::Uuid::nil()), |(uid, _)| *uid);
        let op = OpContext::system(Purpose::LogIn, Some(searched));
        let key = UserName::parse(&log_in.user_name).map(|name| name.key()).unwrap_or_default();
        let known = self.db.read(op, "find-user", key, |tx, key| users::find_for_log_in(tx, key).boxed()).await?;
        let (user, hash) = known.map_or((None, None), |(user, hash)| (Some(user), hash));
        let fits = self.passwords.verify(log_in.password, hash).await?;
        let (Some(user), Some((home, code)), true) = (user, home, fits) else { return Err(wrong()) };
        let token = RefreshToken::new(home, SessionId::new(), 1)?;
        let input = (user.clone(), token.clone(), self.sessions.refresh);
        let op = OpContext::system(Purpose::LogIn, Some(home)).in_answer_to(call.correlation_id().to_owned());
        let begun = self.db.change(op, "log-in", input, |tx, (user, token, life)| {
            async move {
                let tenant_epoch = open_tenant(tx).await?;
                let user = open_user(tx, user.epoch, user).await?;
                let caller = Caller {
                    user: UserRef { home: tx.tenant(), user: user.id },
                    session: token.session,
                    active: tx.tenant(),
                    user_epoch: user.epoch,
                    tenant_epoch,
                };
                sessions::insert(tx, &caller, token, *life).await?;
                audit::record_user(tx, &policy::SESSION_SERVICE_CREATE_SESSION, &user, Some(token.session)).await?;
                Ok(caller)
            }
            .boxed()
        });
        let caller = begun.await?;
        let (access_token, access_expires) = self.tokens.issue(&caller, now())?;
        Ok(Session { access_token, access_expires, refresh_token: token.encode(&self.root)?, user, tenant_code: code })
    }

    /// The tenant named, or the only operational one.
    async fn home_of(&self, tenant: Option<&str>) -> Result<Option<(TenantUid, String)>> {
        if let Some(name) = tenant {
            return self.resolve_tenant(name).await;
        }
        let op = OpContext::system(Purpose::LogIn, None);
        let found = self.db.platform(op, "only-tenant", (), |tx, ()| tenants::operational(tx).boxed()).await?;
        match <[_; 1]>::try_from(found) {
            Ok([only]) => Ok(Some(only)),
            Err(_) => {
                let text = "name the home tenant: give `tenant`, or write the user name as name@code";
                Err(Error::field("tenant", text))
            }
        }
    }

    /// Exchanges a refresh token for the next one, and an access token. An old one, after its grace, ends the session.
    pub async fn refresh(&self, token: &str) -> Result<(String, DateTime<Utc>, String)> {
        let presented = RefreshToken::decode(token, &self.root).ok_or_else(not_a_session)?;
        let op = OpContext::system(Purpose::Refresh, Some(presented.home));
        let input = (presented.clone(), self.sessions);
        let outcome = self.db.change(op, "refresh-session", input, |tx, (presented, rules)| {
            async move {
                let Some(session) = sessions::load_for_change(tx, presented.session, rules.grace).await? else {
                    return Ok(Refreshed::Ended);
                };
                let current = session.generation == presented.generation && session.hash == presented.hash();
                let lost_answer = session.generation == presented.generation + 1 && session.just_refreshed;
                if !current && !lost_answer {
                    sessions::end(tx, presented.session).await?;
                    return Ok(Refreshed::Reused);
                }
                let Some(user) = users::load(tx, session.user).await?.filter(|u| u.state == UserState::Active) else {
                    return Ok(Refreshed::Ended);
                };
                let next = RefreshToken::new(presented.home, presented.session, session.generation + 1)?;
                sessions::refresh(tx, &next, rules.refresh).await?;
                tx.switch(session.active).await?;
                let tenant_epoch = open_tenant(tx).await?;
                if tenant_epoch != session.tenant_epoch {
                    return Ok(Refreshed::Ended);
                }
                let caller = Caller {
                    user: UserRef { home: presented.home, user: session.user },
                    session: presented.session,
                    active: session.active,
                    user_epoch: user.epoch,
                    tenant_epoch,
                };
                Ok(Refreshed::Next(caller, next))
            }
            .boxed()
        });
        match outcome.await? {
            Refreshed::Next(caller, next) => {
                let (access, expires) = self.tokens.issue(&caller, now())?;
                Ok((access, expires, next.encode(&self.root)?))
            }
            Refreshed::Ended => Err(not_a_session()),
            Refreshed::Reused => {
                tracing::warn!(session = %presented.session, "a refresh token was used twice; the session has ended");
                Err(not_a_session())
            }
        }
    }

    /// Ends the caller's session.
    pub async fn log_out(&self, op: OpContext) -> Result<()> {
        let caller = op.permit().caller().copied();
        let caller = caller.ok_or_else(|| Error::internal("context", "the call has no caller"))?;
        let op = op.on(caller.user.home);
        self.db.change(op, "log-out", caller.session, |tx, id| sessions::end(tx, *id).boxed()).await
    }
}

#[derive(Serialize, Deserialize)]
enum Refreshed {
    Next(Caller, RefreshToken),
    Ended,
    Reused,
}

/// The epoch of the transaction's tenant, held; refused unless the tenant is active.
pub(super) async fn open_tenant(tx: &mut Tx) -> Result<i64> {
    match users::hold_tenant(tx).await? {
        Some((State::Active, epoch)) => Ok(epoch),
        _ => Err(Refusal::new(Reason::TenantLocked, "the tenant is locked; ask its operator").into()),
    }
}

/// The user as it was found before, if nothing has changed since and it may log in.
async fn open_user(tx: &mut Tx, epoch: i64, found: &User) -> Result<User> {
    let user = users::load(tx, found.id).await?;
    user.filter(|u| u.epoch == epoch && u.state == UserState::Active).ok_or_else(wrong)
}

fn wrong() -> Error {
    Refusal::new(Reason::CredentialsInvalid, "the user name or the password is wrong").into()
}

fn not_a_session() -> Error {
    Refusal::new(Reason::TokenInvalid, "the session has ended; log in again").into()
}

#[expect(clippy::disallowed_methods, reason = "tokens carry times of their own, compared with a leeway")]
pub(super) fn now() -> DateTime<Utc> {
    Utc::now()
}
