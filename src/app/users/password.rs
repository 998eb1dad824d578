//! ResetPassword and SendActivationLink: what administrators do about the passwords of their users.

use futures::FutureExt as _;

use super::{held_at_home, reload};
use crate::app::App;
use crate::context::OpContext;
use crate::domain::account::Account;
use crate::domain::error::Result;
use crate::domain::id::UserId;
use crate::domain::operation::{Mail, Params};
use crate::domain::user::UserState;
use crate::store::tx::Tx;
use crate::store::{accounts, operations};

impl App {
    /// Voids the password of a user, ends its sessions, and mails it a link to set a new one. Gives the operation that does.
    pub async fn reset_password(&self, op: OpContext, user: UserId, etag: String) -> Result<(Account, String)> {
        let reset =
            self.db.change(op, "reset-password", (user, etag), |tx, (user, etag)| reset(tx, *user, etag).boxed());
        let reset = reset.await?;
        self.notify();
        Ok(reset)
    }

    /// Mails an invited user another activation link; those before stop working. Gives the operation that does.
    pub async fn send_activation_link(&self, op: OpContext, user: UserId, etag: String) -> Result<(Account, String)> {
        let sent = self.db.change(op, "send-activation-link", (user, etag), |tx, (user, etag)| {
            async move {
                let account = held_at_home(tx, *user, etag).await?;
                mail(tx, &account, UserState::Invited, Mail::Activation).await
            }
            .boxed()
        });
        let sent = sent.await?;
        self.notify();
        Ok(sent)
    }
}

async fn reset(tx: &mut Tx, user: UserId, etag: &str) -> Result<(Account, String)> {
    let account = held_at_home(tx, user, etag).await?;
    let reset = mail(tx, &account, UserState::Active, Mail::Reset).await?;
    accounts::void_password(tx, user).await?;
    Ok(reset)
}

async fn mail(tx: &mut Tx, account: &Account, state: UserState, mail: Mail) -> Result<(Account, String)> {
    if account.state != state {
        return Err(account.wrong_state(&[state]));
    }
    account.check_email()?;
    let actor = tx.op().actor();
    let operation = operations::enqueue(tx, &Params::DeliverMail { mail, user: account.id }, &actor).await?;
    Ok((reload(tx, account.id).await?, operations::name(&account.home_code, operation)))
}
