//! AssignRole and UnassignRole.

use std::collections::BTreeSet;

use futures::FutureExt as _;

use super::held;
use crate::app::App;
use crate::app::administrators::{Administrators, check_may_give};
use crate::app::tenants::target;
use crate::app::users;
use crate::context::OpContext;
use crate::domain::account::Account;
use crate::domain::error::Result;
use crate::domain::id::{GroupId, RoleId, UserId};
use crate::domain::named::{Named, told};
use crate::domain::privilege::Privilege;
use crate::domain::role::{Held, Role};
use crate::domain::tenant::Tenant;
use crate::store::tx::Tx;
use crate::store::{groups, roles};

/// Who is to be given a role, or to lose it.
#[derive(Clone, Debug)]
pub struct Holders {
    /// Which role.
    pub role: RoleId,
    /// Users.
    pub users: Vec<Named<UserId>>,
    /// Groups.
    pub groups: Vec<Named<GroupId>>,
}

impl App {
    /// Gives a role to users and groups. Gives how many did not hold it.
    pub async fn assign_role(&self, op: OpContext, input: Holders) -> Result<usize> {
        self.db.change(op, "assign-role", input, |tx, input| assign(tx, input).boxed()).await
    }

    /// Takes a role from users and groups. Gives how many held it.
    pub async fn unassign_role(&self, op: OpContext, input: Holders) -> Result<usize> {
        self.db.change(op, "unassign-role", input, |tx, input| unassign(tx, input).boxed()).await
    }
}

async fn assign(tx: &mut Tx, input: &Holders) -> Result<usize> {
    let tenant = target(tx).await?;
    let role = held(tx, input.role).await?;
    let users = users::all(tx, &tenant, &input.users).await?;
    users.iter().try_for_each(Account::check_member)?;
    let groups = all_groups(tx, &tenant, &input.groups).await?;
    tell(tx, input);
    check_may_give(tx, functions(&role)).await?;
    let ids: Vec<_> = users.iter().map(|user| user.id).collect();
    roles::assign(tx, role.id, &ids, &groups).await
}

async fn unassign(tx: &mut Tx, input: &Holders) -> Result<usize> {
    let tenant = target(tx).await?;
    let role = held(tx, input.role).await?;
    let users = users::all(tx, &tenant, &input.users).await?;
    let groups = all_groups(tx, &tenant, &input.groups).await?;
    tell(tx, input);
    let administrators = Administrators::before(tx).await?;
    let ids: Vec<_> = users.iter().map(|user| user.id).collect();
    let unassigned = roles::unassign(tx, role.id, &ids, &groups).await?;
    administrators.remain(tx).await?;
    Ok(unassigned)
}

fn tell(tx: &mut Tx, input: &Holders) {
    if !input.users.is_empty() {
        tx.tell("users", told(&input.users));
    }
    if !input.groups.is_empty() {
        tx.tell("groups", told(&input.groups));
    }
}

/// Gives a role that the request names to members of the tenant.
pub(in crate::app) async fn give(tx: &mut Tx, tenant: &Tenant, role: &Named<RoleId>, users: &[UserId]) -> Result<()> {
    let found = roles::one(tx, role.within(tenant)?).await?.ok_or_else(|| role.not_found())?;
    check_may_give(tx, functions(&found)).await?;
    roles::assign(tx, found.id, users, &[]).await?;
    Ok(())
}

async fn all_groups(tx: &mut Tx, tenant: &Tenant, named: &[Named<GroupId>]) -> Result<Vec<GroupId>> {
    let ids = named.iter().map(|group| group.within(tenant)).collect::<Result<Vec<_>>>()?;
    let found = groups::existing(tx, &ids).await?;
    match named.iter().find(|group| !found.contains(&group.id)) {
        Some(missing) => Err(missing.not_found()),
        None => Ok(found),
    }
}

/// The function privileges that a role allows.
fn functions(role: &Role) -> BTreeSet<Privilege> {
    let function = |held: &Held| if let Held::Function(privilege) = held { Some(*privilege) } else { None };
    role.privileges.iter().filter_map(function).collect()
}
