/// How names outside the classic character set are written. Geophone's names never leave
/// that set, so every scheme gives the same page; it is negotiated all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Escaping {
    AllowUtf8,
    /// What an unknown scheme means.
    #[default]
    Underscores,
    Dots,
    Values,
}

impl Escaping {
    /// Reads the `escaping` parameter of a media type.
    pub fn from_parameter(value: &str) -> Self {
        match value {
            // Servers send the first spelling, the negotiation document has the second.
            "allow-utf-8" | "allow-utf8" => Self::AllowUtf8,
            "dots" => Self::Dots,
            "values" => Self::Values,
            _ => Self::Underscores,
        }
    }
}

/// The formats a Prometheus server can ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// Prometheus text 0.0.4: what everything reads.
    #[default]
    Text004,
    /// Prometheus text 1.0.0.
    Text100(Escaping),
    /// OpenMetrics 0.0.1, the draft that became 1.0.0 unchanged for what is exposed here.
    OpenMetrics001,
    /// OpenMetrics 1.0.0.
    OpenMetrics100(Escaping),
    /// Length-delimited `io.prometheus.client.MetricFamily` messages: the only format with
    /// native histograms. The escaping scheme is named only to those who named one.
    Protobuf(Option<Escaping>),
}

macro_rules! escaped {
    ($base:literal, $escaping:expr) => {
        match $escaping {
            Escaping::AllowUtf8 => concat!($base, "; escaping=allow-utf-8"),
            Escaping::Underscores => concat!($base, "; escaping=underscores"),
            Escaping::Dots => concat!($base, "; escaping=dots"),
            Escaping::Values => concat!($base, "; escaping=values"),
        }
    };
}

impl Format {
    /// The `Content-Type` of a page in this format.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Text004 => "text/plain; version=0.0.4; charset=utf-8",
            Self::Text100(escaping) => {
                escaped!("text/plain; version=1.0.0; charset=utf-8", escaping)
            }
            Self::OpenMetrics001 => "application/openmetrics-text; version=0.0.1; charset=utf-8",
            Self::OpenMetrics100(escaping) => {
                escaped!(
                    "application/openmetrics-text; version=1.0.0; charset=utf-8",
                    escaping
                )
            }
            Self::Protobuf(None) => {
                "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited"
            }
            Self::Protobuf(Some(escaping)) => {
                escaped!(
                    "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited",
                    escaping
                )
            }
        }
    }
}
