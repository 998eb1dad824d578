//! Groups and their members.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use uuid::Uuid;

use super::error::{failed, gone_or_failed, is_duplicate};
use super::identities;
use super::log_filter::literally;
use super::schema::{group_members as gm, group_roles as gr, groups as g};
use super::tx::Tx;
use crate::domain::account::MOST_SHOWN;
use crate::domain::error::{Error, Reason, Refusal, Result};
use crate::domain::group::{Group, GroupPatch, NewGroup};
use crate::domain::id::{GroupId, RoleId, UserId};
use crate::domain::name::{Description, DisplayName};

type Row = (Uuid, String, String, bool, DateTime<Utc>, DateTime<Utc>, i64);

#[diesel::dsl::auto_type(no_type_alias)]
fn columns() -> _ {
    (g::id, g::name, g::description, g::tenant_name.is_not_null(), g::created_at, g::updated_at, g::version)
}

diesel::define_sql_function! {
    /// Without regard to case.
    fn lower(text: diesel::sql_types::Text) -> diesel::sql_types::Text;
}

async fn complete(tx: &mut Tx, rows: Vec<Row>) -> Result<Vec<Group>> {
    let tenant = tx.tenant();
    let ids: Vec<Uuid> = rows.iter().map(|row| row.0).collect();
    let code = identities::codes(tx, &[tenant]).await?.remove(&tenant).unwrap_or_else(|| tenant.to_string());
    let roles: Vec<(Uuid, Uuid)> = gr::table
        .filter(gr::tenant_id.eq(tenant.0))
        .filter(gr::group_id.eq_any(&ids))
        .order((gr::group_id, gr::role_id))
        .select((gr::group_id, gr::role_id))
        .load(tx.conn())
        .await
        .map_err(failed)?;
    let members: Vec<(Uuid, i64)> = gm::table
        .filter(gm::tenant_id.eq(tenant.0))
        .filter(gm::group_id.eq_any(&ids))
        .group_by(gm::group_id)
        .select((gm::group_id, diesel::dsl::count_star()))
        .load(tx.conn())
        .await
        .map_err(failed)?;
    let group = |(id, display_name, description, root, created_at, updated_at, version): Row| Group {
        tenant_code: code.clone(),
        id: GroupId(id),
        display_name,
        description,
        root,
        roles: roles.iter().filter(|pair| pair.0 == id).map(|pair| RoleId(pair.1)).take(MOST_SHOWN).collect(),
        members: members.iter().find(|counted| counted.0 == id).map_or(0, |counted| counted.1),
        created_at,
        updated_at,
        version,
    };
    Ok(rows.into_iter().map(group).collect())
}

/// One group.
pub async fn one(tx: &mut Tx, id: GroupId) -> Result<Option<Group>> {
    let row = g::table.find((tx.tenant().0, id.0)).select(columns()).first::<Row>(tx.conn()).await;
    let row = row.optional().map_err(failed)?;
    Ok(complete(tx, row.into_iter().collect()).await?.pop())
}

/// Groups in the order of their names, from behind the given one, and how many there are; with a part of their names.
pub async fn list(
    tx: &mut Tx,
    search: &str,
    descending: bool,
    after: Option<&str>,
    limit: i64,
) -> Result<(Vec<Group>, i64)> {
    let found = g::table.filter(g::tenant_id.eq(tx.tenant().0));
    let found = found.filter(lower(g::name).like(lower(format!("%{}%", literally(search)))));
    let total = found.clone().count().get_result(tx.conn()).await.map_err(failed)?;
    let mut query = found.limit(limit).select(columns()).into_boxed();
    if let Some(after) = after {
        query = if descending { query.filter(g::name.lt(after)) } else { query.filter(g::name.gt(after)) };
    }
    let query = if descending { query.order(g::name.desc()) } else { query.order(g::name.asc()) };
    let rows = query.load::<Row>(tx.conn()).await.map_err(failed)?;
    Ok((complete(tx, rows).await?, total))
}

fn taken_or_failed(error: diesel::result::Error, name: &str) -> Error {
    if !is_duplicate(&error, "groups_tenant_id_name_key") {
        return failed(error);
    }
    Refusal::new(Reason::ResourceExists, format!("the tenant has a group {name} already")).into()
}

/// Adds a group.
pub async fn insert(tx: &mut Tx, new: &NewGroup) -> Result<GroupId> {
    let id = GroupId::new();
    let row = (
        g::tenant_id.eq(tx.tenant().0),
        g::id.eq(id.0),
        g::own_name.eq(new.display_name.as_str()),
        g::description.eq(new.description.as_str()),
    );
    let added = diesel::insert_into(g::table).values(row).execute(tx.conn()).await;
    added.map_err(|error| taken_or_failed(error, new.display_name.as_str()))?;
    Ok(id)
}

/// Changes a group.
pub async fn update(tx: &mut Tx, id: GroupId, patch: &GroupPatch) -> Result<()> {
    let row = g::table.find((tx.tenant().0, id.0));
    let name = patch.display_name.as_ref().map(DisplayName::as_str);
    if let Some(name) = name {
        let renamed = diesel::update(row).set(g::own_name.eq(name)).execute(tx.conn()).await;
        renamed.map_err(|error| taken_or_failed(error, name))?;
    }
    if let Some(description) = patch.description.as_ref().map(Description::as_str) {
        diesel::update(row).set(g::description.eq(description)).execute(tx.conn()).await.map_err(failed)?;
    }
    Ok(())
}

/// Removes a group; its members stay where they are.
pub async fn delete(tx: &mut Tx, id: GroupId) -> Result<()> {
    let tenant = tx.tenant().0;
    let members = gm::table.filter(gm::tenant_id.eq(tenant)).filter(gm::group_id.eq(id.0));
    diesel::delete(members).execute(tx.conn()).await.map_err(failed)?;
    let roles = gr::table.filter(gr::tenant_id.eq(tenant)).filter(gr::group_id.eq(id.0));
    diesel::delete(roles).execute(tx.conn()).await.map_err(failed)?;
    diesel::delete(g::table.find((tenant, id.0))).execute(tx.conn()).await.map_err(failed)?;
    Ok(())
}

/// Those of these groups that there are.
pub async fn existing(tx: &mut Tx, ids: &[GroupId]) -> Result<Vec<GroupId>> {
    let ids: Vec<Uuid> = ids.iter().map(|id| id.0).collect();
    let found = g::table.filter(g::tenant_id.eq(tx.tenant().0)).filter(g::id.eq_any(ids)).select(g::id);
    Ok(found.load(tx.conn()).await.map_err(failed)?.into_iter().map(GroupId).collect())
}

/// Puts users into a group. Gives how many were not in it.
pub async fn add_members(tx: &mut Tx, id: GroupId, users: &[UserId]) -> Result<usize> {
    let tenant = tx.tenant().0;
    let row = |user: &UserId| (gm::tenant_id.eq(tenant), gm::group_id.eq(id.0), gm::user_id.eq(user.0));
    let rows: Vec<_> = users.iter().map(row).collect();
    let added = diesel::insert_into(gm::table).values(rows).on_conflict_do_nothing().execute(tx.conn()).await;
    added.map_err(gone_or_failed)
}

/// Takes users out of a group. Gives how many were in it.
pub async fn remove_members(tx: &mut Tx, id: GroupId, users: &[UserId]) -> Result<usize> {
    let users: Vec<Uuid> = users.iter().map(|user| user.0).collect();
    let members = gm::table.filter(gm::tenant_id.eq(tx.tenant().0)).filter(gm::group_id.eq(id.0));
    diesel::delete(members.filter(gm::user_id.eq_any(users))).execute(tx.conn()).await.map_err(failed)
}
