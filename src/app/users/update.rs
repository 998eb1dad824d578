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
    accounts::update(tx, &account, &input.patch).await?;
    let changed = reload(tx, account.id).await?;
    tx.tell_changes(facts(&account), facts(&changed));
    Ok(changed)
}

/// The account by field, for people.
fn facts(account: &Account) -> [(&'static str, String); 5] {
    [
        ("user_name", account.user_name.clone()),
        ("email", account.email.clone()),
        ("given_name", account.given_name.clone()),
        ("family_name", account.family_name.clone()),
        ("language", account.language.clone()),
    ]
}
