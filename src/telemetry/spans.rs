use std::time::Duration;

use opentelemetry::Context;
use opentelemetry::trace::TracerProvider;
use opentelemetry_proto::tonic::trace::v1;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{
    Sampler, SdkTracer, SdkTracerProvider, Span, SpanData, SpanLimits, SpanProcessor,
};

use super::queue::{Queue, offer};

/// Puts every span that has ended into the queues.
#[derive(Debug)]
struct Spans(Vec<Queue>);

impl SpanProcessor for Spans {
    fn on_start(&self, _: &mut Span, _: &Context) {}

    fn on_end(&self, span: SpanData) {
        offer(&self.0, &v1::Span::from(span));
    }

    /// What is in the queues is flushed by whoever empties them.
    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }
}

/// What makes the spans. Everything that the SDK would otherwise read from the environment is
/// said; scope and resource are those of the requests.
pub(super) fn tracer(queues: Vec<Queue>) -> SdkTracer {
    SdkTracerProvider::builder()
        .with_resource(opentelemetry_sdk::Resource::builder_empty().build())
        .with_sampler(Sampler::AlwaysOn)
        .with_span_limits(SpanLimits::default())
        .with_span_processor(Spans(queues))
        .build()
        .tracer(env!("CARGO_PKG_NAME"))
}
