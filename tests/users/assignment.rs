//! AssignUsers, UnassignUsers, AssignTenants, UnassignTenants, ListUserTenants and SetDefaultTenant.

use landlord::proto::v1;
use tonic::Code;

use crate::support::client::{Api, assert_refused};
use crate::support::server::TestServer;

#[tokio::test(flavor = "multi_thread")]
async fn operators_assign_from_both_sides_and_saying_it_twice_changes_nothing() {
    let server = TestServer::start().await;
    let (acme, anna) = server.administrator("Acme").await;
    let (beta, bert) = server.another("Beta", "bert").await;
    let gamma = server.operator().await.active_tenant("Gamma").await;
    let operator = server.operator().await;
    let ben = anna.new_user(&acme, "ben").await.unwrap().name;
    let carl = anna.new_user(&acme, "carl").await.unwrap().name;

    assert_eq!(operator.assign_users(&beta, &[&ben, &carl]).await.unwrap(), 2);
    assert_eq!(operator.assign_users(&beta, &[&ben, &carl]).await.unwrap(), 0);
    assert_eq!(operator.assign_tenants(&ben, &[&gamma, &beta, &acme]).await.unwrap(), 1);
    assert_eq!(anna.tenants_of(&ben).await.unwrap(), [&*acme, &*beta, &*gamma]);
    assert_eq!(operator.tenants_of(&carl).await.unwrap(), [&*acme, &*beta]);
    let guests = v1::ListUsersRequest { parent: beta.clone(), filter: "guest = true".into(), ..Default::default() };
    assert_eq!(bert.list_users(guests.clone()).await.unwrap().total_size, 2);

    operator.unassign_users(&beta, &[&ben]).await.unwrap();
    operator.unassign_tenants(&ben, &[&gamma]).await.unwrap();
    assert_eq!(anna.tenants_of(&ben).await.unwrap(), [&*acme]);
    assert_eq!(bert.list_users(guests).await.unwrap().users[0].user_name, "carl");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_concerned_on_the_other_side_has_it_in_its_logs_and_no_more_than_that() {
    let server = TestServer::start().await;
    let (acme, anna) = server.administrator("Acme").await;
    let (beta, bert) = server.another("Beta", "bert").await;
    let operator = server.operator().await;
    let gamma = operator.active_tenant("Gamma").await;
    let ben = anna.new_user(&acme, "ben").await.unwrap().name;
    let told = async |api: &Api, tenant: &str, method: &str| {
        let found = api.audit(tenant, &format!("method = {method}")).await.unwrap();
        assert_eq!(found.len(), 1, "{method} in {tenant}: {found:?}");
        assert_eq!(api.events(tenant, &format!("kind = {method}")).await.unwrap().events.len(), 1);
        found[0].details.clone()
    };
    operator.assign_tenants(&ben, &[&beta, &gamma]).await.unwrap();
    let details = told(&bert, &beta, "AssignTenants").await;
    assert_eq!(details, [("user".to_owned(), ben.clone())].into(), "not where else");
    operator.unassign_tenants(&ben, &[&beta]).await.unwrap();
    assert_eq!(told(&bert, &beta, "UnassignTenants").await, details);
    operator.assign_users(&beta, &[&ben]).await.unwrap();
    let details = told(&anna, &acme, "AssignUsers").await;
    assert_eq!(details, [("tenant".to_owned(), beta.clone()), ("users".to_owned(), ben.clone())].into());
    // What an administrator does stays in the tenant, with the administrator's name.
    bert.unassign_users(&beta, &[&ben]).await.unwrap();
    assert!(anna.audit(&acme, "method = UnassignUsers").await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn all_are_assigned_or_none() {
    let server = TestServer::start().await;
    let (acme, anna) = server.administrator("Acme").await;
    let (beta, _) = server.another("Beta", "bert").await;
    let operator = server.operator().await;
    let ben = anna.new_user(&acme, "ben").await.unwrap().name;
    let nobody = format!("{acme}/users/{}", uuid::Uuid::now_v7());
    let nowhere = "tenants/nowhere".to_owned();
    let refused =
        assert_refused(operator.assign_users(&beta, &[&ben, &nobody]).await, Code::NotFound, "RESOURCE_NOT_FOUND");
    assert!(refused.message().contains(&nobody), "{}", refused.message());
    let refused = operator.assign_tenants(&ben, &[&beta, &nowhere]).await;
    assert_refused(refused, Code::NotFound, "RESOURCE_NOT_FOUND");
    operator.prepare_fully(&beta).await;
    let refused = operator.assign_tenants(&ben, &[&beta]).await;
    assert_refused(refused, Code::FailedPrecondition, "TENANT_STATE_INVALID");
    let refused = operator.assign_users(&beta, &[&ben]).await;
    assert_refused(refused, Code::FailedPrecondition, "TENANT_STATE_INVALID");
    assert_eq!(anna.tenants_of(&ben).await.unwrap(), [&*acme]);
    let none: [&str; 0] = [];
    assert_refused(operator.assign_users(&acme, &none).await, Code::InvalidArgument, "FIELDS_INVALID");
    let many = vec![ben.as_str(); 1001];
    assert_refused(operator.assign_users(&acme, &many).await, Code::InvalidArgument, "FIELDS_INVALID");
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_comes_into_the_infrastructure_tenant_and_none_of_its_users_goes_elsewhere() {
    let server = TestServer::start().await;
    let (acme, anna) = server.administrator("Acme").await;
    let operator = server.operator().await;
    let infrastructure = "tenants/infrastructure";
    let ben = anna.new_user(&acme, "ben").await.unwrap().name;
    let own = operator.new_user(infrastructure, "olga").await.unwrap().name;
    for answer in [
        operator.assign_users(infrastructure, &[&ben]).await,
        operator.assign_tenants(&ben, &[infrastructure]).await,
        operator.assign_users(&acme, &[&own]).await,
        operator.assign_tenants(&own, &[&acme]).await,
    ] {
        assert_refused(answer, Code::FailedPrecondition, "TENANT_READ_ONLY");
    }
    operator.unassign_users(infrastructure, &[&own]).await.unwrap();
    assert_eq!(operator.assign_tenants(&own, &[infrastructure]).await.unwrap(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_administrator_takes_own_users_out_calls_them_back_and_sends_guests_home() {
    let server = TestServer::start().await;
    let (acme, anna) = server.administrator("Acme").await;
    let (beta, bert) = server.another("Beta", "bert").await;
    let operator = server.operator().await;
    let ben = anna.new_user(&acme, "ben").await.unwrap().name;
    let carl = anna.new_user(&acme, "carl").await.unwrap().name;
    operator.assign_users(&beta, &[&ben, &carl]).await.unwrap();

    anna.unassign_users(&acme, &[&ben]).await.unwrap();
    assert!(!anna.user(&ben).await.unwrap().member);
    assert_eq!(anna.tenants_of(&ben).await.unwrap(), [&*beta]);
    assert_refused(anna.unassign_users(&acme, &[&ben]).await, Code::NotFound, "RESOURCE_NOT_FOUND");
    assert_eq!(anna.assign_users(&acme, &[&ben]).await.unwrap(), 1);
    server.enter("ben@acme").await;
    assert_eq!(anna.sessions_of(&ben).await.unwrap().len(), 1);
    anna.unassign_tenants(&ben, &[&acme, &beta]).await.unwrap();
    assert!(anna.sessions_of(&ben).await.unwrap().is_empty());
    assert!(anna.tenants_of(&ben).await.unwrap().is_empty());
    assert_eq!(anna.assign_tenants(&ben, &[&acme]).await.unwrap(), 1);
    assert!(anna.user(&ben).await.unwrap().member);
    // Of other tenants it assigns nobody, neither own users there nor theirs here, and hears nothing of them.
    assert_refused(anna.assign_tenants(&ben, &[&beta]).await, Code::NotFound, "RESOURCE_NOT_FOUND");
    let theirs = bert.user_named(&beta, "bert").await;
    assert_refused(anna.assign_users(&acme, &[&theirs]).await, Code::NotFound, "RESOURCE_NOT_FOUND");
    assert_refused(anna.assign_users(&beta, &[&ben]).await, Code::NotFound, "RESOURCE_NOT_FOUND");

    let guest = bert.user_named(&beta, "carl").await;
    assert_ne!(guest, carl);
    bert.unassign_users(&beta, &[&guest]).await.unwrap();
    assert_eq!(anna.tenants_of(&carl).await.unwrap(), [&*acme]);
    operator.assign_users(&beta, &[&carl]).await.unwrap();
    bert.unassign_users(&beta, &[&carl]).await.unwrap();
    assert_eq!(anna.tenants_of(&carl).await.unwrap(), [&*acme], "by its name at home, too");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_default_tenant_is_one_in_which_the_user_works_and_may_be_left_behind() {
    let server = TestServer::start().await;
    let (acme, anna) = server.administrator("Acme").await;
    let (beta, bert) = server.another("Beta", "bert").await;
    let operator = server.operator().await;
    let ben = anna.new_user(&acme, "ben").await.unwrap().name;
    assert_refused(anna.default_tenant(&ben, &beta).await, Code::NotFound, "RESOURCE_NOT_FOUND");
    operator.assign_users(&beta, &[&ben]).await.unwrap();
    assert_eq!(anna.default_tenant(&ben, &beta).await.unwrap().default_tenant, beta);
    let listed = anna.list_user_tenants(v1::ListUserTenantsRequest { user: ben.clone(), ..Default::default() }).await;
    let listed = listed.unwrap().tenants;
    let flags: Vec<_> = listed.iter().map(|t| (t.tenant.as_str(), t.home, t.default_tenant)).collect();
    assert_eq!(flags, [(&*acme, true, false), (&*beta, false, true)]);

    let guest = bert.user_named(&beta, "ben").await;
    assert_refused(bert.default_tenant(&guest, "").await, Code::FailedPrecondition, "USER_IS_GUEST");
    bert.unassign_users(&beta, &[&guest]).await.unwrap();
    let uid = operator.tenant(&beta).await.uid;
    assert_eq!(anna.user(&ben).await.unwrap().default_tenant, format!("tenants/{uid}"), "it is left behind");
    assert_eq!(anna.default_tenant(&ben, "").await.unwrap().default_tenant, "");
    anna.unassign_users(&acme, &[&ben]).await.unwrap();
    assert_refused(anna.default_tenant(&ben, "").await, Code::FailedPrecondition, "NOT_A_MEMBER");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_tenants_of_a_user_come_in_pages() {
    let server = TestServer::start().await;
    let (acme, anna) = server.administrator("Acme").await;
    let operator = server.operator().await;
    let ben = anna.new_user(&acme, "ben").await.unwrap().name;
    for name in ["Beta", "Gamma"] {
        let tenant = operator.active_tenant(name).await;
        operator.assign_users(&tenant, &[&ben]).await.unwrap();
    }
    let (mut seen, mut page_token) = (Vec::new(), String::new());
    loop {
        let request = v1::ListUserTenantsRequest { user: ben.clone(), page_size: 1, page_token };
        let page = anna.list_user_tenants(request).await.unwrap();
        assert_eq!(page.total_size, 3);
        seen.extend(page.tenants.into_iter().map(|t| t.tenant));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    assert_eq!(seen, ["tenants/acme", "tenants/beta", "tenants/gamma"]);
}
