//! LockUser and UnlockUser.

use futures::FutureExt as _;

use super::{held_at_home, reload};
use crate::app::App;
use crate::app::administrators::Administrators;
use crate::context::OpContext;
use crate::domain::account::Account;
use crate::domain::error::Result;
use crate::domain::id::UserId;
use crate::domain::user::UserState;
use crate::store::accounts;
use crate::store::tx::Tx;

impl App {
    /// Locks a tenant's own user: its sessions end when this commits.
    pub async fn lock_user(&self, op: OpContext, user: UserId, etag: String) -> Result<Account> {
        self.db.change(op, "lock-user", (user, etag), |tx, (user, etag)| lock(tx, *user, etag).boxed()).await
    }

    /// Lets a locked user log in again.
    pub async fn unlock_user(&self, op: OpContext, user: UserId, etag: String) -> Result<Account> {
        self.db.change(op, "unlock-user", (user, etag), |tx, (user, etag)| unlock(tx, *user, etag).boxed()).await
    }
}

async fn lock(tx: &mut Tx, user: UserId, etag: &str) -> Result<Account> {
    let account = held_at_home(tx, user, etag).await?;
    if account.state == UserState::Locked {
        return Err(account.wrong_state(&[UserState::Invited, UserState::Active]));
    }
    let administrators = Administrators::before(tx).await?;
    accounts::lock(tx, user).await?;
    administrators.remain(tx).await?;
    reload(tx, user).await
}

async fn unlock(tx: &mut Tx, user: UserId, etag: &str) -> Result<Account> {
    let account = held_at_home(tx, user, etag).await?;
    if account.state != UserState::Locked {
        return Err(account.wrong_state(&[UserState::Locked]));
    }
    accounts::unlock(tx, user).await?;
    reload(tx, user).await
}
