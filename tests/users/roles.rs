//! Roles, and who holds them.

use landlord::proto::v1;
use tonic::{Code, Status};

use crate::support::client::{Api, assert_refused};
use crate::support::server::TestServer;

async fn change(api: &Api, role: v1::Role, paths: &[&str]) -> Result<v1::Role, Status> {
    let update_mask = Some(prost_types::FieldMask { paths: paths.iter().map(|p| (*p).to_owned()).collect() });
    let request = v1::UpdateRoleRequest { role: Some(role), update_mask, ..Default::default() };
    api.update_role(request).await.map(|r| r.role.unwrap())
}

async fn delete(api: &Api, name: &str) -> Result<(), Status> {
    api.delete_role(v1::DeleteRoleRequest { name: name.into(), ..Default::default() }).await.map(|_| ())
}

async fn role(api: &Api, name: &str) -> Result<v1::Role, Status> {
    api.get_role(v1::GetRoleRequest { name: name.into() }).await.map(|r| r.role.unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_starts_with_three_roles_that_keep_their_names() {
    let server = TestServer::start().await;
    let (acme, anna) = server.administrator("Acme").await;
    let listed = anna.list_roles(v1::ListRolesRequest { parent: acme.clone(), ..Default::default() }).await.unwrap();
    let of = |r: &v1::Role| (r.display_name.clone(), r.built_in, r.read_only, r.privileges.len());
    let found: Vec<_> = listed.roles.iter().map(of).collect();
    let named = |name: &str, read_only, privileges| (name.to_owned(), true, read_only, privileges);
    assert_eq!(found, [named("Administrator", false, 12), named("User", false, 0), named("Viewer", true, 0)]);
    for built_in in &listed.roles {
        let renamed = v1::Role { name: built_in.name.clone(), display_name: "Other".into(), ..Default::default() };
        let refused = change(&anna, renamed, &["display_name"]).await;
        assert_refused(refused, Code::FailedPrecondition, "RESOURCE_PROTECTED");
        assert_refused(delete(&anna, &built_in.name).await, Code::FailedPrecondition, "RESOURCE_PROTECTED");
    }
    let viewer = anna.role_named(&acme, "Viewer").await;
    let granted = anna.grant(&viewer, &["privileges/document-administrator"]).await;
    assert_refused(granted, Code::FailedPrecondition, "RESOURCE_PROTECTED");
    let user = anna.role_named(&acme, "User").await;
    let granted = anna.grant(&user, &["privileges/document-administrator"]).await.unwrap();
    assert_eq!(granted.privileges, ["privileges/document-administrator"], "what they allow can be changed");
}

#[tokio::test(flavor = "multi_thread")]
async fn own_roles_are_made_changed_and_deleted() {
    let server = TestServer::start().await;
    let (acme, anna) = server.administrator("Acme").await;
    let clerk = anna.new_role(&acme, "Clerk", &["privileges/database-administrator"]).await.unwrap();
    assert_refused(anna.new_role(&acme, "Clerk", &[]).await, Code::AlreadyExists, "RESOURCE_EXISTS");
    assert_refused(anna.new_role(&acme, "", &[]).await, Code::InvalidArgument, "FIELDS_INVALID");
    let before = role(&anna, &clerk).await.unwrap();
    assert_eq!((before.built_in, before.privileges.len()), (false, 1));
    let sent = v1::Role { name: clerk.clone(), description: "Files".into(), etag: before.etag, ..Default::default() };
    let changed = change(&anna, sent.clone(), &["description"]).await.unwrap();
    assert_eq!((changed.display_name.as_str(), changed.description.as_str()), ("Clerk", "Files"));
    assert_refused(change(&anna, sent, &["description"]).await, Code::Aborted, "ETAG_MISMATCH");
    let granted = anna.grant(&clerk, &["privileges/portal-administrator"]).await.unwrap();
    assert_ne!(granted.etag, changed.etag, "what a role allows is a part of it");
    let (role_name, privileges) = (clerk.clone(), vec!["privileges/portal-administrator".to_owned()]);
    let stale = v1::GrantPrivilegesRequest {
        role: role_name.clone(),
        privileges: privileges.clone(),
        etag: changed.etag.clone(),
        ..Default::default()
    };
    assert_refused(anna.grant_privileges(stale).await, Code::Aborted, "ETAG_MISMATCH");
    let stale = v1::RevokePrivilegesRequest { role: role_name, privileges, etag: changed.etag, ..Default::default() };
    assert_refused(anna.revoke_privileges(stale).await, Code::Aborted, "ETAG_MISMATCH");
    let ben = anna.new_user(&acme, "ben").await.unwrap().name;
    anna.give(&clerk, &[&ben]).await.unwrap();
    delete(&anna, &clerk).await.unwrap();
    assert!(anna.user(&ben).await.unwrap().roles.is_empty());
    assert_refused(role(&anna, &clerk).await, Code::NotFound, "RESOURCE_NOT_FOUND");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_is_held_by_users_and_by_groups_for_their_members_and_lets_them_in() {
    let server = TestServer::start().await;
    let (acme, anna) = server.administrator("Acme").await;
    let administrators = anna.new_group(&acme, "Administrators").await.unwrap();
    let role = anna.role_named(&acme, "Administrator").await;
    let name = anna.new_user(&acme, "ben").await.unwrap().name;
    let ben = server.enter("ben@acme").await;
    assert_refused(ben.user(&name).await, Code::PermissionDenied, "PRIVILEGE_MISSING");
    let to_group =
        v1::AssignRoleRequest { role: role.clone(), groups: vec![administrators.clone()], ..Default::default() };
    assert_eq!(anna.assign_role(to_group.clone()).await.unwrap().assigned_count, 1);
    assert_eq!(anna.assign_role(to_group).await.unwrap().assigned_count, 0);
    assert_eq!(anna.group(&administrators).await.unwrap().roles, [&*role]);
    anna.add(&administrators, &[&name]).await.unwrap();
    assert!(ben.user(&name).await.unwrap().roles.is_empty(), "it is let in by its group");
    assert_eq!(anna.take(&role, &[&name]).await.unwrap(), 0);
    let from_group = v1::UnassignRoleRequest { role, groups: vec![administrators], ..Default::default() };
    assert_eq!(anna.unassign_role(from_group).await.unwrap().unassigned_count, 1);
    assert_refused(ben.user(&name).await, Code::PermissionDenied, "PRIVILEGE_MISSING");
    let nobody = v1::AssignRoleRequest { role: anna.role_named(&acme, "User").await, ..Default::default() };
    assert_refused(anna.assign_role(nobody).await, Code::InvalidArgument, "FIELDS_INVALID");
}
