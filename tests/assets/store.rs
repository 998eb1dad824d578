//! Object stores that can't be relied on, and those that can't be reached.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::Router;
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::IntoResponse;
use landlord::boot::BootError;
use tonic::Code;

use crate::support::assets::{header, noise};
use crate::support::client::assert_refused;
use crate::support::server::TestServer;

/// An S3 service that forgets what it takes and so takes everything, while it works at all.
async fn careless(works: Arc<AtomicBool>) -> Vec<(&'static str, String)> {
    let answer = move |method: Method, headers: HeaderMap| {
        let works = works.clone();
        async move {
            assert!(headers.contains_key("authorization"));
            if !works.load(Ordering::Relaxed) {
                return StatusCode::SERVICE_UNAVAILABLE.into_response();
            }
            match method {
                Method::PUT => ([("etag", "\"1\"")], "").into_response(),
                _ => StatusCode::NOT_FOUND.into_response(),
            }
        }
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback(answer)).await.unwrap() });
    s3(&endpoint)
}

/// The options for an S3 service that lets everybody in.
pub fn s3(endpoint: &str) -> Vec<(&'static str, String)> {
    let secret = std::env::temp_dir().join(format!("landlord-test-secret-{}", uuid::Uuid::new_v4()));
    std::fs::write(&secret, "a secret\n").unwrap();
    vec![
        ("objects.url", "s3://landlord/some/where".into()),
        ("objects.s3.endpoint", endpoint.into()),
        ("objects.s3.region", "eu-north-1".into()),
        ("objects.s3.access_key_id", "landlord".into()),
        ("objects.s3.secret_access_key_file", secret.display().to_string()),
        ("objects.timeout_seconds", "2".into()),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_writes_over_what_is_there_is_not_used() {
    let options = careless(Arc::new(AtomicBool::new(true))).await;
    let refused = TestServer::refused(&options).await;
    assert!(matches!(refused, BootError::Unreliable(_)), "{refused}");
    assert!(refused.to_string().contains("writes over what is there"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_its_store_everything_else_goes_on_and_one_that_comes_back_careless_gets_nothing() {
    let works = Arc::new(AtomicBool::new(false));
    let server = TestServer::with(&careless(works.clone()).await).await;
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
    works.store(true, Ordering::Relaxed);
    let anna = server.anonymous().await.log_in("anna@acme", crate::support::lifecycle::ADMIN_PASSWORD).await;
    let careless = anna.upload(header(&acme, "report", &content), &content).await.unwrap_err();
    assert_eq!(careless.code(), Code::Internal);
    assert!(anna.assets(&acme, "").await.unwrap().is_empty());
}
