//! Logs to stderr, metrics for Prometheus, and traces and metrics by OTLP where an endpoint is configured.

use opentelemetry::trace::TracerProvider as _;
use opentelemetry_otlp::{ExporterBuildError, MetricExporter, SpanExporter, WithExportConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::metrics::SdkMeterProvider;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider};
use prometheus::Registry;
use tracing_subscriber::filter::{LevelFilter, ParseError, Targets};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::{SubscriberInitExt as _, TryInitError};
use tracing_subscriber::{EnvFilter, Layer};

use crate::config::{LogFormat, Telemetry};

/// Why telemetry could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The filter can't be read.
    #[error("telemetry.log_filter: {0}")]
    Filter(#[from] ParseError),
    /// The endpoint can't be used. (That nobody answers there is no error: exporting is tried again.)
    #[error("telemetry.otlp_endpoint: {0}")]
    Exporter(#[from] ExporterBuildError),
    /// The registry refuses the metrics.
    #[error("can't set up metrics: {0}")]
    Metrics(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// There is a logger already.
    #[error("can't set up logging: {0}")]
    Logging(#[from] TryInitError),
}

/// Keeps telemetry going. [`Guard::shutdown`] sends what is still held back.
#[derive(Debug)]
#[must_use = "what is held back is lost when the process ends without a shutdown"]
pub struct Guard {
    traces: Option<SdkTracerProvider>,
    metrics: SdkMeterProvider,
    registry: Registry,
}

impl Guard {
    /// What `/metrics` shows.
    pub fn registry(&self) -> Registry {
        self.registry.clone()
    }

    /// Sends what is held back. It waits for the endpoint for some seconds, so not on a thread that serves.
    pub fn shutdown(self) {
        let traces = self.traces.map_or(Ok(()), |traces| traces.shutdown());
        for result in [traces, self.metrics.shutdown()] {
            if let Err(error) = result {
                tracing::warn!(%error, "telemetry was not sent to its end");
            }
        }
    }
}

/// Sets up logging alone, for commands that end by themselves.
pub fn log(config: &Telemetry) -> Result<(), TelemetryError> {
    Ok(tracing_subscriber::registry().with(lines(config)?).try_init()?)
}

/// Sets up logging, tracing and metrics for the whole process. Within a runtime, since OTLP needs one.
pub fn init(config: &Telemetry) -> Result<Guard, TelemetryError> {
    let lines = lines(config)?;
    let resource = Resource::builder()
        .with_service_name("landlord")
        .with_attribute(opentelemetry::KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
        .build();
    let traces = config.otlp_endpoint.as_deref().map(|to| traces(to, config.sample_ratio, &resource)).transpose()?;
    let (metrics, registry) = metrics(config.otlp_endpoint.as_deref(), resource)?;

    let spans = traces.as_ref().map(|traces| tracing_opentelemetry::layer().with_tracer(traces.tracer("landlord")));
    // Fewer lines must not mean fewer spans, so each has a filter of its own; of spans, only ours are sent.
    let spans = spans.with_filter(Targets::new().with_target("landlord", LevelFilter::INFO));
    tracing_subscriber::registry().with(lines).with(spans).try_init()?;

    opentelemetry::global::set_text_map_propagator(TraceContextPropagator::new());
    opentelemetry::global::set_meter_provider(metrics.clone());
    if let Some(traces) = &traces {
        opentelemetry::global::set_tracer_provider(traces.clone());
    }
    Ok(Guard { traces, metrics, registry })
}

/// The lines that are logged.
fn lines(config: &Telemetry) -> Result<impl Layer<tracing_subscriber::Registry>, TelemetryError> {
    let filter = EnvFilter::try_new(&config.log_filter)?;
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let lines = match config.log_format {
        LogFormat::Text => lines.boxed(),
        LogFormat::Json => lines.json().flatten_event(true).boxed(),
    };
    Ok(lines.with_filter(filter))
}

fn traces(endpoint: &str, ratio: f64, resource: &Resource) -> Result<SdkTracerProvider, ExporterBuildError> {
    let exporter = SpanExporter::builder().with_tonic().with_endpoint(endpoint).build()?;
    // What a caller traces is traced here, too; of what begins here, a part.
    let sampler = Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(ratio)));
    Ok(SdkTracerProvider::builder()
        .with_batch_exporter(exporter)
        .with_sampler(sampler)
        .with_resource(resource.clone())
        .build())
}

fn metrics(endpoint: Option<&str>, resource: Resource) -> Result<(SdkMeterProvider, Registry), TelemetryError> {
    let registry = Registry::new();
    let scraped = opentelemetry_prometheus::exporter().with_registry(registry.clone()).build();
    let scraped = scraped.map_err(|error| TelemetryError::Metrics(error.into()))?;
    let mut provider = SdkMeterProvider::builder().with_reader(scraped).with_resource(resource);
    if let Some(endpoint) = endpoint {
        let exporter = MetricExporter::builder().with_tonic().with_endpoint(endpoint).build()?;
        provider = provider.with_periodic_exporter(exporter);
    }
    Ok((provider.build(), registry))
}

#[cfg(test)]
mod tests {
    use opentelemetry::KeyValue;
    use opentelemetry::metrics::MeterProvider as _;

    use super::*;

    #[test]
    fn what_is_measured_can_be_scraped() {
        let (provider, registry) = metrics(None, Resource::builder().build()).unwrap();
        let histogram = provider.meter("test").f64_histogram("rpc.server.duration").with_unit("s").build();
        histogram.record(0.2, &[KeyValue::new("rpc.method", "GetTenant")]);
        let families = registry.gather();
        let family = families.iter().find(|family| family.name() == "rpc_server_duration_seconds").unwrap();
        let label = family.get_metric()[0].get_label().iter().find(|label| label.name() == "rpc_method");
        assert_eq!(label.unwrap().value(), "GetTenant");
    }

    #[tokio::test]
    async fn a_wrong_option_is_named() {
        let filter = Telemetry { log_filter: "info,=".into(), ..Telemetry::default() };
        assert!(init(&filter).unwrap_err().to_string().starts_with("telemetry.log_filter"));
        let endpoint = Telemetry { otlp_endpoint: Some("not an address".into()), ..Telemetry::default() };
        assert!(init(&endpoint).unwrap_err().to_string().starts_with("telemetry.otlp_endpoint"));
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn spans_reach_the_endpoint_at_shutdown() {
        use opentelemetry::trace::Tracer as _;

        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let (called, mut calls) = tokio::sync::mpsc::channel(64);
        let collector = tower::service_fn(move |request: ::http::Request<tonic::body::Body>| {
            called.try_send(request.uri().path().to_owned()).unwrap();
            std::future::ready(Ok::<_, std::convert::Infallible>(
                tonic::Status::ok("").into_http::<tonic::body::Body>(),
            ))
        });
        let incoming = tokio_stream::wrappers::TcpListenerStream::new(listener);
        tokio::spawn(tonic::transport::Server::builder().serve_with_incoming(collector, incoming));

        let traces = traces(&endpoint, 1.0, &Resource::builder().build()).unwrap();
        drop(traces.tracer("test").start("a span"));
        let (metrics, registry) = metrics(None, Resource::builder().build()).unwrap();
        let guard = Guard { traces: Some(traces), metrics, registry };
        tokio::task::spawn_blocking(move || guard.shutdown()).await.unwrap();
        let path = calls.try_recv().unwrap();
        assert_eq!(path, "/opentelemetry.proto.collector.trace.v1.TraceService/Export");
    }
}
