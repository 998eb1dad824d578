//! Every field at its limit, and one beyond.

use landlord::proto::v1;
use prost_types::Duration;
use tonic::{Code, Status};

use crate::support::client::{Api, assert_refused, fields};
use crate::support::lifecycle::ADMIN_PASSWORD;
use crate::support::server::{PASSWORD, TestServer};

/// Wants the answer to be a refusal that names that field, and says of it what is allowed.
#[track_caller]
fn assert_field<T: std::fmt::Debug>(answer: Result<T, Status>, field: &str, allowed: &str) {
    let status = assert_refused(answer, Code::InvalidArgument, "FIELDS_INVALID");
    let found = fields(&status);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].0, field);
    assert!(found[0].1.contains(allowed), "{found:?}");
}

/// Creates nothing: only checks.
async fn check(api: &Api, change: impl FnOnce(&mut v1::CreateTenantRequest)) -> Result<v1::Tenant, Status> {
    let tenant = Some(v1::Tenant { display_name: "Acme".into(), ..Default::default() });
    let mut request = v1::CreateTenantRequest { tenant, validate_only: true, ..Default::default() };
    change(&mut request);
    api.client.tenants().create_tenant(request).await.map(|r| r.into_inner().tenant.unwrap())
}

async fn check_tenant(api: &Api, change: impl FnOnce(&mut v1::Tenant)) -> Result<v1::Tenant, Status> {
    check(api, |request| change(request.tenant.as_mut().unwrap())).await
}

async fn check_admin(api: &Api, change: impl FnOnce(&mut v1::InitialAdmin)) -> Result<v1::Tenant, Status> {
    let email = "anna@example.com".into();
    let mut admin = v1::InitialAdmin { user_name: "anna".into(), email, ..Default::default() };
    change(&mut admin);
    check(api, |request| request.initial_admin = Some(admin)).await
}

/// Characters that nobody sees: they change the direction of text, or control something.
const HIDDEN: [&str; 7] = ["a\u{202e}b", "a\u{2066}b", "a\u{200f}b", "a\u{0}b", "a\nb", "a\u{7f}b", "a\u{feff}b"];

#[tokio::test(flavor = "multi_thread")]
async fn names_of_tenants_and_companies() {
    let server = TestServer::start().await;
    let operator = server.operator().await;
    for good in ["x".to_owned(), "ä".repeat(200), format!("  {}  ", "x".repeat(200)), "Москва & Co. 株式会社".into()]
    {
        let made = check_tenant(&operator, |t| t.display_name = good.clone()).await.unwrap();
        assert_eq!(made.display_name, good.trim());
    }
    for bad in [String::new(), "   ".into(), "ä".repeat(201)] {
        let refused = check_tenant(&operator, |t| t.display_name = bad).await;
        assert_field(refused, "tenant.display_name", "1 to 200 characters");
    }
    check_tenant(&operator, |t| t.company_name = "ä".repeat(200)).await.unwrap();
    let refused = check_tenant(&operator, |t| t.company_name = "ä".repeat(201)).await;
    assert_field(refused, "tenant.company_name", "0 to 200 characters");
    for hidden in HIDDEN {
        let refused = check_tenant(&operator, |t| t.display_name = hidden.into()).await;
        assert_field(refused, "tenant.display_name", "control characters");
        let refused = check_tenant(&operator, |t| t.company_name = hidden.into()).await;
        assert_field(refused, "tenant.company_name", "control characters");
    }
    let composed = check_tenant(&operator, |t| t.display_name = "Mu\u{308}ller".into()).await.unwrap();
    assert_eq!(composed.display_name, "Müller", "NFC");
    let none = check(&operator, |request| request.tenant = None).await;
    assert_field(none, "tenant.display_name", "1 to 200 characters");
}

#[tokio::test(flavor = "multi_thread")]
async fn codes() {
    let server = TestServer::start().await;
    let operator = server.operator().await;
    for good in ["abc".to_owned(), "a-1".into(), "x".repeat(40)] {
        assert_eq!(check(&operator, |r| r.tenant_id = good.clone()).await.unwrap().code, good);
    }
    for bad in ["ab", "Abc", "1bc", "-bc", "ab-", "a_b", "a.b", "äbc", "a/b", " abc", "ab\0", &"x".repeat(41)] {
        let refused = check(&operator, |r| r.tenant_id = bad.to_owned()).await;
        assert_field(refused, "tenant_id", "3 to 40 characters");
    }
    for reserved in ["infrastructure", "system", "landlord"] {
        assert_field(check(&operator, |r| r.tenant_id = reserved.into()).await, "tenant_id", "reserved");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn labels() {
    let server = TestServer::start().await;
    let operator = server.operator().await;
    let many = |count| (0..count).map(|i| (format!("k{i}"), String::new())).collect();
    let one = |key: &str, value: &str| [(key.to_owned(), value.to_owned())].into();
    check_tenant(&operator, |t| t.labels = many(64)).await.unwrap();
    assert_field(check_tenant(&operator, |t| t.labels = many(65)).await, "tenant.labels", "64");
    for key in ["a", "a.b/c_d-1", &"a".repeat(63)] {
        check_tenant(&operator, |t| t.labels = one(key, "")).await.unwrap();
    }
    for key in ["", "A", "1", "a b", "ä", "a\0", &"a".repeat(64)] {
        let refused = check_tenant(&operator, |t| t.labels = one(key, "")).await;
        assert_field(refused, "tenant.labels", "[a-z][a-z0-9_./-]{0,62}");
    }
    check_tenant(&operator, |t| t.labels = one("a", &"ä".repeat(63))).await.unwrap();
    for value in [&*"ä".repeat(64), "a\u{202e}", "\0"] {
        let refused = check_tenant(&operator, |t| t.labels = one("a", value)).await;
        assert_field(refused, "tenant.labels", "63 characters");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_and_time_zones() {
    let server = TestServer::start().await;
    let operator = server.operator().await;
    check_tenant(&operator, |t| t.server = "servers/default".into()).await.unwrap();
    for bad in
        ["default", "servers/", "servers/no", "servers/default/x", "servers/\0", "servers/a'b", "tenants/default"]
    {
        let refused = check_tenant(&operator, |t| t.server = bad.into()).await;
        assert_field(refused, "tenant.server", "servers/{server}");
    }
    for good in ["UTC", "Europe/Berlin", "America/Argentina/Buenos_Aires"] {
        assert_eq!(check_tenant(&operator, |t| t.time_zone = good.into()).await.unwrap().time_zone, good);
    }
    for bad in ["Berlin", "Europe/berlin", "+01:00", "../etc/passwd", "UTC\0", " "] {
        let refused = check_tenant(&operator, |t| t.time_zone = bad.into()).await;
        assert_field(refused, "tenant.time_zone", "IANA");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_administrator() {
    let server = TestServer::start().await;
    let operator = server.operator().await;
    for good in ["a", "ольга", "anna.b-c_1", "山田", &"x".repeat(64)] {
        check_admin(&operator, |a| a.user_name = good.to_owned()).await.unwrap();
    }
    for (bad, allowed) in [
        ("", "1 to 64 characters"),
        (&*"x".repeat(65), "1 to 64 characters"),
        ("a b", "spaces"),
        ("a@b", "`@`"),
        ("a/b", "`/`"),
        ("p\u{430}ypal", "mix scripts"),
        ("a\u{202e}b", "control characters"),
        ("superuser", "reserved"),
        ("SuperUser", "reserved"),
    ] {
        let refused = check_admin(&operator, |a| a.user_name = bad.to_owned()).await;
        assert_field(refused, "initial_admin.user_name", allowed);
    }
    let longest = format!("{}@{}.example", "a".repeat(64), "b".repeat(63));
    check_admin(&operator, |a| a.email = longest.clone()).await.unwrap();
    for bad in [
        "",
        "anna",
        "@example.com",
        "a@b",
        "a@-b.example",
        "a b@c.example",
        "a@b.example\r\nBcc: x@y.example",
        "a..b@c.example",
        &format!("a{longest}"),
        "a@b..example",
        "a\0@b.example",
    ] {
        assert_field(check_admin(&operator, |a| a.email = bad.to_owned()).await, "initial_admin.email", "e-mail");
    }
    check_admin(&operator, |a| (a.given_name, a.family_name) = ("ä".repeat(100), "ä".repeat(100))).await.unwrap();
    let refused = check_admin(&operator, |a| a.given_name = "ä".repeat(101)).await;
    assert_field(refused, "initial_admin.given_name", "0 to 100 characters");
    let refused = check_admin(&operator, |a| a.family_name = "ä".repeat(101)).await;
    assert_field(refused, "initial_admin.family_name", "0 to 100 characters");
    for hidden in HIDDEN {
        let refused = check_admin(&operator, |a| a.given_name = hidden.into()).await;
        assert_field(refused, "initial_admin.given_name", "control characters");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn resource_names() {
    let server = TestServer::start().await;
    let operator = server.operator().await;
    for name in ["", "acme", "tenants/", "tenants", "/tenants/acme", "tenants/-", "tenants//acme"] {
        assert_field(operator.row(name).await, "name", "tenants/{");
        assert_field(operator.lock(name).await, "name", "tenants/{");
        let tenant = v1::Tenant { name: name.into(), display_name: "x".into(), ..Default::default() };
        assert_field(operator.update(tenant, &["display_name"]).await, "tenant.name", "tenants/{");
    }
    operator.active_tenant("Acme").await;
    for name in ["tenants/acme/", "tenants/acme/b"] {
        for refused in [
            operator.row(name).await.err(),
            operator.lock(name).await.err(),
            operator.unlock(name).await.err(),
            operator.prepare(name).await.err(),
            operator.cancel_deletion(name).await.err(),
            operator.delete(name, "Acme").await.err(),
            operator.retry(name).await.err(),
        ] {
            assert_field::<()>(Err(refused.unwrap()), "name", "tenants/{code}");
        }
    }
    for name in ["tenants/\0", "tenants/a\0b", "tenants/ACME", "tenants/%61cme", "tenants/acme\u{200b}"] {
        assert_refused(operator.row(name).await, Code::NotFound, "RESOURCE_NOT_FOUND");
    }
    for name in ["tenants/acme", "tenants/-/operations/x", "tenants/acme/operation/x"] {
        let request = v1::GetOperationRequest { name: name.into() };
        assert_field(operator.client.operations().get_operation(request).await, "name", "operations/{operation}");
    }
    for parent in ["", "tenants", "tenants/acme/operations"] {
        let request = v1::ListOperationsRequest { parent: parent.into(), ..Default::default() };
        assert_field(operator.client.operations().list_operations(request).await, "parent", "tenants/{tenant}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn lists() {
    let server = TestServer::start().await;
    let operator = server.operator().await;
    operator.create("Acme").await;
    operator.create("Beta").await;
    let list = async |api: &Api, request: v1::ListTenantsRequest| {
        api.client.tenants().list_tenants(request).await.map(tonic::Response::into_inner)
    };
    let sized = |page_size| v1::ListTenantsRequest { page_size, ..Default::default() };
    for good in [0, 1000, 1001, 1_000_000_000, i32::MAX] {
        assert_eq!(list(&operator, sized(good)).await.unwrap().rows.len(), 3);
    }
    for bad in [-1, i32::MIN] {
        assert_field(list(&operator, sized(bad)).await, "page_size", "more than 1000 means 1000");
        let request = v1::ListOperationsRequest { parent: "tenants/-".into(), page_size: bad, ..Default::default() };
        assert_field(operator.client.operations().list_operations(request).await, "page_size", "or more");
    }
    let search = |text: String| v1::ListTenantsRequest { search: text, ..Default::default() };
    list(&operator, search("ä".repeat(200))).await.unwrap();
    assert_field(list(&operator, search("ä".repeat(201))).await, "search", "200 characters");
    assert_field(list(&operator, search("a\0".into())).await, "search", "control characters");
    for order in ["name", "display_name asc", "display_name  desc", "code,state", "DISPLAY_NAME", "desc", "\0"] {
        let request = v1::ListTenantsRequest { order_by: order.into(), ..Default::default() };
        assert_field(list(&operator, request).await, "order_by", "display_name, code, state, create_time");
    }

    let token = list(&operator, sized(1)).await.unwrap().next_page_token;
    let at =
        |page_token: &str| v1::ListTenantsRequest { page_token: page_token.into(), page_size: 1, ..Default::default() };
    list(&operator, at(&token)).await.unwrap();
    let (first, rest) = token.split_at(1);
    let tampered = format!("{}{rest}", if first == "A" { "B" } else { "A" });
    for bad in [
        at(&tampered),
        at("x"),
        at(&token[..token.len() - 4]),
        v1::ListTenantsRequest { search: "a".into(), ..at(&token) },
        v1::ListTenantsRequest { order_by: "code".into(), ..at(&token) },
    ] {
        assert_refused(list(&operator, bad).await, Code::InvalidArgument, "PAGE_TOKEN_INVALID");
    }
    let other = "INSERT INTO users (tenant_id, id, user_name, user_name_key, state, password_hash)
            SELECT tenant_id, '00000000-0000-7000-8000-000000000001', 'other', 'other', state, password_hash
            FROM users WHERE user_name = 'operator';
        INSERT INTO memberships SELECT tenant_id, id, tenant_id FROM users WHERE user_name = 'other';
        INSERT INTO user_roles SELECT tenant_id, '00000000-0000-7000-8000-000000000001', role_id
            FROM user_roles JOIN users USING (tenant_id) WHERE user_id = users.id AND user_name = 'operator'";
    server.sql().await.batch_execute(other).await.unwrap();
    let other = server.anonymous().await.log_in("other@infrastructure", PASSWORD).await;
    assert_eq!(list(&other, sized(0)).await.unwrap().rows.len(), 3);
    assert_refused(list(&other, at(&token)).await, Code::InvalidArgument, "PAGE_TOKEN_INVALID");
    let request = v1::ListOperationsRequest { parent: "tenants/-".into(), page_token: token, ..Default::default() };
    let elsewhere = operator.client.operations().list_operations(request).await;
    assert_refused(elsewhere, Code::InvalidArgument, "PAGE_TOKEN_INVALID");
}

#[tokio::test(flavor = "multi_thread")]
async fn request_ids_reasons_and_waits() {
    let server = TestServer::start().await;
    let operator = server.operator().await;
    let made = operator.create("Acme").await.operation.unwrap();
    operator.succeed(Some(made.clone())).await;
    for bad in ["x", "0190a0a0-0000-7000-8000-00000000000", "00000000-0000-0000-0000-000000000000", " "] {
        assert_field(check(&operator, |r| r.request_id = bad.into()).await, "request_id", "UUID");
    }
    let lock = |reason: String| v1::LockTenantRequest {
        name: "tenants/acme".into(),
        reason,
        validate_only: true,
        ..Default::default()
    };
    operator.client.tenants().lock_tenant(lock("ä".repeat(500))).await.unwrap();
    let refused = operator.client.tenants().lock_tenant(lock("ä".repeat(501))).await;
    assert_field(refused, "reason", "500 characters");
    assert_field(operator.client.tenants().lock_tenant(lock("a\u{202e}".into())).await, "reason", "control characters");
    let wait = |seconds, nanos| v1::WaitOperationRequest {
        name: made.name.clone(),
        timeout: Some(Duration { seconds, nanos }),
    };
    operator.client.operations().wait_operation(wait(60, 0)).await.unwrap();
    for (seconds, nanos) in [(61, 0), (60, 1), (-1, 0), (0, -1), (i64::MAX, 0), (i64::MIN, i32::MIN)] {
        let refused = operator.client.operations().wait_operation(wait(seconds, nanos)).await;
        assert_field(refused, "timeout", "0 s to 60 s");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_cool_down_of_failed_tenants() {
    let server = TestServer::start().await;
    let operator = server.operator().await;
    let most = 30 * 24 * 3600;
    let update = async |seconds, nanos| {
        let failed_tenant_cooldown = Some(Duration { seconds, nanos });
        let settings = Some(v1::Settings { failed_tenant_cooldown, ..Default::default() });
        let request = v1::UpdateSettingsRequest { settings, validate_only: true, ..Default::default() };
        operator.client.admin().update_settings(request).await.map(|r| r.into_inner().settings.unwrap())
    };
    for seconds in [0, 1, most] {
        assert_eq!(update(seconds, 0).await.unwrap().failed_tenant_cooldown, Some(Duration { seconds, nanos: 0 }));
    }
    for (seconds, nanos) in [(most + 1, 0), (most, 1), (-1, 0), (i64::MAX, 0)] {
        assert_field(update(seconds, nanos).await, "settings.failed_tenant_cooldown", "2592000 s");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn log_ins_and_passwords() {
    let server = TestServer::start().await;
    let (_, anna) = server.administrator("Acme").await;
    let anonymous = server.anonymous().await;
    let log_in = async |user_name: &str, password: &str, tenant: &str| {
        let (user_name, password, tenant) = (user_name.into(), password.into(), tenant.into());
        let request = v1::CreateSessionRequest { user_name, password, tenant, ..Default::default() };
        anonymous.client.sessions().create_session(request).await.map(|_| ())
    };
    assert_field(log_in("", PASSWORD, "acme").await, "user_name", "1 to 64 characters");
    assert_field(log_in("@acme", PASSWORD, "").await, "user_name", "1 to 64 characters");
    assert_field(log_in("anna", "", "acme").await, "password", "1 to 256 characters");
    assert_field(log_in("anna", PASSWORD, &"x".repeat(65)).await, "tenant", "code or the uid");

    let change = async |new: &str| {
        let request = v1::ChangePasswordRequest { current_password: ADMIN_PASSWORD.into(), new_password: new.into() };
        anna.client.users().change_password(request).await.map(|_| ())
    };
    assert_field(change("fourteen chars").await, "new_password", "15 to 256 characters");
    assert_field(change(&"several words ".repeat(19)).await, "new_password", "15 to 256 characters");
    for common in ["Password-1234567", "aaaaaaaaaaaaaaaa", "qwertyuiop 123456", "anna anna anna anna"] {
        assert_field(change(common).await, "new_password", "too easy to guess");
    }
    change("fifteen chars..").await.unwrap();
}
