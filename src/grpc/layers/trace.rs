//! One span and one measurement for each RPC, and its correlation id.
//!
//! The outermost layer: what the others refuse is traced and counted, too. The caller's `traceparent` makes its span the
//! parent and has no other effect. Labels come from known methods only; a stranger must not be able to grow the metrics.

use std::convert::Infallible;
use std::task::{Context, Poll};

use futures::future::BoxFuture;
use http::{HeaderMap, HeaderValue, Request, Response};
use http_body::Body as _;
use http_body_util::BodyExt as _;
use opentelemetry::KeyValue;
use opentelemetry::metrics::{Histogram, Meter};
use opentelemetry::propagation::{Extractor, TextMapPropagator as _};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use tokio::time::Instant;
use tonic::body::Body;
use tonic::{Code, Status};
use tower::{Layer, Service};
use tracing::field::Empty;
use tracing::{Instrument as _, Span};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

use super::known_method::KnownMethods;
use crate::client::keys::REQUEST_ID;
use crate::grpc::call::{ArrivedAt, CorrelationId};

/// What the duration's buckets end at, in seconds.
const BUCKETS: [f64; 14] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 30.0, 70.0];

/// Traces and measures each RPC.
#[derive(Clone, Debug)]
pub struct TraceLayer {
    known: KnownMethods,
    duration: Histogram<f64>,
}

impl TraceLayer {
    /// A layer that measures into the meter provider that is the global one now.
    pub fn new(known: KnownMethods) -> Self {
        Self::measuring(known, &opentelemetry::global::meter("landlord"))
    }

    fn measuring(known: KnownMethods, meter: &Meter) -> Self {
        let duration = meter
            .f64_histogram("rpc.server.duration")
            .with_unit("s")
            .with_description("Time from a request's arrival to the end of its answer")
            .with_boundaries(BUCKETS.to_vec())
            .build();
        Self { known, duration }
    }
}

impl<S> Layer<S> for TraceLayer {
    type Service = Trace<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Trace { layer: self.clone(), inner }
    }
}

/// A service whose RPCs are traced and measured.
#[derive(Clone, Debug)]
pub struct Trace<S> {
    layer: TraceLayer,
    inner: S,
}

impl<S> Service<Request<Body>> for Trace<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
    S::Future: Send + 'static,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        let arrived = Instant::now();
        let id = correlation_id(request.headers());
        let span = self.layer.span(&request, &id);
        let (service, method) = self.layer.names(request.uri().path());
        let mut outcome = Outcome {
            span: span.clone(),
            arrived,
            duration: self.layer.duration.clone(),
            labels: [("rpc.service", service), ("rpc.method", method)]
                .map(|(key, name)| KeyValue::new(key, name.to_owned())),
            code: None,
        };
        request.extensions_mut().insert(ArrivedAt(arrived));
        request.extensions_mut().insert(id.clone());
        let answer = span.in_scope(|| self.inner.call(request)).instrument(span);
        Box::pin(async move {
            let Ok(mut response) = answer.await;
            if let Ok(id) = HeaderValue::from_str(id.as_str()) {
                response.headers_mut().insert(REQUEST_ID, id);
            }
            outcome.look(response.headers());
            if outcome.code.is_some() {
                return Ok(response);
            }
            if response.body().is_end_stream() {
                outcome.end(Code::Unknown);
                return Ok(response);
            }
            // The closure holds the outcome, and with it the span, until the stream's end.
            Ok(response.map(|body| {
                Body::new(body.map_frame(move |frame| {
                    if let Some(trailers) = frame.trailers_ref() {
                        outcome.look(trailers);
                    }
                    frame
                }))
            }))
        })
    }
}

impl TraceLayer {
    /// Service and method of a path, or the same two words for all that is unknown.
    fn names<'a>(&self, path: &'a str) -> (&'a str, &'a str) {
        let known = Some(path).filter(|path| self.known.contains(path));
        known.and_then(|path| path.strip_prefix('/')?.split_once('/')).unwrap_or(("_OTHER", "_OTHER"))
    }

    fn span(&self, request: &Request<Body>, id: &CorrelationId) -> Span {
        let (service, method) = self.names(request.uri().path());
        let span = tracing::info_span!(
            "rpc",
            otel.name = format_args!("{service}/{method}"),
            otel.kind = "server",
            otel.status_code = Empty,
            rpc.system = "grpc",
            rpc.service = service,
            rpc.method = method,
            rpc.grpc.status_code = Empty,
            correlation_id = id.as_str(),
            // Of calls of services, and of those that are made for another account.
            actor = Empty,
            acted_for = Empty,
            impersonation_reason = Empty,
        );
        let parent = TraceContextPropagator::new().extract(&Incoming(request.headers()));
        // It fails where no exporter is set up, and then there is nothing to be the parent of.
        let _ = span.set_parent(parent);
        span
    }
}

/// The caller's id if it is one and the only one; the metadata layer refuses what is not.
fn correlation_id(headers: &HeaderMap) -> CorrelationId {
    let mut sent = headers.get_all(REQUEST_ID).iter();
    let (first, second) = (sent.next(), sent.next());
    let usable = first.filter(|_| second.is_none()).and_then(|value| CorrelationId::parse(value.to_str().ok()?));
    usable.unwrap_or_else(CorrelationId::fresh)
}

struct Incoming<'a>(&'a HeaderMap);

impl Extractor for Incoming<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key)?.to_str().ok()
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(http::HeaderName::as_str).collect()
    }
}

/// What became of a call. It is recorded when dropped, since a caller that leaves ends a call as well.
struct Outcome {
    span: Span,
    arrived: Instant,
    duration: Histogram<f64>,
    labels: [KeyValue; 2],
    code: Option<Code>,
}

impl Outcome {
    fn end(mut self, code: Code) {
        self.code = Some(code);
    }

    fn look(&mut self, headers: &HeaderMap) {
        if let Some(code) = headers.get(Status::GRPC_STATUS) {
            self.code = Some(Code::from_bytes(code.as_bytes()));
        }
    }
}

impl Drop for Outcome {
    fn drop(&mut self) {
        let code = self.code.unwrap_or(Code::Cancelled);
        self.span.record("rpc.grpc.status_code", code as i32);
        // Of these codes the conventions say that the server is at fault.
        let ours = [
            Code::Unknown,
            Code::DeadlineExceeded,
            Code::Unimplemented,
            Code::Internal,
            Code::Unavailable,
            Code::DataLoss,
        ];
        if ours.contains(&code) {
            self.span.record("otel.status_code", "ERROR");
        }
        let [service, method] = self.labels.clone();
        let took = self.arrived.elapsed();
        let labels = [
            KeyValue::new("rpc.system", "grpc"),
            service,
            method,
            KeyValue::new("rpc.grpc.status_code", i64::from(code as i32)),
        ];
        self.duration.record(took.as_secs_f64(), &labels);
        tracing::debug!(parent: &self.span, code = code as i32, ?took, "answered");
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;
    use opentelemetry::metrics::MeterProvider as _;
    use tower::{ServiceExt as _, service_fn};

    use super::super::testing;
    use super::*;
    use crate::domain::error::Error;
    use crate::grpc::status;

    const GET: &str = "/landlord.v1.TenantService/GetTenant";

    fn layer() -> TraceLayer {
        TraceLayer::new(KnownMethods::new(|path| path == GET))
    }

    fn request(pairs: &[(&'static str, &'static str)]) -> Request<Body> {
        let mut request = Request::post(GET).body(Body::empty()).unwrap();
        for (name, value) in pairs {
            request.headers_mut().append(*name, HeaderValue::from_static(value));
        }
        request
    }

    async fn echoed(pairs: &[(&'static str, &'static str)]) -> String {
        let inner = service_fn(|request: Request<Body>| async move {
            assert!(request.extensions().get::<ArrivedAt>().is_some());
            let id = CorrelationId::of(request.extensions());
            Ok::<_, Infallible>(status::response(Error::not_found("tenants/acme"), &id))
        });
        let Ok(response) = layer().layer(inner).oneshot(request(pairs)).await;
        let answer = testing::answer(response).await;
        let echoed = answer.headers[REQUEST_ID].to_str().unwrap().to_owned();
        assert_eq!(answer.correlation_id, echoed);
        echoed
    }

    #[tokio::test]
    async fn the_correlation_id_is_echoed_or_made_up() {
        assert_eq!(echoed(&[(REQUEST_ID, "mine-1")]).await, "mine-1");
        assert_eq!(echoed(&[]).await.len(), 36);
        assert_eq!(echoed(&[(REQUEST_ID, "not allowed")]).await.len(), 36);
        assert_eq!(echoed(&[(REQUEST_ID, "a"), (REQUEST_ID, "b")]).await.len(), 36);
    }

    /// The method and status code of each call that was measured.
    fn measured(registry: &prometheus::Registry) -> Vec<(String, String)> {
        let families = registry.gather();
        let family = families.iter().find(|family| family.name() == "rpc_server_duration_seconds");
        let calls = family.into_iter().flat_map(|family| family.get_metric());
        calls
            .map(|call| {
                let label = |name: &str| call.get_label().iter().find(|l| l.name() == name).unwrap().value().to_owned();
                (label("rpc_method"), label("rpc_grpc_status_code"))
            })
            .collect()
    }

    #[tokio::test]
    async fn the_code_is_measured_wherever_it_stands() {
        let not_found = status::headers(&status::status(Error::not_found("tenants/acme"), "id"));
        let mut at_once = Response::new(Body::empty());
        at_once.headers_mut().extend(not_found.clone());
        let cases = [
            (at_once, true, "5"),
            (Response::new(testing::ending([b"one"], not_found)), true, "5"),
            (Response::new(testing::stream([b"one"])), true, "0"),
            // The caller left before the end.
            (Response::new(testing::endless()), false, "1"),
            (Response::new(Body::empty()), true, "2"),
        ];
        for (response, read, code) in cases {
            let registry = prometheus::Registry::new();
            let exporter = opentelemetry_prometheus::exporter().with_registry(registry.clone()).build().unwrap();
            let provider = opentelemetry_sdk::metrics::SdkMeterProvider::builder().with_reader(exporter).build();
            let layer = TraceLayer::measuring(KnownMethods::new(|path| path == GET), &provider.meter("test"));
            let Ok(response) = layer.layer(testing::answering(response)).oneshot(request(&[])).await;
            if read {
                response.into_body().collect().await.unwrap();
            } else {
                drop(response);
            }
            assert_eq!(measured(&registry), [("GetTenant".to_owned(), code.to_owned())]);
        }
    }

    #[tokio::test]
    async fn a_call_that_is_dropped_is_measured_as_cancelled() {
        let registry = prometheus::Registry::new();
        let exporter = opentelemetry_prometheus::exporter().with_registry(registry.clone()).build().unwrap();
        let provider = opentelemetry_sdk::metrics::SdkMeterProvider::builder().with_reader(exporter).build();
        let layer = TraceLayer::measuring(KnownMethods::new(|_| false), &provider.meter("test"));
        let inner = service_fn(|_| std::future::pending::<Result<Response<Body>, Infallible>>());
        drop(layer.layer(inner).oneshot(request(&[])).now_or_never());
        assert_eq!(measured(&registry), [("_OTHER".to_owned(), "1".to_owned())]);
    }

    #[test]
    fn the_callers_trace_goes_on() {
        use opentelemetry::trace::{TraceContextExt as _, TracerProvider as _};
        use tracing_subscriber::layer::SubscriberExt as _;

        let tracer = opentelemetry_sdk::trace::SdkTracerProvider::builder().build().tracer("test");
        let subscriber = tracing_subscriber::registry().with(tracing_opentelemetry::layer().with_tracer(tracer));
        let sent = [("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")];
        let trace = tracing::subscriber::with_default(subscriber, || {
            let span = layer().span(&request(&sent), &CorrelationId::fresh());
            span.context().span().span_context().trace_id().to_string()
        });
        assert_eq!(trace, "0af7651916cd43dd8448eb211c80319c");
    }

    #[test]
    fn strangers_make_no_labels() {
        assert_eq!(layer().names(GET), ("landlord.v1.TenantService", "GetTenant"));
        assert_eq!(layer().names("/made.up/Method"), ("_OTHER", "_OTHER"));
        assert_eq!(layer().names("/grpc.health.v1.Health/Check"), ("grpc.health.v1.Health", "Check"));
    }
}
