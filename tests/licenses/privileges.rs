//! What licences open: the others are neither listed nor granted, and count for nobody.

use landlord::proto::v1;
use tonic::Code;

use crate::support::client::{Api, assert_refused};
use crate::support::licenses::kind;
use crate::support::lifecycle::facts;
use crate::support::server::TestServer;

async fn listed(api: &Api, parent: &str) -> Vec<String> {
    let request = v1::ListPrivilegesRequest { parent: parent.into(), ..Default::default() };
    let found = api.list_privileges(request).await.unwrap();
    assert_eq!(usize::try_from(found.total_size), Ok(found.privileges.len()));
    found.privileges.into_iter().map(|privilege| privilege.name).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_metered_tenant_lists_and_grants_what_its_licences_open_and_what_it_defines() {
    let server = TestServer::start().await;
    let (acme, anna) = server.administrator("Acme").await;
    let operator = server.operator().await;
    let (analysis, dashboard) = ("privileges/analysis-administrator", "privileges/dashboard-administrator");
    let opens = ["analysis-administrator", "dashboard-administrator"];
    operator
        .set_kinds(&[kind("analysis", None, false, &opens), kind("tiles", None, false, &opens[1..])], &[])
        .await
        .unwrap();
    let define = v1::CreatePrivilegeRequest {
        parent: acme.clone(),
        privilege_id: "category.finance".into(),
        ..Default::default()
    };
    anna.create_privilege(define).await.unwrap();
    let all = listed(&anna, &acme).await;
    assert_eq!(all.len(), 13, "who is not metered has all of them");
    operator.allot(&acme, &[("base", 5)]).await.unwrap();
    let fewer = listed(&anna, &acme).await;
    assert_eq!(fewer.len(), 11);
    assert!(!fewer.iter().any(|name| [analysis, dashboard].contains(&name.as_str())), "{fewer:?}");
    let clerk = anna.new_role(&acme, "Clerk", &["privileges/document-administrator"]).await.unwrap();
    let refused = anna.grant(&clerk, &["privileges/portal-administrator", analysis]).await;
    let refused = assert_refused(refused, Code::FailedPrecondition, "PRIVILEGE_NOT_LICENSED");
    assert_eq!(facts(&refused)["privilege"], "analysis-administrator");
    let refused = anna.new_role(&acme, "Analyst", &[dashboard]).await;
    assert_refused(refused, Code::FailedPrecondition, "PRIVILEGE_NOT_LICENSED");
    let role = anna.get_role(v1::GetRoleRequest { name: clerk.clone() }).await.unwrap().role.unwrap();
    assert_eq!(role.privileges, ["privileges/document-administrator"], "nothing was granted");

    operator.allot(&acme, &[("tiles", 1)]).await.unwrap();
    assert_eq!(listed(&anna, &acme).await.len(), 12, "one kind that opens it is enough");
    anna.grant(&clerk, &[dashboard]).await.unwrap();
    assert_refused(anna.grant(&clerk, &[analysis]).await, Code::FailedPrecondition, "PRIVILEGE_NOT_LICENSED");
    operator.set_kinds(&[], &["analysis"]).await.unwrap();
    anna.grant(&clerk, &[analysis]).await.expect("nothing else opens it any more, so base does");
    operator.allot(&acme, &[("base", 0), ("tiles", 0)]).await.unwrap();
    assert_eq!(listed(&anna, &acme).await, all);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_role_holds_without_a_licence_stays_there_and_counts_for_nobody() {
    let server = TestServer::start().await;
    let (acme, anna) = server.administrator("Acme").await;
    let (beta, bert) = server.another("Beta", "bert").await;
    let operator = server.operator().await;
    operator
        .set_kinds(&[kind("people", None, true, &["user-administrator", "portal-administrator"])], &[])
        .await
        .unwrap();
    operator.allot(&acme, &[("people", 5), ("base", 5)]).await.unwrap();
    let holds = async |api: &Api, name: &str| api.who().await.unwrap().privileges.iter().any(|held| held == name);
    assert!(holds(&anna, "user-administrator").await && holds(&anna, "portal-administrator").await);
    let administrator = anna.role_named(&acme, "Administrator").await;

    operator.allot(&acme, &[("people", 0)]).await.unwrap();
    assert!(!holds(&anna, "user-administrator").await && holds(&anna, "document-administrator").await);
    assert_refused(anna.new_user(&acme, "ben").await, Code::PermissionDenied, "PRIVILEGE_MISSING");
    let names = vec!["privileges/user-administrator".to_owned(), "privileges/document-administrator".into()];
    let tested = v1::TestPrivilegesRequest { privileges: names };
    let tested = anna.client.sessions().test_privileges(tested).await.unwrap().into_inner().privileges;
    assert_eq!(tested, ["privileges/document-administrator"]);
    assert!(holds(&bert, "user-administrator").await, "who is not metered holds it");
    bert.new_user(&beta, "ben").await.unwrap();

    operator.allot(&acme, &[("people", 1)]).await.unwrap();
    anna.new_user(&acme, "ben").await.expect("it was there all the time");
    let role = anna.get_role(v1::GetRoleRequest { name: administrator }).await.unwrap().role.unwrap();
    assert_eq!(role.privileges.len(), 12);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_without_base_lacks_what_only_base_opens_and_the_infrastructure_tenant_lacks_nothing() {
    let server = TestServer::start().await;
    let (acme, anna) = server.administrator("Acme").await;
    let operator = server.operator().await;
    let opens = ["user-administrator", "license-administrator"];
    operator.set_kinds(&[kind("small", Some(3), true, &opens)], &[]).await.unwrap();
    operator.allot(&acme, &[("small", 3)]).await.unwrap();
    assert_eq!(listed(&anna, &acme).await, ["privileges/user-administrator", "privileges/license-administrator"]);
    assert_eq!(anna.who().await.unwrap().privileges.len(), 2);
    assert_eq!(listed(&operator, "tenants/infrastructure").await.len(), 15);
    let clerk = operator.new_role("tenants/infrastructure", "Clerk", &["privileges/user-administrator"]).await.unwrap();
    operator.grant(&clerk, &["privileges/portal-administrator"]).await.unwrap();
}
