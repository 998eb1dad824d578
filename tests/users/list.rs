//! ListUsers: orders, pages, search, filters.

use landlord::proto::v1;
use tonic::Code;

use crate::support::client::{Api, assert_refused};
use crate::support::server::TestServer;

async fn page(api: &Api, request: v1::ListUsersRequest) -> v1::ListUsersResponse {
    api.list_users(request).await.unwrap()
}

async fn names(api: &Api, request: v1::ListUsersRequest) -> Vec<String> {
    page(api, request).await.users.into_iter().map(|user| user.user_name).collect()
}

fn all(parent: &str) -> v1::ListUsersRequest {
    v1::ListUsersRequest { parent: parent.into(), ..Default::default() }
}

async fn add(api: &Api, parent: &str, (user_name, given, family, email): (&str, &str, &str, &str)) -> v1::User {
    let user = v1::User {
        user_name: user_name.into(),
        given_name: given.into(),
        family_name: family.into(),
        email: email.into(),
        ..Default::default()
    };
    let request = v1::CreateUserRequest { tenant: parent.into(), user: Some(user), ..Default::default() };
    api.create_user(request).await.unwrap().user.unwrap()
}

const PEOPLE: [(&str, &str, &str, &str); 5] = [
    ("zoe", "Zoë", "Ärmel", "zoe@example.com"),
    ("Ben", "Benjamin", "Straße", "b.blue@example.org"),
    ("ольга", "Ольга", "Петрова", ""),
    ("100%", "A_B", "Same", ""),
    ("carl", "Carl", "Same", "CARL@EXAMPLE.COM"),
];

#[tokio::test(flavor = "multi_thread")]
async fn pages_follow_each_other_in_every_order_without_loss_or_repetition() {
    let server = TestServer::start().await;
    let (acme, anna) = server.administrator("Acme").await;
    for person in PEOPLE {
        add(&anna, &acme, person).await;
    }
    for order in
        ["", "user_name desc", "family_name", "email", "email desc", "state", "create_time", "create_time desc"]
    {
        let request = v1::ListUsersRequest { order_by: order.into(), ..all(&acme) };
        let whole = page(&anna, request.clone()).await;
        assert_eq!((whole.users.len(), whole.total_size, whole.next_page_token.as_str()), (7, 7, ""), "{order}");
        let (mut seen, mut page_token) = (Vec::new(), String::new());
        loop {
            let next = page(&anna, v1::ListUsersRequest { page_size: 2, page_token, ..request.clone() }).await;
            assert_eq!(next.total_size, 7);
            seen.extend(next.users);
            page_token = next.next_page_token;
            if page_token.is_empty() {
                break;
            }
        }
        assert_eq!(seen, whole.users, "{order}");
    }
    let by_name = names(&anna, all(&acme)).await;
    assert_eq!(by_name, ["100%", "anna", "Ben", "carl", "superuser", "zoe", "ольга"]);
    let by_age = v1::ListUsersRequest { order_by: "create_time desc".into(), ..all(&acme) };
    assert_eq!(names(&anna, by_age).await[..2], ["carl", "100%"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn search_finds_parts_of_names_and_addresses_in_any_script_and_case() {
    let server = TestServer::start().await;
    let (acme, anna) = server.administrator("Acme").await;
    for person in PEOPLE {
        add(&anna, &acme, person).await;
    }
    for (search, found) in [
        ("BEN", &["Ben"][..]),
        ("STRASSE", &["Ben"]),
        ("straße", &["Ben"]),
        ("ПЕТР", &["ольга"]),
        ("zoë ä", &["zoe"]),
        ("ÄRMEL Z", &["zoe"]),
        ("@Example.COM", &["anna", "carl", "zoe"]),
        ("%", &["100%"]),
        ("_", &["100%"]),
        ("\\", &[]),
        ("nobody", &[]),
    ] {
        let request = v1::ListUsersRequest { search: search.into(), ..all(&acme) };
        assert_eq!(names(&anna, request).await, found, "{search}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn filters_go_by_state_name_address_group_role_and_age() {
    let server = TestServer::start().await;
    let (acme, anna) = server.administrator("Acme").await;
    let mut made = Vec::new();
    for person in PEOPLE {
        made.push(add(&anna, &acme, person).await.name);
    }
    anna.lock_out(&made[0]).await.unwrap();
    let group = anna.new_group(&acme, "Sales").await.unwrap();
    anna.add(&group, &[&made[1], &made[2]]).await.unwrap();
    let role = anna.new_role(&acme, "Clerk", &[]).await.unwrap();
    anna.give(&role, &[&made[2]]).await.unwrap();
    for (filter, found) in [
        ("state = LOCKED", &["zoe"][..]),
        ("state = ACTIVE", &["anna", "superuser"]),
        ("state != INVITED AND user_name != superuser", &["anna", "zoe"]),
        ("user_name = BEN OR user_name:\"00%\"", &["100%", "Ben"]),
        ("email = carl@example.com", &["carl"]),
        ("email:.org", &["Ben"]),
        ("guest = true", &[]),
        ("member = false", &[]),
        (&format!("group = {group}"), &["Ben", "ольга"]),
        (&format!("group = \"{group}\" AND NOT role = \"{role}\""), &["Ben"]),
        (&format!("role = {role}"), &["ольга"]),
        ("create_time > 2100-01-01T00:00:00Z", &[]),
    ] {
        let request = v1::ListUsersRequest { filter: filter.into(), ..all(&acme) };
        let page = page(&anna, request).await;
        let names: Vec<_> = page.users.iter().map(|user| user.user_name.as_str()).collect();
        assert_eq!(names, found, "{filter}");
        assert_eq!(page.total_size as usize, found.len(), "{filter}");
    }
    for wrong in ["password = x", "state = ASLEEP", "group = sales", "guest"] {
        let request = v1::ListUsersRequest { filter: wrong.into(), ..all(&acme) };
        assert_refused(anna.list_users(request).await, Code::InvalidArgument, "FILTER_INVALID");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_token_is_good_for_its_caller_and_its_arguments_only() {
    let server = TestServer::start().await;
    let (acme, anna) = server.administrator("Acme").await;
    let ben = anna.new_user(&acme, "ben").await.unwrap().name;
    anna.give(&anna.role_named(&acme, "Administrator").await, &[&ben]).await.unwrap();
    let ben = server.enter("ben@acme").await;
    let first = page(&anna, v1::ListUsersRequest { page_size: 1, ..all(&acme) }).await;
    let next = v1::ListUsersRequest { page_size: 1, page_token: first.next_page_token, ..all(&acme) };
    assert_refused(ben.list_users(next.clone()).await, Code::InvalidArgument, "PAGE_TOKEN_INVALID");
    for other in [
        v1::ListUsersRequest { search: "a".into(), ..next.clone() },
        v1::ListUsersRequest { filter: "guest = false".into(), ..next.clone() },
        v1::ListUsersRequest { order_by: "email".into(), ..next.clone() },
    ] {
        assert_refused(anna.list_users(other).await, Code::InvalidArgument, "PAGE_TOKEN_INVALID");
    }
    page(&anna, next).await;
    for wrong in [
        v1::ListUsersRequest { page_size: -1, ..all(&acme) },
        v1::ListUsersRequest { order_by: "password".into(), ..all(&acme) },
        v1::ListUsersRequest { order_by: " desc".into(), ..all(&acme) },
        v1::ListUsersRequest { search: "x".repeat(201), ..all(&acme) },
    ] {
        assert_refused(anna.list_users(wrong).await, Code::InvalidArgument, "FIELDS_INVALID");
    }
}
