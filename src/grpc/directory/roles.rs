//! Roles.

use super::{PageRequest, count};
use crate::app::App;
use crate::app::roles::Holders;
use crate::context::OpContext;
use crate::domain::error::{Error, Result};
use crate::grpc::convert::{names, page, role};
use crate::proto::v1;

/// CreateRole.
pub async fn create(app: &App, op: OpContext, request: v1::CreateRoleRequest) -> Result<v1::CreateRoleResponse> {
    let made = app.create_role(op, role::create_role(request)?).await?;
    Ok(v1::CreateRoleResponse { role: Some(role::role(made)) })
}

/// GetRole.
pub async fn get(app: &App, op: OpContext, request: v1::GetRoleRequest) -> Result<v1::GetRoleResponse> {
    let found = app.get_role(op, names::id("name", &request.name)?).await?;
    Ok(v1::GetRoleResponse { role: Some(role::role(found)) })
}

/// ListRoles.
pub async fn list(app: &App, op: OpContext, request: v1::ListRolesRequest) -> Result<v1::ListRolesResponse> {
    names::tenant("parent", &request.parent)?;
    let (size, token) = (request.page_size, request.page_token);
    let asked = PageRequest { size, token, search: request.search, order_by: request.order_by };
    let arguments = asked.arguments(&request.parent);
    let list = asked.by_name(app, &op, &arguments)?;
    let (found, total) = app.list_roles(op.clone(), list).await?;
    Ok(v1::ListRolesResponse {
        roles: found.rows.into_iter().map(role::role).collect(),
        next_page_token: page::seal(&app.root, &op, &arguments, found.next.as_ref())?,
        total_size: page::total(total),
        total_size_estimated: page::is_estimate(total),
    })
}

/// UpdateRole.
pub async fn update(app: &App, op: OpContext, request: v1::UpdateRoleRequest) -> Result<v1::UpdateRoleResponse> {
    let (id, patch, etag) = role::update_role(request)?;
    let changed = app.update_role(op, id, patch, etag).await?;
    Ok(v1::UpdateRoleResponse { role: Some(role::role(changed)) })
}

/// DeleteRole.
pub async fn delete(app: &App, op: OpContext, request: v1::DeleteRoleRequest) -> Result<v1::DeleteRoleResponse> {
    app.delete_role(op, names::id("name", &request.name)?, request.etag).await?;
    Ok(v1::DeleteRoleResponse {})
}

fn holders(role: &str, users: &[String], groups: &[String]) -> Result<Holders> {
    if users.is_empty() && groups.is_empty() {
        return Err(Error::field("users", "must name a user, or groups must name a group"));
    }
    Ok(Holders {
        role: names::id("role", role)?,
        users: names::all("users", users, 0)?,
        groups: names::all("groups", groups, 0)?,
    })
}

/// AssignRole.
pub async fn assign(app: &App, op: OpContext, request: v1::AssignRoleRequest) -> Result<v1::AssignRoleResponse> {
    let assigned = app.assign_role(op, holders(&request.role, &request.users, &request.groups)?).await?;
    Ok(v1::AssignRoleResponse { assigned_count: count(assigned) })
}

/// UnassignRole.
pub async fn unassign(app: &App, op: OpContext, request: v1::UnassignRoleRequest) -> Result<v1::UnassignRoleResponse> {
    let unassigned = app.unassign_role(op, holders(&request.role, &request.users, &request.groups)?).await?;
    Ok(v1::UnassignRoleResponse { unassigned_count: count(unassigned) })
}
