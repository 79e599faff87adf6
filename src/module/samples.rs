//! Manifests for tests: plausible, and independent of the built-in ones.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::borrow::Cow;
use std::sync::Arc;

use super::{Catalogue, Manifest, Module, ModuleSource};

pub(crate) const DISK: &str = r#"name = "disk"
summary = "Latency of disk requests, by device"
memory = "(devices + 1) x 5 operations x 2.6 kB x possible CPUs"
requires = ["CAP_BPF", "CAP_PERFMON"]

[options.split]
type = "bool"
default = true
global = "SPLIT"
help = "Tell time in queue from time in the device"

[options.per_cpu]
type = "bool"
default = false
help = "Split requests by the CPU that completed them"

[options.max_in_flight]
type = "integer"
default = 8192
min = 64
max = 65536
help = "Requests in flight whose issue time can be kept"

[[programs]]
name = "complete"
alternatives = [
  { function = "complete_btf", attach = "tp_btf", target = "block_rq_complete" },
  { function = "complete_tp", attach = "tracepoint", target = "block/block_rq_complete" },
]

[[programs]]
name = "issue"
when = "split"
alternatives = [{ function = "issue_btf", attach = "tp_btf", target = "block_rq_issue" }]

[[maps]]
name = "DISK"
keys = [
  { field = "device", label = "device", discover = "block_device", max = 64, exclude = "^(ram|loop)\\d+$" },
  { field = "operation", label = "operation", values = ["read", "write", "other"] },
]

[[maps]]
name = "ISSUED"
internal = true
size_option = "max_in_flight"
when = "split"

[[metrics]]
name = "geophone_disk_duration_seconds"
kind = "histogram"
unit = "seconds"
help = "Time from the start of a request to its completion."
map = "DISK"
field = "duration"
programs = ["complete"]
stability = "stable"
otlp = { name = "geophone.disk.duration", unit = "s" }

[[metrics]]
name = "geophone_disk_queue_seconds"
kind = "histogram"
unit = "seconds"
help = "Time a request waits in the queue."
map = "DISK"
field = "queue"
programs = ["complete", "issue"]
when = "split"
classic = [-10, 2]
stability = "experimental"
otlp = { name = "geophone.disk.queue", unit = "s" }

[[metrics]]
name = "geophone_disk_errors_total"
kind = "counter"
unit = "none"
help = "Requests that failed."
map = "DISK"
field = "errors"
programs = ["complete"]
stability = "stable"
otlp = { name = "geophone.disk.errors", unit = "{request}" }
per_cpu = "per_cpu"
labels = [{ name = "error", values = ["io", "timeout"] }]
"#;

pub(crate) const BEEP: &str = r#"name = "beep"
summary = "Beeps"
memory = "16 B x possible CPUs"

[[programs]]
name = "beep"
alternatives = [{ function = "beep", attach = "raw_tp", target = "beep" }]

[[maps]]
name = "BEEP"

[[metrics]]
name = "geophone_beep_beeps_total"
kind = "counter"
unit = "none"
help = "Beeps heard."
map = "BEEP"
field = "beeps"
programs = ["beep"]
stability = "stable"
otlp = { name = "geophone.beep.beeps", unit = "{beep}" }
"#;

/// A catalogue of the two modules, as if they were built in.
pub(crate) fn catalogue() -> Catalogue {
    let module = |text| {
        Arc::new(Module {
            manifest: Manifest::parse_builtin("sample.toml", text).unwrap(),
            object: Cow::Borrowed(&[]),
            source: ModuleSource::Builtin,
        })
    };
    Catalogue {
        modules: vec![module(DISK), module(BEEP)],
        namesakes: Vec::new(),
    }
}
