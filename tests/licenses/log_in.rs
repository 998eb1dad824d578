//! The seat that whoever logs in to a metered tenant takes and keeps.

use landlord::proto::v1;
use tonic::Code;

use crate::support::client::{Api, assert_refused};
use crate::support::licenses::kind;
use crate::support::server::TestServer;
use crate::support::sessions::Guest;

/// The tenant Acme with its administrator anna, who has no seat yet, and users who can log in.
async fn acme(server: &TestServer, users: &[&str]) -> (String, Api) {
    let (acme, anna) = server.administrator("Acme").await;
    for user in users {
        anna.new_user(&acme, user).await.unwrap();
    }
    let last = users.last().expect("one at least");
    server.enter(&format!("{last}@acme")).await;
    (acme, anna)
}

/// The kinds of which a user has a seat.
async fn seats(api: &Api, tenant: &str, user_name: &str) -> Vec<String> {
    api.user(&api.user_named(tenant, user_name).await).await.unwrap().licenses
}

#[tokio::test(flavor = "multi_thread")]
async fn who_logs_in_takes_a_free_seat_and_keeps_it_and_who_finds_none_is_refused() {
    let server = TestServer::start().await;
    let (acme, anna) = acme(&server, &["ben", "carl", "dora"]).await;
    let (operator, anonymous) = (server.operator().await, server.anonymous().await);
    let ben = anonymous.enter_as("ben@acme").await.unwrap();
    operator.allot(&acme, &[("base", 2)]).await.unwrap();
    anonymous.with_token(&ben.access_token).who().await.expect("sessions go on");
    anonymous.refresh(&ben.refresh_token).await.expect("and are refreshed without a seat");
    assert_eq!(operator.used(&acme, "base").await, 0);
    for _ in 0..3 {
        anonymous.enter_as("ben@acme").await.unwrap();
        assert_eq!(operator.used(&acme, "base").await, 1, "one seat, however often");
    }
    assert_eq!(seats(&anna, &acme, "ben").await, ["base"]);
    anonymous.enter_as("carl@acme").await.unwrap();
    let sessions = "SELECT count(*) FROM sessions";
    let sessions = async || -> i64 { server.sql().await.query_one(sessions, &[]).await.unwrap().get(0) };
    let before = sessions().await;
    let refused = anonymous.enter_as("dora@acme").await;
    assert_refused(refused, Code::ResourceExhausted, "LICENSES_EXHAUSTED");
    assert_eq!(sessions().await, before, "there is no session");
    assert!(seats(&anna, &acme, "dora").await.is_empty());
    let wrong = anonymous.session("dora@acme", "another password").await;
    assert_refused(wrong, Code::Unauthenticated, "CREDENTIALS_INVALID");

    let carl = anna.user_named(&acme, "carl").await;
    assert_eq!(anna.unassign_license(&acme, "base", &[&carl]).await.unwrap(), 1);
    anonymous.enter_as("dora@acme").await.unwrap();
    assert_refused(anonymous.enter_as("carl@acme").await, Code::ResourceExhausted, "LICENSES_EXHAUSTED");
    operator.allot(&acme, &[("base", 3)]).await.unwrap();
    anonymous.enter_as("carl@acme").await.unwrap();
    let below = operator.allot(&acme, &[("base", 2)]).await;
    assert_refused(below, Code::FailedPrecondition, "LIMIT_BELOW_USE");
    assert_refused(operator.allot(&acme, &[("base", 0)]).await, Code::FailedPrecondition, "LIMIT_BELOW_USE");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_kinds_that_permit_log_in_are_taken_the_first_by_name_before_the_next() {
    let server = TestServer::start().await;
    let (acme, anna) = acme(&server, &["ben", "carl", "dora"]).await;
    let (operator, anonymous) = (server.operator().await, server.anonymous().await);
    operator.set_kinds(&[kind("analysis", None, false, &[]), kind("viewer", None, true, &[])], &[]).await.unwrap();
    operator.allot(&acme, &[("analysis", 5), ("base", 1), ("viewer", 1)]).await.unwrap();
    let ben = anna.user_named(&acme, "ben").await;
    assert_eq!(anna.assign_license(&acme, "analysis", &[&ben]).await.unwrap(), 1);
    anonymous.enter_as("ben@acme").await.unwrap();
    assert_eq!(seats(&anna, &acme, "ben").await, ["analysis", "base"], "that one does not let anybody in");
    anonymous.enter_as("carl@acme").await.unwrap();
    assert_eq!(seats(&anna, &acme, "carl").await, ["viewer"]);
    assert_refused(anonymous.enter_as("dora@acme").await, Code::ResourceExhausted, "LICENSES_EXHAUSTED");

    operator.set_kinds(&[kind("analysis", None, true, &[]), kind("viewer", None, false, &[])], &[]).await.unwrap();
    anonymous.enter_as("dora@acme").await.unwrap();
    assert_eq!(seats(&anna, &acme, "dora").await, ["analysis"]);
    anonymous.enter_as("carl@acme").await.unwrap();
    assert_eq!(seats(&anna, &acme, "carl").await, ["analysis", "viewer"], "what it has does not let it in any more");
    operator.allot(&acme, &[("analysis", 3)]).await.unwrap();
    anna.unassign_license(&acme, "base", &[&ben]).await.unwrap();
    anonymous.enter_as("ben@acme").await.expect("analysis lets it in now");
    assert_eq!(seats(&anna, &acme, "ben").await, ["analysis"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_whose_licences_permit_nobody_to_log_in_lets_nobody_in() {
    let server = TestServer::start().await;
    let (acme, _) = acme(&server, &["ben"]).await;
    let (operator, anonymous) = (server.operator().await, server.anonymous().await);
    operator.set_kinds(&[kind("viewer", None, false, &[])], &[]).await.unwrap();
    operator.allot(&acme, &[("viewer", 5)]).await.unwrap();
    assert_refused(anonymous.enter_as("ben@acme").await, Code::ResourceExhausted, "LICENSES_EXHAUSTED");
    operator.allot(&acme, &[("viewer", 0)]).await.unwrap();
    anonymous.enter_as("ben@acme").await.expect("it is not metered any more");
}

#[tokio::test(flavor = "multi_thread")]
async fn guests_need_a_seat_of_the_host_at_log_in_and_at_a_switch_and_none_at_home_for_that() {
    let server = TestServer::start().await;
    let Guest { acme, anna, beta, bert, .. } = server.guest().await;
    let (operator, anonymous) = (server.operator().await, server.anonymous().await);
    operator.allot(&beta, &[("base", 1)]).await.unwrap();
    let ben = anonymous.session_in("ben@acme", "").await.expect("home is not metered");
    let ben = anonymous.with_token(&ben.access_token);
    let moved = ben.switch_to(&beta).await.unwrap();
    assert_eq!(operator.used(&beta, "base").await, 1);
    assert_eq!(seats(&bert, &beta, "ben").await, ["base"]);
    assert!(seats(&anna, &acme, "ben").await.is_empty(), "at home it has none");
    anonymous.session_in("ben@acme", "beta").await.expect("it has one");
    assert_refused(anonymous.enter_as("bert@beta").await, Code::ResourceExhausted, "LICENSES_EXHAUSTED");

    let abroad = anonymous.with_token(&moved.access_token);
    operator.allot(&acme, &[("base", 1)]).await.unwrap();
    anonymous.enter_as("anna@acme").await.unwrap();
    assert_refused(abroad.switch_to(&acme).await, Code::ResourceExhausted, "LICENSES_EXHAUSTED");
    abroad.who().await.expect("a refused switch changes nothing");
    assert_eq!(abroad.who().await.unwrap().tenant, beta);
    operator.allot(&acme, &[("base", 2)]).await.unwrap();
    abroad.switch_to(&acme).await.unwrap();
    assert_eq!(operator.used(&acme, "base").await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_goes_gives_its_seats_back_in_every_tenant_and_from_whichever_side_it_is_taken_out() {
    let server = TestServer::start().await;
    let Guest { acme, anna, beta, bert, ben } = server.guest().await;
    let (operator, anonymous) = (server.operator().await, server.anonymous().await);
    operator.set_kinds(&[kind("viewer", None, false, &[])], &[]).await.unwrap();
    for tenant in [&acme, &beta] {
        operator.allot(tenant, &[("base", 5), ("viewer", 5)]).await.unwrap();
    }
    let used = async || {
        let (of_acme, of_beta) = (operator.used(&acme, "base").await, operator.used(&beta, "base").await);
        (of_acme, of_beta, operator.used(&beta, "viewer").await)
    };
    let enter = async || {
        operator.assign_users(&beta, &[&ben]).await.unwrap();
        anonymous.session_in("ben@acme", "acme").await.unwrap();
        anonymous.session_in("ben@acme", "beta").await.unwrap();
        let guest = bert.user_named(&beta, "ben").await;
        bert.assign_license(&beta, "viewer", &[&guest]).await.unwrap();
        assert_eq!(used().await, (1, 1, 1));
        guest
    };
    let guest = enter().await;
    bert.unassign_users(&beta, &[&guest]).await.unwrap();
    assert_eq!(used().await, (1, 0, 0), "the host sends it home");
    enter().await;
    anna.unassign_tenants(&ben, &[&beta]).await.unwrap();
    assert_eq!(used().await, (1, 0, 0), "home calls it back");
    enter().await;
    anna.unassign_users(&acme, &[&ben]).await.unwrap();
    assert_eq!(used().await, (0, 1, 1), "it does not work at home any more");
    anna.assign_users(&acme, &[&ben]).await.unwrap();
    enter().await;
    anna.remove_user(&ben).await.unwrap();
    assert_eq!(used().await, (0, 0, 0), "it is deleted");
    for tenant in [&acme, &beta] {
        operator.allot(tenant, &[("base", 0), ("viewer", 0)]).await.expect("no seat is left");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_that_is_deleted_gives_its_guests_seats_and_its_users_seats_elsewhere_back() {
    let server = TestServer::start().await;
    let Guest { acme, beta, .. } = server.guest().await;
    let (operator, anonymous) = (server.operator().await, server.anonymous().await);
    operator.set_base_seats(Some(10)).await.unwrap();
    for tenant in [&acme, &beta] {
        operator.allot(tenant, &[("base", 5)]).await.unwrap();
    }
    anonymous.session_in("ben@acme", "acme").await.unwrap();
    anonymous.session_in("ben@acme", "beta").await.unwrap();
    operator.delete_fully(&acme).await;
    assert_eq!((operator.used(&beta, "base").await, operator.base_seats().await.reserved), (0, 5));
    anonymous.enter_as("bert@beta").await.unwrap();
    operator.delete_fully(&beta).await;
    assert_eq!(operator.base_seats().await.reserved, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn superuser_takes_no_seat_and_operators_need_none() {
    let server = TestServer::start().await;
    let (acme, anna) = acme(&server, &["ben"]).await;
    let operator = server.operator().await;
    operator.allot(&acme, &[("base", 5)]).await.unwrap();
    let superuser = anna.user_named(&acme, "superuser").await;
    let refused = anna.assign_license(&acme, "base", &[&superuser]).await;
    assert_refused(refused, Code::FailedPrecondition, "RESOURCE_PROTECTED");
    assert_eq!(operator.used(&acme, "base").await, 0);
    server.operator().await.licenses("tenants/infrastructure").await.expect("an operator logs in without a seat");
    let request = v1::GetCallerIdentityRequest {};
    operator.client.sessions().get_caller_identity(request).await.unwrap();
}
