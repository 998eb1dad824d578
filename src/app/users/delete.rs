//! DeleteUser.

use futures::FutureExt as _;

use super::held_at_home;
use crate::app::App;
use crate::app::administrators::Administrators;
use crate::context::OpContext;
use crate::domain::error::Result;
use crate::domain::id::UserId;
use crate::store::accounts;
use crate::store::tx::Tx;

impl App {
    /// Deletes a tenant's own user, wherever it works.
    pub async fn delete_user(&self, op: OpContext, user: UserId, etag: String) -> Result<()> {
        self.db.change(op, "delete-user", (user, etag), |tx, (user, etag)| delete(tx, *user, etag).boxed()).await
    }
}

async fn delete(tx: &mut Tx, user: UserId, etag: &str) -> Result<()> {
    held_at_home(tx, user, etag).await?;
    let administrators = Administrators::before(tx).await?;
    accounts::delete(tx, user).await?;
    administrators.remain(tx).await
}
