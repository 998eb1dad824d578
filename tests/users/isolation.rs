//! Nothing of one tenant is seen, changed or guessed from another one.

use landlord::proto::v1;
use tonic::{Code, Status};

use crate::support::client::{Api, assert_refused};
use crate::support::lifecycle::facts;
use crate::support::server::TestServer;

/// What another tenant has, by its names.
struct Theirs {
    tenant: String,
    user: String,
    group: String,
    role: String,
    privilege: String,
}

/// Every call that names one resource, made on that of another tenant.
async fn calls(api: &Api, of: &Theirs, own_user: &str, own_group: &str, own_role: &str) -> Vec<(String, Status)> {
    let mut refused = Vec::new();
    macro_rules! call {
        ($named:expr, $answer:expr) => {
            refused.push(($named.clone(), $answer.await.expect_err(stringify!($answer))));
        };
    }
    let user = Some(v1::User { name: of.user.clone(), given_name: "x".into(), ..Default::default() });
    let group = Some(v1::Group { name: of.group.clone(), description: "x".into(), ..Default::default() });
    let role = Some(v1::Role { name: of.role.clone(), description: "x".into(), ..Default::default() });
    call!(of.user, api.user(&of.user));
    call!(of.user, api.update_user(v1::UpdateUserRequest { user, ..Default::default() }));
    call!(of.user, api.lock_out(&of.user));
    call!(of.user, api.unlock_user(v1::UnlockUserRequest { name: of.user.clone(), ..Default::default() }));
    call!(of.user, api.remove_user(&of.user));
    call!(of.user, api.tenants_of(&of.user));
    call!(of.user, api.default_tenant(&of.user, ""));
    call!(of.user, api.assign_tenants(&of.user, &[own_user.split("/users").next().unwrap()]));
    call!(of.user, api.unassign_tenants(&of.user, &[&of.tenant]));
    call!(of.tenant, api.new_user(&of.tenant, "carl"));
    call!(of.tenant, api.list_users(v1::ListUsersRequest { parent: of.tenant.clone(), ..Default::default() }));
    call!(of.tenant, api.assign_users(&of.tenant, &[own_user]));
    call!(of.tenant, api.unassign_users(&of.tenant, &[own_user]));
    call!(of.tenant, api.new_group(&of.tenant, "x"));
    call!(of.tenant, api.list_groups(v1::ListGroupsRequest { parent: of.tenant.clone(), ..Default::default() }));
    call!(of.group, api.group(&of.group));
    call!(of.group, api.update_group(v1::UpdateGroupRequest { group, ..Default::default() }));
    call!(of.group, api.delete_group(v1::DeleteGroupRequest { name: of.group.clone(), ..Default::default() }));
    call!(of.group, api.add(&of.group, &[own_user]));
    call!(of.group, api.remove(&of.group, &[own_user]));
    call!(of.tenant, api.new_role(&of.tenant, "x", &[]));
    call!(of.tenant, api.list_roles(v1::ListRolesRequest { parent: of.tenant.clone(), ..Default::default() }));
    call!(of.role, api.get_role(v1::GetRoleRequest { name: of.role.clone() }));
    call!(of.role, api.update_role(v1::UpdateRoleRequest { role, ..Default::default() }));
    call!(of.role, api.delete_role(v1::DeleteRoleRequest { name: of.role.clone(), ..Default::default() }));
    call!(of.role, api.give(&of.role, &[own_user]));
    call!(of.role, api.take(&of.role, &[own_user]));
    call!(of.role, api.grant(&of.role, &["privileges/user-administrator"]));
    call!(of.role, api.revoke(&of.role, &["privileges/user-administrator"]));
    let privilege = v1::DeletePrivilegeRequest { name: of.privilege.clone(), ..Default::default() };
    call!(of.privilege, api.delete_privilege(privilege));
    call!(of.tenant, api.assign_license(&of.tenant, "base", &[own_user]));
    call!(of.tenant, api.unassign_license(&of.tenant, "base", &[own_user]));
    call!(of.tenant, api.licenses(&of.tenant));
    let parent = of.tenant.clone();
    call!(of.tenant, api.list_privileges(v1::ListPrivilegesRequest { parent, ..Default::default() }));
    // In lists beside an own resource.
    call!(of.user, api.assign_users(own_user.split("/users").next().unwrap(), &[&of.user]));
    call!(of.user, api.unassign_users(own_user.split("/users").next().unwrap(), &[&of.user]));
    call!(of.tenant, api.assign_tenants(own_user, &[&of.tenant]));
    call!(of.tenant, api.unassign_tenants(own_user, &[&of.tenant]));
    call!(of.tenant, api.default_tenant(own_user, &of.tenant));
    call!(of.user, api.add(own_group, &[&of.user]));
    call!(of.user, api.remove(own_group, &[&of.user]));
    call!(of.user, api.give(own_role, &[&of.user]));
    call!(of.user, api.assign_license(own_user.split("/users").next().unwrap(), "base", &[&of.user]));
    call!(of.user, api.unassign_license(own_user.split("/users").next().unwrap(), "base", &[&of.user]));
    call!(of.privilege, api.grant(own_role, &[&of.privilege]));
    let (user, source_group, target_group) = (own_user.to_owned(), own_group.to_owned(), of.group.clone());
    let go = v1::MoveGroupMemberRequest { user, source_group, target_group, ..Default::default() };
    call!(of.group, api.move_group_member(go));
    refused
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_another_tenants_is_told_as_what_is_nowhere_to_the_byte() {
    let server = TestServer::start().await;
    let (acme, anna) = server.administrator("Acme").await;
    let (beta, bert) = server.another("Beta", "bert").await;
    let privilege = v1::CreatePrivilegeRequest {
        parent: beta.clone(),
        privilege_id: "category.finance".into(),
        ..Default::default()
    };
    let theirs = Theirs {
        user: bert.new_user(&beta, "carl").await.unwrap().name,
        group: bert.new_group(&beta, "Sales").await.unwrap(),
        role: bert.new_role(&beta, "Clerk", &[]).await.unwrap(),
        privilege: bert.create_privilege(privilege).await.unwrap().privilege.unwrap().name,
        tenant: beta.clone(),
    };
    let nowhere = |name: &str| name.replace("tenants/beta", "tenants/nowhere");
    let absent = Theirs {
        user: nowhere(&theirs.user),
        group: nowhere(&theirs.group),
        role: nowhere(&theirs.role),
        privilege: nowhere(&theirs.privilege),
        tenant: nowhere(&theirs.tenant),
    };
    let own_user = anna.new_user(&acme, "ben").await.unwrap().name;
    let own_group = anna.new_group(&acme, "Sales").await.unwrap();
    anna.add(&own_group, &[&own_user]).await.unwrap();
    let own_role = anna.new_role(&acme, "Clerk", &[]).await.unwrap();
    for tenant in [&acme, &beta] {
        server.operator().await.allot(tenant, &[("base", 5)]).await.unwrap();
    }
    let foreign = calls(&anna, &theirs, &own_user, &own_group, &own_role).await;
    let unknown = calls(&anna, &absent, &own_user, &own_group, &own_role).await;
    assert_eq!(foreign.len(), unknown.len());
    for ((named, foreign), (_, unknown)) in foreign.iter().zip(&unknown) {
        assert_refused::<()>(Err(foreign.clone()), Code::NotFound, "RESOURCE_NOT_FOUND");
        assert_eq!(foreign.message(), format!("there is no {named}, or you may not see it"));
        assert_eq!(nowhere(foreign.message()), unknown.message());
        assert_eq!(facts(foreign).len(), facts(unknown).len(), "{named}");
    }
    assert_eq!(bert.user(&theirs.user).await.unwrap().user_name, "carl");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_ids_in_the_own_tenants_name_are_not_there() {
    let server = TestServer::start().await;
    let (acme, anna) = server.administrator("Acme").await;
    let (beta, bert) = server.another("Beta", "bert").await;
    let swapped = |name: &str| name.replace(&beta, &acme);
    let user = swapped(&bert.new_user(&beta, "carl").await.unwrap().name);
    let group = swapped(&bert.new_group(&beta, "Sales").await.unwrap());
    let role = swapped(&bert.new_role(&beta, "Clerk", &[]).await.unwrap());
    let own = anna.user_named(&acme, "anna").await;
    for answer in [
        anna.user(&user).await.map(|_| ()),
        anna.remove_user(&user).await,
        anna.lock_out(&user).await.map(|_| ()),
        anna.assign_users(&acme, &[&user]).await.map(|_| ()),
        anna.unassign_users(&acme, &[&user]).await,
        anna.group(&group).await.map(|_| ()),
        anna.add(&group, &[&own]).await.map(|_| ()),
        anna.give(&role, &[&own]).await.map(|_| ()),
        anna.assign_license(&acme, "base", &[&user]).await.map(|_| ()),
        anna.unassign_license(&acme, "base", &[&user]).await.map(|_| ()),
        anna.grant(&role, &["privileges/user-administrator"]).await.map(|_| ()),
    ] {
        assert_refused(answer, Code::NotFound, "RESOURCE_NOT_FOUND");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn names_of_other_shapes_are_refused_before_anything_is_looked_up() {
    let server = TestServer::start().await;
    let (acme, anna) = server.administrator("Acme").await;
    let id = uuid::Uuid::now_v7();
    for wrong in [
        format!("{acme}/users/anna"),
        format!("{acme}/groups/{id}"),
        format!("{acme}/users/{id}/x"),
        format!("{acme}/users/"),
        acme.clone(),
    ] {
        assert_refused(anna.user(&wrong).await, Code::InvalidArgument, "FIELDS_INVALID");
        assert_refused(anna.unassign_users(&acme, &[&wrong]).await, Code::InvalidArgument, "FIELDS_INVALID");
    }
    let everywhere = anna.list_users(v1::ListUsersRequest { parent: "tenants/-".into(), ..Default::default() }).await;
    assert!(everywhere.is_err());
}
