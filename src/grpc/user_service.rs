//! UserService: decode, call the use case, encode; `directory/` does it for users, groups and roles.

use super::directory::{
    extensions, groups, identities, impersonation, licenses, memberships, passwords, privileges, roles, users,
};
use super::guarded::UserServiceHandler;
use crate::app::App;
use crate::context::OpContext;
use crate::domain::error::{Error, Result};
use crate::proto::v1;

/// The service.
pub struct UserService(pub App);

#[tonic::async_trait]
impl UserServiceHandler for UserService {
    async fn activate_user(&self, op: OpContext, r: v1::ActivateUserRequest) -> Result<v1::ActivateUserResponse> {
        passwords::activate(&self.0, &op, r).await
    }

    async fn complete_password_reset(
        &self,
        op: OpContext,
        r: v1::CompletePasswordResetRequest,
    ) -> Result<v1::CompletePasswordResetResponse> {
        passwords::complete_reset(&self.0, &op, r).await
    }

    async fn request_password_reset(
        &self,
        op: OpContext,
        r: v1::RequestPasswordResetRequest,
    ) -> Result<v1::RequestPasswordResetResponse> {
        passwords::request_reset(&self.0, &op, r).await
    }

    async fn reset_password(&self, op: OpContext, r: v1::ResetPasswordRequest) -> Result<v1::ResetPasswordResponse> {
        passwords::reset(&self.0, op, r).await
    }

    async fn send_activation_link(
        &self,
        op: OpContext,
        r: v1::SendActivationLinkRequest,
    ) -> Result<v1::SendActivationLinkResponse> {
        passwords::send_activation_link(&self.0, op, r).await
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

    async fn create_user(&self, op: OpContext, r: v1::CreateUserRequest) -> Result<v1::CreateUserResponse> {
        users::create(&self.0, op, r).await
    }

    async fn get_user(&self, op: OpContext, r: v1::GetUserRequest) -> Result<v1::GetUserResponse> {
        users::get(&self.0, op, r).await
    }

    async fn list_users(&self, op: OpContext, r: v1::ListUsersRequest) -> Result<v1::ListUsersResponse> {
        users::list(&self.0, op, r).await
    }

    async fn update_user(&self, op: OpContext, r: v1::UpdateUserRequest) -> Result<v1::UpdateUserResponse> {
        users::update(&self.0, op, r).await
    }

    async fn delete_user(&self, op: OpContext, r: v1::DeleteUserRequest) -> Result<v1::DeleteUserResponse> {
        users::delete(&self.0, op, r).await
    }

    async fn lock_user(&self, op: OpContext, r: v1::LockUserRequest) -> Result<v1::LockUserResponse> {
        users::lock(&self.0, op, r).await
    }

    async fn unlock_user(&self, op: OpContext, r: v1::UnlockUserRequest) -> Result<v1::UnlockUserResponse> {
        users::unlock(&self.0, op, r).await
    }

    async fn assign_users(&self, op: OpContext, r: v1::AssignUsersRequest) -> Result<v1::AssignUsersResponse> {
        memberships::assign_users(&self.0, op, r).await
    }

    async fn unassign_users(&self, op: OpContext, r: v1::UnassignUsersRequest) -> Result<v1::UnassignUsersResponse> {
        memberships::unassign_users(&self.0, op, r).await
    }

    async fn assign_tenants(&self, op: OpContext, r: v1::AssignTenantsRequest) -> Result<v1::AssignTenantsResponse> {
        memberships::assign_tenants(&self.0, op, r).await
    }

    async fn unassign_tenants(
        &self,
        op: OpContext,
        r: v1::UnassignTenantsRequest,
    ) -> Result<v1::UnassignTenantsResponse> {
        memberships::unassign_tenants(&self.0, op, r).await
    }

    async fn list_user_tenants(
        &self,
        op: OpContext,
        r: v1::ListUserTenantsRequest,
    ) -> Result<v1::ListUserTenantsResponse> {
        memberships::list_user_tenants(&self.0, op, r).await
    }

    async fn set_default_tenant(
        &self,
        op: OpContext,
        r: v1::SetDefaultTenantRequest,
    ) -> Result<v1::SetDefaultTenantResponse> {
        memberships::set_default_tenant(&self.0, op, r).await
    }

    async fn create_group(&self, op: OpContext, r: v1::CreateGroupRequest) -> Result<v1::CreateGroupResponse> {
        groups::create(&self.0, op, r).await
    }

    async fn get_group(&self, op: OpContext, r: v1::GetGroupRequest) -> Result<v1::GetGroupResponse> {
        groups::get(&self.0, op, r).await
    }

    async fn list_groups(&self, op: OpContext, r: v1::ListGroupsRequest) -> Result<v1::ListGroupsResponse> {
        groups::list(&self.0, op, r).await
    }

    async fn update_group(&self, op: OpContext, r: v1::UpdateGroupRequest) -> Result<v1::UpdateGroupResponse> {
        groups::update(&self.0, op, r).await
    }

    async fn delete_group(&self, op: OpContext, r: v1::DeleteGroupRequest) -> Result<v1::DeleteGroupResponse> {
        groups::delete(&self.0, op, r).await
    }

    async fn add_group_members(
        &self,
        op: OpContext,
        r: v1::AddGroupMembersRequest,
    ) -> Result<v1::AddGroupMembersResponse> {
        groups::add_members(&self.0, op, r).await
    }

    async fn remove_group_members(
        &self,
        op: OpContext,
        r: v1::RemoveGroupMembersRequest,
    ) -> Result<v1::RemoveGroupMembersResponse> {
        groups::remove_members(&self.0, op, r).await
    }

    async fn move_group_member(
        &self,
        op: OpContext,
        r: v1::MoveGroupMemberRequest,
    ) -> Result<v1::MoveGroupMemberResponse> {
        groups::move_member(&self.0, op, r).await
    }

    async fn create_role(&self, op: OpContext, r: v1::CreateRoleRequest) -> Result<v1::CreateRoleResponse> {
        roles::create(&self.0, op, r).await
    }

    async fn get_role(&self, op: OpContext, r: v1::GetRoleRequest) -> Result<v1::GetRoleResponse> {
        roles::get(&self.0, op, r).await
    }

    async fn list_roles(&self, op: OpContext, r: v1::ListRolesRequest) -> Result<v1::ListRolesResponse> {
        roles::list(&self.0, op, r).await
    }

    async fn update_role(&self, op: OpContext, r: v1::UpdateRoleRequest) -> Result<v1::UpdateRoleResponse> {
        roles::update(&self.0, op, r).await
    }

    async fn delete_role(&self, op: OpContext, r: v1::DeleteRoleRequest) -> Result<v1::DeleteRoleResponse> {
        roles::delete(&self.0, op, r).await
    }

    async fn assign_role(&self, op: OpContext, r: v1::AssignRoleRequest) -> Result<v1::AssignRoleResponse> {
        roles::assign(&self.0, op, r).await
    }

    async fn unassign_role(&self, op: OpContext, r: v1::UnassignRoleRequest) -> Result<v1::UnassignRoleResponse> {
        roles::unassign(&self.0, op, r).await
    }

    async fn allocate_extension(
        &self,
        op: OpContext,
        r: v1::AllocateExtensionRequest,
    ) -> Result<v1::AllocateExtensionResponse> {
        extensions::allocate(&self.0, op, r).await
    }

    async fn release_extension(
        &self,
        op: OpContext,
        r: v1::ReleaseExtensionRequest,
    ) -> Result<v1::ReleaseExtensionResponse> {
        extensions::release(&self.0, op, r).await
    }

    async fn list_extensions(&self, op: OpContext, r: v1::ListExtensionsRequest) -> Result<v1::ListExtensionsResponse> {
        extensions::list(&self.0, op, r).await
    }

    async fn assign_license(&self, op: OpContext, r: v1::AssignLicenseRequest) -> Result<v1::AssignLicenseResponse> {
        licenses::assign(&self.0, op, r).await
    }

    async fn unassign_license(
        &self,
        op: OpContext,
        r: v1::UnassignLicenseRequest,
    ) -> Result<v1::UnassignLicenseResponse> {
        licenses::unassign(&self.0, op, r).await
    }

    async fn list_privileges(&self, op: OpContext, r: v1::ListPrivilegesRequest) -> Result<v1::ListPrivilegesResponse> {
        privileges::list(&self.0, op, r).await
    }

    async fn create_privilege(
        &self,
        op: OpContext,
        r: v1::CreatePrivilegeRequest,
    ) -> Result<v1::CreatePrivilegeResponse> {
        privileges::create(&self.0, op, r).await
    }

    async fn delete_privilege(
        &self,
        op: OpContext,
        r: v1::DeletePrivilegeRequest,
    ) -> Result<v1::DeletePrivilegeResponse> {
        privileges::delete(&self.0, op, r).await
    }

    async fn set_impersonation_target(
        &self,
        op: OpContext,
        r: v1::SetImpersonationTargetRequest,
    ) -> Result<v1::SetImpersonationTargetResponse> {
        impersonation::set_target(&self.0, op, r).await
    }

    async fn list_impersonation_targets(
        &self,
        op: OpContext,
        r: v1::ListImpersonationTargetsRequest,
    ) -> Result<v1::ListImpersonationTargetsResponse> {
        impersonation::list_targets(&self.0, op, r).await
    }

    async fn check_impersonation(
        &self,
        op: OpContext,
        r: v1::CheckImpersonationRequest,
    ) -> Result<v1::CheckImpersonationResponse> {
        impersonation::check(&self.0, op, r).await
    }

    async fn repair_impersonation(
        &self,
        op: OpContext,
        r: v1::RepairImpersonationRequest,
    ) -> Result<v1::RepairImpersonationResponse> {
        impersonation::repair(&self.0, op, r).await
    }

    async fn link_identity(&self, op: OpContext, r: v1::LinkIdentityRequest) -> Result<v1::LinkIdentityResponse> {
        identities::link(&self.0, op, r).await
    }

    async fn unlink_identity(&self, op: OpContext, r: v1::UnlinkIdentityRequest) -> Result<v1::UnlinkIdentityResponse> {
        identities::unlink(&self.0, op, r).await
    }

    async fn list_user_identities(
        &self,
        op: OpContext,
        r: v1::ListUserIdentitiesRequest,
    ) -> Result<v1::ListUserIdentitiesResponse> {
        identities::list(&self.0, op, r).await
    }

    async fn grant_privileges(
        &self,
        op: OpContext,
        r: v1::GrantPrivilegesRequest,
    ) -> Result<v1::GrantPrivilegesResponse> {
        privileges::grant(&self.0, op, r).await
    }

    async fn revoke_privileges(
        &self,
        op: OpContext,
        r: v1::RevokePrivilegesRequest,
    ) -> Result<v1::RevokePrivilegesResponse> {
        privileges::revoke(&self.0, op, r).await
    }
}
