//! Use cases on the roles of a tenant; `assign` has those on who holds them, `grant` those on what they allow.

mod assign;
mod grant;

pub use assign::Holders;
pub(super) use assign::give;

use futures::FutureExt as _;

use super::App;
use super::administrators::Administrators;
use super::groups::ListByName;
use super::tenants::target;
use crate::context::OpContext;
use crate::domain::error::{Error, Result};
use crate::domain::id::RoleId;
use crate::domain::name::{Description, RoleName};
use crate::domain::named::Named;
use crate::domain::page::Page;
use crate::domain::role::{Held, NewRole, Role, RolePatch};
use crate::store::roles;
use crate::store::tx::Tx;

/// A role to be made.
#[derive(Clone, Debug)]
pub struct CreateRole {
    /// What people call it.
    pub display_name: RoleName,
    /// What it is for.
    pub description: Description,
    /// What it allows.
    pub privileges: Vec<Named<Held>>,
}

impl App {
    /// Makes a role.
    pub async fn create_role(&self, op: OpContext, new: CreateRole) -> Result<Role> {
        self.db.change(op, "create-role", new, |tx, new| create(tx, new).boxed()).await
    }

    /// One role.
    pub async fn get_role(&self, op: OpContext, id: RoleId) -> Result<Role> {
        let absent = op.not_found();
        let found = self.db.read(op, "get-role", id, |tx, id| roles::one(tx, *id).boxed()).await?;
        found.ok_or(absent)
    }

    /// A page of roles, and how many there are.
    pub async fn list_roles(&self, op: OpContext, list: ListByName) -> Result<(Page<Role, String>, i64)> {
        let size = list.size;
        let read = self.db.read(op, "list-roles", list, |tx, list| {
            roles::list(tx, &list.search, list.descending, list.after.as_deref(), list.size + 1).boxed()
        });
        let (rows, total) = read.await?;
        Ok((Page::cut(rows, size, |role| role.display_name.clone()), total))
    }

    /// Changes a role.
    pub async fn update_role(&self, op: OpContext, id: RoleId, patch: RolePatch, etag: String) -> Result<Role> {
        let input = (id, patch, etag);
        self.db.change(op, "update-role", input, |tx, (id, patch, etag)| update(tx, *id, patch, etag).boxed()).await
    }

    /// Deletes a role.
    pub async fn delete_role(&self, op: OpContext, id: RoleId, etag: String) -> Result<()> {
        self.db.change(op, "delete-role", (id, etag), |tx, (id, etag)| delete(tx, *id, etag).boxed()).await
    }
}

async fn create(tx: &mut Tx, new: &CreateRole) -> Result<Role> {
    let tenant = target(tx).await?;
    let privileges = grant::grantable(tx, &tenant, &new.privileges).await?;
    let role = NewRole { display_name: new.display_name.clone(), description: new.description.clone() };
    let id = roles::insert(tx, &role).await?;
    roles::grant(tx, id, &privileges).await?;
    tx.about(format!("{}/roles/{id}", tenant.name()));
    tx.tell("display_name", new.display_name.as_str());
    reload(tx, id).await
}

/// The role that the call names, in a tenant that is held.
async fn held(tx: &mut Tx, id: RoleId) -> Result<Role> {
    target(tx).await?;
    let role = roles::one(tx, id).await?.ok_or_else(|| tx.op().not_found())?;
    tx.about(role.name());
    tx.tell("display_name", role.display_name.as_str());
    Ok(role)
}

async fn reload(tx: &mut Tx, id: RoleId) -> Result<Role> {
    roles::one(tx, id).await?.ok_or_else(|| Error::internal("role", "it went away in its own transaction"))
}

async fn update(tx: &mut Tx, id: RoleId, patch: &RolePatch, etag: &str) -> Result<Role> {
    let role = held(tx, id).await?;
    if patch.display_name.is_some() {
        role.check_own("renamed")?;
    }
    role.check_etag(etag)?;
    roles::update(tx, id, patch).await?;
    let changed = reload(tx, id).await?;
    tx.tell_changes(facts(&role), facts(&changed));
    Ok(changed)
}

/// The role by field, for people.
fn facts(role: &Role) -> [(&'static str, String); 2] {
    [("display_name", role.display_name.clone()), ("description", role.description.clone())]
}

async fn delete(tx: &mut Tx, id: RoleId, etag: &str) -> Result<()> {
    let role = held(tx, id).await?;
    role.check_own("deleted")?;
    role.check_etag(etag)?;
    let administrators = Administrators::before(tx).await?;
    roles::delete(tx, id).await?;
    administrators.remain(tx).await
}
