//! Traces over OTLP/HTTP, as OpenTelemetry's environment variables configure them.
//!
//! The operator creates no spans for them. A pass is the span in which kube's runtime runs it, a request to AWS is the
//! SDK's span, and what the operator logs in either is an event of that span.

use std::env;
use std::error::Error;

use opentelemetry::trace::TracerProvider;
use opentelemetry_otlp::SpanExporter;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{SdkTracerProvider, Tracer};
use tracing::Subscriber;
use tracing_opentelemetry::OpenTelemetryLayer;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::registry::LookupSpan;

use super::VERSION_ONLY;

const NAME: &str = "ivschat-operator";
/// Either of them turns traces on.
const ENDPOINTS: [&str; 2] = [
    opentelemetry_otlp::OTEL_EXPORTER_OTLP_ENDPOINT,
    opentelemetry_otlp::OTEL_EXPORTER_OTLP_TRACES_ENDPOINT,
];

/// Sends traces to the collector. Dropping it sends what was not sent yet.
#[derive(Debug)]
pub(super) struct Traces(SdkTracerProvider);

impl Traces {
    /// Reads the environment. `None`: no collector is named.
    ///
    /// # Errors
    /// The environment's settings for the collector are invalid.
    pub(super) fn from_environment() -> Result<Option<Self>, Box<dyn Error>> {
        if !ENDPOINTS.iter().any(|name| env::var_os(name).is_some()) {
            return Ok(None);
        }
        let exporter = SpanExporter::builder().with_http().build()?;
        let resource = Resource::builder()
            .with_service_name(env::var("OTEL_SERVICE_NAME").unwrap_or_else(|_| NAME.to_owned()))
            .with_attribute(opentelemetry::KeyValue::new(
                "service.version",
                VERSION_ONLY,
            ))
            .build();
        let provider = SdkTracerProvider::builder()
            .with_batch_exporter(exporter)
            .with_resource(resource)
            .build();
        Ok(Some(Self(provider)))
    }

    /// A layer that turns each pass and each request to AWS into a span.
    pub(super) fn layer<S>(&self) -> impl Layer<S> + use<S>
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        let spans = Targets::new()
            .with_target("pass", LevelFilter::INFO)
            .with_target("aws_sdk_ivschat::operation", LevelFilter::DEBUG)
            .with_target("aws_sdk_sts::operation", LevelFilter::DEBUG)
            .with_target("ivschat_operator", LevelFilter::DEBUG)
            .with_target("ivschat_aws::sdk::attempts", LevelFilter::TRACE);
        let layer: OpenTelemetryLayer<S, Tracer> =
            tracing_opentelemetry::layer().with_tracer(self.0.tracer(NAME));
        layer.with_filter(spans)
    }
}

impl Drop for Traces {
    fn drop(&mut self) {
        if let Err(error) = self.0.shutdown() {
            tracing::warn!(%error, "the last traces could not be sent");
        }
    }
}
