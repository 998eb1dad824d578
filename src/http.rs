//! The small HTTP listener: metrics for Prometheus, the key set for those who check our tokens, and a sign of life.
//!
//! It needs no credential, so nothing that it says is about a tenant.

use std::io;
use std::sync::Arc;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use prometheus::{Registry, TextEncoder};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// Gives the public keys as a JWK set, as they are now.
pub type KeySet = Arc<dyn Fn() -> serde_json::Value + Send + Sync>;

#[derive(Clone)]
struct Shown {
    registry: Registry,
    key_set: KeySet,
}

/// Serves until `stop`, then ends the requests that are running.
pub async fn serve(
    listener: TcpListener,
    registry: Registry,
    key_set: KeySet,
    stop: CancellationToken,
) -> io::Result<()> {
    axum::serve(listener, router(registry, key_set)).with_graceful_shutdown(stop.cancelled_owned()).await
}

fn router(registry: Registry, key_set: KeySet) -> Router {
    Router::new()
        .route("/metrics", get(metrics))
        .route("/.well-known/jwks.json", get(keys))
        .route("/healthz", get(|| async { "ok\n" }))
        .with_state(Shown { registry, key_set })
}

async fn metrics(State(shown): State<Shown>) -> Response {
    match TextEncoder::new().encode_to_string(&shown.registry.gather()) {
        Ok(text) => ([(header::CONTENT_TYPE, prometheus::TEXT_FORMAT)], text).into_response(),
        Err(error) => {
            tracing::error!(%error, "metrics can't be encoded");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

async fn keys(State(shown): State<Shown>) -> Response {
    // Keys are published well before they sign anything, so a copy may be a few minutes old.
    ([(header::CACHE_CONTROL, "public, max-age=300")], Json((shown.key_set)())).into_response()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    #[tokio::test]
    async fn it_shows_metrics_keys_and_life_and_stops() {
        let registry = Registry::new();
        let counter = prometheus::IntCounter::new("calls_total", "Calls").unwrap();
        registry.register(Box::new(counter.clone())).unwrap();
        counter.inc();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let stop = CancellationToken::new();
        let keys: KeySet = Arc::new(|| serde_json::json!({ "keys": [] }));
        let server = tokio::spawn(serve(listener, registry, keys, stop.clone()));

        let get = async |path: &str| {
            let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
            let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
            stream.write_all(request.as_bytes()).await.unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await.unwrap();
            answer
        };
        let metrics = get("/metrics").await;
        assert!(metrics.contains("calls_total 1") && metrics.contains("text/plain; version=0.0.4"), "{metrics}");
        let keys = get("/.well-known/jwks.json").await;
        assert!(keys.contains(r#"{"keys":[]}"#) && keys.contains("application/json"), "{keys}");
        assert!(get("/healthz").await.starts_with("HTTP/1.1 200"));
        assert!(get("/").await.starts_with("HTTP/1.1 404"));

        stop.cancel();
        tokio::time::timeout(Duration::from_secs(5), server).await.unwrap().unwrap().unwrap();
    }
}
