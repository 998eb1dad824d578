//! Use cases on the users of a tenant.

mod create;
mod delete;
mod lock;
mod password;
mod read;
mod update;

pub use create::CreateUser;
pub use update::UpdateUser;

use super::administrators::check_may_give;
use super::tenants::target;
use crate::domain::account::Account;
use crate::domain::error::{Error, Result};
use crate::domain::id::UserId;
use crate::domain::named::Named;
use crate::domain::tenant::Tenant;
use crate::store::tx::Tx;
use crate::store::{accounts, privileges, user_list};

/// A user of the tenant that the call is on, held for the change if it is at home there.
pub(super) async fn held(tx: &mut Tx, id: UserId) -> Result<Account> {
    target(tx).await?;
    accounts::hold(tx, id).await?;
    let account = user_list::one(tx, id).await?.ok_or_else(|| tx.op().not_found())?;
    tx.about(account.name());
    tx.tell("user_name", account.user_name.as_str());
    Ok(account)
}

/// The same, if the tenant may change it, and it is as the caller has read it. Whoever changes an account can come to act as
/// it, by its address and a new password; so nobody changes one that may do more about tenants than they may.
pub(super) async fn held_at_home(tx: &mut Tx, id: UserId, etag: &str) -> Result<Account> {
    let account = held(tx, id).await?;
    account.check_at_home()?;
    account.check_ordinary()?;
    let held = privileges::of_user(tx, id).await?;
    check_may_give(tx, held).await?;
    account.check_etag(etag)?;
    Ok(account)
}

/// Whether the tenant that the call is on is that user's home; refused for a guest.
pub(super) async fn at_home(tx: &mut Tx, id: UserId) -> Result<bool> {
    let account = user_list::one(tx, id).await?;
    account.as_ref().map_or(Ok(()), Account::check_at_home)?;
    Ok(account.is_some())
}

/// The user as the transaction leaves it.
pub(super) async fn reload(tx: &mut Tx, id: UserId) -> Result<Account> {
    user_list::one(tx, id).await?.ok_or_else(|| Error::internal("user", "it went away in its own transaction"))
}

/// The users of the tenant that are to be given or to lose something there: all of them, or the refusal of the first that is
/// not there.
pub(super) async fn all(tx: &mut Tx, tenant: &Tenant, named: &[Named<UserId>]) -> Result<Vec<Account>> {
    let ids = named.iter().map(|user| user.within(tenant)).collect::<Result<Vec<_>>>()?;
    let found = user_list::some(tx, &ids).await?;
    if let Some(missing) = named.iter().find(|user| found.iter().all(|account| account.id != user.id)) {
        return Err(missing.not_found());
    }
    found.iter().try_for_each(Account::check_ordinary)?;
    Ok(found)
}
