//! The calls on users, groups, roles and privileges, and what tests on them begin with.

use landlord::proto::v1;
use tonic::{Response, Status};

use super::client::Api;
use super::lifecycle::ADMIN_PASSWORD;
use super::server::TestServer;

macro_rules! calls {
    ($($name:ident($request:ident) -> $response:ident;)*) => {
        impl Api {
            $(pub async fn $name(&self, request: v1::$request) -> Result<v1::$response, Status> {
                self.client.users().$name(request).await.map(Response::into_inner)
            })*
        }
    };
}

calls! {
    create_user(CreateUserRequest) -> CreateUserResponse;
    list_users(ListUsersRequest) -> ListUsersResponse;
    update_user(UpdateUserRequest) -> UpdateUserResponse;
    delete_user(DeleteUserRequest) -> DeleteUserResponse;
    lock_user(LockUserRequest) -> LockUserResponse;
    unlock_user(UnlockUserRequest) -> UnlockUserResponse;
    list_user_tenants(ListUserTenantsRequest) -> ListUserTenantsResponse;
    set_default_tenant(SetDefaultTenantRequest) -> SetDefaultTenantResponse;
    create_group(CreateGroupRequest) -> CreateGroupResponse;
    get_group(GetGroupRequest) -> GetGroupResponse;
    list_groups(ListGroupsRequest) -> ListGroupsResponse;
    update_group(UpdateGroupRequest) -> UpdateGroupResponse;
    delete_group(DeleteGroupRequest) -> DeleteGroupResponse;
    add_group_members(AddGroupMembersRequest) -> AddGroupMembersResponse;
    remove_group_members(RemoveGroupMembersRequest) -> RemoveGroupMembersResponse;
    move_group_member(MoveGroupMemberRequest) -> MoveGroupMemberResponse;
    create_role(CreateRoleRequest) -> CreateRoleResponse;
    get_role(GetRoleRequest) -> GetRoleResponse;
    list_roles(ListRolesRequest) -> ListRolesResponse;
    update_role(UpdateRoleRequest) -> UpdateRoleResponse;
    delete_role(DeleteRoleRequest) -> DeleteRoleResponse;
    assign_role(AssignRoleRequest) -> AssignRoleResponse;
    unassign_role(UnassignRoleRequest) -> UnassignRoleResponse;
    list_privileges(ListPrivilegesRequest) -> ListPrivilegesResponse;
    create_privilege(CreatePrivilegeRequest) -> CreatePrivilegeResponse;
    delete_privilege(DeletePrivilegeRequest) -> DeletePrivilegeResponse;
    grant_privileges(GrantPrivilegesRequest) -> GrantPrivilegesResponse;
    revoke_privileges(RevokePrivilegesRequest) -> RevokePrivilegesResponse;
}

fn owned(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

impl Api {
    /// CreateUser of that user name, without an address.
    pub async fn new_user(&self, parent: &str, user_name: &str) -> Result<v1::User, Status> {
        let user = Some(v1::User { user_name: user_name.into(), ..Default::default() });
        let request = v1::CreateUserRequest { tenant: parent.into(), user, ..Default::default() };
        self.create_user(request).await.map(|r| r.user.unwrap())
    }

    /// GetUser.
    pub async fn user(&self, name: &str) -> Result<v1::User, Status> {
        let request = v1::GetUserRequest { name: name.into() };
        self.client.users().get_user(request).await.map(|r| r.into_inner().user.unwrap())
    }

    /// The resource name of the user of that user name.
    pub async fn user_named(&self, parent: &str, user_name: &str) -> String {
        let filter = format!("user_name = \"{user_name}\"");
        let request = v1::ListUsersRequest { parent: parent.into(), filter, ..Default::default() };
        self.list_users(request).await.unwrap().users.remove(0).name
    }

    /// LockUser.
    pub async fn lock_out(&self, name: &str) -> Result<v1::User, Status> {
        let request = v1::LockUserRequest { name: name.into(), ..Default::default() };
        self.lock_user(request).await.map(|r| r.user.unwrap())
    }

    /// DeleteUser.
    pub async fn remove_user(&self, name: &str) -> Result<(), Status> {
        let request = v1::DeleteUserRequest { name: name.into(), ..Default::default() };
        self.delete_user(request).await.map(|_| ())
    }

    /// AssignUsers.
    pub async fn assign_users(&self, tenant: &str, users: &[&str]) -> Result<i32, Status> {
        let request = v1::AssignUsersRequest { tenant: tenant.into(), users: owned(users), ..Default::default() };
        self.client.users().assign_users(request).await.map(|r| r.into_inner().assigned_count)
    }

    /// UnassignUsers.
    pub async fn unassign_users(&self, tenant: &str, users: &[&str]) -> Result<(), Status> {
        let request = v1::UnassignUsersRequest { tenant: tenant.into(), users: owned(users), ..Default::default() };
        self.client.users().unassign_users(request).await.map(|_| ())
    }

    /// AssignTenants.
    pub async fn assign_tenants(&self, user: &str, tenants: &[&str]) -> Result<i32, Status> {
        let request = v1::AssignTenantsRequest { user: user.into(), tenants: owned(tenants), ..Default::default() };
        self.client.users().assign_tenants(request).await.map(|r| r.into_inner().assigned_count)
    }

    /// UnassignTenants.
    pub async fn unassign_tenants(&self, user: &str, tenants: &[&str]) -> Result<(), Status> {
        let request = v1::UnassignTenantsRequest { user: user.into(), tenants: owned(tenants), ..Default::default() };
        self.client.users().unassign_tenants(request).await.map(|_| ())
    }

    /// The tenants in which a user works.
    pub async fn tenants_of(&self, user: &str) -> Result<Vec<String>, Status> {
        let request = v1::ListUserTenantsRequest { user: user.into(), ..Default::default() };
        let found = self.list_user_tenants(request).await?;
        Ok(found.tenants.into_iter().map(|t| t.tenant).collect())
    }

    /// SetDefaultTenant.
    pub async fn default_tenant(&self, user: &str, tenant: &str) -> Result<v1::User, Status> {
        let (user, tenant) = (user.into(), tenant.into());
        let request = v1::SetDefaultTenantRequest { user, tenant, ..Default::default() };
        self.set_default_tenant(request).await.map(|r| r.user.unwrap())
    }

    /// The resource name of the role of that name.
    pub async fn role_named(&self, parent: &str, name: &str) -> String {
        let request = v1::ListRolesRequest { parent: parent.into(), search: name.into(), ..Default::default() };
        let found = self.list_roles(request).await.unwrap().roles;
        found.into_iter().find(|role| role.display_name == name).unwrap().name
    }

    /// A new role that allows this; gives its name.
    pub async fn new_role(&self, parent: &str, name: &str, privileges: &[&str]) -> Result<String, Status> {
        let privileges = owned(privileges);
        let role = Some(v1::Role { display_name: name.into(), privileges, ..Default::default() });
        let request = v1::CreateRoleRequest { parent: parent.into(), role, ..Default::default() };
        self.create_role(request).await.map(|r| r.role.unwrap().name)
    }

    /// AssignRole to users.
    pub async fn give(&self, role: &str, users: &[&str]) -> Result<i32, Status> {
        let request = v1::AssignRoleRequest { role: role.into(), users: owned(users), ..Default::default() };
        self.assign_role(request).await.map(|r| r.assigned_count)
    }

    /// UnassignRole from users.
    pub async fn take(&self, role: &str, users: &[&str]) -> Result<i32, Status> {
        let request = v1::UnassignRoleRequest { role: role.into(), users: owned(users), ..Default::default() };
        self.unassign_role(request).await.map(|r| r.unassigned_count)
    }

    /// A new group; gives its name.
    pub async fn new_group(&self, parent: &str, name: &str) -> Result<String, Status> {
        let group = Some(v1::Group { display_name: name.into(), ..Default::default() });
        let request = v1::CreateGroupRequest { parent: parent.into(), group, ..Default::default() };
        self.create_group(request).await.map(|r| r.group.unwrap().name)
    }

    /// GetGroup.
    pub async fn group(&self, name: &str) -> Result<v1::Group, Status> {
        self.get_group(v1::GetGroupRequest { name: name.into() }).await.map(|r| r.group.unwrap())
    }

    /// AddGroupMembers.
    pub async fn add(&self, group: &str, users: &[&str]) -> Result<i32, Status> {
        let request = v1::AddGroupMembersRequest { group: group.into(), users: owned(users), ..Default::default() };
        self.add_group_members(request).await.map(|r| r.added_count)
    }

    /// RemoveGroupMembers.
    pub async fn remove(&self, group: &str, users: &[&str]) -> Result<i32, Status> {
        let request = v1::RemoveGroupMembersRequest { group: group.into(), users: owned(users), ..Default::default() };
        self.remove_group_members(request).await.map(|r| r.removed_count)
    }

    /// GrantPrivileges.
    pub async fn grant(&self, role: &str, privileges: &[&str]) -> Result<v1::Role, Status> {
        let (role, privileges) = (role.into(), owned(privileges));
        let request = v1::GrantPrivilegesRequest { role, privileges, ..Default::default() };
        self.grant_privileges(request).await.map(|r| r.role.unwrap())
    }

    /// RevokePrivileges.
    pub async fn revoke(&self, role: &str, privileges: &[&str]) -> Result<v1::Role, Status> {
        let (role, privileges) = (role.into(), owned(privileges));
        let request = v1::RevokePrivilegesRequest { role, privileges, ..Default::default() };
        self.revoke_privileges(request).await.map(|r| r.role.unwrap())
    }
}

impl TestServer {
    /// Makes another tenant, whose administrator has that name; gives the tenant's name and the administrator's client. There
    /// must be one by `administrator` already.
    pub async fn another(&self, display_name: &str, user_name: &str) -> (String, Api) {
        let tenant = Some(v1::Tenant { display_name: display_name.into(), ..Default::default() });
        let email = format!("{user_name}@example.com");
        let initial_admin = Some(v1::InitialAdmin { user_name: user_name.into(), email, ..Default::default() });
        let request = v1::CreateTenantRequest { tenant, initial_admin, ..Default::default() };
        let operator = self.operator().await;
        let created = operator.client.tenants().create_tenant(request).await.unwrap().into_inner();
        operator.succeed(created.operation).await;
        let tenant = created.tenant.unwrap();
        (tenant.name, self.enter(&format!("{user_name}@{}", tenant.code)).await)
    }

    /// Logs a user in who was made without a password: gets that of the first administrator.
    pub async fn enter(&self, user_name: &str) -> Api {
        let all = "UPDATE users SET state = 'ACTIVE', password_hash = (SELECT password_hash FROM users
                   WHERE user_name = 'anna' AND password_hash IS NOT NULL LIMIT 1)
                   WHERE state = 'INVITED' AND user_name <> 'superuser'";
        self.sql().await.batch_execute(all).await.unwrap();
        self.anonymous().await.log_in(user_name, ADMIN_PASSWORD).await
    }
}
