//! What goes with a call besides its message: credentials, tenant, correlation; and the order of the checks.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use landlord::proto::v1;
use tonic::client::Grpc;
use tonic::codegen::http::uri::PathAndQuery;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint};
use tonic::{Code, Request, Response, Status};
use tonic_health::pb::health_client::HealthClient;
use tonic_health::pb::{HealthCheckRequest, health_check_response::ServingStatus};
use tonic_prost::ProstCodec;
use tonic_types::StatusExt as _;

use crate::support::client::{Api, assert_refused, eventually};
use crate::support::server::{PASSWORD, TestServer};

const GET_TENANT: &str = "/landlord.v1.TenantService/GetTenant";
const WHO: &str = "/landlord.v1.SessionService/GetCallerIdentity";
const CORRELATION: &str = "x-landlord-request-id";

async fn channel(server: &TestServer) -> Channel {
    Endpoint::new(format!("http://{}", server.address)).unwrap().connect().await.unwrap()
}

/// Calls any method with any metadata; the message has these bytes as its first field.
async fn raw(channel: &Channel, path: &'static str, field: &[u8], metadata: &[(&'static str, &str)]) -> Answer {
    let mut request = Request::new(field.to_vec());
    for (key, value) in metadata {
        request.metadata_mut().append(*key, value.parse().unwrap());
    }
    let mut grpc = Grpc::new(channel.clone());
    grpc.ready().await.unwrap();
    let codec = ProstCodec::<Vec<u8>, Vec<u8>>::default();
    grpc.unary(request, PathAndQuery::from_static(path), codec).await
}

type Answer = Result<Response<Vec<u8>>, Status>;

async fn operator_token(server: &TestServer) -> String {
    let session = server.anonymous().await.session("operator@infrastructure", PASSWORD).await.unwrap();
    format!("Bearer {}", session.access_token)
}

#[tokio::test(flavor = "multi_thread")]
async fn metadata_that_is_doubled_unknown_or_malformed_is_refused() {
    let server = TestServer::start().await;
    let (channel, token) = (channel(&server).await, operator_token(&server).await);
    let auth = ("authorization", token.as_str());
    let cases: &[&[(&'static str, &str)]] = &[
        &[auth, auth],
        &[auth, ("authorization", "Bearer x")],
        &[("authorization", "Basic b3BlcmF0b3I=")],
        &[auth, ("x-landlord-tennant", "infrastructure")],
        &[auth, ("x-landlord-tenant", "infrastructure"), ("x-landlord-tenant", "infrastructure")],
        &[auth, ("x-landlord-tenant", "No Code")],
        &[auth, ("x-landlord-impersonate", "superuser")],
        &[auth, ("x-landlord-impersonate-reason", "because")],
        &[auth, (CORRELATION, "with spaces")],
        &[auth, (CORRELATION, "one"), (CORRELATION, "two")],
    ];
    for metadata in cases {
        let answer = raw(&channel, WHO, b"", metadata).await;
        assert_refused(answer, Code::InvalidArgument, "METADATA_INVALID");
    }
    raw(&channel, WHO, b"", &[auth, ("x-landlord-tenant", "infrastructure"), (CORRELATION, "one")]).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn no_credential_but_a_good_one_of_ours_is_taken() {
    let server = TestServer::start().await;
    let (channel, token) = (channel(&server).await, operator_token(&server).await);
    let good = token.strip_prefix("Bearer ").unwrap();
    let parts: Vec<_> = good.split('.').collect();
    let decoded =
        |part: &str| -> serde_json::Value { serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap() };
    let encoded = |json: &serde_json::Value| URL_SAFE_NO_PAD.encode(json.to_string());
    let (header, claims) = (decoded(parts[0]), decoded(parts[1]));
    let mut none = header.clone();
    none["alg"] = "none".into();

    // The public key, as anybody can fetch it, used as a secret.
    let sql = server.sql().await;
    assert_eq!(sql.query("SELECT 1 FROM signing_keys", &[]).await.unwrap().len(), 1);
    let mut confused = jsonwebtoken::Header::new(jsonwebtoken::Algorithm::HS256);
    (confused.kid, confused.typ) = (header["kid"].as_str().map(str::to_owned), Some("at+jwt".into()));
    let public = fetch_public_key(&server).await;
    let hs256 = jsonwebtoken::encode(&confused, &claims, &jsonwebtoken::EncodingKey::from_secret(&public)).unwrap();

    let foreign = TestServer::start().await;
    let foreign = operator_token(&foreign).await;
    let mut longer = claims.clone();
    longer["exp"] = (claims["exp"].as_i64().unwrap() + 3600).into();
    for bad in [
        "x".to_owned(),
        format!("{}.{}.", encoded(&none), parts[1]),
        format!("{}.{}.{}", encoded(&none), parts[1], parts[2]),
        hs256,
        foreign.strip_prefix("Bearer ").unwrap().to_owned(),
        format!("{}.{}.{}", parts[0], encoded(&longer), parts[2]),
        format!("{}.{}", parts[0], parts[1]),
    ] {
        let answer = raw(&channel, WHO, b"", &[("authorization", &format!("Bearer {bad}"))]).await;
        assert_refused(answer, Code::Unauthenticated, "TOKEN_INVALID");
        // Where no credential is needed, a bad one is refused all the same.
        let version = "/landlord.v1.AdminService/GetVersion";
        let answer = raw(&channel, version, b"", &[("authorization", &format!("Bearer {bad}"))]).await;
        assert_refused(answer, Code::Unauthenticated, "TOKEN_INVALID");
    }
    for absent in [&[][..], &[("authorization", "")], &[("authorization", "Bearer ")]] {
        assert_refused(raw(&channel, WHO, b"", absent).await, Code::Unauthenticated, "TOKEN_MISSING");
    }
    raw(&channel, WHO, b"", &[("authorization", &token)]).await.unwrap();
}

async fn fetch_public_key(server: &TestServer) -> Vec<u8> {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let mut stream = tokio::net::TcpStream::connect(server.http_address).await.unwrap();
    let get = "GET /.well-known/jwks.json HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    stream.write_all(get.as_bytes()).await.unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    let json: serde_json::Value = serde_json::from_str(text.split("\r\n\r\n").nth(1).unwrap()).unwrap();
    URL_SAFE_NO_PAD.decode(json["keys"][0]["x"].as_str().unwrap()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_access_token_expires_and_says_so() {
    let server = TestServer::with(&[("tokens.access_seconds", "1".into())]).await;
    let (channel, token) = (channel(&server).await, operator_token(&server).await);
    let expired =
        eventually("the token expires", || async { raw(&channel, WHO, b"", &[("authorization", &token)]).await.err() });
    assert_refused::<()>(Err(expired.await), Code::Unauthenticated, "TOKEN_EXPIRED");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_correlation_id_comes_back_with_answers_and_with_refusals() {
    let server = TestServer::start().await;
    let (channel, token) = (channel(&server).await, operator_token(&server).await);
    let answer = raw(&channel, WHO, b"", &[("authorization", &token), (CORRELATION, "mine-1")]).await.unwrap();
    assert_eq!(answer.metadata().get(CORRELATION).unwrap(), "mine-1");
    let refused = raw(&channel, WHO, b"", &[(CORRELATION, "mine-2")]).await.unwrap_err();
    assert_eq!(refused.metadata().get(CORRELATION).unwrap(), "mine-2");
    assert_eq!(refused.get_details_error_info().unwrap().metadata["correlation_id"], "mine-2");
    let made_up = raw(&channel, WHO, b"", &[]).await.unwrap_err();
    let made_up = made_up.metadata().get(CORRELATION).unwrap().to_str().unwrap().to_owned();
    assert!(uuid::Uuid::try_parse(&made_up).is_ok(), "{made_up}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_checks_come_in_their_order() {
    let server = TestServer::start().await;
    let (channel, token) = (channel(&server).await, operator_token(&server).await);
    let auth = ("authorization", token.as_str());
    let undecodable = [0xff, 0xfe];
    for path in ["/landlord.v1.TenantService/Nothing", "/landlord.v1.Nobody/GetTenant"] {
        let answer = raw(&channel, path, &undecodable, &[auth, auth]).await;
        assert_refused(answer, Code::Unimplemented, "METHOD_UNKNOWN");
    }
    let answer = raw(&channel, GET_TENANT, &undecodable, &[("authorization", "Bearer x"), ("x-landlord-x", "y")]).await;
    assert_refused(answer, Code::InvalidArgument, "METADATA_INVALID");
    let answer = raw(&channel, GET_TENANT, &undecodable, &[("authorization", "Bearer x")]).await;
    assert_refused(answer, Code::Unauthenticated, "TOKEN_INVALID");
    let answer = raw(&channel, GET_TENANT, &undecodable, &[]).await;
    assert_refused(answer, Code::Unauthenticated, "TOKEN_MISSING");
    let hint = ("x-landlord-tenant", "nowhere");
    let impersonate = [("x-landlord-impersonate", "superuser"), ("x-landlord-impersonate-reason", "help")];
    let all = [auth, hint, impersonate[0], impersonate[1]];
    let answer = raw(&channel, GET_TENANT, &undecodable, &all).await;
    assert_eq!(answer.unwrap_err().code(), Code::InvalidArgument);
    let answer = raw(&channel, GET_TENANT, b"tenants/infrastructure", &all).await;
    assert_refused(answer, Code::InvalidArgument, "TENANT_CONTEXT_MISMATCH");
    let answer = raw(&channel, GET_TENANT, b"tenants/infrastructure", &[auth, impersonate[0], impersonate[1]]).await;
    assert_refused(answer, Code::PermissionDenied, "IMPERSONATION_TARGET_NOT_DEFINED");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_beyond_four_mebibytes_is_too_large_and_one_within_is_read() {
    let server = TestServer::start().await;
    let (channel, token) = (channel(&server).await, operator_token(&server).await);
    let auth = ("authorization", token.as_str());
    let within = vec![b'x'; (4 << 20) - 16];
    let answer = raw(&channel, GET_TENANT, &within, &[auth]).await;
    assert_refused(answer, Code::InvalidArgument, "FIELDS_INVALID");
    let beyond = vec![b'x'; 4 << 20];
    let answer = raw(&channel, GET_TENANT, &beyond, &[auth]).await;
    assert_refused(answer, Code::ResourceExhausted, "MESSAGE_TOO_LARGE");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_in_the_metadata_must_be_that_of_the_message() {
    let server = TestServer::start().await;
    let operator = server.operator().await;
    let uid = operator.tenant(&operator.active_tenant("Acme").await).await.uid;
    operator.active_tenant("Beta").await;
    let within = |tenant: &str| Api { client: operator.client.clone().in_tenant(tenant).unwrap() };
    for tenant in ["acme", uid.as_str()] {
        within(tenant).row("tenants/acme").await.unwrap();
        within(tenant).row(&format!("tenants/{uid}")).await.unwrap();
    }
    for (tenant, name) in [("beta", "acme"), ("nobody", "acme"), ("infrastructure", "acme")] {
        let refused = within(tenant).row(&format!("tenants/{name}")).await;
        assert_refused(refused, Code::InvalidArgument, "TENANT_CONTEXT_MISMATCH");
    }
    let list = v1::ListTenantsRequest::default();
    let elsewhere = within("acme").client.tenants().list_tenants(list.clone()).await;
    assert_refused(elsewhere, Code::InvalidArgument, "TENANT_CONTEXT_MISMATCH");
    within("infrastructure").client.tenants().list_tenants(list).await.unwrap();
}

/// The calls that take a name, and what they answer to a tenant's administrator.
async fn answers(api: &Api, code: &str, tenant: Option<&str>) -> Vec<(Code, String, Vec<u8>)> {
    let (name, operation) =
        (format!("tenants/{code}"), format!("tenants/{code}/operations/0190a0a0-0000-7000-8000-000000000001"));
    let mut client = api.client.clone();
    if let Some(tenant) = tenant {
        client = client.in_tenant(tenant).unwrap();
    }
    let (mut tenants, mut operations) = (client.tenants(), client.operations());
    macro_rules! ask {
        ($client:ident.$call:ident($message:expr)) => {{
            let mut request = Request::new($message);
            request.metadata_mut().insert(CORRELATION, "the-same".parse().unwrap());
            let status = $client.$call(request).await.map(|_| ()).unwrap_err();
            let bytes = String::from_utf8_lossy(status.details()).replace(code, "CODE").into_bytes();
            (status.code(), status.message().replace(code, "CODE"), bytes)
        }};
    }
    let tenant = v1::Tenant { name: name.clone(), display_name: "Mine".into(), ..Default::default() };
    let labelled = v1::Tenant { labels: [("a".to_owned(), "b".to_owned())].into(), ..tenant.clone() };
    vec![
        ask!(tenants.get_tenant(v1::GetTenantRequest { name: name.clone(), ..Default::default() })),
        ask!(tenants.update_tenant(v1::UpdateTenantRequest { tenant: Some(tenant), ..Default::default() })),
        ask!(tenants.update_tenant(v1::UpdateTenantRequest { tenant: Some(labelled), ..Default::default() })),
        ask!(tenants.lock_tenant(v1::LockTenantRequest { name: name.clone(), ..Default::default() })),
        ask!(tenants.unlock_tenant(v1::UnlockTenantRequest { name: name.clone(), ..Default::default() })),
        ask!(
            tenants
                .prepare_tenant_deletion(v1::PrepareTenantDeletionRequest { name: name.clone(), ..Default::default() })
        ),
        ask!(
            tenants
                .cancel_tenant_deletion(v1::CancelTenantDeletionRequest { name: name.clone(), ..Default::default() })
        ),
        ask!(tenants.delete_tenant(v1::DeleteTenantRequest { name: name.clone(), ..Default::default() })),
        ask!(tenants.retry_tenant_provisioning(v1::RetryTenantProvisioningRequest {
            name: name.clone(),
            ..Default::default()
        })),
        ask!(operations.get_operation(v1::GetOperationRequest { name: operation.clone() })),
        ask!(operations.wait_operation(v1::WaitOperationRequest { name: operation.clone(), timeout: None })),
        ask!(operations.watch_operation(v1::WatchOperationRequest { name: operation })),
        ask!(operations.list_operations(v1::ListOperationsRequest { parent: name, ..Default::default() })),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn an_administrator_cannot_tell_a_foreign_tenant_from_one_that_is_not_there() {
    let server = TestServer::start().await;
    let (_, anna) = server.administrator("Acme").await;
    let operator = server.operator().await;
    operator.active_tenant("Globex").await;
    operator.active_tenant("Former").await;
    operator.delete_fully("tenants/former").await;
    for header in [None, Some("acme"), Some("globex"), Some("former"), Some("absent")] {
        let foreign = answers(&anna, "globex", header).await;
        assert_eq!(foreign, answers(&anna, "absent", header).await, "{header:?}");
        assert_eq!(foreign, answers(&anna, "former", header).await, "{header:?}");
        if header.is_none() {
            assert!(foreign.iter().all(|answer| answer.0 == Code::NotFound), "{foreign:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn health_and_reflection_answer_without_a_credential() {
    use tonic_reflection::pb::v1::ServerReflectionRequest;
    use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
    use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
    use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;

    let server = TestServer::start().await;
    let channel = channel(&server).await;
    for service in ["", "landlord.v1.TenantService", "landlord.v1.SessionService"] {
        let request = HealthCheckRequest { service: service.into() };
        eventually("it serves", || async {
            let mut health = HealthClient::new(channel.clone());
            let health = health.check(request.clone()).await.unwrap().into_inner();
            (health.status() == ServingStatus::Serving).then_some(())
        })
        .await;
    }
    let ask = ServerReflectionRequest {
        host: String::new(),
        message_request: Some(MessageRequest::ListServices(String::new())),
    };
    let mut reflection = ServerReflectionClient::new(channel);
    let mut answers = reflection.server_reflection_info(futures::stream::iter([ask])).await.unwrap().into_inner();
    let Some(MessageResponse::ListServicesResponse(list)) = answers.message().await.unwrap().unwrap().message_response
    else {
        panic!("no list of services");
    };
    let names: Vec<_> = list.service.iter().map(|s| s.name.as_str()).collect();
    for service in ["Tenant", "Operation", "Session", "User", "Admin"] {
        assert!(names.contains(&format!("landlord.v1.{service}Service").as_str()), "{names:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn with_a_certificate_only_tls_is_spoken() {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (cert, key) = (folder.path().join("cert.pem"), folder.path().join("key.pem"));
    std::fs::write(&cert, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    let server =
        TestServer::with(&[("tls.cert_file", cert.display().to_string()), ("tls.key_file", key.display().to_string())])
            .await;
    let tls =
        |name: &str| ClientTlsConfig::new().ca_certificate(Certificate::from_pem(made.cert.pem())).domain_name(name);
    let endpoint = Endpoint::new(format!("https://{}", server.address)).unwrap();
    let channel = endpoint.clone().tls_config(tls("localhost")).unwrap().connect().await.unwrap();
    let api = Api { client: landlord::client::Client::on(channel) };
    let operator = api.log_in("operator@infrastructure", PASSWORD).await;
    operator.row("tenants/infrastructure").await.unwrap();
    assert!(endpoint.tls_config(tls("elsewhere")).unwrap().connect().await.is_err());
    let plain = Endpoint::new(format!("http://{}", server.address)).unwrap().connect_lazy();
    assert!(raw(&plain, WHO, b"", &[]).await.is_err());
}
