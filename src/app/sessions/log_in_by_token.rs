//! CreateSession with a token of an identity provider.

use futures::FutureExt as _;
use secrecy::{ExposeSecret as _, SecretString};

use super::begin::{LoggedIn, Shown};
use crate::app::App;
use crate::app::identities::{MOST_ACCOUNTS, nobody, only};
use crate::authn::IdentityClaims;
use crate::authz::permit::Purpose;
use crate::context::OpContext;
use crate::domain::error::{Error, Reason, Refusal, Result};
use crate::domain::id::TenantUid;
use crate::domain::user::UserState;
use crate::store::{user_identities, users};

/// Who wants to log in.
#[derive(Debug)]
pub struct LogInByToken {
    /// The token.
    pub token: SecretString,
    /// Code or uid of the home, for whom the token's subject has accounts in several tenants.
    pub home: Option<String>,
    /// Code or uid of the tenant to work in; none: the user's default.
    pub active_tenant: Option<String>,
}

impl App {
    /// Logs the user in whom the token speaks for.
    pub async fn log_in_by_token(&self, call: &OpContext, log_in: LogInByToken) -> Result<LoggedIn> {
        let spoken = self.spoken(log_in.token.expose_secret()).await?.ok_or_else(unknown)?;
        let issued_at = spoken.issued_at;
        let home = match &log_in.home {
            Some(name) => Some(self.resolve_tenant(name).await?.ok_or_else(nobody)?.0),
            None => None,
        };
        let op = OpContext::system(Purpose::LogIn, Some(TenantUid::INFRASTRUCTURE));
        let found = self.db.read(op, "find-identity", (spoken, home), |tx, (spoken, home)| {
            async move {
                let mut found = user_identities::accounts(tx, &spoken.provider, &spoken.subject, MOST_ACCOUNTS).await?;
                found.retain(|account| home.is_none_or(|home| account.user.home == home));
                let account = only(&found)?;
                tx.switch(account.user.home).await?;
                Ok((account.identity, users::load(tx, account.user.user).await?))
            }
            .boxed()
        });
        let (id, user) = found.await?;
        let user = user.filter(|user| user.state == UserState::Active).ok_or_else(locked)?;
        let home_code = self.code_of(user.tenant).await?;
        let shown = Shown::Token(IdentityClaims { id, issued_at });
        self.begin_session(call, user, home_code, log_in.active_tenant, shown).await
    }
}

fn unknown() -> Error {
    let text = "the token is not one that counts here: its issuer, its key or how it is signed is not known";
    Refusal::new(Reason::TokenInvalid, text).into()
}

/// The refusal of a user who can't log in, for whoever has shown to be that user.
pub(super) fn locked() -> Error {
    let text = "the user whom the token speaks for can't log in; ask the administrator of your users";
    Refusal::new(Reason::CredentialsInvalid, text).into()
}
