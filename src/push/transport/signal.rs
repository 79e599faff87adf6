use std::fmt;

use crate::config::OtlpEndpoint;

/// What is sent: each has a service of its own at an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Signal {
    Metrics,
    Logs,
    Traces,
}

impl Signal {
    /// Where an endpoint takes it.
    pub fn url(self, endpoint: &OtlpEndpoint) -> &str {
        match self {
            Self::Metrics => &endpoint.metrics_url,
            Self::Logs => &endpoint.logs_url,
            Self::Traces => &endpoint.traces_url,
        }
    }

    /// As metrics label it.
    pub fn label(self) -> &'static str {
        match self {
            Self::Metrics => "metrics",
            Self::Logs => "logs",
            Self::Traces => "traces",
        }
    }

    /// The method of gRPC that takes it.
    pub fn method(self) -> &'static str {
        match self {
            Self::Metrics => "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
            Self::Logs => "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
            Self::Traces => "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
        }
    }
}

/// As the log calls it.
impl fmt::Display for Signal {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Metrics => "metrics",
            Self::Logs => "log messages",
            Self::Traces => "spans",
        })
    }
}
