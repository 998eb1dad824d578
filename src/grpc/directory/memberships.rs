//! Who works in which tenant.

use super::count;
use crate::app::App;
use crate::app::memberships::UserTenants;
use crate::context::OpContext;
use crate::domain::error::Result;
use crate::grpc::convert::{names, page, user};
use crate::proto::v1;

/// AssignUsers.
pub async fn assign_users(
    app: &App,
    op: OpContext,
    request: v1::AssignUsersRequest,
) -> Result<v1::AssignUsersResponse> {
    names::tenant("tenant", &request.tenant)?;
    let assigned = app.assign_users(op, names::all("users", &request.users, 1)?).await?;
    Ok(v1::AssignUsersResponse { assigned_count: count(assigned) })
}

/// UnassignUsers.
pub async fn unassign_users(
    app: &App,
    op: OpContext,
    request: v1::UnassignUsersRequest,
) -> Result<v1::UnassignUsersResponse> {
    names::tenant("tenant", &request.tenant)?;
    app.unassign_users(op, names::all("users", &request.users, 1)?).await?;
    Ok(v1::UnassignUsersResponse {})
}

fn user_tenants(user: &str, tenants: &[String]) -> Result<UserTenants> {
    Ok(UserTenants { user: names::id("user", user)?, tenants: names::tenants("tenants", tenants)? })
}

/// AssignTenants.
pub async fn assign_tenants(
    app: &App,
    op: OpContext,
    request: v1::AssignTenantsRequest,
) -> Result<v1::AssignTenantsResponse> {
    let assigned = app.assign_tenants(op, user_tenants(&request.user, &request.tenants)?).await?;
    Ok(v1::AssignTenantsResponse { assigned_count: count(assigned) })
}

/// UnassignTenants.
pub async fn unassign_tenants(
    app: &App,
    op: OpContext,
    request: v1::UnassignTenantsRequest,
) -> Result<v1::UnassignTenantsResponse> {
    app.unassign_tenants(op, user_tenants(&request.user, &request.tenants)?).await?;
    Ok(v1::UnassignTenantsResponse {})
}

/// ListUserTenants.
pub async fn list_user_tenants(
    app: &App,
    op: OpContext,
    request: v1::ListUserTenantsRequest,
) -> Result<v1::ListUserTenantsResponse> {
    let id = names::id("user", &request.user)?;
    let after = page::open(&app.root, &op, &request.user, &request.page_token)?;
    let found = app.list_user_tenants(op.clone(), id, after, page::size(request.page_size)?).await?;
    Ok(v1::ListUserTenantsResponse {
        tenants: user::workplaces(&found),
        next_page_token: page::seal(&app.root, &op, &request.user, found.page.next.as_ref())?,
        total_size: page::total(found.total),
        total_size_estimated: page::is_estimate(found.total),
    })
}

/// SetDefaultTenant.
pub async fn set_default_tenant(
    app: &App,
    op: OpContext,
    request: v1::SetDefaultTenantRequest,
) -> Result<v1::SetDefaultTenantResponse> {
    let id = names::id("user", &request.user)?;
    let named = Some(&request.tenant).filter(|tenant| !tenant.is_empty());
    let tenant = named.map(|tenant| names::tenant("tenant", tenant)).transpose()?;
    let changed = app.set_default_tenant(op, id, tenant, request.etag).await?;
    Ok(v1::SetDefaultTenantResponse { user: Some(user::user(changed)) })
}
