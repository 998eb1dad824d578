//! Privileges, and what roles allow.

use crate::app::App;
use crate::app::privileges::ListPrivileges;
use crate::context::OpContext;
use crate::domain::error::Result;
use crate::domain::fold::fold;
use crate::grpc::convert::{names, page, role};
use crate::proto::v1;

/// ListPrivileges.
pub async fn list(app: &App, op: OpContext, request: v1::ListPrivilegesRequest) -> Result<v1::ListPrivilegesResponse> {
    names::tenant("parent", &request.parent)?;
    let arguments = format!("{}\n{}", request.parent, request.search);
    let list = ListPrivileges {
        search: fold(&page::search(request.search)?),
        after: page::open(&app.root, &op, &arguments, &request.page_token)?,
        size: page::size(request.page_size)?,
    };
    let (found, total) = app.list_privileges(op.clone(), list).await?;
    Ok(v1::ListPrivilegesResponse {
        privileges: found.rows.into_iter().map(role::privilege).collect(),
        next_page_token: page::seal(&app.root, &op, &arguments, found.next.as_ref())?,
        total_size: page::total(total),
        total_size_estimated: page::is_estimate(total),
    })
}

/// CreatePrivilege.
pub async fn create(
    app: &App,
    op: OpContext,
    request: v1::CreatePrivilegeRequest,
) -> Result<v1::CreatePrivilegeResponse> {
    let made = app.create_privilege(op, role::create_privilege(request)?).await?;
    Ok(v1::CreatePrivilegeResponse { privilege: Some(role::privilege(made)) })
}

/// DeletePrivilege.
pub async fn delete(
    app: &App,
    op: OpContext,
    request: v1::DeletePrivilegeRequest,
) -> Result<v1::DeletePrivilegeResponse> {
    app.delete_privilege(op, names::privilege_key("name", &request.name)?).await?;
    Ok(v1::DeletePrivilegeResponse {})
}

/// GrantPrivileges.
pub async fn grant(
    app: &App,
    op: OpContext,
    request: v1::GrantPrivilegesRequest,
) -> Result<v1::GrantPrivilegesResponse> {
    let id = names::id("role", &request.role)?;
    let privileges = names::privileges("privileges", &request.privileges, 1)?;
    let changed = app.grant_privileges(op, id, privileges, request.etag).await?;
    Ok(v1::GrantPrivilegesResponse { role: Some(role::role(changed)) })
}

/// RevokePrivileges.
pub async fn revoke(
    app: &App,
    op: OpContext,
    request: v1::RevokePrivilegesRequest,
) -> Result<v1::RevokePrivilegesResponse> {
    let id = names::id("role", &request.role)?;
    let privileges = names::privileges("privileges", &request.privileges, 1)?;
    let changed = app.revoke_privileges(op, id, privileges, request.etag).await?;
    Ok(v1::RevokePrivilegesResponse { role: Some(role::role(changed)) })
}
