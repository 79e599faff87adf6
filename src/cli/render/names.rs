use std::fmt::Write as _;
use std::sync::Arc;

use super::kind;
use crate::snapshot::{Descriptor, Kind};

const INTRODUCTION: &str = "
## Names over OTLP

What Prometheus scrapes and what is pushed ([otlp.md](otlp.md)) are the same series; labels are
attributes of the same name. Prometheus' own translation of what it receives over OTLP gives
the names on the left again, but for those of the process, which OpenTelemetry has names for.

| scraped | pushed | unit | as |
|---|---|---|---|
";

/// Both spellings of every metric, as a table.
pub(super) fn write(out: &mut String, all: &[Arc<Descriptor>]) {
    out.push_str(INTRODUCTION);
    for about in all {
        let pushed_as = match about.kind {
            Kind::Counter => "sum, monotonic",
            Kind::Gauge => "gauge",
            Kind::Info => "gauge of 1",
            Kind::Histogram => "exponential histogram",
        };
        let _ = writeln!(
            out,
            "| `{}` ({}) | `{}` | `{}` | {pushed_as} |",
            about.name,
            kind(about.kind),
            about.otlp.name,
            about.otlp.unit
        );
    }
}
