//! Servers, where tenants are placed.

use landlord::proto::v1::{self, AccessStatus};
use tonic::Code;

use crate::support::client::{Api, assert_refused, eventually, fields};
use crate::support::server::TestServer;

fn server(region: &str, time_zone: &str, locale: &str) -> v1::Server {
    let (region, time_zone, locale) = (region.into(), time_zone.into(), locale.into());
    v1::Server { region, time_zone, locale, ..Default::default() }
}

async fn create_on(api: &Api, name: &str, server: &str) -> Result<v1::Tenant, tonic::Status> {
    let tenant = Some(v1::Tenant { display_name: name.into(), server: server.into(), ..Default::default() });
    let request = v1::CreateTenantRequest { tenant, ..Default::default() };
    let made = api.client.tenants().create_tenant(request).await?.into_inner();
    api.succeed(made.operation).await;
    Ok(made.tenant.unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_are_added_changed_listed_and_removed_once_nobody_stands_on_them() {
    let landlord = TestServer::start().await;
    let operator = landlord.operator().await;
    let made = operator.create_server("north", server("Hamburg", "Europe/Berlin", "de-DE")).await.unwrap();
    assert_eq!((made.name.as_str(), made.reachable, made.unreachable_since), ("servers/north", Some(true), None));
    let again = operator.create_server("north", v1::Server::default()).await;
    assert_refused(again, Code::AlreadyExists, "RESOURCE_EXISTS");
    let plain = operator.create_server("plain", v1::Server::default()).await.unwrap();
    assert_eq!((plain.time_zone.as_str(), plain.locale.as_str(), plain.region.as_str()), ("UTC", "en", ""));

    let (mut names, mut page_token) = (Vec::new(), String::new());
    loop {
        let request = v1::ListServersRequest { page_size: 2, page_token };
        let page = operator.client.admin().list_servers(request).await.unwrap().into_inner();
        assert_eq!(page.total_size, 3);
        names.extend(page.servers.into_iter().map(|s| s.name));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    assert_eq!(names, ["servers/default", "servers/north", "servers/plain"]);

    let tenant = create_on(&operator, "Acme", "servers/north").await.unwrap();
    assert_eq!((tenant.server.as_str(), tenant.time_zone.as_str()), ("servers/north", "Europe/Berlin"));
    let moved = v1::Server { name: made.name.clone(), etag: made.etag.clone(), ..server("Bremen", "", "") };
    let changed = operator.update_server(moved.clone(), &["region"]).await.unwrap();
    assert_eq!((changed.region.as_str(), changed.time_zone.as_str()), ("Bremen", "Europe/Berlin"));
    assert_refused(operator.update_server(moved, &["region"]).await, Code::Aborted, "ETAG_MISMATCH");
    assert_refused(operator.delete_server("servers/north").await, Code::FailedPrecondition, "SERVER_IN_USE");
    operator.delete_fully(&tenant.name).await;
    operator.delete_server("servers/north").await.unwrap();
    let request = v1::GetServerRequest { name: "servers/north".into() };
    assert_refused(operator.client.admin().get_server(request).await, Code::NotFound, "RESOURCE_NOT_FOUND");
    assert_refused(operator.delete_server("servers/north").await, Code::NotFound, "RESOURCE_NOT_FOUND");
    assert_refused(operator.delete_server("servers/default").await, Code::FailedPrecondition, "SERVER_IN_USE");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_places_a_tenant_on_a_server_that_goes_at_that_moment_is_told_that_there_is_none() {
    let landlord = TestServer::start().await;
    let operator = landlord.operator().await;
    operator.create_server("north", v1::Server::default()).await.unwrap();
    let sql = landlord.sql().await;
    sql.batch_execute("BEGIN; DELETE FROM servers WHERE id = 'north'").await.unwrap();
    let late = tokio::spawn(async move { create_on(&operator, "Acme", "servers/north").await });
    let observer = landlord.sql().await;
    eventually("a creation that waits", || async {
        let waits = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
        observer.query_opt(waits, &[]).await.unwrap()
    })
    .await;
    sql.batch_execute("COMMIT").await.unwrap();
    let refused = assert_refused(late.await.unwrap(), Code::InvalidArgument, "FIELDS_INVALID");
    assert_eq!(fields(&refused)[0].0, "tenant.server");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_audit_trail_has_what_a_server_is_and_what_of_it_changed() {
    let landlord = TestServer::start().await;
    let operator = landlord.operator().await;
    operator.create_server("north", server("Hamburg", "Europe/Berlin", "de-DE")).await.unwrap();
    let moved = v1::Server { name: "servers/north".into(), reachable: Some(false), ..server("Bremen", "", "en-GB") };
    operator.update_server(moved, &["region", "locale", "reachable"]).await.unwrap();
    let told = async |method: &str| {
        let filter = format!("method = {method}");
        operator.audit("tenants/infrastructure", &filter).await.unwrap().remove(0).details
    };
    let made = told("CreateServer").await;
    assert_eq!((&*made["region"], &*made["time_zone"], &*made["locale"]), ("Hamburg", "Europe/Berlin", "de-DE"));
    let changed = told("UpdateServer").await;
    assert_eq!((&*changed["region"], &*changed["locale"]), ("Hamburg to Bremen", "de-DE to en-GB"));
    assert_eq!((&*changed["reachable"], changed.len()), ("true to false", 3));
}

#[tokio::test(flavor = "multi_thread")]
async fn tenants_on_a_server_that_cannot_be_reached_are_shown_so_and_none_is_placed_there() {
    let landlord = TestServer::start().await;
    let operator = landlord.operator().await;
    operator.create_server("north", v1::Server::default()).await.unwrap();
    let tenant = create_on(&operator, "Acme", "servers/north").await.unwrap();
    let reachable =
        |reachable| v1::Server { name: "servers/north".into(), reachable: Some(reachable), ..Default::default() };
    let down = operator.update_server(reachable(false), &[]).await;
    assert_refused(down, Code::InvalidArgument, "FIELDS_INVALID");
    let down = operator.update_server(reachable(false), &["reachable"]).await.unwrap();
    assert!(down.unreachable_since.is_some() && down.reachable == Some(false));
    let again = operator.update_server(reachable(false), &["reachable"]).await.unwrap();
    assert_eq!(again.unreachable_since, down.unreachable_since, "since when does not change by saying it twice");

    let row = operator.row(&tenant.name).await.unwrap();
    let access = row.access.unwrap();
    assert_eq!((access.status(), access.reason.as_str()), (AccessStatus::AccessDenied, "SERVER_UNREACHABLE"));
    let condition = &row.tenant.unwrap().conditions[0];
    assert_eq!(condition.kind(), v1::tenant_condition::Kind::ServerUnreachable);
    let refused = create_on(&operator, "Beta", "servers/north").await;
    assert_refused(refused, Code::FailedPrecondition, "SERVER_UNREACHABLE");

    operator.update_server(reachable(true), &["reachable"]).await.unwrap();
    let row = operator.row(&tenant.name).await.unwrap();
    assert_eq!((row.access.unwrap().status(), row.tenant.unwrap().conditions.len()), (AccessStatus::Active, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_server_cannot_be_is_refused_and_a_tenants_administrator_sees_none() {
    let landlord = TestServer::start().await;
    let operator = landlord.operator().await;
    for (id, wrong, field) in [
        ("N", server("", "", ""), "server_id"),
        ("north", server("", "Mars/Olympus", ""), "server.time_zone"),
        ("north", server("", "", "english!"), "server.locale"),
        ("north", server(&"x".repeat(64), "", ""), "server.region"),
    ] {
        let refused = assert_refused(operator.create_server(id, wrong).await, Code::InvalidArgument, "FIELDS_INVALID");
        assert_eq!(fields(&refused)[0].0, field);
    }
    let nameless = operator.update_server(v1::Server::default(), &["region"]).await;
    assert_refused(nameless, Code::InvalidArgument, "FIELDS_INVALID");
    let (_, anna) = landlord.administrator("Acme").await;
    let listed = anna.client.admin().list_servers(v1::ListServersRequest::default()).await;
    assert_refused(listed, Code::PermissionDenied, "PRIVILEGE_MISSING");
    assert_refused(
        anna.create_server("south", v1::Server::default()).await,
        Code::PermissionDenied,
        "PRIVILEGE_MISSING",
    );
}
