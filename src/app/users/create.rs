//! CreateUser.

use futures::FutureExt as _;

use super::reload;
use crate::app::App;
use crate::app::groups::put_into;
use crate::app::roles::give;
use crate::app::tenants::target;
use crate::context::OpContext;
use crate::domain::account::{Account, NewAccount};
use crate::domain::error::Result;
use crate::domain::id::{GroupId, RoleId};
use crate::domain::named::Named;
use crate::domain::operation::{Mail, Params};
use crate::store::tx::Tx;
use crate::store::{accounts, operations};

/// A user to be made.
#[derive(Clone, Debug)]
pub struct CreateUser {
    /// The account.
    pub account: NewAccount,
    /// Groups to put it into.
    pub groups: Vec<Named<GroupId>>,
    /// Roles to give to it.
    pub roles: Vec<Named<RoleId>>,
}

impl App {
    /// Makes a user, and sends it a link if it has an address and the tenant writes to new users.
    pub async fn create_user(&self, op: OpContext, input: CreateUser) -> Result<Account> {
        let made = self.db.change(op, "create-user", input, |tx, input| create(tx, input).boxed()).await?;
        self.notify();
        Ok(made)
    }
}

async fn create(tx: &mut Tx, input: &CreateUser) -> Result<Account> {
    let tenant = target(tx).await?;
    let id = accounts::insert(tx, &input.account).await?;
    tx.about(format!("{}/users/{id}", tenant.name()));
    tx.tell("user_name", input.account.user_name.as_str());
    for group in &input.groups {
        put_into(tx, &tenant, group, &[id]).await?;
    }
    for role in &input.roles {
        give(tx, &tenant, role, &[id]).await?;
    }
    if tenant.email_notification && input.account.email.is_some() {
        let actor = tx.op().actor();
        operations::enqueue(tx, &Params::DeliverMail { mail: Mail::Activation, user: id }, &actor).await?;
    }
    reload(tx, id).await
}
