//! SwitchTenant and ListMyTenants.

use futures::future::{join, join_all};
use landlord::proto::v1;
use tonic::Code;

use crate::support::client::assert_refused;
use crate::support::server::TestServer;
use crate::support::sessions::Guest;

#[tokio::test(flavor = "multi_thread")]
async fn a_switch_moves_the_session_and_voids_the_tokens_until_then() {
    let server = TestServer::with(&[("tokens.refresh_grace_seconds", "0".into())]).await;
    let Guest { acme, anna, beta, bert, ben } = server.guest().await;
    let anonymous = server.anonymous().await;
    let role = bert.new_role(&beta, "Helper", &["privileges/document-administrator"]).await.unwrap();
    bert.give(&role, &[&bert.user_named(&beta, "ben").await]).await.unwrap();
    let session = anonymous.session_in("ben@acme", "").await.unwrap();
    let at_home = anonymous.with_token(&session.access_token);
    assert!(at_home.who().await.unwrap().privileges.is_empty());

    let moved = at_home.switch_to(&beta).await.unwrap();
    assert_eq!(moved.tenant, beta);
    let abroad = anonymous.with_token(&moved.access_token);
    let me = abroad.who().await.unwrap();
    assert_eq!((&me.tenant, &me.user), (&beta, &ben));
    assert_eq!(me.privileges, ["document-administrator"]);
    assert_refused(at_home.who().await, Code::Unauthenticated, "TOKEN_INVALID");
    assert_eq!(abroad.sessions_of("").await.unwrap().len(), 2, "it is the same session");
    let next = anonymous.refresh(&moved.refresh_token).await.unwrap();
    assert_eq!(anonymous.with_token(&next.access_token).who().await.unwrap().tenant, beta);
    let log = anna.audit(&acme, "").await.unwrap();
    assert!(log.iter().any(|r| r.method.ends_with("/SwitchTenant") && r.actor_name == "ben"), "{log:?}");
    let reused = anonymous.refresh(&session.refresh_token).await;
    assert_refused(reused, Code::Unauthenticated, "TOKEN_INVALID");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_switches_to_ones_own_tenants_that_are_open_and_to_no_others() {
    let server = TestServer::start().await;
    let Guest { acme, beta, .. } = server.guest().await;
    let (operator, anonymous) = (server.operator().await, server.anonymous().await);
    operator.active_tenant("Gamma").await;
    let ben = anonymous.with_token(&anonymous.session_in("ben@acme", "").await.unwrap().access_token);
    for other in ["tenants/gamma", "tenants/delta", "tenants/infrastructure"] {
        assert_refused(ben.switch_to(other).await, Code::NotFound, "RESOURCE_NOT_FOUND");
    }
    for wrong in ["", "acme", "tenants/-", "tenants/beta/users"] {
        assert_refused(ben.switch_to(wrong).await, Code::InvalidArgument, "FIELDS_INVALID");
    }
    operator.lock(&beta).await.unwrap();
    assert_refused(ben.switch_to(&beta).await, Code::FailedPrecondition, "TENANT_LOCKED");
    ben.who().await.expect("a refused switch changes nothing");
    operator.unlock(&beta).await.unwrap();
    let abroad = anonymous.with_token(&ben.switch_to(&beta).await.unwrap().access_token);
    operator.lock(&acme).await.unwrap();
    assert_refused(abroad.switch_to(&acme).await, Code::FailedPrecondition, "TENANT_LOCKED");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_switch_beside_a_lock_outlives_it() {
    let server = TestServer::start().await;
    let Guest { beta, .. } = server.guest().await;
    let (operator, anonymous) = (server.operator().await, server.anonymous().await);
    for _ in 0..8 {
        let ben = anonymous.with_token(&anonymous.session_in("ben@acme", "").await.unwrap().access_token);
        let (moved, locked) = join(ben.switch_to(&beta), operator.lock(&beta)).await;
        locked.unwrap();
        if let Ok(moved) = moved {
            let abroad = anonymous.with_token(&moved.access_token);
            assert_refused(abroad.who().await, Code::Unauthenticated, "TOKEN_INVALID");
        }
        operator.unlock(&beta).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_ten_switches_of_one_session_at_once_one_counts() {
    let server = TestServer::start().await;
    let Guest { beta, .. } = server.guest().await;
    let anonymous = server.anonymous().await;
    let ben = anonymous.with_token(&anonymous.session_in("ben@acme", "").await.unwrap().access_token);
    let all = join_all((0..10).map(|_| ben.switch_to(&beta))).await;
    assert_eq!(all.iter().filter(|answer| answer.is_ok()).count(), 1);
    for status in all.into_iter().filter_map(Result::err) {
        assert_refused::<()>(Err(status), Code::Unauthenticated, "TOKEN_INVALID");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn my_tenants_are_told_with_their_objects_by_pages_and_whether_there_is_something_to_switch() {
    let server = TestServer::start().await;
    let Guest { acme, anna, beta, ben, .. } = server.guest().await;
    let (operator, anonymous) = (server.operator().await, server.anonymous().await);
    anna.default_tenant(&ben, &beta).await.unwrap();
    anna.new_group(&acme, "Sales").await.unwrap();
    operator.lock(&beta).await.unwrap();
    let ben = anonymous.with_token(&anonymous.session_in("ben@acme", "acme").await.unwrap().access_token);
    let all = ben.my_tenants(0, "").await.unwrap();
    assert!(all.switcher && !all.total_size_estimated);
    assert_eq!(all.total_size, 2);
    let home = v1::MyTenant {
        tenant: acme.clone(),
        display_name: "Acme".into(),
        usable: true,
        active: true,
        home: true,
        default_tenant: false,
        // anna and ben; the root group and Sales; three roles.
        object_count: 7,
    };
    let locked = v1::MyTenant {
        tenant: beta.clone(),
        display_name: "Beta".into(),
        usable: false,
        active: false,
        home: false,
        default_tenant: true,
        object_count: 5,
    };
    assert_eq!(all.tenants, [home.clone(), locked.clone()]);
    let first = ben.my_tenants(1, "").await.unwrap();
    assert_eq!(first.tenants, [home]);
    assert_eq!(ben.my_tenants(1, &first.next_page_token).await.unwrap().tenants, [locked]);
    let token = &first.next_page_token;
    assert_refused(anna.my_tenants(1, token).await, Code::InvalidArgument, "PAGE_TOKEN_INVALID");
    let alone = anna.my_tenants(0, "").await.unwrap();
    assert_eq!((alone.tenants.len(), alone.switcher), (1, false));
}

#[tokio::test(flavor = "multi_thread")]
async fn privileges_are_tested_in_the_active_tenant() {
    let server = TestServer::start().await;
    let Guest { acme, anna, beta, bert, .. } = server.guest().await;
    let privilege = |parent: &str| v1::CreatePrivilegeRequest {
        parent: parent.into(),
        privilege_id: "category.finance".into(),
        ..Default::default()
    };
    for (api, tenant) in [(&anna, &acme), (&bert, &beta)] {
        api.create_privilege(privilege(tenant)).await.unwrap();
    }
    let finance = format!("{acme}/privileges/category.finance");
    let role = anna.new_role(&acme, "Clerk", &[&finance]).await.unwrap();
    anna.give(&role, &[&anna.user_named(&acme, "anna").await]).await.unwrap();
    let asked = [
        "privileges/user-administrator".to_owned(),
        "privileges/manage-tenants".to_owned(),
        finance.clone(),
        format!("{beta}/privileges/category.finance"),
    ];
    let test = async |privileges: Vec<String>| {
        let request = v1::TestPrivilegesRequest { privileges };
        anna.client.sessions().test_privileges(request).await.map(|r| r.into_inner().privileges)
    };
    assert_eq!(test(asked.to_vec()).await.unwrap(), ["privileges/user-administrator".to_owned(), finance]);
    assert_refused(test(vec![String::new(); 101]).await, Code::InvalidArgument, "FIELDS_INVALID");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_in_a_tenant_that_sends_its_guest_home_goes_on_nowhere() {
    let server = TestServer::start().await;
    let Guest { beta, bert, ben, .. } = server.guest().await;
    let anonymous = server.anonymous().await;
    let session = anonymous.session_in("ben@acme", "beta").await.unwrap();
    bert.unassign_users(&beta, &[&ben]).await.unwrap();
    let guest = anonymous.with_token(&session.access_token);
    assert_refused(guest.who().await, Code::Unauthenticated, "TOKEN_INVALID");
    let refreshed = anonymous.refresh(&session.refresh_token).await;
    assert_refused(refreshed, Code::Unauthenticated, "TOKEN_INVALID");
}
