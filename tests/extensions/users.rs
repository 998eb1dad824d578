//! Which users have which numbers of their tenant.

use landlord::proto::v1;
use tonic::Code;

use crate::support::client::{assert_refused, fields};
use crate::support::extensions::{have, pairs};
use crate::support::server::TestServer;
use crate::support::sessions::Guest;

#[tokio::test(flavor = "multi_thread")]
async fn numbers_are_allocated_moved_and_released_one_by_one_and_by_ranges() {
    let server = TestServer::start().await;
    let (acme, anna) = server.administrator("Acme").await;
    server.operator().await.set_extensions(&acme, &["100-199", "0049"]).await.unwrap();
    let mut users = Vec::new();
    for name in ["ben", "carl"] {
        users.push(anna.new_user(&acme, name).await.unwrap().name);
    }
    let [ben, carl] = &users[..] else { unreachable!() };
    let list = async || anna.extensions(&acme, "").await.unwrap();
    assert_eq!(list().await, have(&[("100-199", ""), ("0049", "")]));
    assert_eq!(anna.allocate(ben, "100-109").await.unwrap(), []);
    assert_eq!(anna.allocate(ben, "0049").await.unwrap(), []);
    assert_eq!(anna.allocate(ben, "105-115").await.unwrap(), [], "what it has it keeps");
    assert_eq!(list().await, have(&[("100-115", "ben"), ("116-199", ""), ("0049", "ben")]));
    assert_eq!(anna.allocate(carl, "110").await.unwrap(), have(&[("110", "ben")]), "who had it is told");
    let now = [("100-109", "ben"), ("110", "carl"), ("111-115", "ben"), ("116-199", ""), ("0049", "ben")];
    assert_eq!(list().await, have(&now));
    assert_eq!(anna.allocate(carl, "108-120").await.unwrap(), have(&[("108-109", "ben"), ("111-115", "ben")]));
    assert_eq!(list().await, have(&[("100-107", "ben"), ("108-120", "carl"), ("121-199", ""), ("0049", "ben")]));

    assert_eq!(anna.release(ben, "105-115").await.unwrap(), ["105-107"], "what carl has stays");
    assert_eq!(anna.release(ben, "105-115").await.unwrap(), [""; 0]);
    assert_eq!(anna.release(carl, "110").await.unwrap(), ["110"]);
    let now = [
        ("100-104", "ben"),
        ("105-107", ""),
        ("108-109", "carl"),
        ("110", ""),
        ("111-120", "carl"),
        ("121-199", ""),
        ("0049", "ben"),
    ];
    assert_eq!(list().await, have(&now));
    let tried = v1::AllocateExtensionRequest {
        user: carl.clone(),
        extension: "100-199".into(),
        validate_only: true,
        ..Default::default()
    };
    let tried = anna.client.users().allocate_extension(tried).await.unwrap().into_inner();
    assert_eq!(pairs(tried.moved), have(&[("100-104", "ben")]));
    assert_eq!(list().await, have(&now), "that was a trial");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_goes_by_pages_both_ways_and_by_user_number_and_what_is_free() {
    let server = TestServer::start().await;
    let (acme, anna) = server.administrator("Acme").await;
    server.operator().await.set_extensions(&acme, &["10-29", "+10-+19"]).await.unwrap();
    let ben = anna.new_user(&acme, "ben").await.unwrap().name;
    let own = anna.user_named(&acme, "anna").await;
    for (user, extension) in [(&ben, "12"), (&own, "14-15"), (&ben, "29"), (&ben, "+10-+11")] {
        anna.allocate(user, extension).await.unwrap();
    }
    let mut all = have(&[
        ("10-11", ""),
        ("12", "ben"),
        ("13", ""),
        ("14-15", "anna"),
        ("16-28", ""),
        ("29", "ben"),
        ("+10-+11", "ben"),
        ("+12-+19", ""),
    ]);
    for order_by in ["", "extension", "extension desc"] {
        if order_by.ends_with("desc") {
            all.reverse();
        }
        let (mut found, mut page_token) = (Vec::new(), String::new());
        loop {
            let request = v1::ListExtensionsRequest {
                parent: acme.clone(),
                page_size: 3,
                page_token,
                order_by: order_by.into(),
                ..Default::default()
            };
            let page = anna.list_extensions(request).await.unwrap();
            assert_eq!((page.total_size, page.total_size_estimated), (8, false));
            found.extend(pairs(page.extensions));
            page_token = page.next_page_token;
            if page_token.is_empty() {
                break;
            }
        }
        assert_eq!(found, all, "{order_by}");
    }
    for (filter, wanted) in [
        ("free = true".to_owned(), &["10-11", "13", "16-28", "+12-+19"][..]),
        ("free = false".to_owned(), &["12", "14-15", "29", "+10-+11"]),
        (format!("user = {ben}"), &["12", "29", "+10-+11"]),
        (format!("user != {ben}"), &["10-11", "13", "14-15", "16-28", "+12-+19"]),
        (format!("user = {ben} AND extension != \"+10\""), &["12", "29"]),
        ("extension = 17".to_owned(), &["16-28"]),
        ("extension = 11-14 free = true".to_owned(), &["10-11", "13"]),
        ("extension = 99".to_owned(), &[]),
    ] {
        let found = anna.extensions(&acme, &filter).await.unwrap();
        assert_eq!(found.into_iter().map(|pair| pair.0).collect::<Vec<_>>(), wanted, "{filter}");
    }
    assert_refused(anna.extensions(&acme, "colour = red").await, Code::InvalidArgument, "FILTER_INVALID");
    let named = anna.list_extensions(v1::ListExtensionsRequest { parent: acme.clone(), ..Default::default() }).await;
    assert_eq!(named.unwrap().extensions[1].user, ben);
}

#[tokio::test(flavor = "multi_thread")]
async fn guests_have_numbers_of_the_host_and_whoever_goes_leaves_its_numbers_behind() {
    let server = TestServer::start().await;
    let Guest { acme, anna, beta, bert, ben } = server.guest().await;
    let operator = server.operator().await;
    operator.set_extensions(&acme, &["100"]).await.unwrap();
    operator.set_extensions(&beta, &["200"]).await.unwrap();
    let holders = async || {
        let (of_acme, of_beta) = (anna.extensions(&acme, "").await.unwrap(), bert.extensions(&beta, "").await.unwrap());
        (of_acme[0].1.clone(), of_beta[0].1.clone())
    };
    let allocate = async || {
        operator.assign_users(&beta, &[&ben]).await.unwrap();
        anna.assign_users(&acme, &[&ben]).await.unwrap();
        let guest = bert.user_named(&beta, "ben").await;
        anna.allocate(&ben, "100").await.unwrap();
        bert.allocate(&guest, "200").await.unwrap();
        assert_eq!(holders().await, ("ben".into(), "ben".into()));
        guest
    };
    let guest = allocate().await;
    bert.unassign_users(&beta, &[&guest]).await.unwrap();
    assert_eq!(holders().await, ("ben".into(), String::new()), "the host sends it home");
    allocate().await;
    anna.unassign_tenants(&ben, &[&beta]).await.unwrap();
    assert_eq!(holders().await, ("ben".into(), String::new()), "home calls it back");
    allocate().await;
    anna.unassign_users(&acme, &[&ben]).await.unwrap();
    assert_eq!(holders().await, (String::new(), "ben".into()), "it does not work at home any more");
    assert_refused(anna.allocate(&ben, "100").await, Code::FailedPrecondition, "NOT_A_MEMBER");
    allocate().await;
    anna.remove_user(&ben).await.unwrap();
    assert_eq!(holders().await, (String::new(), String::new()), "it is deleted");
    operator.set_extensions(&acme, &["200"]).await.expect_err("it is still Beta's");
    operator.set_extensions(&beta, &[]).await.expect("nobody has it");
    operator.set_extensions(&acme, &["200"]).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_that_is_deleted_takes_its_users_numbers_elsewhere_along() {
    let server = TestServer::start().await;
    let Guest { acme, anna, beta, bert, ben } = server.guest().await;
    let operator = server.operator().await;
    operator.set_extensions(&acme, &["100"]).await.unwrap();
    operator.set_extensions(&beta, &["200"]).await.unwrap();
    anna.allocate(&ben, "100").await.unwrap();
    bert.allocate(&bert.user_named(&beta, "ben").await, "200").await.unwrap();
    operator.delete_fully(&acme).await;
    assert_eq!(bert.extensions(&beta, "").await.unwrap(), have(&[("200", "")]));
    assert_eq!(operator.set_extensions(&beta, &["100", "200"]).await.unwrap(), ["100", "200"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_can_not_have_numbers_is_refused_and_so_are_foreign_users_and_strangers() {
    let server = TestServer::start().await;
    let (acme, anna) = server.administrator("Acme").await;
    let (beta, bert) = server.another("Beta", "bert").await;
    let operator = server.operator().await;
    operator.set_extensions(&acme, &["100-199", "300"]).await.unwrap();
    let superuser = anna.user_named(&acme, "superuser").await;
    assert_refused(anna.allocate(&superuser, "100").await, Code::FailedPrecondition, "RESOURCE_PROTECTED");
    let own = anna.user_named(&acme, "anna").await;
    for (extension, said) in
        [("200", "100-199, 300"), ("199-200", "100-199, 300"), ("150-300", "100-199, 300"), ("0100", "100-199, 300")]
    {
        let refused = anna.allocate(&own, extension).await;
        let status = assert_refused(refused, Code::InvalidArgument, "FIELDS_INVALID");
        assert!(fields(&status)[0].1.contains(said), "{extension}: {status:?}");
    }
    assert_refused(anna.allocate(&own, "1x").await, Code::InvalidArgument, "FIELDS_INVALID");
    let stranger = bert.user_named(&beta, "bert").await;
    let id = stranger.rsplit('/').next().unwrap();
    for user in [stranger.clone(), format!("{acme}/users/{id}"), format!("{acme}/users/{}", uuid::Uuid::new_v4())] {
        assert_refused(anna.allocate(&user, "100").await, Code::NotFound, "RESOURCE_NOT_FOUND");
        assert_refused(anna.release(&user, "100").await, Code::NotFound, "RESOURCE_NOT_FOUND");
    }
    assert_refused(bert.allocate(&own, "100").await, Code::NotFound, "RESOURCE_NOT_FOUND");
    assert_refused(bert.extensions(&acme, "").await, Code::NotFound, "RESOURCE_NOT_FOUND");
    assert_refused(operator.allocate(&own, "100").await, Code::PermissionDenied, "PRIVILEGE_MISSING");
    operator.acting_as("superuser").allocate(&own, "100").await.expect("that is what acting is for");

    anna.new_user(&acme, "carl").await.unwrap();
    let carl = server.enter("carl@acme").await;
    assert_refused(carl.allocate(&own, "101").await, Code::PermissionDenied, "PRIVILEGE_MISSING");
    assert_refused(carl.extensions(&acme, "").await, Code::PermissionDenied, "PRIVILEGE_MISSING");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_tenants_log_says_whose_numbers_went_to_whom() {
    let server = TestServer::start().await;
    let (acme, anna) = server.administrator("Acme").await;
    server.operator().await.set_extensions(&acme, &["100-199"]).await.unwrap();
    let ben = anna.new_user(&acme, "ben").await.unwrap().name;
    let own = anna.user_named(&acme, "anna").await;
    anna.allocate(&own, "100-104").await.unwrap();
    anna.allocate(&ben, "104-105").await.unwrap();
    anna.release(&ben, "104").await.unwrap();
    let events = anna.events(&acme, "kind = AllocateExtension OR kind = ReleaseExtension").await.unwrap().events;
    let said: Vec<_> = events.iter().map(|event| event.message.as_str()).collect();
    assert_eq!(
        said,
        [
            format!("ReleaseExtension of {ben} by anna: extension 104, taken 104 of ben, user_name ben"),
            format!("AllocateExtension of {ben} by anna: extension 104-105, taken 104 of anna, user_name ben"),
            format!("AllocateExtension of {own} by anna: extension 100-104, user_name anna"),
        ]
    );
}
