//! An object store that can't be reached, or relied on, keeps nobody from anything else.

use landlord::boot::BootError;
use tonic::Code;

use crate::support::assets::{header, noise};
use crate::support::bucket::Bucket;
use crate::support::client::assert_refused;
use crate::support::proxy::{ALWAYS, Fault, Proxy};
use crate::support::server::TestServer;

/// Who asks, and the secret that goes with it.
pub const ACCESS_KEY: &str = "landlord";
pub const SECRET_KEY: &str = "a secret";

/// The options for an S3 service.
pub fn s3(endpoint: &str) -> Vec<(&'static str, String)> {
    let secret = std::env::temp_dir().join(format!("landlord-test-secret-{}", uuid::Uuid::new_v4()));
    std::fs::write(&secret, format!("{SECRET_KEY}\n")).unwrap();
    vec![
        ("objects.url", "s3://landlord/some/where".into()),
        ("objects.s3.endpoint", endpoint.into()),
        ("objects.s3.region", "eu-north-1".into()),
        ("objects.s3.access_key_id", ACCESS_KEY.into()),
        ("objects.s3.secret_access_key_file", secret.display().to_string()),
        ("objects.timeout_seconds", "2".into()),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_writes_over_what_is_there_is_not_used() {
    let proxy = Proxy::start(&Bucket::start().await.address).await;
    proxy.plan(Fault::WrittenOver, ALWAYS, |_, _| true);
    let refused = TestServer::refused(&s3(&proxy.endpoint)).await;
    assert!(matches!(refused, BootError::Unreliable(_)), "{refused}");
    assert!(refused.to_string().contains("writes over what is there"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_its_store_everything_else_goes_on_and_one_that_comes_back_careless_gets_nothing() {
    let proxy = Proxy::start(&Bucket::start().await.address).await;
    proxy.plan(Fault::Unavailable, ALWAYS, |_, _| true);
    let server = TestServer::with(&s3(&proxy.endpoint)).await;
    let (acme, anna) = server.administrator("Acme").await;
    let content = noise(1000, 1);
    let status = assert_refused(
        anna.upload(header(&acme, "report", &content), &content).await,
        Code::Unavailable,
        "OBJECT_STORE_UNAVAILABLE",
    );
    assert!(status.message().contains("repeat the call"), "{}", status.message());
    assert!(anna.assets(&acme, "").await.unwrap().is_empty());
    server.operator().await.lock(&acme).await.unwrap();
    server.operator().await.unlock(&acme).await.unwrap();
    proxy.plan(Fault::WrittenOver, ALWAYS, |_, _| true);
    let anna = server.anonymous().await.log_in("anna@acme", crate::support::lifecycle::ADMIN_PASSWORD).await;
    let careless = anna.upload(header(&acme, "report", &content), &content).await.unwrap_err();
    assert_eq!(careless.code(), Code::Internal);
    assert!(anna.assets(&acme, "").await.unwrap().is_empty());
}
