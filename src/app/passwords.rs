//! First passwords by activation link, and changes of one's own.

use futures::FutureExt as _;
use secrecy::{ExposeSecret as _, SecretString};

use super::App;
use super::sessions::open_tenant;
use crate::authn::seal::code_hash;
use crate::authz::permit::Purpose;
use crate::authz::policy;
use crate::context::OpContext;
use crate::domain::error::{Error, Reason, Refusal, Result};
use crate::domain::user::{User, check_password};
use crate::store::links::{self, LinkPurpose};
use crate::store::{audit, sessions, users};

impl App {
    /// Sets the first password of a user. The code works once.
    pub async fn activate(&self, call: &OpContext, code: &str, password: SecretString) -> Result<(User, String)> {
        let hash = code_hash(code);
        let op = OpContext::system(Purpose::Link, None);
        let find = self
            .db
            .platform(op, "find-link", hash.clone(), |tx, hash| links::find(tx, LinkPurpose::Activation, hash).boxed());
        let unknown = || Error::field("code", "must be the code of an activation link, as it stands in the mail");
        let link = find.await?.ok_or_else(unknown)?;
        if link.used {
            return Err(
                Refusal::new(Reason::LinkUsed, "the link was used; log in with the password that was set").into()
            );
        }
        if link.expired {
            return Err(expired());
        }
        let op = OpContext::system(Purpose::Link, Some(link.tenant)).in_answer_to(call.correlation_id().to_owned());
        let user = self.db.read(op.clone(), "find-user", link.user, |tx, id| users::load(tx, *id).boxed()).await?;
        let user = user.ok_or_else(unknown)?;
        let allowed = check_password(password.expose_secret(), &user.user_name);
        allowed.map_err(|allowed| Error::field("password", allowed))?;
        let password = self.passwords.hash(password).await?;
        let input = (hash, password, user.clone());
        let done = self.db.change(op, "activate-user", input, |tx, (hash, password, user)| {
            async move {
                open_tenant(tx).await?;
                if links::consume(tx, LinkPurpose::Activation, hash).await? != Some(user.id) {
                    return Err(Refusal::new(Reason::LinkUsed, "the link was used at the same time").into());
                }
                audit::record_user(tx, &policy::USER_SERVICE_ACTIVATE_USER, user, None).await?;
                if !users::activate(tx, user.id, password).await? {
                    return Err(Refusal::new(Reason::LinkUsed, "the user is active already, or locked").into());
                }
                Ok(())
            }
            .boxed()
        });
        done.await?;
        let code = self.resolve_tenant(&link.tenant.to_string()).await?.map(|(_, code)| code);
        Ok((user, code.unwrap_or_else(|| link.tenant.to_string())))
    }

    /// Changes the caller's own password and ends the caller's sessions.
    pub async fn change_password(&self, op: OpContext, current: SecretString, new: SecretString) -> Result<()> {
        let call = op.call().and_then(|c| c.facts.clone());
        let facts = call.ok_or_else(|| Error::internal("context", "the call has no caller"))?;
        let (home, user) = (facts.caller.user.home, facts.caller.user.user);
        let op = op.on(home);
        let hash =
            self.db.read(op.clone(), "password-hash", user, |tx, id| users::password_hash(tx, *id).boxed()).await?;
        if !self.passwords.verify(current.clone(), hash.clone()).await? {
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

fn expired() -> Error {
    let text = "the link has expired; ask your administrator for a new one";
    Refusal::new(Reason::LinkExpired, text).into()
}
