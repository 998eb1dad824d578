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

async fn filtered(api: &Api, filter: &str) -> Vec<String> {
    names(&page(api, v1::ListTenantsRequest { filter: filter.into(), ..Default::default() }).await)
}

#[tokio::test(flavor = "multi_thread")]
async fn search_works_in_any_script_from_the_first_letter_on() {
    let server = TestServer::start().await;
    let operator = server.operator().await;
    for name in ["Москва Строй", "東京電力", "Ελλάδα Σίσυφος", "Straße & Söhne", "شركة النور", "A\u{30a}ngstro\u{308}m"]
    {
        operator.create(name).await;
    }
    for (text, found) in [
        ("м", "Москва Строй"),
        ("СТРОЙ", "Москва Строй"),
        ("電", "東京電力"),
        ("京電力", "東京電力"),
        ("σίσυφοΣ", "Ελλάδα Σίσυφος"),
        ("STRASSE", "Straße & Söhne"),
        ("النور", "شركة النور"),
        ("ÅNGSTRÖM", "Ångström"),
    ] {
        assert_eq!(search(&operator, text).await, [found], "{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn filters_are_by_state_label_server_name_age_and_what_joins_them() {
    let server = TestServer::start().await;
    let operator = server.operator().await;
    operator.create_server("north", v1::Server::default()).await.unwrap();
    let create = async |name: &str, server: &str, region: &str| {
        let labels = if region.is_empty() { [].into() } else { [("region".to_owned(), region.to_owned())].into() };
        let tenant = v1::Tenant { display_name: name.into(), server: server.into(), labels, ..Default::default() };
        let request = v1::CreateTenantRequest { tenant: Some(tenant), ..Default::default() };
        let made = operator.client.tenants().create_tenant(request).await.unwrap().into_inner();
        operator.succeed(made.operation).await;
        made.tenant.unwrap()
    };
    let acme = create("Acme", "servers/north", "north east").await;
    create("Beta", "", "south").await;
    create("Gamma", "servers/north", "").await;
    operator.lock("tenants/beta").await.unwrap();
    operator
        .update(v1::Tenant { name: "tenants/gamma".into(), protected: true, ..Default::default() }, &["protected"])
        .await
        .unwrap();
    for (filter, wanted) in [
        ("state = LOCKED", &["Beta"][..]),
        ("state != ACTIVE", &["Beta"]),
        ("lock_reason = OPERATOR", &["Beta"]),
        ("server = \"servers/north\"", &["Acme", "Gamma"]),
        ("server = north AND labels:region", &["Acme"]),
        ("labels.region = \"north east\"", &["Acme"]),
        ("labels.region:* AND -labels.region = south", &["Acme"]),
        ("NOT labels:region AND protected = true", &["Gamma"]),
        ("code = acme OR code = beta", &["Acme", "Beta"]),
        ("display_name : AM", &["Gamma"]),
        ("display_name = acme", &["Acme"]),
        ("state = ACTIVE AND (server = north OR code = beta) AND protected = false", &["Acme"]),
        ("create_time > 2100-01-01T00:00:00Z", &[]),
        ("create_time >= 2000-01-01T00:00:00Z AND server = north", &["Acme", "Gamma"]),
    ] {
        assert_eq!(filtered(&operator, filter).await, wanted, "{filter}");
    }
    let created = acme.create_time.unwrap();
    let later =
        format!("create_time > {}", chrono::DateTime::from_timestamp(created.seconds + 1, 0).unwrap().to_rfc3339());
    assert!(!filtered(&operator, &later).await.contains(&"Acme".to_owned()));
    for wrong in ["state = ASLEEP", "colour = red", "state =", "(state = LOCKED", "name", &"a=b ".repeat(600)] {
        let request = v1::ListTenantsRequest { filter: wrong.into(), ..Default::default() };
        let refused = operator.client.tenants().list_tenants(request).await;
        assert_refused(refused, Code::InvalidArgument, "FILTER_INVALID");
    }
    let filter = "server = north".to_owned();
    let first = v1::ListTenantsRequest { filter, page_size: 1, ..Default::default() };
    let token = page(&operator, first.clone()).await.next_page_token;
    let other = v1::ListTenantsRequest { page_token: token.clone(), filter: "server = south".into(), ..first.clone() };
    assert_refused(operator.client.tenants().list_tenants(other).await, Code::InvalidArgument, "PAGE_TOKEN_INVALID");
    assert_eq!(names(&page(&operator, v1::ListTenantsRequest { page_token: token, ..first }).await), ["Gamma"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_replica_lists_what_any_other_has_just_changed() {
    let server = TestServer::start().await;
    let second = TestServer::on(server.database.clone(), &[]).await;
    let (one, two) = (server.operator().await, second.operator().await);
    assert_eq!(search(&two, "acme").await, [""; 0], "it has read its list before");
    for round in 0..5 {
        let name = one.active_tenant(&format!("Acme {round}")).await;
        assert_eq!(search(&two, &format!("acme {round}")).await, [format!("Acme {round}")]);
        let tenant = v1::Tenant { name: name.clone(), display_name: format!("Beta {round}"), ..Default::default() };
        two.update(tenant, &["display_name"]).await.unwrap();
        assert_eq!(search(&one, &format!("beta {round}")).await, [format!("Beta {round}")]);
        assert_eq!(filtered(&two, &format!("display_name : \"acme {round}\"")).await, [""; 0]);
        one.lock(&name).await.unwrap();
        assert_eq!(
            filtered(&two, &format!("state = LOCKED AND display_name : \"{round}\"")).await,
            [format!("Beta {round}")]
        );
        two.delete_fully(&name).await;
        assert_eq!(search(&one, &format!("beta {round}")).await, [""; 0]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_commits_after_later_ones_is_listed_all_the_same() {
    let server = TestServer::start().await;
    let operator = server.operator().await;
    operator.active_tenant("Acme").await;
    let late = server.sql().await;
    late.batch_execute("BEGIN; UPDATE tenants SET display_name = 'Zeta' WHERE code = 'acme'").await.unwrap();
    operator.active_tenant("Beta").await;
    assert_eq!(search(&operator, "a").await, ["Acme", "Beta", "Infrastructure"]);
    late.batch_execute("COMMIT").await.unwrap();
    assert_eq!(search(&operator, "a").await, ["Beta", "Infrastructure", "Zeta"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_overview_has_what_there_is_and_what_is_not_there_is_not_zero() {
    let server = TestServer::start().await;
    let operator = server.operator().await;
    let (name, _) = server.administrator("Acme").await;
    let request = |view: v1::TenantView| v1::ListTenantsRequest {
        view: view.into(),
        search: "acme".into(),
        ..Default::default()
    };
    let rows = page(&operator, request(v1::TenantView::Full)).await.rows;
    let overview = rows[0].overview.clone().unwrap();
    assert_eq!((overview.users, overview.current_operation), (Some(1), None));
    assert_eq!(page(&operator, request(v1::TenantView::Basic)).await.rows[0].overview, None);
    let held = server.hold("servers, participant_ledger").await;
    let begun = operator.prepare(&name).await.unwrap().operation.unwrap();
    let current = operator.overview(&name).await.current_operation.unwrap();
    assert_eq!((current.name, current.kind.as_str()), (begun.name.clone(), "prepare-deletion"));
    drop(held);
    operator.succeed(Some(begun)).await;
    let wrong = v1::ListTenantsRequest { view: 99, ..Default::default() };
    let wrong = operator.client.tenants().list_tenants(wrong).await;
    assert_refused(wrong, Code::InvalidArgument, "FIELDS_INVALID");
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
