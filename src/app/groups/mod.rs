//! Use cases on the groups of a tenant; `members` has those on who is in them.

mod members;

pub(super) use members::put_into;
pub use members::{Members, MoveMember};

use futures::FutureExt as _;

use super::App;
use super::administrators::Administrators;
use super::tenants::target;
use crate::context::OpContext;
use crate::domain::error::{Error, Result};
use crate::domain::group::{Group, GroupPatch, NewGroup};
use crate::domain::id::GroupId;
use crate::domain::page::Page;
use crate::store::groups;
use crate::store::tx::Tx;

/// What to list, of groups or of roles.
#[derive(Clone, Debug)]
pub struct ListByName {
    /// Part of the name; empty: any.
    pub search: String,
    /// Whether the other way round.
    pub descending: bool,
    /// The name with which the page before ended.
    pub after: Option<String>,
    /// Rows at most.
    pub size: i64,
}

impl App {
    /// Makes a group.
    pub async fn create_group(&self, op: OpContext, new: NewGroup) -> Result<Group> {
        self.db.change(op, "create-group", new, |tx, new| create(tx, new).boxed()).await
    }

    /// One group.
    pub async fn get_group(&self, op: OpContext, id: GroupId) -> Result<Group> {
        let absent = op.not_found();
        let found = self.db.read(op, "get-group", id, |tx, id| groups::one(tx, *id).boxed()).await?;
        found.ok_or(absent)
    }

    /// A page of groups, and how many there are.
    pub async fn list_groups(&self, op: OpContext, list: ListByName) -> Result<(Page<Group, String>, i64)> {
        let size = list.size;
        let read = self.db.read(op, "list-groups", list, |tx, list| {
            groups::list(tx, &list.search, list.descending, list.after.as_deref(), list.size + 1).boxed()
        });
        let (rows, total) = read.await?;
        Ok((Page::cut(rows, size, |group| group.display_name.clone()), total))
    }

    /// Changes a group.
    pub async fn update_group(&self, op: OpContext, id: GroupId, patch: GroupPatch, etag: String) -> Result<Group> {
        let input = (id, patch, etag);
        self.db.change(op, "update-group", input, |tx, (id, patch, etag)| update(tx, *id, patch, etag).boxed()).await
    }

    /// Deletes a group.
    pub async fn delete_group(&self, op: OpContext, id: GroupId, etag: String) -> Result<()> {
        self.db.change(op, "delete-group", (id, etag), |tx, (id, etag)| delete(tx, *id, etag).boxed()).await
    }
}

async fn create(tx: &mut Tx, new: &NewGroup) -> Result<Group> {
    let tenant = target(tx).await?;
    let id = groups::insert(tx, new).await?;
    tx.about(format!("{}/groups/{id}", tenant.name()));
    tx.tell("display_name", new.display_name.as_str());
    reload(tx, id).await
}

/// The group that the call names, in a tenant that is held.
async fn held(tx: &mut Tx, id: GroupId) -> Result<Group> {
    target(tx).await?;
    let group = groups::one(tx, id).await?.ok_or_else(|| tx.op().not_found())?;
    tx.about(group.name());
    tx.tell("display_name", group.display_name.as_str());
    Ok(group)
}

async fn reload(tx: &mut Tx, id: GroupId) -> Result<Group> {
    groups::one(tx, id).await?.ok_or_else(|| Error::internal("group", "it went away in its own transaction"))
}

async fn update(tx: &mut Tx, id: GroupId, patch: &GroupPatch, etag: &str) -> Result<Group> {
    let group = held(tx, id).await?;
    if patch.display_name.is_some() {
        group.check_not_root("renamed")?;
    }
    group.check_etag(etag)?;
    groups::update(tx, id, patch).await?;
    let changed = reload(tx, id).await?;
    tx.tell_changes(facts(&group), facts(&changed));
    Ok(changed)
}

/// The group by field, for people.
fn facts(group: &Group) -> [(&'static str, String); 2] {
    [("display_name", group.display_name.clone()), ("description", group.description.clone())]
}

async fn delete(tx: &mut Tx, id: GroupId, etag: &str) -> Result<()> {
    let group = held(tx, id).await?;
    group.check_not_root("deleted")?;
    group.check_etag(etag)?;
    let administrators = Administrators::before(tx).await?;
    groups::delete(tx, id).await?;
    administrators.remain(tx).await
}
