//! Groups.

use super::{PageRequest, count};
use crate::app::App;
use crate::app::groups::{Members, MoveMember};
use crate::context::OpContext;
use crate::domain::error::Result;
use crate::grpc::convert::{names, page, role, user};
use crate::proto::v1;

/// CreateGroup.
pub async fn create(app: &App, op: OpContext, request: v1::CreateGroupRequest) -> Result<v1::CreateGroupResponse> {
    let made = app.create_group(op, role::create_group(request)?).await?;
    Ok(v1::CreateGroupResponse { group: Some(role::group(made)) })
}

/// GetGroup.
pub async fn get(app: &App, op: OpContext, request: v1::GetGroupRequest) -> Result<v1::GetGroupResponse> {
    let found = app.get_group(op, names::id("name", &request.name)?).await?;
    Ok(v1::GetGroupResponse { group: Some(role::group(found)) })
}

/// ListGroups.
pub async fn list(app: &App, op: OpContext, request: v1::ListGroupsRequest) -> Result<v1::ListGroupsResponse> {
    names::tenant("parent", &request.parent)?;
    let (size, token) = (request.page_size, request.page_token);
    let asked = PageRequest { size, token, search: request.search, order_by: request.order_by };
    let arguments = asked.arguments(&request.parent);
    let list = asked.by_name(app, &op, &arguments)?;
    let (found, total) = app.list_groups(op.clone(), list).await?;
    Ok(v1::ListGroupsResponse {
        groups: found.rows.into_iter().map(role::group).collect(),
        next_page_token: page::seal(&app.root, &op, &arguments, found.next.as_ref())?,
        total_size: page::total(total),
        total_size_estimated: page::is_estimate(total),
    })
}

/// UpdateGroup.
pub async fn update(app: &App, op: OpContext, request: v1::UpdateGroupRequest) -> Result<v1::UpdateGroupResponse> {
    let (id, patch, etag) = role::update_group(request)?;
    let changed = app.update_group(op, id, patch, etag).await?;
    Ok(v1::UpdateGroupResponse { group: Some(role::group(changed)) })
}

/// DeleteGroup.
pub async fn delete(app: &App, op: OpContext, request: v1::DeleteGroupRequest) -> Result<v1::DeleteGroupResponse> {
    app.delete_group(op, names::id("name", &request.name)?, request.etag).await?;
    Ok(v1::DeleteGroupResponse {})
}

fn members(group: &str, users: &[String]) -> Result<Members> {
    Ok(Members { group: names::id("group", group)?, users: names::all("users", users, 1)? })
}

/// AddGroupMembers.
pub async fn add_members(
    app: &App,
    op: OpContext,
    request: v1::AddGroupMembersRequest,
) -> Result<v1::AddGroupMembersResponse> {
    let added = app.add_group_members(op, members(&request.group, &request.users)?).await?;
    Ok(v1::AddGroupMembersResponse { added_count: count(added) })
}

/// RemoveGroupMembers.
pub async fn remove_members(
    app: &App,
    op: OpContext,
    request: v1::RemoveGroupMembersRequest,
) -> Result<v1::RemoveGroupMembersResponse> {
    let removed = app.remove_group_members(op, members(&request.group, &request.users)?).await?;
    Ok(v1::RemoveGroupMembersResponse { removed_count: count(removed) })
}

/// MoveGroupMember.
pub async fn move_member(
    app: &App,
    op: OpContext,
    request: v1::MoveGroupMemberRequest,
) -> Result<v1::MoveGroupMemberResponse> {
    let input = MoveMember {
        user: names::id("user", &request.user)?,
        source: names::named("source_group", &request.source_group)?,
        target: names::named("target_group", &request.target_group)?,
    };
    let moved = app.move_group_member(op, input).await?;
    Ok(v1::MoveGroupMemberResponse { user: Some(user::user(moved)) })
}
