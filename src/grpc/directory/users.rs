//! Users.

use crate::app::App;
use crate::context::OpContext;
use crate::domain::error::Result;
use crate::domain::fold::fold;
use crate::domain::user_list::{UserOrder, UserQuery, user_filter};
use crate::grpc::convert::{names, page, user};
use crate::proto::v1;

/// CreateUser.
pub async fn create(app: &App, op: OpContext, request: v1::CreateUserRequest) -> Result<v1::CreateUserResponse> {
    let made = app.create_user(op, user::create(request)?).await?;
    Ok(v1::CreateUserResponse { user: Some(user::user(made)) })
}

/// GetUser.
pub async fn get(app: &App, op: OpContext, request: v1::GetUserRequest) -> Result<v1::GetUserResponse> {
    let found = app.get_user(op, names::id("name", &request.name)?).await?;
    Ok(v1::GetUserResponse { user: Some(user::user(found)) })
}

/// ListUsers.
pub async fn list(app: &App, op: OpContext, request: v1::ListUsersRequest) -> Result<v1::ListUsersResponse> {
    names::tenant("parent", &request.parent)?;
    let arguments = [&*request.parent, &request.search, &request.order_by, &request.filter].join("\n");
    let (order, descending) = page::order(&request.order_by, &UserOrder::ALL, UserOrder::field)?;
    let query = UserQuery {
        filter: user_filter(&request.filter)?,
        search: fold(&page::search(request.search)?),
        order,
        descending,
        after: page::open(&app.root, &op, &arguments, &request.page_token)?,
        size: page::size(request.page_size)?,
    };
    let (found, total) = app.list_users(op.clone(), query).await?;
    Ok(v1::ListUsersResponse {
        users: found.rows.into_iter().map(user::user).collect(),
        next_page_token: page::seal(&app.root, &op, &arguments, found.next.as_ref())?,
        total_size: page::total(total),
        total_size_estimated: page::is_estimate(total),
    })
}

/// UpdateUser.
pub async fn update(app: &App, op: OpContext, request: v1::UpdateUserRequest) -> Result<v1::UpdateUserResponse> {
    let changed = app.update_user(op, user::update(request)?).await?;
    Ok(v1::UpdateUserResponse { user: Some(user::user(changed)) })
}

/// DeleteUser.
pub async fn delete(app: &App, op: OpContext, request: v1::DeleteUserRequest) -> Result<v1::DeleteUserResponse> {
    app.delete_user(op, names::id("name", &request.name)?, request.etag).await?;
    Ok(v1::DeleteUserResponse {})
}

/// LockUser.
pub async fn lock(app: &App, op: OpContext, request: v1::LockUserRequest) -> Result<v1::LockUserResponse> {
    let locked = app.lock_user(op, names::id("name", &request.name)?, request.etag).await?;
    Ok(v1::LockUserResponse { user: Some(user::user(locked)) })
}

/// UnlockUser.
pub async fn unlock(app: &App, op: OpContext, request: v1::UnlockUserRequest) -> Result<v1::UnlockUserResponse> {
    let unlocked = app.unlock_user(op, names::id("name", &request.name)?, request.etag).await?;
    Ok(v1::UnlockUserResponse { user: Some(user::user(unlocked)) })
}
