//! ListTenants.

use landlord::proto::v1;
use tonic::Code;

use crate::support::client::{Api, assert_refused};
use crate::support::server::TestServer;

async fn page(api: &Api, request: v1::ListTenantsRequest) -> v1::ListTenantsResponse {
    api.client.tenants().list_tenants(request).await.unwrap().into_inner()
}

fn names(page: &v1::ListTenantsResponse) -> Vec<String> {
    page.rows.iter().map(|row| row.tenant.as_ref().unwrap().display_name.clone()).collect()
}

async fn search(api: &Api, text: &str) -> Vec<String> {
    names(&page(api, v1::ListTenantsRequest { search: text.into(), ..Default::default() }).await)
}

async fn ordered(api: &Api, order_by: &str) -> Vec<String> {
    names(&page(api, v1::ListTenantsRequest { order_by: order_by.into(), ..Default::default() }).await)
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_follow_each_other_in_every_order_without_loss_or_repetition() {
    let server = TestServer::start().await;
    let operator = server.operator().await;
    // Two of one name: every order needs a unique end. None of them changes its state while it is listed.
    for name in ["beta", "Alpha", "Acme", "Acme", "Zeta"] {
        operator.active_tenant(name).await;
    }
    operator.lock("tenants/alpha").await.unwrap();
    for order in ["", "display_name desc", "code", "state", "state desc", "create_time", "create_time desc"] {
        let all = page(&operator, v1::ListTenantsRequest { order_by: order.into(), ..Default::default() }).await;
        assert_eq!((all.rows.len(), all.total_size, all.next_page_token.as_str()), (6, 6, ""));
        let mut seen = Vec::new();
        let mut token = String::new();
        for size in [1, 2, 1, 2] {
            let request = v1::ListTenantsRequest {
                page_size: size,
                page_token: token,
                order_by: order.into(),
                ..Default::default()
            };
            let next = page(&operator, request).await;
            assert_eq!((next.total_size, next.rows.len()), (6, usize::try_from(size).unwrap()));
            seen.extend(next.rows.iter().map(|row| row.tenant.clone().unwrap().uid));
            token = next.next_page_token;
        }
        assert_eq!(token, "", "the last page says so");
        let whole: Vec<_> = all.rows.iter().map(|row| row.tenant.clone().unwrap().uid).collect();
        assert_eq!(seen, whole, "{order}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn orders_are_by_name_of_any_case_code_creation_and_state() {
    let server = TestServer::start().await;
    let operator = server.operator().await;
    for name in ["beta", "Alpha", "Zeta"] {
        operator.active_tenant(name).await;
    }
    operator.lock("tenants/beta").await.unwrap();
    assert_eq!(ordered(&operator, "").await, ["Alpha", "beta", "Infrastructure", "Zeta"]);
    assert_eq!(ordered(&operator, "display_name desc").await, ["Zeta", "Infrastructure", "beta", "Alpha"]);
    assert_eq!(ordered(&operator, "create_time").await, ["Infrastructure", "beta", "Alpha", "Zeta"]);
    assert_eq!(ordered(&operator, "state").await[3], "beta");
    assert_eq!(ordered(&operator, "code desc").await[0], "Zeta");
}

#[tokio::test(flavor = "multi_thread")]
async fn search_finds_parts_of_names_and_codes_in_any_case_and_takes_wildcards_literally() {
    let server = TestServer::start().await;
    let operator = server.operator().await;
    for name in ["Acme", "100% Wool", "A_B Works", "Müller", "back\\slash"] {
        operator.create(name).await;
    }
    assert_eq!(search(&operator, "CM").await, ["Acme"]);
    assert_eq!(search(&operator, "a").await, ["A_B Works", "Acme", "back\\slash", "Infrastructure"]);
    assert_eq!(search(&operator, "%").await, ["100% Wool"]);
    assert_eq!(search(&operator, "_").await, ["A_B Works"]);
    assert_eq!(search(&operator, "\\").await, ["back\\slash"]);
    assert_eq!(search(&operator, "mÜL").await, ["Müller"]);
    assert_eq!(search(&operator, "muller").await, ["Müller"], "by code");
    assert_eq!(search(&operator, "nobody").await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_are_as_get_tenant_has_them_and_a_deleted_tenant_has_none() {
    let server = TestServer::start().await;
    let operator = server.operator().await;
    let name = operator.active_tenant("Acme").await;
    let request = v1::ListTenantsRequest { search: "Acme".into(), ..Default::default() };
    assert_eq!(page(&operator, request).await.rows, [operator.row(&name).await.unwrap()]);
    operator.delete_fully(&name).await;
    assert_eq!(search(&operator, "Acme").await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenants_administrator_cannot_list_tenants() {
    let server = TestServer::start().await;
    let (_, anna) = server.administrator("Acme").await;
    let listed = anna.client.tenants().list_tenants(v1::ListTenantsRequest::default()).await;
    assert_refused(listed, Code::PermissionDenied, "PRIVILEGE_MISSING");
}
