//! CreateUser, UpdateUser, LockUser, UnlockUser and DeleteUser.

use landlord::proto::v1::{self, user::State};
use tonic::{Code, Status};

use crate::support::client::{Api, assert_refused, eventually, fields};
use crate::support::lifecycle::{ADMIN_PASSWORD, facts};
use crate::support::server::TestServer;

async fn change(api: &Api, user: v1::User, paths: &[&str]) -> Result<v1::User, Status> {
    let update_mask = Some(prost_types::FieldMask { paths: paths.iter().map(|p| (*p).to_owned()).collect() });
    let request = v1::UpdateUserRequest { user: Some(user), update_mask, ..Default::default() };
    api.update_user(request).await.map(|r| r.user.unwrap())
}

fn mails(server: &TestServer) -> Vec<String> {
    let files = std::fs::read_dir(server.mail_folder()).into_iter().flatten().flatten();
    files.map(|file| std::fs::read_to_string(file.path()).unwrap_or_default()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_with_an_address_gets_a_link_and_one_without_gets_none() {
    let server = TestServer::start().await;
    let (acme, anna) = server.administrator("Acme").await;
    let sent = v1::User {
        user_name: "Ben".into(),
        email: "ben@example.com".into(),
        given_name: "Benjamin".into(),
        family_name: "Blue".into(),
        language: "de-CH".into(),
        ..Default::default()
    };
    let request = v1::CreateUserRequest { tenant: acme.clone(), user: Some(sent.clone()), ..Default::default() };
    let made = anna.create_user(request).await.unwrap().user.unwrap();
    assert!(made.name.starts_with(&format!("{acme}/users/")), "{}", made.name);
    assert_eq!((made.state(), made.guest, made.member, &made.home), (State::Invited, false, true, &acme));
    assert_eq!(
        (&made.user_name, &made.email, &made.given_name, &made.family_name, &made.language),
        (&sent.user_name, &sent.email, &sent.given_name, &sent.family_name, &sent.language)
    );
    assert_eq!(anna.user(&made.name).await.unwrap(), made);
    eventually("a mail to ben", || async { mails(&server).iter().find(|m| m.contains("ben@example.com")).map(|_| ()) })
        .await;

    anna.new_user(&acme, "carl").await.unwrap();
    let operations = anna.operations_of(&acme).await;
    assert_eq!(operations.iter().filter(|o| o.kind == "deliver-mail").count(), 2, "to anna and to ben");
}

#[tokio::test(flavor = "multi_thread")]
async fn user_names_are_unique_in_their_tenant_without_regard_to_case_and_equal_in_two() {
    let server = TestServer::start().await;
    let (acme, anna) = server.administrator("Acme").await;
    let (beta, bert) = server.another("Beta", "bert").await;
    anna.new_user(&acme, "Ольга").await.unwrap();
    for same in ["ольга", "ОЛЬГА", "anna", "ANNA", "superuser", "SuperUser"] {
        assert_refused(anna.new_user(&acme, same).await, Code::AlreadyExists, "RESOURCE_EXISTS");
    }
    bert.new_user(&beta, "Ольга").await.unwrap();
    let ben = anna.new_user(&acme, "ben").await.unwrap();
    let renamed = v1::User { name: ben.name, user_name: "Anna".into(), ..Default::default() };
    assert_refused(change(&anna, renamed, &["user_name"]).await, Code::AlreadyExists, "RESOURCE_EXISTS");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_user_cannot_be_is_refused_with_all_that_is_wrong_at_once() {
    let server = TestServer::start().await;
    let (acme, anna) = server.administrator("Acme").await;
    let user = v1::User {
        user_name: "p\u{430}ypal".into(),
        email: "nobody".into(),
        given_name: "x".repeat(101),
        language: "german".into(),
        ..Default::default()
    };
    let request = v1::CreateUserRequest { tenant: acme.clone(), user: Some(user), ..Default::default() };
    let refused = assert_refused(anna.create_user(request).await, Code::InvalidArgument, "FIELDS_INVALID");
    let named: Vec<_> = fields(&refused).into_iter().map(|(field, _)| field).collect();
    assert_eq!(named, ["user.user_name", "user.email", "user.given_name", "user.language"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_update_changes_what_the_mask_names_or_what_is_populated_and_minds_the_etag() {
    let server = TestServer::start().await;
    let (acme, anna) = server.administrator("Acme").await;
    let ben = anna.new_user(&acme, "ben").await.unwrap();
    let sent = v1::User { name: ben.name.clone(), given_name: "Ben".into(), ..Default::default() };
    let request = v1::UpdateUserRequest { user: Some(sent.clone()), ..Default::default() };
    let named = anna.update_user(request).await.unwrap().user.unwrap();
    assert_eq!((named.given_name.as_str(), named.user_name.as_str()), ("Ben", "ben"));
    assert_ne!(named.etag, ben.etag);
    let stale = v1::User { etag: ben.etag, family_name: "Late".into(), ..sent.clone() };
    assert_refused(change(&anna, stale, &["family_name"]).await, Code::Aborted, "ETAG_MISMATCH");
    let all = v1::User {
        name: ben.name.clone(),
        user_name: "benno".into(),
        email: "benno@example.com".into(),
        etag: named.etag,
        ..Default::default()
    };
    let changed = change(&anna, all, &["user_name", "email", "given_name"]).await.unwrap();
    assert_eq!((changed.user_name.as_str(), changed.given_name.as_str()), ("benno", ""));
    let last = anna.audit(&acme, "method = UpdateUser").await.unwrap().remove(0);
    assert_eq!((&last.resource, last.details["user_name"].as_str()), (&ben.name, "ben to benno"));
    for path in ["state", "guest", "roles", "password", ""] {
        let refused = change(&anna, sent.clone(), &[path]).await;
        assert_eq!(fields(&assert_refused(refused, Code::InvalidArgument, "FIELDS_INVALID"))[0].0, "update_mask");
    }
    let found = v1::ListUsersRequest { parent: acme, search: "BENNO@".into(), ..Default::default() };
    assert_eq!(anna.list_users(found).await.unwrap().users, [changed]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lock_ends_sessions_at_once_and_keeps_the_user_out_until_it_is_unlocked() {
    let server = TestServer::start().await;
    let (acme, anna) = server.administrator("Acme").await;
    let name = anna.new_user(&acme, "ben").await.unwrap().name;
    let ben = server.enter("ben@acme").await;
    let who =
        |api: Api| async move { api.client.sessions().get_caller_identity(v1::GetCallerIdentityRequest {}).await };
    who(ben.clone()).await.unwrap();
    assert_eq!(anna.lock_out(&name).await.unwrap().state(), State::Locked);
    assert_refused(who(ben.clone()).await, Code::Unauthenticated, "TOKEN_INVALID");
    let again = server.anonymous().await.session("ben@acme", ADMIN_PASSWORD).await;
    assert_refused(again, Code::Unauthenticated, "CREDENTIALS_INVALID");
    let elsewhere = server.anonymous().await.session_in("ben@acme", "nowhere").await;
    assert_refused(elsewhere, Code::Unauthenticated, "CREDENTIALS_INVALID");
    let twice = assert_refused(anna.lock_out(&name).await, Code::FailedPrecondition, "USER_STATE_INVALID");
    assert_eq!(facts(&twice)["state"], "LOCKED");

    let unlock = |name: &str| v1::UnlockUserRequest { name: name.into(), ..Default::default() };
    let unlocked = anna.unlock_user(unlock(&name)).await.unwrap().user.unwrap();
    assert_eq!(unlocked.state(), State::Active);
    assert_refused(who(ben).await, Code::Unauthenticated, "TOKEN_INVALID");
    who(server.anonymous().await.log_in("ben@acme", ADMIN_PASSWORD).await).await.unwrap();
    assert_refused(anna.unlock_user(unlock(&name)).await, Code::FailedPrecondition, "USER_STATE_INVALID");

    let carl = anna.new_user(&acme, "carl").await.unwrap().name;
    anna.lock_out(&carl).await.unwrap();
    let carl = anna.unlock_user(unlock(&carl)).await.unwrap().user.unwrap();
    assert_eq!(carl.state(), State::Invited, "it has set no password yet");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_user_is_gone_with_sessions_links_and_memberships_and_makes_room() {
    let server = TestServer::start().await;
    let (acme, anna) = server.administrator("Acme").await;
    let operator = server.operator().await;
    operator.set_max_users(&acme, Some(2)).await.unwrap();
    let (beta, _) = server.another("Beta", "bert").await;
    let ben = anna.new_user(&acme, "ben").await.unwrap().name;
    assert_refused(anna.new_user(&acme, "carl").await, Code::ResourceExhausted, "USER_LIMIT_REACHED");
    let client = server.enter("ben@acme").await;
    operator.assign_users(&beta, &[&ben]).await.unwrap();
    assert_eq!(operator.overview(&acme).await.users, Some(2));
    anna.remove_user(&ben).await.unwrap();
    assert_refused(anna.user(&ben).await, Code::NotFound, "RESOURCE_NOT_FOUND");
    assert_refused(anna.remove_user(&ben).await, Code::NotFound, "RESOURCE_NOT_FOUND");
    let who = client.client.sessions().get_caller_identity(v1::GetCallerIdentityRequest {}).await;
    assert_refused(who, Code::Unauthenticated, "TOKEN_INVALID");
    assert_eq!(operator.overview(&acme).await.users, Some(1));
    let sql = server.sql().await;
    let id = ben.rsplit('/').next().unwrap();
    for table in ["memberships", "sessions", "links", "user_roles", "group_members"] {
        let left = format!("SELECT count(*) FROM {table} WHERE user_id = '{id}'");
        assert_eq!(sql.query_one(&left, &[]).await.unwrap().get::<_, i64>(0), 0, "{table}");
    }
    let trail = anna.audit(&acme, &format!("resource = \"{ben}\"")).await.unwrap();
    assert!(trail.iter().any(|r| r.method.ends_with("/DeleteUser")), "{trail:?}");
    anna.new_user(&acme, "carl").await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn superuser_stays_as_it_is() {
    let server = TestServer::start().await;
    let (acme, anna) = server.administrator("Acme").await;
    let operator = server.operator().await;
    let name = anna.user_named(&acme, "superuser").await;
    let before = anna.user(&name).await.unwrap();
    let role = anna.role_named(&acme, "User").await;
    let administrator = anna.role_named(&acme, "Administrator").await;
    let group = anna.new_group(&acme, "Sales").await.unwrap();
    let renamed = v1::User { name: name.clone(), user_name: "root".into(), ..Default::default() };
    let protected = |answer: Result<(), Status>| assert_refused(answer, Code::FailedPrecondition, "RESOURCE_PROTECTED");
    protected(change(&anna, renamed, &["user_name"]).await.map(|_| ()));
    protected(anna.lock_out(&name).await.map(|_| ()));
    protected(anna.remove_user(&name).await);
    protected(anna.unassign_users(&acme, &[&name]).await);
    protected(anna.unassign_tenants(&name, &[&acme]).await);
    protected(anna.give(&role, &[&name]).await.map(|_| ()));
    protected(anna.take(&administrator, &[&name]).await.map(|_| ()));
    protected(anna.add(&group, &[&name]).await.map(|_| ()));
    let (source_group, target_group) = (group.clone(), anna.new_group(&acme, "Support").await.unwrap());
    let go = v1::MoveGroupMemberRequest { user: name.clone(), source_group, target_group, ..Default::default() };
    protected(anna.move_group_member(go).await.map(|_| ()));
    protected(anna.default_tenant(&name, "").await.map(|_| ()));
    protected(operator.assign_users(&acme, &[&name]).await.map(|_| ()));
    assert_eq!(anna.user(&name).await.unwrap(), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn repeats_answer_as_the_first_time_and_what_is_only_tried_changes_nothing() {
    let server = TestServer::start().await;
    let (acme, anna) = server.administrator("Acme").await;
    let request_id = "0190a0a0-0000-7000-8000-000000000001".to_owned();
    let user = Some(v1::User { user_name: "ben".into(), ..Default::default() });
    let request = v1::CreateUserRequest { tenant: acme.clone(), user, request_id, ..Default::default() };
    let made = anna.create_user(request.clone()).await.unwrap();
    anna.lock_out(&made.user.as_ref().unwrap().name).await.unwrap();
    assert_eq!(anna.create_user(request.clone()).await.unwrap(), made);
    let other = v1::CreateUserRequest { user: None, ..request };
    assert_refused(anna.create_user(other).await, Code::InvalidArgument, "REQUEST_ID_REUSED");

    let ben = anna.user(&made.user.unwrap().name).await.unwrap();
    let tried = v1::DeleteUserRequest { name: ben.name.clone(), validate_only: true, ..Default::default() };
    anna.delete_user(tried).await.unwrap();
    assert_eq!(anna.user(&ben.name).await.unwrap(), ben);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_does_not_administer_users_neither_sees_nor_changes_them() {
    let server = TestServer::start().await;
    let (acme, anna) = server.administrator("Acme").await;
    let name = anna.new_user(&acme, "ben").await.unwrap().name;
    let ben = server.enter("ben@acme").await;
    let operator = server.operator().await;
    for caller in [ben, operator] {
        assert_refused(caller.user(&name).await, Code::PermissionDenied, "PRIVILEGE_MISSING");
        assert_refused(caller.new_user(&acme, "carl").await, Code::PermissionDenied, "PRIVILEGE_MISSING");
        assert_refused(caller.lock_out(&name).await, Code::PermissionDenied, "PRIVILEGE_MISSING");
    }
    let anonymous = server.anonymous().await;
    assert_refused(anonymous.user(&name).await, Code::Unauthenticated, "TOKEN_MISSING");
}
