//! ChangePassword.

use futures::FutureExt as _;
use secrecy::{ExposeSecret as _, SecretString};

use crate::app::App;
use crate::app::attempts::check_wait;
use crate::context::OpContext;
use crate::domain::error::{Error, Reason, Refusal, Result};
use crate::domain::name::UserName;
use crate::domain::user::check_password;
use crate::store::{sessions, users};

impl App {
    /// Changes the caller's own password and ends the caller's sessions.
    pub async fn change_password(&self, op: OpContext, current: SecretString, new: SecretString) -> Result<()> {
        let call = op.call().and_then(|c| c.facts.clone());
        let facts = call.ok_or_else(|| Error::internal("context", "the call has no caller"))?;
        let (home, user) = (facts.caller.user.home, facts.caller.user.user);
        let key = UserName::parse(&facts.user_name).map(|name| name.key()).unwrap_or_default();
        let slots = self.password_slots(&op, &format!("{home}\n{key}"))?;
        let op = op.on(home);
        let input = (user, slots.clone());
        let hash = self.db.read(op.clone(), "password-hash", input, |tx, (id, slots)| {
            async move {
                check_wait(tx, slots).await?;
                users::password_hash(tx, *id).await
            }
            .boxed()
        });
        let hash = hash.await?;
        if !self.passwords.verify(current.clone(), hash.clone()).await? {
            self.count_wrong_password(home, slots).await?;
            return Err(Refusal::new(Reason::CredentialsInvalid, "the current password is wrong").into());
        }
        if current.expose_secret() == new.expose_secret() {
            return Err(Error::field("new_password", "must differ from the current one"));
        }
        check_password(new.expose_secret(), &facts.user_name)
            .map_err(|allowed| Error::field("new_password", allowed))?;
        let input = (user, hash, self.passwords.hash(new).await?);
        let done = self.db.change(op, "change-password", input, |tx, (user, old, new)| {
            async move {
                if users::password_hash(tx, *user).await? != *old {
                    return Err(Refusal::new(Reason::CredentialsInvalid, "the current password is wrong").into());
                }
                users::set_password(tx, *user, new).await?;
                sessions::end_all(tx, *user).await
            }
            .boxed()
        });
        done.await
    }
}
