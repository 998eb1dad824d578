//! Groups and their members.

use landlord::proto::v1;
use tonic::{Code, Status};

use crate::support::client::{Api, assert_refused};
use crate::support::server::TestServer;

async fn change(api: &Api, group: v1::Group, paths: &[&str]) -> Result<v1::Group, Status> {
    let update_mask = Some(prost_types::FieldMask { paths: paths.iter().map(|p| (*p).to_owned()).collect() });
    let request = v1::UpdateGroupRequest { group: Some(group), update_mask, ..Default::default() };
    api.update_group(request).await.map(|r| r.group.unwrap())
}

async fn delete(api: &Api, name: &str) -> Result<(), Status> {
    api.delete_group(v1::DeleteGroupRequest { name: name.into(), ..Default::default() }).await.map(|_| ())
}

#[tokio::test(flavor = "multi_thread")]
async fn groups_are_made_listed_changed_and_deleted() {
    let server = TestServer::start().await;
    let (acme, anna) = server.administrator("Acme").await;
    let sales = anna.new_group(&acme, "Sales").await.unwrap();
    anna.new_group(&acme, "100% Support").await.unwrap();
    assert_refused(anna.new_group(&acme, "Sales").await, Code::AlreadyExists, "RESOURCE_EXISTS");
    assert_refused(anna.new_group(&acme, "Acme").await, Code::AlreadyExists, "RESOURCE_EXISTS");
    assert_refused(anna.new_group(&acme, "").await, Code::InvalidArgument, "FIELDS_INVALID");
    let listed = async |request: v1::ListGroupsRequest| {
        let page = anna.list_groups(v1::ListGroupsRequest { parent: acme.clone(), ..request }).await.unwrap();
        (page.groups.into_iter().map(|g| g.display_name).collect::<Vec<_>>(), page.next_page_token, page.total_size)
    };
    let (names, token, total) = listed(v1::ListGroupsRequest { page_size: 2, ..Default::default() }).await;
    assert_eq!((names, total), (vec!["100% Support".to_owned(), "Acme".to_owned()], 3));
    let rest = v1::ListGroupsRequest { page_size: 2, page_token: token, ..Default::default() };
    assert_eq!(listed(rest).await, (vec!["Sales".to_owned()], String::new(), 3));
    let found = listed(v1::ListGroupsRequest { search: "%".into(), ..Default::default() }).await;
    assert_eq!(found.0, ["100% Support"]);
    let found = listed(v1::ListGroupsRequest { order_by: "display_name desc".into(), ..Default::default() }).await;
    assert_eq!(found.0[0], "Sales");

    let before = anna.group(&sales).await.unwrap();
    let sent = v1::Group { name: sales.clone(), display_name: "Sale".into(), etag: before.etag, ..Default::default() };
    let changed = change(&anna, sent.clone(), &["display_name"]).await.unwrap();
    assert_eq!((changed.display_name.as_str(), changed.root), ("Sale", false));
    assert_refused(change(&anna, sent.clone(), &["display_name"]).await, Code::Aborted, "ETAG_MISMATCH");
    let sent = v1::Group { etag: String::new(), ..sent };
    assert_refused(change(&anna, sent, &["root"]).await, Code::InvalidArgument, "FIELDS_INVALID");
    delete(&anna, &sales).await.unwrap();
    assert_refused(anna.group(&sales).await, Code::NotFound, "RESOURCE_NOT_FOUND");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_root_group_is_named_as_its_tenant_and_stays() {
    let server = TestServer::start().await;
    let (acme, anna) = server.administrator("Acme").await;
    let groups = v1::ListGroupsRequest { parent: acme.clone(), ..Default::default() };
    let root = anna.list_groups(groups).await.unwrap().groups.remove(0);
    assert!(root.root);
    let renamed = v1::Group { name: root.name.clone(), display_name: "Other".into(), ..Default::default() };
    let refused = change(&anna, renamed, &["display_name"]).await;
    assert_refused(refused, Code::FailedPrecondition, "RESOURCE_PROTECTED");
    assert_refused(delete(&anna, &root.name).await, Code::FailedPrecondition, "RESOURCE_PROTECTED");
    let described = v1::Group { name: root.name.clone(), description: "Everybody".into(), ..Default::default() };
    change(&anna, described, &["description"]).await.unwrap();
    let tenant = v1::Tenant { name: acme, display_name: "Acme Two".into(), ..Default::default() };
    anna.update(tenant, &["display_name"]).await.unwrap();
    let after = anna.group(&root.name).await.unwrap();
    assert_eq!((after.display_name.as_str(), after.description.as_str()), ("Acme Two", "Everybody"));
}

#[tokio::test(flavor = "multi_thread")]
async fn members_come_move_and_leave_all_or_none() {
    let server = TestServer::start().await;
    let (acme, anna) = server.administrator("Acme").await;
    let sales = anna.new_group(&acme, "Sales").await.unwrap();
    let support = anna.new_group(&acme, "Support").await.unwrap();
    let ben = anna.new_user(&acme, "ben").await.unwrap().name;
    let carl = anna.new_user(&acme, "carl").await.unwrap().name;
    let nobody = format!("{acme}/users/{}", uuid::Uuid::now_v7());
    assert_refused(anna.add(&sales, &[&ben, &nobody]).await, Code::NotFound, "RESOURCE_NOT_FOUND");
    assert_eq!(anna.group(&sales).await.unwrap().member_count, 0);
    assert_eq!(anna.add(&sales, &[&ben, &carl, &ben]).await.unwrap(), 2);
    assert_eq!(anna.add(&sales, &[&ben]).await.unwrap(), 0);

    let go = |source: &str, target: &str| v1::MoveGroupMemberRequest {
        user: ben.clone(),
        source_group: source.into(),
        target_group: target.into(),
        ..Default::default()
    };
    let moved = anna.move_group_member(go(&sales, &support)).await.unwrap().user.unwrap();
    assert_eq!(moved.groups, [&*support]);
    let again = anna.move_group_member(go(&sales, &support)).await;
    assert_refused(again, Code::FailedPrecondition, "NOT_A_MEMBER");
    let nowhere = format!("{acme}/groups/{}", uuid::Uuid::now_v7());
    assert_refused(anna.move_group_member(go(&support, &nowhere)).await, Code::NotFound, "RESOURCE_NOT_FOUND");
    assert_refused(anna.move_group_member(go(&nowhere, &support)).await, Code::NotFound, "RESOURCE_NOT_FOUND");
    assert_eq!(anna.user(&ben).await.unwrap().groups, [&*support], "it is not lost between the two");

    assert_eq!(anna.remove(&sales, &[&ben, &carl]).await.unwrap(), 1);
    anna.unassign_users(&acme, &[&ben]).await.unwrap();
    assert_eq!(anna.group(&support).await.unwrap().member_count, 0);
    assert_refused(anna.add(&support, &[&ben]).await, Code::FailedPrecondition, "NOT_A_MEMBER");
    let role = anna.role_named(&acme, "User").await;
    assert_refused(anna.give(&role, &[&ben]).await, Code::FailedPrecondition, "NOT_A_MEMBER");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_can_be_made_with_groups_and_roles() {
    let server = TestServer::start().await;
    let (acme, anna) = server.administrator("Acme").await;
    let group = anna.new_group(&acme, "Sales").await.unwrap();
    let role = anna.role_named(&acme, "User").await;
    let user = |user_name: &str, group: &str| v1::User {
        user_name: user_name.into(),
        groups: vec![group.to_owned()],
        roles: vec![role.clone()],
        ..Default::default()
    };
    let request = |user| v1::CreateUserRequest { tenant: acme.clone(), user: Some(user), ..Default::default() };
    let made = anna.create_user(request(user("ben", &group))).await.unwrap().user.unwrap();
    assert_eq!((made.groups, made.roles), (vec![group], vec![role.clone()]));
    let nowhere = format!("{acme}/groups/{}", uuid::Uuid::now_v7());
    let refused = anna.create_user(request(user("carl", &nowhere))).await;
    assert_refused(refused, Code::NotFound, "RESOURCE_NOT_FOUND");
    anna.new_user(&acme, "carl").await.expect("nothing was left of the first try");
}
