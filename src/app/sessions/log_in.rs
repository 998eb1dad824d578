//! CreateSession with user name and password.

use futures::FutureExt as _;
use secrecy::SecretString;

use super::begin::{LoggedIn, Shown};
use crate::app::App;
use crate::app::attempts::check_wait;
use crate::app::home::{Home, account};
use crate::authz::permit::Purpose;
use crate::context::OpContext;
use crate::domain::attempts::Slot;
use crate::domain::error::{Error, Reason, Refusal, Result};
use crate::domain::id::TenantUid;
use crate::domain::name::UserName;
use crate::domain::user::UserState;
use crate::store::{attempts, users};

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
        let (Some(user), Some((_, home_code)), true) = (user, home, fits) else {
            self.count_wrong_password(searched, slots).await?;
            return Err(wrong());
        };
        let shown = Shown::Password { slots, home: log_in.home };
        self.begin_session(call, user, home_code, log_in.active_tenant, shown).await
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

/// The refusal of whoever can't be told more.
pub(super) fn wrong() -> Error {
    Refusal::new(Reason::CredentialsInvalid, "the user name or the password is wrong").into()
}
