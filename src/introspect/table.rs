use std::sync::{Arc, OnceLock};

use crate::snapshot::{Descriptor, Kind, OtlpName, Stability, Unit};

/// One of Geophone's own metrics.
#[derive(Debug)]
pub struct Own {
    pub name: &'static str,
    pub kind: Kind,
    pub unit: Unit,
    pub labels: &'static [&'static str],
    pub help: &'static str,
    /// OpenTelemetry's name and UCUM unit.
    pub otlp: (&'static str, &'static str),
    /// Made when it is first asked for.
    descriptor: OnceLock<Arc<Descriptor>>,
}

impl Own {
    /// The one that all snapshots share.
    pub fn descriptor(&self) -> Arc<Descriptor> {
        Arc::clone(self.descriptor.get_or_init(|| Arc::new(self.describe())))
    }

    fn describe(&self) -> Descriptor {
        Descriptor {
            name: self.name.to_owned(),
            help: self.help.to_owned(),
            kind: self.kind,
            unit: self.unit,
            labels: self.labels.iter().map(|&label| label.to_owned()).collect(),
            module: None,
            otlp: OtlpName {
                name: self.otlp.0.to_owned(),
                unit: self.otlp.1.to_owned(),
            },
            stability: Stability::Stable,
            classic: (0, 0),
        }
    }
}

macro_rules! own {
    ($($id:ident: $kind:ident $unit:ident $name:literal $labels:tt $otlp:tt $help:literal;)+) => {
        $(
            #[doc = $help]
            pub(crate) static $id: Own = Own {
                name: $name,
                kind: Kind::$kind,
                unit: Unit::$unit,
                labels: &$labels,
                help: $help,
                otlp: $otlp,
                descriptor: OnceLock::new(),
            };
        )+

        /// Every metric that is Geophone's own, for the metric reference.
        pub static TABLE: &[&Own] = &[$(&$id),+];
    };
}

own! {
    BUILD_INFO: Info None "geophone_build_info" ["version", "revision", "rustc", "arch"]
        ("geophone.build.info", "{build}") "The build of this daemon.";
    MODULE_STATE: Gauge None "geophone_module_state" ["module", "state"]
        ("geophone.module.state", "{module}")
        "1 for the state the module is in: active (every program attached), waiting (for a library that it attaches to), degraded (some programs are attached, or what it measures cannot all be found or told apart), failed (none, though the kernel should allow it), unsupported (the kernel lacks what it needs, or has not loaded the driver that the module measures) or disabled.";
    MODULE_STARTS: Counter None "geophone_module_starts_total" ["module"]
        ("geophone.module.starts", "{start}")
        "Times the module was brought up and had programs loaded: at the start, and where it measures kernel drivers also when they come, or come back. Its counters begin anew each time.";
    PROGRAM_ATTACHED: Gauge None "geophone_program_attached" ["module", "program", "hook"]
        ("geophone.program.attached", "{program}")
        "1 while the program is attached; hook says where to, and is empty for one that could not be loaded.";
    PROGRAM_RUN_SECONDS: Counter Seconds "geophone_program_sampled_run_seconds_total" ["module", "program"]
        ("geophone.program.sampled_run", "s")
        "Time the program ran while the kernel measured it, whoever asked for that; divided by geophone_program_sampled_runs_total it is the time of a run.";
    PROGRAM_RUNS: Counter None "geophone_program_sampled_runs_total" ["module", "program"]
        ("geophone.program.sampled_runs", "{run}")
        "Runs of the program while the kernel measured them, whoever asked for that.";
    PROGRAM_MISSED: Counter None "geophone_program_missed_runs_total" ["module", "program"]
        ("geophone.program.missed_runs", "{run}")
        "Runs that the kernel skipped because the program was already running on that CPU. Each is an event that was not counted.";
    RUN_STATISTICS_SECONDS: Counter Seconds "geophone_run_statistics_seconds_total" []
        ("geophone.run_statistics", "s")
        "Time for which Geophone had the kernel's run statistics switched on, to sample what its programs cost.";
    MAP_ENTRIES: Gauge None "geophone_map_entries" ["module", "map"]
        ("geophone.map.entries", "{entry}")
        "Entries in the map at the last sweep; of a map that no metric is read from, at the sweep before. An array always has as many as it has room for. Missing for a hash map of more than 2 MiB of keys and values that no metric is read from: to count its entries would take long.";
    MAP_CAPACITY: Gauge None "geophone_map_capacity" ["module", "map"]
        ("geophone.map.capacity", "{entry}")
        "Entries the map has room for.";
    MAP_BYTES: Gauge Bytes "geophone_map_bytes" ["module", "map"]
        ("geophone.map", "By")
        "Kernel memory the map takes, as the kernel accounts it: with the entries it has now, before 6.4 with all it has room for.";
    MODULE_SWEPT: Gauge None "geophone_module_sweep_success" ["module"]
        ("geophone.module.sweep.success", "{module}")
        "1 if the module was read in this sweep; 0 if it was late or could not be read, and its metrics are missing here.";
    MODULE_SWEEP_SECONDS: Gauge Seconds "geophone_module_sweep_duration_seconds" ["module"]
        ("geophone.module.sweep.duration", "s")
        "How long reading the module took in this sweep.";
    SWEEP_SECONDS: Gauge Seconds "geophone_sweep_duration_seconds" []
        ("geophone.sweep.duration", "s")
        "How long this sweep took.";
    SWEEP_TIMESTAMP: Gauge Seconds "geophone_sweep_timestamp_seconds" []
        ("geophone.sweep.timestamp", "s")
        "When this sweep began, in Unix time.";
    SWEEPS: Counter None "geophone_sweeps_total" []
        ("geophone.sweeps", "{sweep}")
        "Sweeps over all maps.";
    PARTIAL: Counter None "geophone_partial_snapshots_total" []
        ("geophone.partial_snapshots", "{snapshot}")
        "Scrapes answered without some module, because its sweep was not done at the scrape's deadline.";
    FOLDED: Counter None "geophone_series_folded_total" ["metric"]
        ("geophone.series.folded", "{thing}")
        "Things that found no room for series of their own (max_series, or a full map), counted when they appear. Their events are in the series other.";
    DISCOVERY_ERRORS: Counter None "geophone_discovery_errors_total" ["module", "label"]
        ("geophone.discovery.errors", "{error}")
        "Failed attempts to find out which values a label has.";
    LIBRARY_FILES: Gauge None "geophone_library_files" ["module", "library"]
        ("geophone.library.files", "{file}")
        "Files of the library that programs of the module are attached to.";
    LIBRARY_PROBES: Gauge None "geophone_library_probes" ["module", "library", "placement"]
        ("geophone.library.probes", "{probe}")
        "Probes at functions of the library. A call passes a fast one, at an instruction that the kernel emulates, in about half a microsecond; a slow one, through which the processor has to step, takes some ten of that in a virtual machine.";
    LIBRARY_SCANS: Counter None "geophone_library_scans_total" []
        ("geophone.library.scans", "{scan}")
        "Passes over the list of processes in search of libraries.";
    LIBRARY_SCAN_SECONDS: Counter Seconds "geophone_library_scan_seconds_total" []
        ("geophone.library.scan", "s")
        "Time that those passes took.";
    LIBRARY_LOOKS: Counter None "geophone_library_process_looks_total" []
        ("geophone.library.process_looks", "{look}")
        "Looks at what a process maps.";
    LIBRARY_PROCESSES: Gauge None "geophone_library_processes" ["state"]
        ("geophone.library.processes", "{process}")
        "Processes that are known to the search; of the last pass those that wait for the next one; those whose look does not come back; and those that there is no room to know.";
    LIBRARY_MISSES: Counter None "geophone_library_misses_total" ["reason"]
        ("geophone.library.misses", "{miss}")
        "What the search did not see: mappings without the right to read them (CAP_SYS_PTRACE), libraries that cannot be opened or whose file system does not answer, processes that map more than is looked at, what is beyond a bound, and lists of processes that could not be read.";
    LIBRARY_HOST_MISSES: Gauge None "geophone_library_host_misses" ["reason"]
        ("geophone.library.host_misses", "{file}")
        "Files and directories of the host where libraries may be and that cannot be read now, do not answer, or are beyond the bound.";
    OTLP_EXPORTS: Counter None "geophone_otlp_exports_total" ["endpoint", "outcome"]
        ("geophone.otlp.exports", "{export}")
        "Snapshots pushed to the endpoint: done (every request was accepted or refused), or displaced (a newer snapshot, or the end of the daemon, came before that).";
    OTLP_REQUESTS: Counter None "geophone_otlp_requests_total" ["endpoint", "outcome"]
        ("geophone.otlp.requests", "{request}")
        "Requests to the endpoint: accepted, partial (accepted but for some points, or with a warning), refused (never sent again) or failed (sent again later). Each attempt counts.";
    OTLP_POINTS: Counter None "geophone_otlp_sent_points_total" ["endpoint"]
        ("geophone.otlp.sent_points", "{point}")
        "Data points that the endpoint accepted.";
    OTLP_REJECTED: Counter None "geophone_otlp_rejected_points_total" ["endpoint"]
        ("geophone.otlp.rejected_points", "{point}")
        "Data points that the endpoint said it rejected of requests that it accepted.";
    OTLP_DROPPED: Counter None "geophone_otlp_dropped_points_total" ["endpoint", "reason"]
        ("geophone.otlp.dropped_points", "{point}")
        "Data points that the endpoint did not get: their request was refused, a newer snapshot displaced theirs (whose totals, or whose deltas, hold what these held), or they fit no request (unfit).";
    OTLP_SENT_BYTES: Counter Bytes "geophone_otlp_sent_bytes_total" ["endpoint"]
        ("geophone.otlp.sent", "By")
        "Requests that the endpoint accepted, before compression.";
    OTLP_ENCODE_SECONDS: Counter Seconds "geophone_otlp_encode_seconds_total" ["endpoint"]
        ("geophone.otlp.encode", "s")
        "Time that encoding and compressing snapshots for the endpoint took.";
    OTLP_QUEUE_LENGTH: Gauge None "geophone_otlp_queue_length" ["endpoint"]
        ("geophone.otlp.queue_length", "{snapshot}")
        "Snapshots that wait for the endpoint, with the one that is being sent.";
    OTLP_QUEUE_CAPACITY: Gauge None "geophone_otlp_queue_capacity" ["endpoint"]
        ("geophone.otlp.queue_capacity", "{snapshot}")
        "Snapshots that there is room for (otlp.queue_size).";
    OTLP_LAST_SUCCESS: Gauge Seconds "geophone_otlp_last_success_timestamp_seconds" ["endpoint"]
        ("geophone.otlp.last_success_timestamp", "s")
        "When the endpoint last accepted a request, in Unix time. Missing until it does.";
    OTLP_RECORDS: Counter None "geophone_otlp_sent_records_total" ["endpoint", "signal"]
        ("geophone.otlp.sent_records", "{record}")
        "Geophone's own log messages (logs) and spans (traces) that the endpoint accepted.";
    OTLP_RECORDS_DROPPED: Counter None "geophone_otlp_dropped_records_total" ["endpoint", "signal"]
        ("geophone.otlp.dropped_records", "{record}")
        "Geophone's own log messages (logs) and spans (traces) that the endpoint refused, or that had no room to wait for it.";
    LOG_MESSAGES: Counter None "geophone_log_messages_total" ["level"]
        ("geophone.log.messages", "{message}")
        "Messages logged.";
    CPU_SECONDS: Counter Seconds "process_cpu_seconds_total" []
        ("process.cpu.time", "s")
        "Total user and system CPU time spent.";
    RESIDENT: Gauge Bytes "process_resident_memory_bytes" []
        ("process.memory.usage", "By")
        "Resident memory size.";
    VIRTUAL: Gauge Bytes "process_virtual_memory_bytes" []
        ("process.memory.virtual", "By")
        "Virtual memory size.";
    OPEN_FDS: Gauge None "process_open_fds" []
        ("process.open_file_descriptor.count", "{file_descriptor}")
        "Number of open file descriptors.";
    MAX_FDS: Gauge None "process_max_fds" []
        ("process.max_file_descriptor.count", "{file_descriptor}")
        "Maximum number of open file descriptors.";
    START_TIME: Gauge Seconds "process_start_time_seconds" []
        ("process.start_time", "s")
        "Start time of the process, in Unix time.";
}
