use super::super::unit::declared_unit;
use super::{Dialect, escape};
use crate::snapshot::{Descriptor, Kind};

/// HELP, TYPE and, where the dialect has it, UNIT.
pub(super) fn write(out: &mut Vec<u8>, dialect: Dialect, descriptor: &Descriptor) {
    let (name, kind) = match dialect {
        Dialect::Prometheus => (descriptor.name.as_str(), prometheus_type(descriptor.kind)),
        Dialect::OpenMetrics => openmetrics_family(descriptor),
    };
    let special = match dialect {
        Dialect::Prometheus => escape::UNQUOTED,
        Dialect::OpenMetrics => escape::QUOTED,
    };
    begin(out, "HELP", name);
    escape::push(out, &descriptor.help, special);
    out.push(b'\n');
    begin(out, "TYPE", name);
    out.extend_from_slice(kind.as_bytes());
    out.push(b'\n');
    if dialect == Dialect::OpenMetrics
        && let Some(unit) = declared_unit(descriptor)
    {
        begin(out, "UNIT", name);
        out.extend_from_slice(unit.as_bytes());
        out.push(b'\n');
    }
}

fn begin(out: &mut Vec<u8>, what: &str, name: &str) {
    out.extend_from_slice(b"# ");
    out.extend_from_slice(what.as_bytes());
    out.push(b' ');
    out.extend_from_slice(name.as_bytes());
    out.push(b' ');
}

fn prometheus_type(kind: Kind) -> &'static str {
    match kind {
        Kind::Counter => "counter",
        Kind::Gauge | Kind::Info => "gauge",
        Kind::Histogram => "histogram",
    }
}

/// OpenMetrics names the family without the suffix that its samples must carry. A name that
/// lacks the suffix cannot be of that type there.
fn openmetrics_family(descriptor: &Descriptor) -> (&str, &'static str) {
    let name = descriptor.name.as_str();
    match descriptor.kind {
        Kind::Counter => name
            .strip_suffix("_total")
            .map_or((name, "unknown"), |stem| (stem, "counter")),
        Kind::Info => name
            .strip_suffix("_info")
            .map_or((name, "gauge"), |stem| (stem, "info")),
        Kind::Gauge => (name, "gauge"),
        Kind::Histogram => (name, "histogram"),
    }
}
