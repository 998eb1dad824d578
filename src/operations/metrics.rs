//! What is counted of operations.

use opentelemetry::KeyValue;
use opentelemetry::metrics::{Counter, Histogram};

use crate::domain::operation::Kind;

/// The instruments.
#[derive(Clone)]
pub(super) struct Metrics {
    steps: Histogram<f64>,
    failures: Counter<u64>,
    take_overs: Counter<u64>,
}

impl Metrics {
    /// Of the global meter.
    pub fn new() -> Self {
        let meter = opentelemetry::global::meter("landlord");
        Self {
            steps: meter
                .f64_histogram("landlord.operation.step.duration")
                .with_unit("s")
                .with_description("Time of one attempt at a step")
                .build(),
            failures: meter
                .u64_counter("landlord.operation.failures")
                .with_description("Operations that were given up")
                .build(),
            take_overs: meter
                .u64_counter("landlord.operation.take_overs")
                .with_description("Operations taken over from a worker whose lease had run out")
                .build(),
        }
    }

    /// An attempt at a step took so many seconds.
    pub fn step(&self, kind: Kind, step: &'static str, ok: bool, seconds: f64) {
        let outcome = if ok { "ok" } else { "error" };
        let labels =
            [KeyValue::new("kind", kind.name()), KeyValue::new("step", step), KeyValue::new("outcome", outcome)];
        self.steps.record(seconds, &labels);
    }

    /// An operation was given up.
    pub fn failed(&self, kind: Kind) {
        self.failures.add(1, &[KeyValue::new("kind", kind.name())]);
    }

    /// An operation was taken over.
    pub fn taken_over(&self, kind: Kind) {
        self.take_overs.add(1, &[KeyValue::new("kind", kind.name())]);
    }
}
