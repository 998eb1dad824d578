//! What a host sees of its guests, and what it may do with them.

use landlord::proto::v1;
use tonic::Code;

use crate::support::client::assert_refused;
use crate::support::server::TestServer;

#[tokio::test(flavor = "multi_thread")]
async fn a_host_sees_its_guests_with_their_homes_and_gives_them_groups_and_roles() {
    let server = TestServer::start().await;
    let (acme, anna) = server.administrator("Acme").await;
    let (beta, bert) = server.another("Beta", "bert").await;
    let sent = v1::User { user_name: "ben".into(), email: "ben@example.com".into(), ..Default::default() };
    let request = v1::CreateUserRequest { tenant: acme.clone(), user: Some(sent), ..Default::default() };
    let ben = anna.create_user(request).await.unwrap().user.unwrap();
    server.operator().await.assign_users(&beta, &[&ben.name]).await.unwrap();

    let name = bert.user_named(&beta, "ben").await;
    let guest = bert.user(&name).await.unwrap();
    assert_eq!((guest.guest, guest.member, &guest.home), (true, true, &acme));
    assert_eq!((&guest.email, &guest.user_name), (&ben.email, &ben.user_name));
    let found = v1::ListUsersRequest { parent: beta.clone(), search: "BEN@".into(), ..Default::default() };
    assert_eq!(bert.list_users(found).await.unwrap().users, [guest]);

    let group = bert.new_group(&beta, "Visitors").await.unwrap();
    let role = bert.new_role(&beta, "Helper", &["privileges/document-administrator"]).await.unwrap();
    assert_eq!(bert.add(&group, &[&name]).await.unwrap(), 1);
    assert_eq!(bert.give(&role, &[&name]).await.unwrap(), 1);
    let guest = bert.user(&name).await.unwrap();
    assert_eq!((guest.groups, guest.roles), (vec![group.clone()], vec![role]));
    let at_home = anna.user(&ben.name).await.unwrap();
    assert_eq!((at_home.groups.len(), at_home.roles.len()), (0, 0), "what it has there is the host's affair");
    assert_eq!(bert.group(&group).await.unwrap().member_count, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_account_of_a_guest_is_its_homes() {
    let server = TestServer::start().await;
    let (acme, anna) = server.administrator("Acme").await;
    let (beta, bert) = server.another("Beta", "bert").await;
    let ben = anna.new_user(&acme, "ben").await.unwrap();
    server.operator().await.assign_users(&beta, &[&ben.name]).await.unwrap();
    let name = bert.user_named(&beta, "ben").await;
    let user = Some(v1::User { name: name.clone(), given_name: "Other".into(), ..Default::default() });
    let update = bert.update_user(v1::UpdateUserRequest { user, ..Default::default() }).await;
    assert_refused(update, Code::FailedPrecondition, "USER_IS_GUEST");
    assert_refused(bert.lock_out(&name).await, Code::FailedPrecondition, "USER_IS_GUEST");
    assert_refused(bert.remove_user(&name).await, Code::FailedPrecondition, "USER_IS_GUEST");
    assert_refused(bert.tenants_of(&name).await, Code::FailedPrecondition, "USER_IS_GUEST");
    assert_refused(bert.unassign_tenants(&name, &[&beta]).await, Code::FailedPrecondition, "USER_IS_GUEST");
    assert_eq!(anna.user(&ben.name).await.unwrap(), ben);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_leaves_home_for_good_is_a_guest_nowhere() {
    let server = TestServer::start().await;
    let (acme, anna) = server.administrator("Acme").await;
    let (beta, bert) = server.another("Beta", "bert").await;
    let operator = server.operator().await;
    let ben = anna.new_user(&acme, "ben").await.unwrap().name;
    let carl = anna.new_user(&acme, "carl").await.unwrap().name;
    operator.assign_users(&beta, &[&ben, &carl]).await.unwrap();
    let guest = bert.user_named(&beta, "ben").await;
    let group = bert.new_group(&beta, "Visitors").await.unwrap();
    bert.add(&group, &[&guest]).await.unwrap();
    anna.remove_user(&ben).await.unwrap();
    assert_refused(bert.user(&guest).await, Code::NotFound, "RESOURCE_NOT_FOUND");
    assert_eq!(bert.group(&group).await.unwrap().member_count, 0);
    operator.delete_fully(&acme).await;
    let guests = v1::ListUsersRequest { parent: beta, filter: "guest = true".into(), ..Default::default() };
    assert_eq!(bert.list_users(guests).await.unwrap().total_size, 0);
}
