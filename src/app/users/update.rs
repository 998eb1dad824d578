//! UpdateUser.

use futures::FutureExt as _;

use super::{held_at_home, reload};
use crate::app::App;
use crate::context::OpContext;
use crate::domain::account::{Account, AccountPatch};
use crate::domain::error::Result;
use crate::domain::id::UserId;
use crate::store::accounts;
use crate::store::tx::Tx;

/// What to change.
#[derive(Clone, Debug)]
pub struct UpdateUser {
    /// Whom.
    pub user: UserId,
    /// The fields.
    pub patch: AccountPatch,
    /// What the caller has read.
    pub etag: String,
}

impl App {
    /// Changes the account of a tenant's own user.
    pub async fn update_user(&self, op: OpContext, input: UpdateUser) -> Result<Account> {
        self.db.change(op, "update-user", input, |tx, input| update(tx, input).boxed()).await
    }
}

async fn update(tx: &mut Tx, input: &UpdateUser) -> Result<Account> {
    let account = held_at_home(tx, input.user, &input.etag).await?;
    if let Some(name) = input.patch.user_name.as_ref().filter(|name| name.as_str() != account.user_name) {
        tx.tell("user_name", format!("{} to {name}", account.user_name));
    }
    accounts::update(tx, &account, &input.patch).await?;
    reload(tx, account.id).await
}
