//! GetUser and ListUsers.

use futures::FutureExt as _;

use crate::app::App;
use crate::context::OpContext;
use crate::domain::account::Account;
use crate::domain::error::Result;
use crate::domain::id::UserId;
use crate::domain::page::{EXACT_TOTAL, Page};
use crate::domain::user_list::{UserCursor, UserQuery};
use crate::store::user_list;

impl App {
    /// One user of a tenant, or a guest of it.
    pub async fn get_user(&self, op: OpContext, id: UserId) -> Result<Account> {
        let absent = op.not_found();
        let found = self.db.read(op, "get-user", id, |tx, id| user_list::one(tx, *id).boxed()).await?;
        found.ok_or(absent)
    }

    /// A page of a tenant's users and guests, and how many there are, counted up to one more than [`EXACT_TOTAL`].
    pub async fn list_users(&self, op: OpContext, query: UserQuery) -> Result<(Page<Account, UserCursor>, i64)> {
        self.db.read(op, "list-users", query, |tx, query| user_list::page(tx, query, EXACT_TOTAL + 1).boxed()).await
    }
}
