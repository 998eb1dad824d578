//! UserService: decode, call the use case, encode.

use super::guarded::UserServiceHandler;
use crate::app::App;
use crate::context::OpContext;
use crate::domain::error::{Error, Result};
use crate::proto::v1;

/// The service.
pub struct UserService(pub App);

#[tonic::async_trait]
impl UserServiceHandler for UserService {
    async fn activate_user(&self, op: OpContext, request: v1::ActivateUserRequest) -> Result<v1::ActivateUserResponse> {
        if request.code.len() > 256 {
            return Err(Error::field("code", "must be the code of an activation link, as it stands in the mail"));
        }
        let (user, tenant) = self.0.activate(&op, &request.code, request.password.into()).await?;
        let name = format!("tenants/{tenant}/users/{}", user.id);
        Ok(v1::ActivateUserResponse { user: name, user_name: user.user_name })
    }

    async fn change_password(
        &self,
        op: OpContext,
        request: v1::ChangePasswordRequest,
    ) -> Result<v1::ChangePasswordResponse> {
        if request.current_password.len() > 4096 {
            return Err(Error::field("current_password", "must have at most 256 characters"));
        }
        self.0.change_password(op, request.current_password.into(), request.new_password.into()).await?;
        Ok(v1::ChangePasswordResponse {})
    }
}
