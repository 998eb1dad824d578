//! Passwords of users, and the links that set them.

use crate::app::App;
use crate::context::OpContext;
use crate::domain::error::{Error, Result};
use crate::grpc::convert::{names, session, user};
use crate::proto::v1;
use crate::store::links::LinkPurpose;

fn check_code(code: &str) -> Result<()> {
    if code.len() <= 256 {
        Ok(())
    } else {
        Err(Error::field("code", "must be the code of a link, as it stands in the mail"))
    }
}

/// ActivateUser.
pub async fn activate(app: &App, op: &OpContext, r: v1::ActivateUserRequest) -> Result<v1::ActivateUserResponse> {
    check_code(&r.code)?;
    let (user, tenant) = app.set_password_by_link(op, LinkPurpose::Activation, &r.code, r.password.into()).await?;
    let name = format!("tenants/{tenant}/users/{}", user.id);
    Ok(v1::ActivateUserResponse { user: name, user_name: user.user_name })
}

/// CompletePasswordReset.
pub async fn complete_reset(
    app: &App,
    op: &OpContext,
    r: v1::CompletePasswordResetRequest,
) -> Result<v1::CompletePasswordResetResponse> {
    check_code(&r.code)?;
    let (user, tenant) = app.set_password_by_link(op, LinkPurpose::Reset, &r.code, r.password.into()).await?;
    let name = format!("tenants/{tenant}/users/{}", user.id);
    Ok(v1::CompletePasswordResetResponse { user: name, user_name: user.user_name })
}

/// RequestPasswordReset.
pub async fn request_reset(
    app: &App,
    op: &OpContext,
    r: v1::RequestPasswordResetRequest,
) -> Result<v1::RequestPasswordResetResponse> {
    let (user_name, home) = session::account(r.user_name, r.tenant, &r.domain)?;
    app.request_password_reset(op, &user_name, home).await?;
    Ok(v1::RequestPasswordResetResponse {})
}

/// ResetPassword.
pub async fn reset(app: &App, op: OpContext, r: v1::ResetPasswordRequest) -> Result<v1::ResetPasswordResponse> {
    let (account, operation) = app.reset_password(op, names::id("name", &r.name)?, r.etag).await?;
    Ok(v1::ResetPasswordResponse { user: Some(user::user(account)), operation })
}

/// SendActivationLink.
pub async fn send_activation_link(
    app: &App,
    op: OpContext,
    r: v1::SendActivationLinkRequest,
) -> Result<v1::SendActivationLinkResponse> {
    let (account, operation) = app.send_activation_link(op, names::id("name", &r.name)?, r.etag).await?;
    Ok(v1::SendActivationLinkResponse { user: Some(user::user(account)), operation })
}
