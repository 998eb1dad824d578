//! API keys: what is one, and what is none any more.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use landlord::proto::v1;
use tonic::Code;

use super::{CHECK, GET_TENANT, Stage};
use crate::support::client::assert_refused;
use crate::support::services::identity;

const PREFIX: &str = "landlord_key_";

#[tokio::test(flavor = "multi_thread")]
async fn only_a_hash_of_a_key_is_at_rest() {
    let stage = Stage::new().await;
    let made = stage.operator.create_service("billing", identity(&[CHECK], &[&stage.acme])).await.unwrap();
    let key = made.api_key;
    let secret = key.strip_prefix(PREFIX).unwrap();
    assert_eq!(secret.len(), 64, "a uid and 256 random bits");
    let client = stage.server.database.connect("postgres").await;
    let tables = client
        .query("SELECT relname::text FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace", &[]);
    let mut rows = 0;
    for table in tables.await.unwrap() {
        let table: String = table.get(0);
        for row in client.query(&format!("SELECT t::text FROM {table} t"), &[]).await.unwrap() {
            let text: String = row.get(0);
            assert!(!text.contains(secret) && !text.contains(&secret[22..]), "{table}: {text}");
            rows += 1;
        }
    }
    assert!(rows > 50, "there was something to look through: {rows}");
    let stored = client.query_one("SELECT hash FROM service_keys", &[]).await.unwrap();
    assert_eq!(stored.get::<_, Vec<u8>>(0).len(), 32);
    assert!(stage.operator.with_token(&key).usable(&stage.acme).await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_key_is_refused_with_a_reason() {
    let stage = Stage::new().await;
    let billing = stage.operator.service("billing", &[CHECK], &[&stage.acme]).await;
    assert!(billing.usable(&stage.acme).await.unwrap());
    stage.sql("UPDATE service_keys SET expires_at = clock_timestamp()").await;
    let status = assert_refused(billing.usable(&stage.acme).await, Code::Unauthenticated, "TOKEN_EXPIRED");
    assert!(status.message().contains("RotateServiceIdentity"), "{status:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_key_of_a_deleted_identity_is_nobodys() {
    let stage = Stage::new().await;
    let billing = stage.operator.service("billing", &[CHECK], &[&stage.acme]).await;
    stage.operator.delete_service("serviceIdentities/billing").await.unwrap();
    assert_refused(billing.usable(&stage.acme).await, Code::Unauthenticated, "TOKEN_INVALID");
    let version = billing.client.admin().get_version(v1::GetVersionRequest {}).await;
    assert_refused(version, Code::Unauthenticated, "TOKEN_INVALID");
    let again = stage.operator.service("billing", &[CHECK], &[&stage.acme]).await;
    assert!(again.usable(&stage.acme).await.unwrap());
    assert_refused(billing.usable(&stage.acme).await, Code::Unauthenticated, "TOKEN_INVALID");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_under_another_identity_and_a_cut_one_are_refused() {
    let stage = Stage::new().await;
    let of =
        async |id: &str| stage.operator.create_service(id, identity(&[CHECK], &[&stage.acme])).await.unwrap().api_key;
    let (billing, portal) = (of("billing").await, of("portal").await);
    let bytes = |key: &str| URL_SAFE_NO_PAD.decode(key.strip_prefix(PREFIX).unwrap()).unwrap();
    let mixed = [&bytes(&billing)[..16], &bytes(&portal)[16..]].concat();
    let mixed = format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(mixed));
    let changed = |key: &str| format!("{}{}", &key[..key.len() - 1], if key.ends_with('A') { 'B' } else { 'A' });
    for bad in [
        mixed,
        changed(&billing),
        billing[..billing.len() - 1].to_owned(),
        billing[..40].to_owned(),
        format!("{billing}AAAA"),
        PREFIX.into(),
    ] {
        let caller = stage.operator.with_token(&bad);
        assert_refused(caller.usable(&stage.acme).await, Code::Unauthenticated, "TOKEN_INVALID");
        let version = caller.client.admin().get_version(v1::GetVersionRequest {}).await;
        assert_refused(version, Code::Unauthenticated, "TOKEN_INVALID");
    }
    for good in [billing, portal] {
        assert!(stage.operator.with_token(&good).usable(&stage.acme).await.unwrap());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_key_of_a_service_of_a_locked_tenant_only_tells_that_it_is_locked() {
    let stage = Stage::new().await;
    let methods = [CHECK, GET_TENANT, "UserService.ListUsers", "UserService.CreateUser"];
    let billing = stage.operator.service("billing", &methods, &[&stage.acme]).await;
    billing.new_user(&stage.acme, "before").await.unwrap();
    stage.operator.lock(&stage.acme).await.unwrap();
    let list = v1::ListUsersRequest { parent: stage.acme.clone(), ..Default::default() };
    assert_refused(billing.list_users(list).await, Code::FailedPrecondition, "TENANT_LOCKED");
    assert_refused(billing.new_user(&stage.acme, "after").await, Code::FailedPrecondition, "TENANT_LOCKED");
    let request = v1::CheckAccessRequest { tenant: stage.acme.clone(), ..Default::default() };
    let answer = billing.check(request).await.unwrap();
    assert!(!answer.allowed && !answer.tenant_usable);
    assert_eq!(answer.tenant_lock_reason(), v1::tenant::LockReason::Operator);
    assert_eq!(billing.tenant(&stage.acme).await.state(), v1::tenant::State::Locked);
}

#[tokio::test(flavor = "multi_thread")]
async fn how_long_a_key_is_good_has_bounds() {
    let stage = Stage::new().await;
    let day = 24 * 3600;
    for (seconds, fits) in [(1, true), (366 * day, true), (366 * day + 1, false), (0, false), (-1, false)] {
        let request = v1::CreateServiceIdentityRequest {
            service_identity_id: format!("service{seconds}"),
            key_lifetime: Some(prost_types::Duration { seconds, nanos: 0 }),
            ..Default::default()
        };
        let made = stage.operator.client.admin().create_service_identity(request).await;
        match fits {
            true => assert!(!made.unwrap().into_inner().api_key.is_empty()),
            false => drop(assert_refused(made, Code::InvalidArgument, "FIELDS_INVALID")),
        }
    }
}
