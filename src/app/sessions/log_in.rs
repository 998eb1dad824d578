//! CreateSession.

use futures::FutureExt as _;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use super::{Issued, open, open_tenant, works_in};
use crate::app::App;
use crate::app::attempts::check_wait;
use crate::app::domains::not_operational;
use crate::app::home::{Home, account, leads_in};
use crate::app::licenses::take_seat;
use crate::authn::Caller;
use crate::authn::refresh_token::RefreshToken;
use crate::authz::permit::Purpose;
use crate::authz::policy;
use crate::context::OpContext;
use crate::domain::attempts::Slot;
use crate::domain::error::{Error, Reason, Refusal, Result};
use crate::domain::id::{SessionId, TenantUid, UserId, UserRef};
use crate::domain::name::UserName;
use crate::domain::user::{User, UserState};
use crate::store::my_tenants::{self, MyTenant};
use crate::store::tx::Tx;
use crate::store::{attempts, audit, sessions, users};

/// Tenants that the answer names. Who works in more asks for the list.
const MOST_TENANTS: i64 = 100;

/// Who wants to log in.
#[derive(Debug)]
pub struct LogIn {
    /// User name.
    pub user_name: String,
    /// Password.
    pub password: SecretString,
    /// Where the user is at home.
    pub home: Home,
    /// Code or uid of the tenant to work in; none: the user's default.
    pub active_tenant: Option<String>,
}

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

#[derive(Clone)]
struct Begin {
    user: User,
    token: RefreshToken,
    /// Uid and name of the tenant that was asked for.
    wanted: Option<(TenantUid, String)>,
    life: std::time::Duration,
    slots: Vec<Slot>,
    /// How the home was named.
    home: Home,
}

#[derive(Serialize, Deserialize)]
struct Begun {
    caller: Caller,
    tenants: Vec<MyTenant>,
}

impl App {
    /// Logs a user in. A wrong tenant, a wrong user and a wrong password are answered alike, in text and in time; what
    /// else stands in the way, only who knows the password is told. Those that succeed stand in the logs; those that don't
    /// leave no trace there, which anybody could fill.
    pub async fn log_in(&self, call: &OpContext, log_in: LogIn) -> Result<LoggedIn> {
        let home = self.home_of(&log_in.home).await?;
        // An unknown tenant is searched as a known one is, so that the time does not tell them apart.
        let searched = home.as_ref().map_or(TenantUid(uuid::Uuid::nil()), |(uid, _)| *uid);
        let op = OpContext::system(Purpose::LogIn, Some(searched));
        let key = UserName::parse(&log_in.user_name).map(|name| name.key()).unwrap_or_default();
        let account = account(home.as_ref().map(|home| home.0), &log_in.home, &key, &log_in.user_name);
        let slots = self.password_slots(call, &account)?;
        let input = (key, slots.clone());
        let known = self.db.read(op, "find-user", input, |tx, (key, slots)| {
            async move {
                check_wait(tx, slots).await?;
                users::find_for_log_in(tx, key).await
            }
            .boxed()
        });
        let known = known.await?;
        let (user, hash) = known.map_or((None, None), |(user, hash)| (Some(user), hash));
        let fits = self.passwords.verify(log_in.password, hash).await?;
        let user = user.filter(|user| user.state == UserState::Active);
        let (Some(user), Some((home, home_code)), true) = (user, home, fits) else {
            self.count_wrong_password(searched, slots).await?;
            return Err(wrong());
        };
        let wanted = match log_in.active_tenant {
            None => None,
            Some(name) => match self.resolve_tenant(&name).await? {
                Some((uid, _)) => Some((uid, name)),
                None => return Err(Error::not_found(format!("tenants/{name}"))),
            },
        };
        let token = RefreshToken::new(home, SessionId::new(), 1)?;
        let life = self.sessions.refresh;
        let input = Begin { user: user.clone(), token: token.clone(), wanted, life, slots, home: log_in.home };
        let op = OpContext::system(Purpose::LogIn, Some(home)).in_answer_to(call.correlation_id().to_owned());
        let Begun { caller, tenants } =
            self.db.change(op, "log-in", input, |tx, input| begin(tx, input).boxed()).await?;
        let active_code = self.code_of(caller.active).await?;
        Ok(LoggedIn { tokens: self.issue(&caller, &token)?, user, home_code, active_code, tenants })
    }

    /// Counts a wrong password; one that came while others had to wait is told that alone.
    pub(in crate::app) async fn count_wrong_password(&self, home: TenantUid, slots: Vec<Slot>) -> Result<()> {
        let op = OpContext::system(Purpose::LogIn, Some(home));
        let count = self.db.change(op, "count-wrong-password", slots, |tx, slots| {
            async move {
                check_wait(tx, slots).await?;
                attempts::count(tx, slots).await
            }
            .boxed()
        });
        count.await
    }
}

async fn begin(tx: &mut Tx, input: &Begin) -> Result<Begun> {
    let home = tx.tenant();
    // Of many who guess at once, those that come too early learn nothing, not even that they were right.
    check_wait(tx, &input.slots).await?;
    open_tenant(tx).await?;
    if !leads_in(tx, &input.home).await? {
        return Err(not_operational());
    }
    // As it was found before, if nothing has changed since.
    let user = users::load_held(tx, input.user.id).await?;
    let user =
        user.filter(|user| user.epoch == input.user.epoch && user.state == UserState::Active).ok_or_else(wrong)?;
    let active = match &input.wanted {
        Some((wanted, _)) => *wanted,
        None => user.default_tenant.unwrap_or(home),
    };
    let held = users::hold_tenant_at(tx, active).await?;
    if !works_in(tx, user.id, active).await? {
        return Err(elsewhere(tx, user.id, input).await?);
    }
    let caller = Caller {
        user: UserRef { home, user: user.id },
        session: input.token.session,
        active,
        user_epoch: user.epoch,
        tenant_epoch: open(held)?,
    };
    take_seat(tx, user.id, active).await?;
    sessions::insert(tx, &caller, &input.token, input.life).await?;
    audit::record_user(tx, &policy::SESSION_SERVICE_CREATE_SESSION, &user, Some(caller.session)).await?;
    attempts::forgive(tx, &input.slots).await?;
    let mut tenants = my_tenants::page(tx, user.id, "", MOST_TENANTS).await?;
    tenants.retain(|tenant| tenant.usable);
    Ok(Begun { caller, tenants })
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

fn wrong() -> Error {
    Refusal::new(Reason::CredentialsInvalid, "the user name or the password is wrong").into()
}
