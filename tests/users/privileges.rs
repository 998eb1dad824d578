//! Privileges: the function privileges, those that tenants define, and what nobody can give.

use landlord::domain::privilege::Privilege;
use landlord::proto::v1;
use tonic::{Code, Status};

use crate::support::client::{Api, assert_refused, fields};
use crate::support::lifecycle::facts;
use crate::support::server::TestServer;

async fn define(api: &Api, parent: &str, id: &str, display_name: &str) -> Result<String, Status> {
    let privilege = Some(v1::Privilege { display_name: display_name.into(), ..Default::default() });
    let (parent, privilege_id) = (parent.into(), id.into());
    let request = v1::CreatePrivilegeRequest { parent, privilege_id, privilege, ..Default::default() };
    api.create_privilege(request).await.map(|r| r.privilege.unwrap().name)
}

async fn listed(api: &Api, parent: &str, search: &str) -> Vec<String> {
    let request = v1::ListPrivilegesRequest { parent: parent.into(), search: search.into(), ..Default::default() };
    api.list_privileges(request).await.unwrap().privileges.into_iter().map(|p| p.name).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_database_knows_the_same_function_privileges_as_the_service() {
    let server = TestServer::start().await;
    let rows = server.sql().await.query("SELECT name FROM function_privileges ORDER BY 1", &[]).await.unwrap();
    let stored: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    let mut known = Privilege::ALL.map(Privilege::name);
    known.sort_unstable();
    assert_eq!(stored, known);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_defines_privileges_of_its_own_in_name_spaces() {
    let server = TestServer::start().await;
    let (acme, anna) = server.administrator("Acme").await;
    let finance = define(&anna, &acme, "category.finance", "Финансы").await.unwrap();
    assert_eq!(finance, format!("{acme}/privileges/category.finance"));
    define(&anna, &acme, "object-life-cycle.released", "").await.unwrap();
    let again = define(&anna, &acme, "category.finance", "").await;
    assert_refused(again, Code::AlreadyExists, "RESOURCE_EXISTS");
    for wrong in ["finance", "other.finance", "category.Finance", "category.", "user-administrator", ""] {
        let refused = assert_refused(define(&anna, &acme, wrong, "").await, Code::InvalidArgument, "FIELDS_INVALID");
        assert_eq!(fields(&refused)[0].0, "privilege_id", "{wrong}");
    }
    let all = listed(&anna, &acme, "").await;
    assert_eq!(all.len(), 12 + 2);
    assert_eq!(all[0], "privileges/user-administrator");
    assert_eq!(listed(&anna, &acme, "финансы").await, [&*finance]);
    let (mut seen, mut page_token) = (Vec::new(), String::new());
    loop {
        let request =
            v1::ListPrivilegesRequest { parent: acme.clone(), page_size: 5, page_token, ..Default::default() };
        let page = anna.list_privileges(request).await.unwrap();
        assert_eq!(page.total_size, 14);
        seen.extend(page.privileges.into_iter().map(|p| p.name));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    assert_eq!(seen, all);

    let clerk = anna.new_role(&acme, "Clerk", &[&finance]).await.unwrap();
    let delete = v1::DeletePrivilegeRequest { name: finance.clone(), ..Default::default() };
    anna.delete_privilege(delete.clone()).await.unwrap();
    let clerk = anna.get_role(v1::GetRoleRequest { name: clerk }).await.unwrap().role.unwrap();
    assert!(clerk.privileges.is_empty(), "no role holds what is not there");
    assert_refused(anna.delete_privilege(delete).await, Code::NotFound, "RESOURCE_NOT_FOUND");
    assert_refused(anna.grant(&clerk.name, &[&finance]).await, Code::NotFound, "RESOURCE_NOT_FOUND");
}

#[tokio::test(flavor = "multi_thread")]
async fn privileges_are_granted_all_or_none_and_those_of_another_tenant_are_not_there() {
    let server = TestServer::start().await;
    let (acme, anna) = server.administrator("Acme").await;
    let (beta, bert) = server.another("Beta", "bert").await;
    let theirs = define(&bert, &beta, "category.finance", "").await.unwrap();
    let absent = format!("{acme}/privileges/category.finance");
    let clerk = anna.new_role(&acme, "Clerk", &[]).await.unwrap();
    for missing in [&*theirs, &*absent, "privileges/omnipotence", "privileges/category.finance"] {
        let refused = anna.grant(&clerk, &["privileges/portal-administrator", missing]).await;
        let refused = assert_refused(refused, Code::NotFound, "RESOURCE_NOT_FOUND");
        assert_eq!(refused.message(), format!("there is no {missing}, or you may not see it"));
    }
    let clerk = anna.get_role(v1::GetRoleRequest { name: clerk }).await.unwrap().role.unwrap();
    assert!(clerk.privileges.is_empty());
    define(&anna, &acme, "category.finance", "").await.unwrap();
    let both = anna.grant(&clerk.name, &["privileges/portal-administrator", &absent]).await.unwrap();
    assert_eq!(both.privileges, ["privileges/portal-administrator", &*absent]);
    let one = anna.revoke(&clerk.name, &["privileges/portal-administrator"]).await.unwrap();
    assert_eq!(one.privileges, [&*absent]);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_gives_privileges_about_tenants_in_an_ordinary_tenant() {
    let server = TestServer::start().await;
    let (acme, anna) = server.administrator("Acme").await;
    let clerk = anna.new_role(&acme, "Clerk", &[]).await.unwrap();
    for privilege in ["tenant-administrator", "manage-tenants", "impersonation"] {
        let name = format!("privileges/{privilege}");
        let refused = anna.grant(&clerk, &["privileges/user-administrator", &name]).await;
        assert_refused(refused, Code::InvalidArgument, "FIELDS_INVALID");
        let refused = anna.new_role(&acme, "Boss", &[&name]).await;
        assert_refused(refused, Code::InvalidArgument, "FIELDS_INVALID");
        assert!(!listed(&anna, &acme, "").await.contains(&name));
    }
    anna.grant(&clerk, &["privileges/user-administrator", "privileges/server-administrator"]).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn in_the_infrastructure_tenant_nobody_gives_more_about_tenants_than_it_holds() {
    let server = TestServer::start().await;
    server.administrator("Acme").await;
    let operator = server.operator().await;
    let parent = "tenants/infrastructure";
    let clerk = operator.new_role(parent, "Clerk", &["privileges/user-administrator"]).await.unwrap();
    let olga = operator.new_user(parent, "olga").await.unwrap().name;
    operator.give(&clerk, &[&olga]).await.unwrap();
    let administrators = operator.new_group(parent, "Administrators").await.unwrap();
    let role = operator.role_named(parent, "Administrator").await;
    let groups = vec![administrators.clone()];
    operator.assign_role(v1::AssignRoleRequest { role: role.clone(), groups, ..Default::default() }).await.unwrap();
    let client = server.enter("olga@infrastructure").await;
    let others = client.new_group(parent, "Others").await.unwrap();
    client.add(&others, &[&olga]).await.unwrap();
    let go = v1::MoveGroupMemberRequest {
        user: olga.clone(),
        source_group: others,
        target_group: administrators.clone(),
        ..Default::default()
    };
    let paul = v1::User { user_name: "paul".into(), roles: vec![role.clone()], ..Default::default() };
    let paul = v1::CreateUserRequest { tenant: parent.into(), user: Some(paul), ..Default::default() };
    for refused in [
        client.move_group_member(go).await.map(|_| ()),
        client.create_user(paul).await.map(|_| ()),
        client.give(&role, &[&olga]).await.map(|_| ()),
        client.add(&administrators, &[&olga]).await.map(|_| ()),
        client.grant(&clerk, &["privileges/manage-tenants"]).await.map(|_| ()),
        client.new_role(parent, "Boss", &["privileges/impersonation"]).await.map(|_| ()),
    ] {
        let refused = assert_refused(refused, Code::PermissionDenied, "PRIVILEGE_MISSING");
        assert!(!facts(&refused)["privilege"].contains("user-administrator"), "{refused:?}");
    }
    client.grant(&clerk, &["privileges/server-administrator"]).await.unwrap();
    operator.give(&role, &[&olga]).await.unwrap();
    client.grant(&clerk, &["privileges/manage-tenants"]).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn in_the_infrastructure_tenant_nobody_changes_accounts_that_may_do_more_about_tenants() {
    let server = TestServer::start().await;
    server.administrator("Acme").await;
    let operator = server.operator().await;
    let parent = "tenants/infrastructure";
    let clerk = operator.new_role(parent, "Clerk", &["privileges/user-administrator"]).await.unwrap();
    let olga = operator.new_user(parent, "olga").await.unwrap().name;
    let paul = operator.new_user(parent, "paul").await.unwrap().name;
    operator.give(&clerk, &[&olga, &paul]).await.unwrap();
    let client = server.enter("olga@infrastructure").await;
    let own = operator.client.sessions().get_caller_identity(v1::GetCallerIdentityRequest {}).await.unwrap();
    let stronger = own.into_inner().user;
    let address = |name: &str| v1::UpdateUserRequest {
        user: Some(v1::User { name: name.into(), email: "olga@example.com".into(), ..Default::default() }),
        ..Default::default()
    };
    for refused in [
        client.update_user(address(&stronger)).await.map(|_| ()),
        client.reset_password(&stronger).await.map(|_| ()),
        client.lock_out(&stronger).await.map(|_| ()),
    ] {
        let refused = assert_refused(refused, Code::PermissionDenied, "PRIVILEGE_MISSING");
        assert!(facts(&refused)["privilege"].contains("manage-tenants"), "{refused:?}");
    }
    client.update_user(address(&paul)).await.unwrap();
    operator.update_user(address(&olga)).await.unwrap();
}
