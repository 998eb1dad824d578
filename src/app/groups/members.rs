//! AddGroupMembers, RemoveGroupMembers and MoveGroupMember.

use futures::FutureExt as _;

use super::held;
use crate::app::App;
use crate::app::administrators::{Administrators, check_may_give};
use crate::app::tenants::target;
use crate::app::users;
use crate::context::OpContext;
use crate::domain::account::Account;
use crate::domain::error::{Reason, Refusal, Result};
use crate::domain::id::{GroupId, UserId};
use crate::domain::named::{Named, told};
use crate::domain::tenant::Tenant;
use crate::store::tx::Tx;
use crate::store::{groups, privileges};

/// Who is to come into a group, or to leave it.
#[derive(Clone, Debug)]
pub struct Members {
    /// Which group.
    pub group: GroupId,
    /// Who.
    pub users: Vec<Named<UserId>>,
}

/// Who is to go from where to where.
#[derive(Clone, Debug)]
pub struct MoveMember {
    /// Who.
    pub user: UserId,
    /// Out of which group.
    pub source: Named<GroupId>,
    /// Into which group.
    pub target: Named<GroupId>,
}

impl App {
    /// Puts users into a group. Gives how many were not in it.
    pub async fn add_group_members(&self, op: OpContext, input: Members) -> Result<usize> {
        self.db.change(op, "add-group-members", input, |tx, input| add(tx, input).boxed()).await
    }

    /// Takes users out of a group. Gives how many were in it.
    pub async fn remove_group_members(&self, op: OpContext, input: Members) -> Result<usize> {
        self.db.change(op, "remove-group-members", input, |tx, input| remove(tx, input).boxed()).await
    }

    /// Moves a user from one group to another.
    pub async fn move_group_member(&self, op: OpContext, input: MoveMember) -> Result<Account> {
        self.db.change(op, "move-group-member", input, |tx, input| move_member(tx, input).boxed()).await
    }
}

async fn add(tx: &mut Tx, input: &Members) -> Result<usize> {
    let tenant = target(tx).await?;
    held(tx, input.group).await?;
    let users = users::all(tx, &tenant, &input.users).await?;
    users.iter().try_for_each(Account::check_member)?;
    tx.tell("users", told(&input.users));
    let given = privileges::of_group(tx, input.group).await?;
    check_may_give(tx, given).await?;
    let ids: Vec<_> = users.iter().map(|user| user.id).collect();
    groups::add_members(tx, input.group, &ids).await
}

async fn remove(tx: &mut Tx, input: &Members) -> Result<usize> {
    let tenant = target(tx).await?;
    held(tx, input.group).await?;
    let users = users::all(tx, &tenant, &input.users).await?;
    tx.tell("users", told(&input.users));
    let administrators = Administrators::before(tx).await?;
    let ids: Vec<_> = users.iter().map(|user| user.id).collect();
    let removed = groups::remove_members(tx, input.group, &ids).await?;
    administrators.remain(tx).await?;
    Ok(removed)
}

async fn move_member(tx: &mut Tx, input: &MoveMember) -> Result<Account> {
    let tenant = target(tx).await?;
    let user = users::held(tx, input.user).await?;
    user.check_ordinary()?;
    let source = there(tx, &tenant, &input.source).await?;
    let administrators = Administrators::before(tx).await?;
    if groups::remove_members(tx, source, &[user.id]).await? == 0 {
        let text = format!("the user is not in {}", input.source.name);
        return Err(Refusal::new(Reason::NotAMember, text).about(user.name()).into());
    }
    put_into(tx, &tenant, &input.target, &[user.id]).await?;
    administrators.remain(tx).await?;
    tx.tell("source_group", input.source.name.as_str());
    tx.tell("target_group", input.target.name.as_str());
    users::reload(tx, user.id).await
}

/// Puts members of the tenant into a group that the request names.
pub(in crate::app) async fn put_into(
    tx: &mut Tx,
    tenant: &Tenant,
    group: &Named<GroupId>,
    users: &[UserId],
) -> Result<()> {
    let id = there(tx, tenant, group).await?;
    let given = privileges::of_group(tx, id).await?;
    check_may_give(tx, given).await?;
    groups::add_members(tx, id, users).await?;
    Ok(())
}

/// A group that the request names besides its own resource.
async fn there(tx: &mut Tx, tenant: &Tenant, group: &Named<GroupId>) -> Result<GroupId> {
    let id = group.within(tenant)?;
    if groups::existing(tx, &[id]).await?.is_empty() { Err(group.not_found()) } else { Ok(id) }
}
