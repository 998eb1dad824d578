//! Roles, what they allow, and who holds them.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use diesel::dsl::not;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use uuid::Uuid;

use super::error::{failed, gone_or_failed, is_duplicate};
use super::groups::lower;
use super::identities;
use super::log_filter::literally;
use super::schema::{group_roles as gr, role_privileges as rp, roles as r, user_roles as ur};
use super::tx::Tx;
use crate::domain::error::{Error, Reason, Refusal, Result};
use crate::domain::id::{GroupId, RoleId, UserId};
use crate::domain::name::{Description, RoleName};
use crate::domain::role::{Held, NewRole, Role, RolePatch};

type Row = (Uuid, String, String, bool, bool, DateTime<Utc>, DateTime<Utc>, i64);

#[diesel::dsl::auto_type(no_type_alias)]
fn columns() -> _ {
    (r::id, r::name, r::description, r::built_in, r::read_only, r::created_at, r::updated_at, r::version)
}

async fn complete(tx: &mut Tx, rows: Vec<Row>) -> Result<Vec<Role>> {
    let tenant = tx.tenant();
    let ids: Vec<Uuid> = rows.iter().map(|row| row.0).collect();
    let code = identities::codes(tx, &[tenant]).await?.remove(&tenant).unwrap_or_else(|| tenant.to_string());
    let held: Vec<(Uuid, String)> = rp::table
        .filter(rp::tenant_id.eq(tenant.0))
        .filter(rp::role_id.eq_any(&ids))
        .select((rp::role_id, rp::privilege))
        .load(tx.conn())
        .await
        .map_err(failed)?;
    let held = held.into_iter().map(|(role, key)| match Held::parse(&key) {
        Some(held) => Ok((role, held)),
        None => Err(Error::internal("stored privilege", key)),
    });
    // A set, so that they stand in one order.
    let held = held.collect::<Result<BTreeSet<_>>>()?;
    let role = |(id, display_name, description, built_in, read_only, created_at, updated_at, version): Row| Role {
        tenant_code: code.clone(),
        id: RoleId(id),
        display_name,
        description,
        built_in,
        read_only,
        privileges: held.iter().filter(|pair| pair.0 == id).map(|pair| pair.1.clone()).collect(),
        created_at,
        updated_at,
        version,
    };
    Ok(rows.into_iter().map(role).collect())
}

/// One role.
pub async fn one(tx: &mut Tx, id: RoleId) -> Result<Option<Role>> {
    Ok(some(tx, &[id]).await?.pop())
}

/// Those of these roles that there are.
pub async fn some(tx: &mut Tx, ids: &[RoleId]) -> Result<Vec<Role>> {
    let ids: Vec<Uuid> = ids.iter().map(|id| id.0).collect();
    let found = r::table.filter(r::tenant_id.eq(tx.tenant().0)).filter(r::id.eq_any(ids)).select(columns());
    let rows = found.load::<Row>(tx.conn()).await.map_err(failed)?;
    complete(tx, rows).await
}

/// Roles in the order of their names, from behind the given one, and how many there are; with a part of their names.
pub async fn list(
    tx: &mut Tx,
    search: &str,
    descending: bool,
    after: Option<&str>,
    limit: i64,
) -> Result<(Vec<Role>, i64)> {
    let found = r::table.filter(r::tenant_id.eq(tx.tenant().0));
    let found = found.filter(lower(r::name).like(lower(format!("%{}%", literally(search)))));
    let total = found.clone().count().get_result(tx.conn()).await.map_err(failed)?;
    let mut query = found.limit(limit).select(columns()).into_boxed();
    if let Some(after) = after {
        query = if descending { query.filter(r::name.lt(after)) } else { query.filter(r::name.gt(after)) };
    }
    let query = if descending { query.order(r::name.desc()) } else { query.order(r::name.asc()) };
    let rows = query.load::<Row>(tx.conn()).await.map_err(failed)?;
    Ok((complete(tx, rows).await?, total))
}

fn taken_or_failed(error: diesel::result::Error, name: &str) -> Error {
    if !is_duplicate(&error, "roles_tenant_id_name_key") {
        return failed(error);
    }
    Refusal::new(Reason::ResourceExists, format!("the tenant has a role {name} already")).into()
}

/// Adds a role that allows nothing yet.
pub async fn insert(tx: &mut Tx, new: &NewRole) -> Result<RoleId> {
    let id = RoleId::new();
    let row = (
        r::tenant_id.eq(tx.tenant().0),
        r::id.eq(id.0),
        r::name.eq(new.display_name.as_str()),
        r::description.eq(new.description.as_str()),
    );
    let added = diesel::insert_into(r::table).values(row).execute(tx.conn()).await;
    added.map_err(|error| taken_or_failed(error, new.display_name.as_str()))?;
    Ok(id)
}

/// Adds a role with that name, or with the first free number behind it.
pub async fn insert_named_after(tx: &mut Tx, name: &str) -> Result<RoleId> {
    let tenant = tx.tenant().0;
    let like = r::table.filter(r::tenant_id.eq(tenant)).filter(r::name.like(format!("{}%", literally(name))));
    let taken: Vec<String> = like.select(r::name).load(tx.conn()).await.map_err(failed)?;
    let numbered = (2..).map(|number| format!("{name} {number}"));
    let free = std::iter::once(name.to_owned()).chain(numbered).find(|name| !taken.contains(name));
    let free = free.and_then(|free| RoleName::parse(&free).ok());
    let display_name = free.ok_or_else(|| Error::internal("role", "no name is free"))?;
    insert(tx, &NewRole { display_name, description: Description::stored(String::new()) }).await
}

/// A role of the tenant's own that a user holds by itself and nobody else does, if there is one.
pub async fn held_by_alone(tx: &mut Tx, user: UserId) -> Result<Option<RoleId>> {
    let tenant = tx.tenant().0;
    let own = ur::table.filter(ur::tenant_id.eq(tenant)).filter(ur::user_id.eq(user.0)).select(ur::role_id);
    let shared = ur::table.filter(ur::tenant_id.eq(tenant)).filter(ur::user_id.ne(user.0)).select(ur::role_id);
    let of_groups = gr::table.filter(gr::tenant_id.eq(tenant)).select(gr::role_id);
    let found = r::table
        .filter(r::tenant_id.eq(tenant))
        .filter(not(r::built_in))
        .filter(r::id.eq_any(own))
        .filter(r::id.ne_all(shared))
        .filter(r::id.ne_all(of_groups))
        .order(r::name)
        .select(r::id)
        .first::<Uuid>(tx.conn())
        .await;
    Ok(found.optional().map_err(failed)?.map(RoleId))
}

/// Changes a role.
pub async fn update(tx: &mut Tx, id: RoleId, patch: &RolePatch) -> Result<()> {
    let row = r::table.find((tx.tenant().0, id.0));
    if let Some(name) = patch.display_name.as_ref().map(RoleName::as_str) {
        let renamed = diesel::update(row).set(r::name.eq(name)).execute(tx.conn()).await;
        renamed.map_err(|error| taken_or_failed(error, name))?;
    }
    if let Some(description) = patch.description.as_ref().map(Description::as_str) {
        diesel::update(row).set(r::description.eq(description)).execute(tx.conn()).await.map_err(failed)?;
    }
    Ok(())
}

/// Removes a role from everybody, and then itself.
pub async fn delete(tx: &mut Tx, id: RoleId) -> Result<()> {
    let tenant = tx.tenant().0;
    let users = ur::table.filter(ur::tenant_id.eq(tenant)).filter(ur::role_id.eq(id.0));
    diesel::delete(users).execute(tx.conn()).await.map_err(failed)?;
    let groups = gr::table.filter(gr::tenant_id.eq(tenant)).filter(gr::role_id.eq(id.0));
    diesel::delete(groups).execute(tx.conn()).await.map_err(failed)?;
    let privileges = rp::table.filter(rp::tenant_id.eq(tenant)).filter(rp::role_id.eq(id.0));
    diesel::delete(privileges).execute(tx.conn()).await.map_err(failed)?;
    diesel::delete(r::table.find((tenant, id.0))).execute(tx.conn()).await.map_err(failed)?;
    Ok(())
}

/// Lets a role allow more.
pub async fn grant(tx: &mut Tx, id: RoleId, privileges: &[Held]) -> Result<()> {
    let tenant = tx.tenant().0;
    let row = |held: &Held| (rp::tenant_id.eq(tenant), rp::role_id.eq(id.0), rp::privilege.eq(held.key().to_owned()));
    let rows: Vec<_> = privileges.iter().map(row).collect();
    let granted = diesel::insert_into(rp::table).values(rows).on_conflict_do_nothing().execute(tx.conn()).await;
    changed(tx, id, granted.map_err(failed)?).await
}

/// Lets a role allow less.
pub async fn revoke(tx: &mut Tx, id: RoleId, privileges: &[Held]) -> Result<()> {
    let keys: Vec<&str> = privileges.iter().map(Held::key).collect();
    let held = rp::table.filter(rp::tenant_id.eq(tx.tenant().0)).filter(rp::role_id.eq(id.0));
    let revoked = diesel::delete(held.filter(rp::privilege.eq_any(keys))).execute(tx.conn()).await;
    changed(tx, id, revoked.map_err(failed)?).await
}

/// What a role allows is a part of its version.
async fn changed(tx: &mut Tx, id: RoleId, rows: usize) -> Result<()> {
    if rows > 0 {
        let role = r::table.find((tx.tenant().0, id.0));
        diesel::update(role).set(r::version.eq(r::version + 1)).execute(tx.conn()).await.map_err(failed)?;
    }
    Ok(())
}

/// Gives a role to users and groups. Gives how many did not have it.
pub async fn assign(tx: &mut Tx, id: RoleId, users: &[UserId], groups: &[GroupId]) -> Result<usize> {
    let tenant = tx.tenant().0;
    let user = |user: &UserId| (ur::tenant_id.eq(tenant), ur::user_id.eq(user.0), ur::role_id.eq(id.0));
    let rows: Vec<_> = users.iter().map(user).collect();
    let users = diesel::insert_into(ur::table).values(rows).on_conflict_do_nothing().execute(tx.conn()).await;
    let group = |group: &GroupId| (gr::tenant_id.eq(tenant), gr::group_id.eq(group.0), gr::role_id.eq(id.0));
    let rows: Vec<_> = groups.iter().map(group).collect();
    let groups = diesel::insert_into(gr::table).values(rows).on_conflict_do_nothing().execute(tx.conn()).await;
    Ok(users.map_err(gone_or_failed)? + groups.map_err(failed)?)
}

/// Takes a role from users and groups. Gives how many had it.
pub async fn unassign(tx: &mut Tx, id: RoleId, users: &[UserId], groups: &[GroupId]) -> Result<usize> {
    let tenant = tx.tenant().0;
    let users: Vec<Uuid> = users.iter().map(|user| user.0).collect();
    let held = ur::table.filter(ur::tenant_id.eq(tenant)).filter(ur::role_id.eq(id.0));
    let of_users = diesel::delete(held.filter(ur::user_id.eq_any(users))).execute(tx.conn()).await;
    let groups: Vec<Uuid> = groups.iter().map(|group| group.0).collect();
    let held = gr::table.filter(gr::tenant_id.eq(tenant)).filter(gr::role_id.eq(id.0));
    let of_groups = diesel::delete(held.filter(gr::group_id.eq_any(groups))).execute(tx.conn()).await;
    Ok(of_users.map_err(failed)? + of_groups.map_err(failed)?)
}
